"""What makes two states the same, so that what can happen from there is tried once.

A state's key holds all that a step or a promise asks, under names that do not depend on an entry's number:

- **Entries** are named by who wrote what, when, because of which entry. A timeline is the set of these names and the
  incident that it replays to; nobody reads more of it than the incident, an entry by its id, and who answered it.
- **Promises** ask of the order only what stood before an approval, an intent or an effect: that is kept (`marks`).
- **Left out** is what only the relay, lists and the archive read (`answered`, `since`, the head, the mark that it
  moved), and what follows from an entry's place: the seal of a decision counts as whether it proves the entry, and by
  which entry a timer was set only sets two rings of one name apart.
- **Intake** that wrote knows no more than in which incident it did; what it read before is over.

Since steps correspond one to one, as many ways lead through the states as without it (test_smallmodel.py counts both).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any, cast

from pydantic import BaseModel

from shared import facts
from shared.entry import Entry
from shared.history import History
from shared.incident import Incident
from shared.seal import why_unproved
from tests.fakes.seals import MemorySeals
from tests.reliability.smallmodel.kept import Kept

SEALS = MemorySeals()
ORDERED = (
    facts.ActionApproved,
    facts.ApprovalGiven,
    facts.ProposalVoided,
    facts.ApprovalRefused,
    facts.ApprovalExpired,
    facts.ActionDenied,
)
"""What promises ask of an intent whether it stands before it or behind."""
DERIVED = ("head#", "moved#")


@dataclass(frozen=True, slots=True)
class Known:
    """A timeline as all see it for whom the order of what is independent makes no difference.

    `marks` are what promises ask of the order: what stood before each approval and intent.
    """

    ids: tuple[int, ...]
    key: int
    intents: frozenset[int]
    marks: frozenset[object]


NOTHING = Known((), 0, frozenset(), frozenset())
KNOWN = Kept(200_000)
DUMPED: dict[int, tuple[BaseModel, str]] = {}


def known(history: History) -> Known:
    """The timeline's key, and the name of each of its entries, whatever its number is."""
    if history.last is None:
        return NOTHING
    return cast("Known", KNOWN.of(history.last.hash, partial(_known, history)))


def _known(history: History) -> Known:
    entries = history.entries
    before = next((found for each in reversed(entries) if (found := KNOWN.get(each.hash))), NOTHING)
    ids, marks, intents = list(before.ids), before.marks, before.intents
    for place in range(len(ids), len(entries)):
        entry = entries[place]
        name = hash((entry.actor, _cause(history, entry, ids), _fact(history, entry, ids), entry.at))
        while name in ids:
            name = hash((name, "another"))
        ids.append(name)
        if isinstance(entry.fact, facts.ActionStarted):
            intents |= {name}
        if isinstance(entry.fact, facts.ActionStarted | facts.ActionApproved):
            until = entries[: place + 1]
            ahead = frozenset(ids[each.seq - 1] for each in until if isinstance(each.fact, ORDERED))
            marks |= {(name, ahead, bool(Incident.replay(until).firing))}
    incident = _incident(history.incident, ids)
    key = hash((history.incident_id, frozenset(ids), incident, marks))
    return Known(tuple(ids), key, intents, marks)


def _cause(history: History, entry: Entry, ids: list[int]) -> object:
    if entry.caused_by.startswith("timer:"):
        return entry.caused_by.rpartition("/")[0]
    return _pointer(history.incident_id, entry.caused_by, ids)


def _pointer(incident_id: str, text: str, ids: Sequence[int]) -> object:
    head, _, tail = text.rpartition("/")
    return ids[int(tail) - 1] if head == incident_id and tail.isdecimal() and int(tail) <= len(ids) else text


def _fact(history: History, entry: Entry, ids: list[int]) -> object:
    match entry.fact:
        case facts.MessageSent() as sent:
            about = _pointer(history.incident_id, sent.about, ids)
            return sent.type, sent.channel, about, sent.summary
        case facts.IncidentStalled() as stalled:
            return stalled.type, stalled.times
        case facts.ActionApproved() as approved:
            past = Incident.replay(history.entries[: entry.seq])
            return _dumped(approved.model_copy(update={"seal": why_unproved(past, entry, SEALS)}))
    return _dumped(entry.fact)


