"""`python -m tests.reliability.audit`: changes an exported incident in every way, and asks whether it is found.

The incident is played by the whole product over in-memory ports (tests/lifecycle/house.py), with the archive running
beside it: a question, a click, a restart, its proof, the end, and a note weeks later.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import replace
from datetime import timedelta
from functools import cache
from hashlib import sha256
from itertools import combinations
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from functions.archive.archive import Archive, archive
from shared import facts
from shared.audit.anchor import Head, read_anchor
from shared.audit.bundle import Row as Entry
from shared.audit.bundle import sealed, verify, written
from shared.audit.canonical import canonical
from shared.audit.collect import bearing
from shared.entry import GENESIS
from tests.builders import T0, more, opened
from tests.fakes.bucket import MemoryBucket
from tests.lifecycle.house import House
from tests.reliability.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shared.history import History

    Content = dict[str, Any]

OTHERS = 3
"""Incidents of the same hours, which stand in the same anchors."""


class Bureau:
    """A house with an archive, in which one incident is played to its end and anchored along the way."""

    def __init__(self) -> None:
        self.house = House("payments")
        self.house.clock.now = T0 - timedelta(days=2)
        self.bucket = MemoryBucket(self.house.clock)
        store, clock = self.house.store, self.house.clock
        logger = Logger(service="archive", level="CRITICAL")
        self.told = 0
        self.archive = Archive(store, store, self.bucket, clock, self._tell, logger)

    def _tell(self) -> None:
        self.told += 1

    def other(self, name: str) -> None:
        """Another incident opens."""
        store = self.house.store
        first = store.read(name)
        if not first.entries:
            store.append(first, [opened(identity=name)], actor="alert_intake", caused_by="x", now=self.house.clock.now)
        else:
            more(first, facts.NoteAdded(person="bo", text="still there"), store=store)

    def hour(self) -> None:
        """The archive runs."""
        self.house.clock.forward(minutes=1)
        archive(self.archive)

    def play(self) -> str:
        """Plays it, and gives the incident's id."""
        for number in range(OTHERS):
            self.other(f"INC-261119-OTHER{number}")
            self.hour()
            self.house.clock.forward(hours=3)
        self.house.clock.now = T0
        incident_id = self.house.alarm().incident_id or ""
        self.house.settle()
        self.hour()
        self.house.wait(minutes=2)
        self.house.click("U0ANA", "approve")
        self.house.settle()
        self.other("INC-261119-OTHER0")
        self.hour()
        self.house.wait(minutes=2)
        self.house.alarm("resolved")
        self.house.settle()
        self.house.wait(minutes=60)
        self.hour()
        for number in range(OTHERS):
            self.house.clock.forward(days=7)
            self.other(f"INC-261119-OTHER{number}")
            self.hour()
        note = facts.NoteAdded(person="ana", text="the pool was too small; it is larger now ✓")
        more(self.house.store.read(incident_id), note, store=self.house.store)
        self.hour()
        return incident_id

    def bundle(self, incident_id: str) -> bytes:
        """What `middlewatch incidents export` would write."""
        history: History = self.house.store.read(incident_id)
        rows = [Entry(entry.seq, entry.body, entry.hash) for entry in history.entries]
        return written(incident_id, rows, self.bucket.name, bearing(incident_id, self.bucket))


@cache
def played() -> tuple[bytes, str]:
    """The bundle of a whole incident, and the digest of its last anchor as the bucket tells it."""
    bureau = Bureau()
    bundle = bureau.bundle(bureau.play())
    return bundle, verify(bundle).digest


def run(size: int, seed: int) -> list[Row]:
    """Tries everything; of the bytes and of the pairs `size` each, chosen by `seed`, or all where `size` is 0."""
    return list(tried(size, seed))


