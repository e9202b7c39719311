"""The timelines and the state in memory, with the same transactions as the DynamoDB adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from json import dumps, loads
from typing import Any

from shared.alert import as_text
from shared.entry import Entry, chain
from shared.errors import Conflict, Exhausted, Taken
from shared.facts import Fact
from shared.history import History
from shared.ports import Item, Page
from shared.projection import projected
from shared.writes import Claim, Count, Put, Release, Spend, Write, one_each


@dataclass
class Stored:
    value: str
    count: int | None = None
    listed: tuple[str, str] | None = None
    due: str = ""


@dataclass
class MemoryStore:
    stall: timedelta = timedelta(minutes=5)
    timelines: dict[str, list[Entry]] = field(default_factory=dict)
    items: dict[str, Stored] = field(default_factory=dict)

    def read(self, incident_id: str) -> History:
        return History(incident_id, tuple(self.timelines.get(incident_id, ())))

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
        entries = chain(history.incident_id, facts, after=history.last, actor=actor, caused_by=caused_by, now=now)
        grown = History(history.incident_id, (*history.entries, *entries), appended=len(entries))
        before = history.incident if history.entries else None
        if entries and len(self.timelines.get(history.incident_id, ())) >= entries[0].seq:
            message = "somebody appended first"
            raise Conflict(message)
        self.write(*also, *projected(before, grown.incident, entries, self.stall))
        self.timelines.setdefault(history.incident_id, []).extend(entries)
        return grown

    def get(self, key: str) -> Item | None:
        stored = self.items.get(key)
        return _item(key, stored) if stored else None

    def write(self, *writes: Write) -> None:
        unique = one_each(writes)
        for write in unique:
            self._check(write)
        for write in unique:
            self._apply(write)

    def listed(self, name: str, *, limit: int = 50, cursor: str = "", newest_first: bool = True) -> Page:
        found = sorted(
            (
                (stored.listed[1], key)
                for key, stored in self.items.items()
                if stored.listed and stored.listed[0] == name
            ),
            reverse=newest_first,
        )
        passed = [place for place in found if (place >= _place(cursor) if newest_first else place <= _place(cursor))]
        start = len(passed) if cursor else 0
        page = found[start : start + limit]
        more = len(found) > start + limit
        following = f"{page[-1][0]}|{page[-1][1]}" if page and more else ""
        return Page(tuple(_item(key, self.items[key]) for _, key in page), following)

    def due(self, now: datetime, *, limit: int = 100) -> tuple[Item, ...]:
        ready = sorted(
            (stored.due, key) for key, stored in self.items.items() if stored.due and stored.due <= as_text(now)
        )
        return tuple(_item(key, self.items[key]) for _, key in ready[:limit])

    def _check(self, write: Write) -> None:
        held = self.items.get(write.key)
        match write:
            case Claim() if held:
                raise Taken(write.key)
            case Put(when=dict() as when) if held is None or loads(held.value) != when:
                raise Taken(write.key)
            case Release(when=dict() as when) if held is None or loads(held.value) != when:
                raise Taken(write.key)
            case Spend() if held and (held.count or 0) >= write.limit:
                raise Exhausted(write.key)
            case Spend() if write.limit <= 0:
                raise Exhausted(write.key)
            case Count() if held is None:
                raise Taken(write.key)

    def _apply(self, write: Write) -> None:
        match write:
            case Claim():
                self.items[write.key] = Stored(_json(write.value))
            case Put():
                self.items[write.key] = Stored(
                    _json(write.value), write.count, listed=write.listed, due=as_text(write.due) if write.due else ""
                )
            case Release():
                self.items.pop(write.key, None)
            case Spend():
                held = self.items.setdefault(write.key, Stored("{}"))
                held.count = (held.count or 0) + 1
            case Count():
                held = self.items[write.key]
                held.count = (held.count or 1) + 1


def _json(value: Mapping[str, Any]) -> str:
    return dumps(value, sort_keys=True)


def _place(cursor: str) -> tuple[str, str]:
    at, _, key = cursor.partition("|")
    return at, key


def _item(key: str, stored: Stored) -> Item:
    return Item(key, loads(stored.value), stored.count or 1)
