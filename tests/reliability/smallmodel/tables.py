"""Both tables in memory, made so that a state of the model can be kept while another is tried from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import cast

import rfc8785

from shared.alert import as_text
from shared.entry import GENESIS, SCHEMA, Entry
from shared.errors import Conflict
from shared.facts import Fact, read_fact
from shared.history import History
from shared.projection import projected
from shared.writes import Write
from tests.fakes.store import MemoryStore

STALL = timedelta(minutes=5)


MOST_KEPT = 20_000
GROWN: dict[tuple[object, ...], tuple[History, History, Sequence[Write]]] = {}
"""What came of an append before: as its caller has it, as others read it, and what else is written."""


@dataclass
class Tables(MemoryStore):
    """The store of the unit tests; timelines are kept as they were read, and `forked` costs no copy of an entry."""

    stall: timedelta = STALL
    histories: dict[str, History] = field(default_factory=dict)

    def forked(self) -> "Tables":
        """The same tables, which can be changed without changing these."""
        items = {key: stored if stored.count is None else replace(stored) for key, stored in self.items.items()}
        fork = self.__class__.__new__(self.__class__)
        vars(fork).update(vars(self))
        fork.items, fork.histories = items, dict(self.histories)
        for name in ("number", "mine", "over"):
            vars(fork).pop(name, None)
        return fork

    def read(self, incident_id: str) -> History:
        """See Timeline."""
        return self.histories.get(incident_id) or History(incident_id)

    def append(
        self,
        history: History,
        facts: Sequence[Fact],
        *,
        actor: str,
        caused_by: str,
        now: datetime,
        also: Sequence[Write] = (),
    ) -> History:
        """See Timeline."""
        self.check(history)
        after = history.last.hash if history.last else history.incident_id
        key = (after, tuple(fact.model_dump_json() for fact in facts), actor, caused_by, now)
        if key not in GROWN:
            if len(GROWN) > MOST_KEPT:
                GROWN.clear()
            GROWN[key] = _grown(history, facts, actor, caused_by, now)
        grown, kept, writes = GROWN[key]
        self.write(*also, *writes)
        vars(self).pop("number", None)
        self.histories[history.incident_id] = kept
        return grown

    def write(self, *writes: Write) -> None:
        """See State."""
        vars(self).pop("number", None)
        super().write(*writes)

    def check(self, history: History) -> None:
        """Raises Conflict if anybody appended since `history` was read."""
        if len(self.read(history.incident_id).entries) != len(history.entries):
            message = "somebody appended first"
            raise Conflict(message)

    def key(self) -> int:
        """What sets these tables apart from others: the heads of the timelines, and every item."""
        found = vars(self).get("number")
        if found is None:
            heads = tuple(sorted((name, each.entries[-1].hash) for name, each in self.histories.items()))
            found = hash((heads, frozenset((name, each.value, each.count) for name, each in self.items.items())))
            vars(self)["number"] = found
        return cast("int", found)

    def next_due(self) -> str:
        """When the earliest timer is due; empty where there is none."""
        return min((stored.due for stored in self.items.values() if stored.due), default="")


READ: dict[str, tuple[bytes, Fact]] = {}


def chained(history: History, facts: Sequence[Fact], actor: str, caused_by: str, now: datetime) -> tuple[Entry, ...]:
    """The entries that shared.entry.chain makes; a fact is written out and read once, however often it is said."""
    entries: list[Entry] = []
    after = history.last
    for fact in facts:
        said = fact.model_dump_json()
        if said not in READ:
            content = fact.model_dump(mode="json")
            READ[said] = rfc8785.dumps(content), read_fact(content)
        text, read = READ[said]
        at = max(now, after.at) if after else now
        seq, prev = (after.seq + 1, after.hash) if after else (1, GENESIS)
        head = rfc8785.dumps({"actor": actor, "at": as_text(at), "caused_by": caused_by})
        place = f"{history.incident_id}/{seq}"
        tail = rfc8785.dumps(
            {"id": place, "incident_id": history.incident_id, "prev": prev, "schema": SCHEMA, "seq": seq}
        )
        body = head[:-1] + b',"fact":' + text + b"," + tail[1:]
        digest = sha256(body).hexdigest()
        after = Entry(history.incident_id, seq, at, actor, caused_by, read, prev, body.decode(), digest)
        entries.append(after)
    return tuple(entries)


def _grown(
    history: History, facts: Sequence[Fact], actor: str, caused_by: str, now: datetime
) -> tuple[History, History, Sequence[Write]]:
    entries = chained(history, facts, actor, caused_by, now)
    grown = history.grown(entries)
    kept = History(history.incident_id, grown.entries)
    vars(kept)["incident"] = grown.incident
    before = history.incident if history.entries else None
    return grown, kept, projected(before, grown.incident, entries, STALL)
