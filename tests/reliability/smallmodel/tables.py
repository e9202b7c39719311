"""Both tables in memory, made so that a state of the model can be kept while another is tried from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.entry import chain
from shared.errors import Conflict
from shared.facts import Fact
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
        return replace(self, items=items, histories=dict(self.histories))

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
        self.histories[history.incident_id] = kept
        return grown

    def check(self, history: History) -> None:
        """Raises Conflict if anybody appended since `history` was read."""
        if len(self.read(history.incident_id).entries) != len(history.entries):
            message = "somebody appended first"
            raise Conflict(message)

    def key(self) -> tuple[object, ...]:
        """What sets these tables apart from others: the heads of the timelines, and every item."""
        heads = tuple(sorted((name, each.entries[-1].hash) for name, each in self.histories.items()))
        return heads, frozenset((name, each.value, each.count) for name, each in self.items.items())

    def next_due(self) -> str:
        """When the earliest timer is due; empty where there is none."""
        return min((stored.due for stored in self.items.values() if stored.due), default="")


def _grown(
    history: History, facts: Sequence[Fact], actor: str, caused_by: str, now: datetime
) -> tuple[History, History, Sequence[Write]]:
    entries = chain(history.incident_id, facts, after=history.last, actor=actor, caused_by=caused_by, now=now)
    grown = history.grown(entries)
    kept = History(history.incident_id, grown.entries)
    vars(kept)["incident"] = grown.incident
    before = history.incident if history.entries else None
    return grown, kept, projected(before, grown.incident, entries, STALL)
