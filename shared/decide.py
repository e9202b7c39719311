"""The driver of stages that think: read, decide, append if nobody appended since; otherwise read and decide again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.entry import Entry
from shared.errors import Conflict, Exhausted, Refused, Taken, Unavailable
from shared.facts import BY_TYPE, Fact
from shared.history import History
from shared.incident import Incident
from shared.ports import Clock, Timeline
from shared.writes import Write

T = TypeVar("T")

ATTEMPTS = 8
"""How often a turn is decided again before it is left to the queue; a conflict needs another writer at that moment."""


@dataclass(frozen=True, slots=True)
class Message:
    """A pointer to an entry: what the bus says is never acted on, only the entry that stands under that id."""

    incident_id: str
    entry_id: str
    hash: str
    type: str

    @classmethod
    def read(cls, envelope: Mapping[str, Any]) -> "Message":
        """The pointer in an EventBridge event; raises Refused, naming the field, where there is none."""
        try:
            detail = envelope["detail"]
            message = cls(
                str(detail["incident_id"]), str(detail["id"]), str(detail["hash"]), str(detail["fact"]["type"])
            )
        except (KeyError, TypeError) as error:
            reason = f"not a timeline entry: {error!r} is missing or of the wrong kind"
            raise Refused(reason) from error
        if message.type not in BY_TYPE:
            reason = f"fact type {message.type!r} is not known to this release"
            raise Refused(reason)
        return message


def _nothing_else(_prepared: object, _facts: Sequence[Fact]) -> Sequence[Write]:
    return ()


@dataclass(frozen=True, slots=True)
class Stage(Generic[T]):
    """One stage: its name, its costly part (run once per attempt), and its pure part (run again on every conflict).

    `also` is what has to be written, or to hold still, together with the facts that it concluded.
    """

    name: str
    conclude: Callable[[Incident, Entry, T, datetime], Sequence[Fact]]
    prepare: Callable[[Incident, Entry], T]
    also: Callable[[T, Sequence[Fact]], Sequence[Write]] = _nothing_else


def decide(message: Message, stage: Stage[T], timeline: Timeline, clock: Clock) -> History:
    """Lets `stage` answer the entry that `message` points at, once, however often this is called.

    Raises Unavailable where what the stage had prepared does not hold any more.
    """
    prepared: list[T] = []
    also: list[Write] = []

    def answer(history: History, now: datetime) -> Sequence[Fact]:
        cause = pointed_at(history, message)
        if not prepared:
            prepared.append(stage.prepare(history.incident, cause))
        concluded = stage.conclude(history.incident, cause, prepared[0], now)
        also[:] = stage.also(prepared[0], concluded)
        return concluded

    try:
        return settle(
            message.incident_id, answer, timeline, clock, actor=stage.name, caused_by=message.entry_id, also=also
        )
    except Taken as taken:
        reason = f"{taken.key} changed while {stage.name} decided"
        raise Unavailable(reason) from taken


def settle(
    incident_id: str,
    answer: Callable[[History, datetime], Sequence[Fact]],
    timeline: Timeline,
    clock: Clock,
    *,
    actor: str,
    caused_by: str,
    also: Sequence[Write] = (),
) -> History:
    """Appends what `answer` says to this cause, unless `actor` answered it before; decides again on every conflict.

    Raises Taken or Exhausted for one of `also`, which is written in the same transaction.
    """
    for _ in range(ATTEMPTS):
        history = timeline.read(incident_id)
        if history.answered(caused_by, by=actor):
            return history
        now = clock()
        facts = answer(history, now)
        if not facts:
            return history
        try:
            return timeline.append(history, facts, actor=actor, caused_by=caused_by, now=now, also=also)
        except (Taken, Exhausted):
            raise
        except Conflict:
            continue
    message = f"{incident_id} changed {ATTEMPTS} times while {actor} decided"
    raise Unavailable(message)


def pointed_at(history: History, message: Message) -> Entry:
    """The entry that the message points at; raises Refused if it is not there or not the one that was meant."""
    cause = history.entry(message.entry_id)
    if cause.hash != message.hash:
        reason = f"entry {message.entry_id} has another hash on the timeline than in the message"
        raise Refused(reason)
    return cause
