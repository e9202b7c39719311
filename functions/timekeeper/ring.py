"""Appends the facts whose time has come, unless the incident has moved past them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from shared.decide import settle
from shared.errors import MiddlewatchError, Refused, Taken
from shared.facts import Fact
from shared.history import History
from shared.incident import Timer
from shared.ports import Clock, Item, State, Timeline
from shared.projection import stall_timer
from shared.writes import Release

NAME = "timekeeper"
AT_ONCE = 500
"""Timers that one tick rings at most; each takes about 50 ms, and a tick may take 50 s."""
LATE = timedelta(minutes=2)
"""A timer rings so long after its time at most, or people are told that the clock is slow."""


def ring(
    timeline: Timeline,
    state: State,
    clock: Clock,
    *,
    stall: timedelta,
    warn: Callable[[str], None] | None = None,
    late: Callable[[], None] | None = None,
) -> Sequence[History]:
    """Rings every timer that is due; returns the histories that grew. A timer that no longer holds is removed.

    One that cannot be rung (its timeline cannot be read, or moves all the time) holds up no other; where none could be
    rung, raises what the first one met. `late` is told if any should have rung `LATE` ago.
    """
    rung: list[History] = []
    failed: list[Exception] = []
    due, now = state.due(clock(), limit=AT_ONCE), clock()
    if late and any(now - datetime.fromisoformat(item.value["due_at"]) > LATE for item in due):
        late()
    for item in due:
        try:
            rung.append(_ring(item, timeline, state, clock, stall))
        except (MiddlewatchError, ValueError, KeyError) as error:
            failed.append(error)
    if failed and warn:
        warn(f"{len(failed)} timers could not be rung, the first because of {failed[0]!r}")
    if failed and not rung:
        raise failed[0]
    return rung


def pending(history: History, name: str, stall: timedelta) -> Timer | None:
    """The timer of that name, if the incident still waits for it."""
    incident = history.incident
    return {**incident.timers, **stall_timer(incident, stall)}.get(name)


def _ring(item: Item, timeline: Timeline, state: State, clock: Clock, stall: timedelta) -> History:
    incident_id, name = item.value["incident_id"], item.value["name"]

    def answer(history: History, now: datetime) -> Sequence[Fact]:
        timer = pending(history, name, stall)
        return [timer.fact] if timer and timer.due_at <= now else []

    # Two timers of one name may be due at one time, where one clock runs ahead of another; each rings once.
    cause = f"timer:{name}/{item.value['due_at']}/{item.value.get('set_by', '')}"
    try:
        history = settle(incident_id, answer, timeline, clock, actor=NAME, caused_by=cause)
        over = not history.appended and pending(history, name, stall) is None
    except Refused:  # there is no such incident, so the timer is nobody's
        history, over = History(incident_id), True
    if over:
        _forget(item, state)
    return history


def _forget(item: Item, state: State) -> None:
    """Removes exactly this timer: one that was set anew meanwhile stays."""
    try:
        state.write(Release(item.key, when=item.value))
    except Taken:
        return
