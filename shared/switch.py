"""The kill switch: how it is written, and how everybody reads it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.alert import as_text
from shared.ports import Item

LONGEST = 300
"""Characters of a reason that are kept."""


def stopped(switch: Item | None) -> bool:
    """Whether everything is stopped. Nobody ever stopped it: no; it says neither yes nor no: yes."""
    return switch is not None and switch.value.get("stopped") is not False


def position(person: str, reason: str, now: datetime, *, stop: bool) -> Mapping[str, Any]:
    """What the switch says once `person` stops everything, or lets it run again."""
    return {"stopped": stop, "person": person, "reason": reason[:LONGEST], "at": as_text(now)}
