"""How much of the fleet is unhealthy, and whether it is so much that nothing may run without a person.

What makes many services ill at once (a network, a database, a bad release of something shared) is not cured by
restarting each: the same brake as node-healthcheck-operator's storm recovery, with its two thresholds.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from shared import keys
from shared.alert import as_text
from shared.config import Config
from shared.entry import Entry
from shared.errors import Taken
from shared.facts import ActionProposed
from shared.listing import incidents
from shared.ports import Item, State
from shared.writes import Claim, Put

PAGE, PAGES = 100, 50
"""Open incidents that are read at once, and how often; more than that is a storm, whatever they are about."""
UNREADABLE = "it cannot be told how many services are unhealthy: nothing runs without a person"


@dataclass(frozen=True, slots=True)
class Fleet:
    """`stopped`: nothing runs without a person, and `words` say why; `began` with the very entry that is decided on."""

    stopped: bool = False
    words: str = ""
    began: bool = False


Look = Callable[[Entry, datetime], Fleet]


def nobody_ill(_cause: Entry, _now: datetime) -> Fleet:
    """A fleet that is never looked at."""
    return Fleet()


def watch(state: State, config: Config) -> Look:
    """Looks at the fleet whenever an action is decided on.

    Raises Unavailable where the table does not answer: then nothing is decided.
    """
    storm, services = config.storm, frozenset(service.name for service in config.services)
    most = max(int(storm.unhealthy * len(services)), storm.least - 1)
    calm = min(int(storm.calm * len(services)), most)

    def look(cause: Entry, now: datetime) -> Fleet:
        held = state.get(keys.STORM)
        stands = _stands(held)
        if stands is None:
            return Fleet(stopped=True, words=UNREADABLE)
        try:
            count = _unhealthy(state, services, calm if stands else most)
        except (KeyError, TypeError, AttributeError):
            return Fleet(stopped=True, words=UNREADABLE)
        if not stands and count > most:
            if isinstance(cause.fact, ActionProposed):
                _turn(state, held, _said(cause, now, count))
            return Fleet(stopped=True, words=_words(count, len(services)), began=isinstance(cause.fact, ActionProposed))
        if held and stands and (count > calm or now - stands < timedelta(seconds=storm.calm_seconds)):
            return Fleet(stopped=True, words=_words(count, len(services)), began=held.value["since"] == cause.id)
        if held and stands:
            _turn(state, held, {**held.value, "stopped": False})
        return Fleet()

    return look


def _unhealthy(state: State, services: frozenset[str], beyond: int) -> int:
    """How many services have an open incident with an alarm that fires; counted no further than `beyond` and one."""
    found: set[str] = set()
    cursor = ""
    for _ in range(PAGES):
        page = incidents(state, ["open"], limit=PAGE, cursor=cursor)
        found |= {head["service"] for head in (item.value for item in page.items) if head.get("firing", True)}
        cursor = page.next
        if len(found & services) > beyond or not cursor:
            return len(found & services)
    return len(services) + beyond + 1


def _stands(held: Item | None) -> datetime | Literal[False] | None:
    """Since when there is a storm; False where there is none, None where it cannot be told."""
    if held is None:
        return False
    try:
        stopped, at = held.value["stopped"], datetime.fromisoformat(held.value["at"])
        since = held.value["since"]
    except (KeyError, TypeError, ValueError):
        return None
    if not isinstance(stopped, bool) or not isinstance(since, str) or at.tzinfo is None:
        return None
    return at if stopped else False


def _said(cause: Entry, now: datetime, count: int) -> dict[str, Any]:
    return {"stopped": True, "at": as_text(now), "since": cause.id, "unhealthy": count}


def _turn(state: State, held: Item | None, value: dict[str, Any]) -> None:
    """Whoever is first says when it began or ended."""
    with suppress(Taken):
        state.write(Put(keys.STORM, value, when=held.value) if held else Claim(keys.STORM, value))


def _words(count: int, of: int) -> str:
    return f"{count} or more of {of} services are unhealthy: nothing runs without a person"