def tried(size: int, seed: int) -> Iterator[Row]:
    """The same, each row as soon as it is known."""
    bundle, digest = played()
    content = json.loads(bundle)
    chance = random.Random(seed)
    end = f"{len(bundle):,} bytes, {len(content['entries'])} entries, {len(content['anchors'])} anchors"

    def some(places: Sequence[Any]) -> Sequence[Any]:
        return chance.sample(list(places), size) if size and size < len(places) else places

    every = some(range(len(bundle)))
    kinds: list[tuple[str, Iterable[bytes], str, str]] = [
        ("one byte changed", (_changed(bundle, at, chance) for at in every), "", end),
        ("one byte taken out", (bundle[:at] + bundle[at + 1 :] for at in every), "", ""),
        ("one byte put in", (bundle[:at] + bytes([chance.randrange(256)]) + bundle[at:] for at in every), "", ""),
        ("the file cut off", (bundle[:at] for at in every), "", ""),
        ("written otherwise, meaning the same", (each for each in _spelled(bundle) if each != bundle), "", ""),
        *_records(content, "", some),
        ("cut off at every entry, sealed anew", _cut(content), "", "no digest needed"),
        ("the chain rewritten from every entry, sealed anew", _rewritten(content), "", "no digest needed"),
        (
            "one byte of a record changed, sealed anew",
            _forged(content, some, chance),
            digest,
            "with the bucket's digest",
        ),
        *_records(content, digest, some),
        ("chain and anchors rewritten from every entry", _all_rewritten(content), digest, "with the bucket's digest"),
    ]
    whole = verify(bundle, digest)
    yield Row("unchanged bundle refused", 1, int(bool(whole.faults) or whole.anchored != whole.entries), 0.0)
    for what, bundles, known, remark in kinds:
        began = time.monotonic()
        count = missed = 0
        for each in bundles:
            count += 1
            missed += each == bundle or not verify(each, known).faults
        yield Row(what, count, missed, time.monotonic() - began, remark)


def _changed(bundle: bytes, at: int, chance: random.Random) -> bytes:
    other = chance.choice([value for value in range(256) if value != bundle[at]])
    return bundle[:at] + bytes([other]) + bundle[at + 1 :]


def _spelled(bundle: bytes) -> Iterator[bytes]:
    """The same JSON in other words."""
    content = json.loads(bundle)
    yield json.dumps(content).encode()
    yield json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode()
    yield json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    yield json.dumps(dict(reversed(content.items())), separators=(",", ":"), ensure_ascii=False).encode()
    yield json.dumps(content, separators=(",", ":"), sort_keys=True, ensure_ascii=True).encode()
    yield b"\xef\xbb\xbf" + bundle
    yield bundle.replace(b'"schema":1', b'"schema":1.0')
    yield bundle.replace(b'"schema":1', b'"schema":1,"schema":1')
    yield bundle.replace(b'"kind"', b'"k\\u0069nd"')
    for separator in (b",", b":", b"{", b"["):
        for space in (b" ", b"\n", b"\t"):
            yield bundle.replace(separator + b'"', separator + space + b'"', 1)


def _records(
    content: Content, digest: str, some: Callable[[Sequence[Any]], Sequence[Any]]
) -> Iterator[tuple[str, Iterable[bytes], str, str]]:
    """Entries and anchors removed, swapped and doubled: left as it is without a digest, with one sealed anew."""
    close = sealed if digest else canonical
    how, remark = (", sealed anew", "with the bucket's digest") if digest else ("", "")
    for kind in ("entries", "anchors"):
        found = content[kind]

        def put(records: list[Any], kind: str = kind) -> bytes:
            return close({**content, kind: records})

        removed = [put(found[:at] + found[at + 1 :]) for at in range(len(found))]
        doubled = [put(found[: at + 1] + found[at:]) for at in range(len(found))]
        pairs = some(list(combinations(range(len(found)), 2)))
        moved = [put(_swapped(found, one, other)) for one, other in pairs]
        swapped = [put(_contents(found, one, other)) for one, other in pairs]
        yield f"{kind} removed{how}", removed, digest, remark
        yield f"{kind} doubled{how}", doubled, digest, remark
        yield f"{kind} swapped{how}", [*moved, *swapped], digest, remark


