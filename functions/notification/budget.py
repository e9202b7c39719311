"""What a message takes from its channel's hour, and who is still heard when little is left. Pure."""

from datetime import datetime, timedelta
from typing import Literal

from shared import keys
from shared.config import Storm
from shared.writes import Spend

Kind = Literal["line", "card", "prompt", "together"]
"""A line in a thread; an incident's own message; one that calls for somebody; one that tells of many."""
LINES, CARDS = 0.4, 0.6
"""Up to which part of the hour's messages there are lines in threads, and messages that call for nobody."""
KEPT = timedelta(hours=2)


def price(storm: Storm, channel: str, kind: Kind, now: datetime, *, critical: bool = False) -> tuple[Spend, ...]:
    """What one message takes. The less it matters, the sooner it stops: at a smaller part of the same budget."""
    room = storm.messages_per_hour - storm.together_per_hour
    most = {
        "line": int(room * LINES),
        "card": _ordinary(int(room * CARDS), storm, critical=critical),
        "prompt": _ordinary(room, storm, critical=critical),
        "together": storm.messages_per_hour,
    }[kind]
    until = now + KEPT
    spend = [Spend(keys.budget(f"messages#{channel}", now), most, until)]
    if kind == "prompt":
        prompts = _ordinary(storm.prompts_per_hour, storm, critical=critical)
        spend.append(Spend(keys.budget(f"prompts#{channel}", now), prompts, until))
    return tuple(spend)


def postage(storm: Storm, now: datetime) -> tuple[Spend, ...]:
    """What one e-mail takes."""
    return (Spend(keys.budget("emails", now), storm.emails_per_hour, now + KEPT),)


def _ordinary(most: int, storm: Storm, *, critical: bool) -> int:
    return most if critical else int(most * (1 - storm.reserve))
