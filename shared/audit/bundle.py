"""A bundle: one incident's timeline and the anchors that bear on it, in one file that is checked without anything else.

`verify` needs no network, no AWS and no other file. What is checked are the bytes that were stored, not what this
release makes of them, so that an old bundle is checked by a new release.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import loads
from typing import Any

from shared.alert import as_text
from shared.audit.anchor import Anchor, Head, before, key_of, read_anchor
from shared.audit.canonical import canonical, parsed
from shared.audit.kept import Stored
from shared.entry import GENESIS

SCHEMA = 1
ENTRY = {"seq", "entry", "hash"}
ANCHOR = {"key", "version_id", "mode", "until", "anchor"}
BUNDLE = {"kind", "schema", "incident_id", "entries", "bucket", "anchors", "digest"}


@dataclass(frozen=True, slots=True)
class Row:
    """One entry as the timeline's table holds it."""

    seq: int
    entry: str
    hash: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a bundle proves. `faults` are empty where nothing was found.

    `anchored` is the number of the last entry that an anchor names (0: none does), `digest` that of the last anchor,
    on which all of that rests; `compared` says whether it is the one that somebody read from the bucket.
    """

    incident_id: str
    faults: tuple[str, ...]
    entries: int = 0
    anchored: int = 0
    anchors: tuple[Anchor, ...] = ()
    bucket: str = ""
    last: Mapping[str, str] | None = None
    compared: bool = False

    @property
    def digest(self) -> str:
        """The digest of the last anchor."""
        return self.anchors[-1].digest if self.anchors else ""


def written(incident_id: str, rows: Sequence[Row], bucket: str, anchors: Sequence[Stored]) -> bytes:
    """The bundle: the same bytes for the same timeline and anchors, whenever it is made."""
    content = {
        "kind": "bundle",
        "schema": SCHEMA,
        "incident_id": incident_id,
        "entries": [{"seq": row.seq, "entry": row.entry, "hash": row.hash} for row in rows],
        "bucket": bucket,
        "anchors": [
            {
                "key": stored.key,
                "version_id": stored.version_id,
                "mode": stored.mode,
                "until": as_text(stored.until) if stored.until else "",
                "anchor": stored.body.decode("utf-8", "replace"),
            }
            for stored in anchors
        ],
    }
    return sealed(content)


def sealed(content: Mapping[str, Any]) -> bytes:
    """The canonical form of `content`, with the digest of the rest in it."""
    return canonical({**content, "digest": _digest(content)})


def _digest(content: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in content.items() if name != "digest"}
    return sha256(canonical(rest)).hexdigest()


def verify(bundle: bytes, digest: str = "") -> Report:
    """Everything that is wrong with a bundle, and what it proves where nothing is.

    `digest` is that of its last anchor, read from the bucket by whoever checks.
    """
    try:
        content = parsed(bundle)
        return _checked(content, digest.lower())
    except ValueError as error:
        return Report("", (f"it is not a bundle as it was written: {error}",))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        return Report("", (f"it is not a bundle: {error!r}",))


def _checked(content: Mapping[str, Any], digest: str) -> Report:
    faults: list[str] = []
    _only(content, BUNDLE)
    if (content["kind"], content["schema"]) != ("bundle", SCHEMA):
        raise ValueError("not a bundle that this release knows")
    if content["digest"] != _digest(content):
        faults.append("its own digest is another: something in it was changed")
    incident_id = content["incident_id"]
    hashes, broken = _chained(incident_id, content["entries"])
    anchors, unchained = _linked(content["anchors"])
    faults += [*broken, *unchained]
    anchored = 0
    for anchor in anchors:
        for head in (head for head in anchor.heads if head.incident_id == incident_id):
            anchored = max(anchored, head.seq)
            faults += _disagrees(head, hashes, anchor)
    if anchors and anchors[0].number > 1 and not anchors[0].at < before(incident_id):
        faults.append(f"anchors before number {anchors[0].number} are missing, which may have named it otherwise")
    if digest and (not anchors or anchors[-1].digest != digest):
        faults.append("its last anchor is not the one that lies in the bucket")
    return Report(
        incident_id,
        tuple(dict.fromkeys(faults)),
        len(hashes),
        anchored,
        tuple(anchors),
        content["bucket"],
        content["anchors"][-1] if anchors else None,
        compared=bool(digest),
    )


def _chained(incident_id: str, rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The hash of each entry, and where the chain is broken."""
    hashes: list[str] = []
    faults: list[str] = [] if rows else ["there is no entry in it"]
    prev = GENESIS
    for place, row in enumerate(rows, start=1):
        _only(row, ENTRY)
        found = sha256(row["entry"].encode()).hexdigest()
        entry = loads(row["entry"])
        said = (entry["incident_id"], entry["seq"], entry["id"])
        if row["seq"] != place:
            faults.append(f"entry {place} is missing, or stands elsewhere")
        elif row["hash"] != found:
            faults.append(f"entry {place} is not what its hash says")
        elif said != (incident_id, place, f"{incident_id}/{place}"):
            faults.append(f"entry {place} says that it is {entry['id']}")
        elif entry["prev"] != prev:
            faults.append(f"entry {place} does not follow from entry {place - 1}")
        prev = row["hash"]
        hashes.append(found)
    return hashes, faults


def _linked(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Anchor], list[str]]:
    """The anchors, and where the chain of them is broken."""
    anchors: list[Anchor] = []
    faults: list[str] = []
    for row in rows:
        _only(row, ANCHOR)
        try:
            anchor = read_anchor(row["anchor"].encode())
        except ValueError as error:
            faults.append(f"{row['key']} is not an anchor as it was written: {error}")
            continue
        if row["key"] != key_of(anchor.number):
            faults.append(f"{row['key']} holds the anchor of another number, {anchor.number}")
        if anchors and (anchor.number, anchor.prev) != (anchors[-1].number + 1, anchors[-1].digest):
            faults.append(f"anchor {anchor.number} does not follow from anchor {anchors[-1].number}")
        anchors.append(anchor)
    return anchors, faults


def _disagrees(head: Head, hashes: Sequence[str], anchor: Anchor) -> list[str]:
    if head.seq > len(hashes):
        return [f"it ends at entry {len(hashes)}; anchor {anchor.number} knew {head.seq}"]
    if hashes[head.seq - 1] != head.hash:
        return [f"entry {head.seq} is not the one of anchor {anchor.number}: what stands here up to it was rewritten"]
    return []


def _only(content: Mapping[str, Any], names: set[str]) -> None:
    if set(content) != names:
        raise ValueError(f"{sorted(set(content) ^ names)} is missing or too much")