def _dumped(model: BaseModel) -> str:
    found = DUMPED.get(id(model))
    if found is None:
        found = DUMPED[id(model)] = (model, model.model_dump_json())
    return found[1]


def _incident(incident: Incident, ids: list[int]) -> object:
    parts: list[object] = []
    for each in fields(incident):
        value = getattr(incident, each.name)
        match each.name:
            case "last":
                value = value.at
            case "answered":
                continue
            case "stalled" | "unasked":
                value = ids[value - 1] if value else 0
            case "told":
                value = frozenset(_pointer(incident.id, about, ids) for about in value)
            case "unheard":
                value = frozenset((ids[seq - 1], _pointer(incident.id, why, ids)) for seq, why in value.items())
            case "timers":
                value = frozenset((name, timer.due_at, _timed(timer.fact)) for name, timer in value.items())
            case _:
                value = plain(value)
        parts.append(value)
    return tuple(parts)


def _timed(fact: Any) -> object:
    return (fact.type, fact.times) if isinstance(fact, facts.IncidentStalled) else _dumped(fact)


def plain(value: Any) -> object:
    """The value as something that can be hashed."""
    if isinstance(value, BaseModel):
        return _dumped(value)
    if is_dataclass(value):
        return tuple(plain(getattr(value, each.name)) for each in fields(value))
    if isinstance(value, Mapping):
        return tuple((name, plain(each)) for name, each in value.items())
    if isinstance(value, tuple | list):
        return tuple(plain(each) for each in value)
    return value


class Mine:
    """What the tables are, whatever the numbers of entries are, and what points into them."""

    def __init__(self, tables: Any) -> None:
        """Of these tables."""
        self.ids = {name: known(history) for name, history in tables.histories.items()}
        items: list[object] = []
        for key, stored in tables.items.items():
            if key.startswith(DERIVED):
                continue
            items.append((key, stored.due) if stored.due else (key, stored.value, stored.count))
        self.key = hash((frozenset(each.key for each in self.ids.values()), frozenset(items)))
        self.pointers: dict[Any, int] = {}

    def pointer(self, text: str) -> object:
        """The name of the entry that this id stands for."""
        head = text.rpartition("/")[0]
        return _pointer(head, text, self.ids[head].ids) if head in self.ids else text

    def message(self, given: Any) -> int:
        """The name of a message."""
        found = self.pointers.get(given)
        if found is None:
            about = given.about if given.function == "alert_intake" else (self.pointer(given.about[0]), given.about[1:])
            found = self.pointers[given] = hash((given.function, about, given.visible_at))
        return found


def _reply(given: Any) -> object:
    return known(given.value).key if isinstance(given.value, History) else given.said


def _heard(turn: Any) -> tuple[object, ...]:
    """What a turn's next steps depend on: intake, once it wrote, knows no more than in which incident it did."""
    replies = turn.replies
    wrote = [place for place, each in enumerate(replies) if each.changes and each.kind == "is"]
    if turn.message.function != "alert_intake" or not wrote:
        return tuple([_reply(each) for each in replies])
    done, failed = replies[wrote[-1]], sum(each.kind == "raises" for each in replies[: wrote[-1]])
    where = done.value.incident_id if isinstance(done.value, History) else ""
    return done.call, where, failed, *[_reply(each) for each in replies[wrote[-1] + 1 :]]


def mine(tables: Any) -> Mine:
    """Of these tables, found once."""
    found = vars(tables).get("mine")
    if found is None:
        found = vars(tables)["mine"] = Mine(tables)
    return cast("Mine", found)


def same(state: Any) -> int:
    """The key of a state."""
    there, world = mine(state.tables), state.world
    message = there.message
    turns = tuple(sorted([hash((message(turn.message), *_heard(turn))) for turn in state.turns]))
    waiting = tuple(sorted([message(each) for each in state.waiting]))
    effects = []
    for effect in world.effects:
        into = there.ids[effect.about.rpartition("/")[0]]
        effects.append((there.pointer(effect.about), into.intents & frozenset(into.ids[: effect.rows]), effect.into))
    return hash((
        there.key, turns, waiting,
        world.alarms, world.deployments, world.deployed_at, tuple(effects), state.now, state.alerts,
        tuple(sorted([(person, button, hash(there.pointer(asked))) for person, button, asked in state.pressed])),
        state.crashes, state.refused,
    ))  # fmt: skip
