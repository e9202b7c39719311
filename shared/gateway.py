"""An event of API Gateway as the HTTP framework may read it."""

from typing import Any

_ADDRESSING = frozenset({"host", "x-forwarded-port"})
"""What Mangum takes apart, and fails on where a caller sent it a second time so that it arrives joined by a comma."""


def plainly(event: dict[str, Any]) -> dict[str, Any]:
    """The event without the headers that only say under which name and port we were reached; nothing here asks them."""
    headers = event.get("headers") or {}
    return {**event, "headers": {name: each for name, each in headers.items() if name.lower() not in _ADDRESSING}}
