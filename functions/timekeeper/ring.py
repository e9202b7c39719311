"""Appends the facts whose time has come, unless the incident has moved past them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.decide import settle
from shared.errors import Refused, Taken
from shared.facts import Fact
from shared.history import History
from shared.ports import Clock, Item, State, Timeline
from shared.projection import stall_timer
from shared.writes import Release

NAME = "timekeeper"


def ring(timeline: Timeline, state: State, clock: Clock, *, stall: timedelta) -> Sequence[History]:
    """Rings every timer that is due; returns the histories that grew. A timer that no longer holds is removed."""
    return [_ring(item, timeline, state, clock, stall) for item in state.due(clock())]


def due_fact(history: History, name: str, due_at: datetime, stall: timedelta) -> Fact | None:
    """The fact of that timer, if the incident still waits for it at that time."""
    incident = history.incident
    timer = {**incident.timers, **stall_timer(incident, stall)}.get(name)
    return timer.fact if timer and timer.due_at == due_at else None


def _ring(item: Item, timeline: Timeline, state: State, clock: Clock, stall: timedelta) -> History:
    name, due_at = item.value["name"], datetime.fromisoformat(item.value["due_at"])

    def answer(history: History, _now: datetime) -> Sequence[Fact]:
        fact = due_fact(history, name, due_at, stall)
        return [fact] if fact else []

    incident_id = item.value["incident_id"]
    cause = f"timer:{name}/{item.value['due_at']}"
    try:
        history = settle(incident_id, answer, timeline, clock, actor=NAME, caused_by=cause)
    except Refused:  # there is no such incident, so the timer is nobody's
        history = History(incident_id)
    if not history.appended:
        _forget(item, state)
    return history


def _forget(item: Item, state: State) -> None:
    """Removes exactly this timer: one that was set anew meanwhile stays."""
    try:
        state.write(Release(item.key, when=item.value))
    except Taken:
        return
