"""Timelines and state in a file, so that what they hold is none of the memory that is measured; with their indexes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from json import dumps, loads
from typing import TYPE_CHECKING, Any

from shared.alert import as_text
from shared.entry import Entry, chain, read_entry
from shared.errors import Conflict, Exhausted, Taken
from shared.history import History
from shared.ports import Item, Page
from shared.projection import projected
from shared.writes import Claim, Count, Put, Release, Spend, Write, one_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from shared.facts import Fact

TABLES = """
CREATE TABLE timeline (incident TEXT, seq INTEGER, body TEXT, hash TEXT, PRIMARY KEY (incident, seq)) WITHOUT ROWID;
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT, count INTEGER, list TEXT, at TEXT, due TEXT) WITHOUT ROWID;
CREATE INDEX by_list ON state (list, at, key) WHERE list IS NOT NULL;
CREATE INDEX by_due ON state (due, key) WHERE due IS NOT NULL;
"""
KNOWN = 500
_read = lru_cache(maxsize=1_000)(read_entry)


@dataclass
class FileStore:
    """Both ports, with the transactions of the DynamoDB adapter; `streamed` hears of every entry."""

    path: Path
    stall: timedelta = timedelta(minutes=5)
    streamed: Callable[[Sequence[Entry]], None] = lambda _: None
    spent: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the file."""
        self._known: dict[str, History] = {}
        self.db = sqlite3.connect(self.path, isolation_level=None)
        self.db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + TABLES)

    def forget(self) -> None:
        """Reads everything anew from now on."""
        self._known.clear()
        _read.cache_clear()

    def close(self) -> None:
        """Give the file back."""
        self.db.close()

    def incidents(self) -> list[str]:
        """Every incident that there is."""
        return [row[0] for row in self.db.execute("SELECT DISTINCT incident FROM timeline")]

    def read(self, incident_id: str) -> History:
        """See Timeline."""
        known = self._known.get(incident_id) or History(incident_id)
        rows = self.db.execute(
            "SELECT body, hash FROM timeline WHERE incident = ? AND seq > ? ORDER BY seq",
            (incident_id, len(known.entries)),
        ).fetchall()
        if rows:
            known = self._remembered(known.grown([_read(*row) for row in rows]))
        history = History(incident_id, known.entries)
        if known.entries:
            vars(history)["incident"] = known.incident
        return history

    def _remembered(self, history: History) -> History:
        """What was replayed once is not replayed again, for as many incidents as are at work at a time."""
        self._known.pop(history.incident_id, None)
        self._known[history.incident_id] = history
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        return history

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
        entries = chain(history.incident_id, facts, after=history.last, actor=actor, caused_by=caused_by, now=now)
        before = history.incident if history.entries else None
        grown = history.grown(entries)
        first = entries[0].seq if entries else 0
        last = self.db.execute("SELECT max(seq) FROM timeline WHERE incident = ?", (history.incident_id,)).fetchone()[0]
        if entries and (last or 0) >= first:
            message = "somebody appended first"
            raise Conflict(message)
        self.write(*also, *projected(before, grown.incident, entries, self.stall))
        rows = [(entry.incident_id, entry.seq, entry.body, entry.hash) for entry in entries]
        self.db.executemany("INSERT INTO timeline VALUES (?, ?, ?, ?)", rows)
        self._remembered(grown)
        self.streamed(entries)
        return grown

    def get(self, key: str) -> Item | None:
        """See State."""
        row = self.db.execute("SELECT key, value, count FROM state WHERE key = ?", (key,)).fetchone()
        return _item(row) if row else None

    def write(self, *writes: Write) -> None:
        """See State."""
        unique = one_each(writes)
        for write in unique:
            self._check(write)
        for write in unique:
            self._apply(write)

    def listed(self, name: str, *, limit: int = 50, cursor: str = "", newest_first: bool = True) -> Page:
        """See State."""
        order, than = ("DESC", "<") if newest_first else ("ASC", ">")
        at, _, key = cursor.partition("|")
        after = f"AND (at, key) {than} (?, ?)" if cursor else ""
        rows = self.db.execute(
            f"SELECT key, value, count, at FROM state WHERE list = ? {after} ORDER BY at {order}, key {order} LIMIT ?",  # noqa: S608
            (name, *([at, key] if cursor else []), limit + 1),
        ).fetchall()
        page = rows[:limit]
        return Page(tuple(map(_item, page)), f"{page[-1][3]}|{page[-1][0]}" if len(rows) > limit else "")

    def due(self, now: datetime, *, limit: int = 100) -> tuple[Item, ...]:
        """See State."""
        rows = self.db.execute(
            "SELECT key, value, count FROM state WHERE due <= ? ORDER BY due, key LIMIT ?", (as_text(now), limit)
        )
        return tuple(map(_item, rows))

    def next_due(self) -> str:
        """When the next timer is due, as text; empty where there is none."""
        return str(self.db.execute("SELECT min(due) FROM state").fetchone()[0] or "")

    def count(self, prefix: str) -> int:
        """How many keys begin so."""
        return int(self.db.execute("SELECT count(*) FROM state WHERE key GLOB ?", (prefix + "*",)).fetchone()[0])

    def _check(self, write: Write) -> None:
        row = self.db.execute("SELECT value, count FROM state WHERE key = ?", (write.key,)).fetchone()
        match write:
            case Claim() | Count() if (row is None) == isinstance(write, Count):
                raise Taken(write.key)
            case Put(when=dict() as when) | Release(when=dict() as when) if row is None or loads(row[0]) != when:
                raise Taken(write.key)
            case Spend(limit=limit) if limit <= (row[1] or 0 if row else 0):
                raise Exhausted(write.key)

    def _apply(self, write: Write) -> None:
        match write:
            case Claim():
                self._put(write.key, write.value)
            case Put():
                self._put(write.key, write.value, write.count, write.listed, as_text(write.due) if write.due else None)
            case Release():
                self.db.execute("DELETE FROM state WHERE key = ?", (write.key,))
            case Spend():
                self.db.execute(
                    "INSERT INTO state VALUES (?, '{}', 1, NULL, NULL, NULL)"
                    " ON CONFLICT (key) DO UPDATE SET count = coalesce(count, 0) + 1",
                    (write.key,),
                )
                used, most = self.spent.get(write.key, (0, 0))
                self.spent[write.key] = (used + 1, max(most, write.limit))
            case Count():
                self.db.execute("UPDATE state SET count = coalesce(count, 1) + 1 WHERE key = ?", (write.key,))

    def _put(
        self,
        key: str,
        value: Mapping[str, Any],
        count: int | None = None,
        listed: tuple[str, str] | None = None,
        due: str | None = None,
    ) -> None:
        row = (key, dumps(value, sort_keys=True), count, *(listed or (None, None)), due)
        self.db.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?, ?)", row)


def _item(row: Sequence[Any]) -> Item:
    return Item(row[0], loads(row[1]), row[2] or 1)
