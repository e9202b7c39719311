"""One line of a timeline: a fact, when, by whom, because of what, chained to the line before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from json import loads
from typing import Any

import rfc8785

from shared.alert import as_text
from shared.errors import Refused
from shared.facts import Fact, read_fact

SCHEMA = 1
GENESIS = "0" * 64
"""The `prev` of a timeline's first entry."""
MAX_BYTES = 200_000
"""An entry must fit on the bus (256 KB with its envelope, escaped) and in DynamoDB (400 KB)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in its place. `body` is the canonical JSON that was stored; `hash` the sha256 of exactly those bytes."""

    incident_id: str
    seq: int
    at: datetime
    actor: str
    caused_by: str
    fact: Fact
    prev: str
    body: str
    hash: str

    @property
    def id(self) -> str:
        """`<incident_id>/<seq>`."""
        return f"{self.incident_id}/{self.seq}"


def chain(
    incident_id: str,
    facts: Sequence[Fact],
    *,
    after: Entry | None,
    actor: str,
    caused_by: str,
    now: datetime,
) -> tuple[Entry, ...]:
    """The entries that put `facts` behind `after` (None: a new timeline); `at` never runs backwards."""
    entries: list[Entry] = []
    for fact in facts:
        at = max(now, after.at) if after else now
        seq = after.seq + 1 if after else 1
        prev = after.hash if after else GENESIS
        body = rfc8785.dumps(
            {
                "id": f"{incident_id}/{seq}",
                "incident_id": incident_id,
                "seq": seq,
                "at": as_text(at),
                "actor": actor,
                "caused_by": caused_by,
                "schema": SCHEMA,
                "fact": fact.model_dump(mode="json"),
                "prev": prev,
            }
        )
        if len(body) > MAX_BYTES:
            raise Refused(f"{fact.type} would take {len(body)} bytes on the timeline; {MAX_BYTES} is the most")
        after = read_entry(body.decode(), sha256(body).hexdigest())
        entries.append(after)
    return tuple(entries)


@lru_cache(maxsize=256)
def read_entry(body: str, digest: str) -> Entry:
    """The entry that was stored as `body` under `digest`; raises ValueError if it is no entry.

    What was read once is not read again: a timeline is read anew on every conflict, and its entries never change.
    """
    content: dict[str, Any] = loads(body)
    try:
        return Entry(
            incident_id=content["incident_id"],
            seq=int(content["seq"]),
            at=datetime.fromisoformat(content["at"]),
            actor=content["actor"],
            caused_by=content["caused_by"],
            fact=read_fact(content["fact"]),
            prev=content["prev"],
            body=body,
            hash=digest,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no entry of a timeline: {error!r}") from error


def broken_link(entries: Sequence[Entry]) -> str:
    """Why this is not a whole, unbroken chain, naming the first bad entry; empty if it is one."""
    prev = GENESIS
    for expected, entry in enumerate(entries, start=1):
        if entry.seq != expected:
            return f"entry {expected} is missing"
        if sha256(entry.body.encode()).hexdigest() != entry.hash:
            return f"entry {entry.seq} is not what its hash says"
        if entry.prev != prev:
            return f"entry {entry.seq} does not follow from entry {entry.seq - 1}"
        prev = entry.hash
    return ""
