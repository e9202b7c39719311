"""Answers in pages, with tokens as opaque as AWS's."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeVar

from local.world.wire import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")


def page(items: Sequence[Item], token: str | None, size: int, bad: str) -> tuple[list[Item], str | None]:
    """Return one page and the token of the next; a token that is none of ours is the error `bad`."""
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("at:"))
        except ValueError:
            raise AwsError(bad, "Invalid token") from None
    end = start + size
    following = base64.urlsafe_b64encode(f"at:{end}".encode()).decode() if end < len(items) else None
    return list(items[start:end]), following