def _swapped(records: list[Any], one: int, other: int) -> list[Any]:
    swapped = list(records)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


def _contents(records: list[Any], one: int, other: int) -> list[Any]:
    """What two records say swapped, and their numbers or keys left where they stand."""
    kept = {"seq", "key"}
    swapped = [dict(record) for record in records]
    for name in set(records[one]) - kept:
        swapped[one][name], swapped[other][name] = records[other][name], records[one][name]
    return swapped


def _cut(content: Content) -> Iterator[bytes]:
    for end in range(len(content["entries"])):
        yield sealed({**content, "entries": content["entries"][:end]})


def _rehashed(entries: list[Content], start: int) -> list[Content]:
    """A chain in which the entry at `start` says something else, hashed anew from there on."""
    made = [dict(entry) for entry in entries]
    prev = made[start - 1]["hash"] if start else GENESIS
    for row in made[start:]:
        entry = json.loads(row["entry"])
        entry["prev"] = prev
        if row is made[start]:
            entry["actor"] += "_"
        row["entry"] = canonical(entry).decode()
        row["hash"] = prev = sha256(row["entry"].encode()).hexdigest()
    return made


def _rewritten(content: Content) -> Iterator[bytes]:
    for start in range(len(content["entries"])):
        yield sealed({**content, "entries": _rehashed(content["entries"], start)})


def _all_rewritten(content: Content) -> Iterator[bytes]:
    """The chain hashed anew, and every anchor made to agree with it."""
    for start in range(len(content["entries"])):
        entries = _rehashed(content["entries"], start)
        anchors: list[Content] = []
        prev = ""
        for row in content["anchors"]:
            anchor = read_anchor(row["anchor"].encode())
            heads = [_agreeing(head, content["incident_id"], entries) for head in anchor.heads]
            body = {**json.loads(row["anchor"]), "heads": heads, "prev": prev or anchor.prev}
            made = canonical(body)
            prev = read_anchor(made).digest
            anchors.append({**row, "anchor": made.decode()})
        yield sealed({**content, "entries": entries, "anchors": anchors})


def _agreeing(head: Head, incident_id: str, entries: list[Content]) -> Content:
    mine = replace(head, hash=entries[head.seq - 1]["hash"]) if head.incident_id == incident_id else head
    return {"incident_id": mine.incident_id, "seq": mine.seq, "hash": mine.hash, "at": mine.at}


def _forged(content: Content, some: Callable[[Sequence[Any]], Sequence[Any]], chance: random.Random) -> Iterator[bytes]:
    """One character of an entry, of its hash or of an anchor changed, and the bundle sealed anew."""
    places = [
        (kind, number, name, at)
        for kind, names in (("entries", ("entry", "hash")), ("anchors", ("anchor", "key")))
        for number, record in enumerate(content[kind])
        for name in names
        for at in range(len(record[name]))
    ]
    for kind, number, name, at in some(places):
        records = [dict(record) for record in content[kind]]
        text = records[number][name]
        other = chance.choice([letter for letter in '0a~ "\\\u00e9' if letter != text[at]])
        records[number][name] = text[:at] + other + text[at + 1 :]
        yield sealed({**content, kind: records})


def main() -> int:
    """Prints a line for each thing tried; 1 where something was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.audit", description=__doc__)
    parser.add_argument("--size", type=int, default=0, help="bytes and pairs that are tried of each kind (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    missed = 0
    for row in tried(given.size, given.seed):
        line = f"{row.what:55} {row.tried:8,} tried {row.violations:4} not found {row.seconds:7.1f} s  {row.remark}"
        print(line.rstrip(), flush=True)  # noqa: T201 - for whoever runs it
        missed += row.violations
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
