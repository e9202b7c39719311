"""What the embedded AWS must still know after a restart, in one SQLite file."""

from __future__ import annotations

import base64
import json
import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SCHEMA = """
create table if not exists request (seq integer primary key, operation text, resource text, method text, path text,
    headers text, body blob);
create table if not exists item (tbl text, key text, value text, primary key (tbl, key)) without rowid;
create table if not exists record (tbl text, seq text, value text, primary key (tbl, seq)) without rowid;
create table if not exists position (reader text primary key, seq text) without rowid;
create table if not exists object (bucket text, key text, value text, primary key (bucket, key)) without rowid;
create table if not exists message (id text primary key, queue text, value text);
"""

_BYTES = "\0bytes"


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, default=lambda data: {_BYTES: base64.b64encode(data).decode("ascii")})


def _read(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text, object_hook=lambda value: base64.b64decode(value[_BYTES]) if _BYTES in value else value)


class Store:
    """Rows of resources, items, stream records and messages. Used under moto's lock only."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; None keeps everything in memory."""
        self._db = sqlite3.connect(str(path) if path else ":memory:", check_same_thread=False, isolation_level=None)
        self._db.executescript(f"pragma journal_mode=wal; pragma synchronous=off; {_SCHEMA}")

    def __enter__(self) -> None:
        """Begin one atomic change."""
        self._db.execute("begin")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Keep the change, or forget it if the block failed."""
        self._db.execute("rollback" if kind else "commit")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def keep_request(
        self, operation: str, resource: str, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        """Keep a request that made or changed a resource, unless it only repeats the last one on it."""
        last = self._db.execute(
            "select body from request where operation = ? and resource = ? order by seq desc limit 1",
            (operation, resource),
        ).fetchone()
        if last is None or last[0] != body:
            self._db.execute(
                "insert into request (operation, resource, method, path, headers, body) values (?, ?, ?, ?, ?, ?)",
                (operation, resource, method, path, json.dumps(headers), body),
            )

    def requests(self) -> Iterator[tuple[str, str, dict[str, str], bytes]]:
        """Give method, path, headers and body of the requests kept, oldest first."""
        for method, path, headers, body in self._db.execute(
            "select method, path, headers, body from request order by seq"
        ).fetchall():
            yield method, path, json.loads(headers), body

    def keep_item(self, table: str, key: str, value: dict[str, Any] | None) -> None:
        """Keep an item's attributes under its key; None forgets it."""
        if value is None:
            self._db.execute("delete from item where tbl = ? and key = ?", (table, key))
        else:
            self._db.execute("insert or replace into item values (?, ?, ?)", (table, key, _written(value)))

    def items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give table and attributes of every item."""
        for table, value in self._db.execute("select tbl, value from item"):
            yield table, _read(value)

    def keep_object(self, bucket: str, key: str, versions: list[dict[str, Any]]) -> None:
        """Keep the versions of an object; none forgets it."""
        if versions:
            value = _written({"versions": versions})
            self._db.execute("insert or replace into object values (?, ?, ?)", (bucket, key, value))
        else:
            self._db.execute("delete from object where bucket = ? and key = ?", (bucket, key))

    def objects(self) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
        """Give bucket, key and versions of every object."""
        for bucket, key, value in self._db.execute("select bucket, key, value from object"):
            yield bucket, key, _read(value)["versions"]

    def keep_record(self, table: str, seq: str, value: dict[str, Any]) -> None:
        """Keep one stream record."""
        self._db.execute("insert or replace into record values (?, ?, ?)", (table, seq, _written(value)))

    def records(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give table and content of every stream record kept, in the order of their sequence numbers."""
        for table, value in self._db.execute("select tbl, value from record order by tbl, length(seq), seq"):
            yield table, _read(value)

    def forget_records(self, table: str, before: str) -> None:
        """Forget the records of a table's stream below a sequence number."""
        self._db.execute(
            "delete from record where tbl = ? and (length(seq) < length(?) or (length(seq) = length(?) and seq < ?))",
            (table, before, before, before),
        )

    def keep_position(self, reader: str, seq: str) -> None:
        """Keep the sequence number that a reader of a stream wants next."""
        self._db.execute("insert or replace into position values (?, ?)", (reader, seq))

    def position(self, reader: str) -> str | None:
        """Give the sequence number that a reader wants next; None for a reader never seen."""
        row = self._db.execute("select seq from position where reader = ?", (reader,)).fetchone()
        return row[0] if row else None

    def positions(self) -> list[tuple[str, str]]:
        """Give table and sequence number of every reader's position."""
        rows = self._db.execute("select reader, seq from position").fetchall()
        return [(reader.partition("/")[2], seq) for reader, seq in rows]

    def keep_message(self, message_id: str, queue: str, value: dict[str, Any]) -> None:
        """Keep a message in the queue where it is now, in the order in which messages first came."""
        self._db.execute(
            "insert into message values (?, ?, ?) "
            "on conflict (id) do update set queue = excluded.queue, value = excluded.value",
            (message_id, queue, _written(value)),
        )

    def forget_message(self, message_id: str) -> None:
        """Forget a message that was deleted."""
        self._db.execute("delete from message where id = ?", (message_id,))

    def messages(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give queue and content of every message, oldest first."""
        for queue, value in self._db.execute("select queue, value from message order by rowid"):
            yield queue, _read(value)
