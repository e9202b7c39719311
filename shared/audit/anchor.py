"""An anchor: which entry each timeline ended with when it was written, chained to the anchor before it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from shared.alert import as_text
from shared.audit.canonical import canonical, parsed
from shared.entry import Entry, broken_link

SCHEMA = 1
PREFIX = "anchors/"
"""What the keys of anchors begin with in the bucket."""

_DAY = re.compile(r"INC-(\d{6})-")


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a timeline: its number, its hash, and when it was appended."""

    incident_id: str
    seq: int
    hash: str
    at: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """One anchor. `body` is the canonical JSON that the bucket holds, `prev` the digest of the anchor before it."""

    number: int
    at: str
    prev: str
    heads: tuple[Head, ...]
    body: bytes

    @property
    def digest(self) -> str:
        """The sha256 of exactly the bytes that were stored."""
        return sha256(self.body).hexdigest()


def anchored(number: int, now: datetime, prev: str, heads: Sequence[Head]) -> Anchor:
    """The anchor of that number (from 1 on); `prev` is GENESIS for the first."""
    content = {
        "kind": "anchor",
        "schema": SCHEMA,
        "number": number,
        "at": as_text(now),
        "prev": prev,
        "heads": [
            {"incident_id": head.incident_id, "seq": head.seq, "hash": head.hash, "at": head.at}
            for head in sorted(heads, key=lambda head: head.incident_id)
        ],
    }
    return read_anchor(canonical(content))


def read_anchor(body: bytes) -> Anchor:
    """The anchor that was stored as `body`; raises ValueError where it is none, or not in its canonical form."""
    content = parsed(body)
    try:
        heads = tuple(_head(head) for head in content["heads"])
        anchor = Anchor(_whole(content["number"]), str(content["at"]), str(content["prev"]), heads, body)
        known = content["kind"] == "anchor" and content["schema"] == SCHEMA
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an anchor: {error!r}") from error
    if not known:
        raise ValueError("not an anchor that this release knows")
    return anchor


def key_of(number: int) -> str:
    """Where the bucket holds the anchor of that number; keys sort as numbers do."""
    return f"{PREFIX}{number:010}.json"


def number_of(key: str) -> int:
    """The number of the anchor at that key; 0 where the key is none of ours."""
    digits = key.removeprefix(PREFIX).removesuffix(".json")
    return int(digits) if digits.isascii() and digits.isdecimal() and key == key_of(int(digits)) else 0


def before(incident_id: str) -> str:
    """When, at the latest, an anchor was written that cannot name the incident yet; empty where its id tells no day.

    An hour before the day in the id, because clocks differ.
    """
    found = _DAY.match(incident_id)
    try:
        return as_text(datetime.strptime(found[1], "%y%m%d").replace(tzinfo=UTC) - timedelta(hours=1)) if found else ""
    except ValueError:
        return ""


def head_of(entry: Entry) -> Head:
    """The head of a timeline that ends with `entry`."""
    return Head(entry.incident_id, entry.seq, entry.hash, as_text(entry.at))


def disagreement(incident_id: str, entries: Sequence[Entry], head: Head | None = None) -> str:
    """Why these entries are not the incident's whole timeline that once ended with `head`; empty where they are."""
    if not entries:
        return "nothing is left of it"
    for entry in entries:
        if entry.incident_id != incident_id:
            return f"entry {entry.seq} is one of {entry.incident_id}"
    if fault := broken_link(entries):
        return fault
    if head is None:
        return ""
    if len(entries) < head.seq:
        return f"it ends at entry {len(entries)}; there were {head.seq}"
    if entries[head.seq - 1].hash != head.hash:
        return f"entry {head.seq} is not the one that was anchored"
    return ""


def _head(content: Mapping[str, Any]) -> Head:
    return Head(str(content["incident_id"]), _whole(content["seq"]), str(content["hash"]), str(content["at"]))


def _whole(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is no number of an anchor or of an entry")
    return value
