"""Puts where timelines end into a bucket that nothing leaves, and holds timelines against what was put there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256

from aws_lambda_powertools import Logger

from shared import keys
from shared.audit.anchor import Anchor, Head, anchored, disagreement, head_of, read_anchor
from shared.audit.kept import Bucket, Stored
from shared.entry import GENESIS, Entry
from shared.errors import Conflict, Refused, Unavailable
from shared.ports import Clock, State, Timeline
from shared.writes import Put, Release

MOST = 1000
"""Timelines that one run anchors, some 30 ms each; the next run goes on with the rest."""
AGAIN = 100
"""Heads in earlier anchors, at least, that one run holds against the timelines again; the next run goes on behind."""
ATTEMPTS = 5
"""How often a run looks for the next free number; only another run at that moment can take it."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What a run needs. `tampered` is called for whatever no longer agrees with an anchor."""

    timeline: Timeline
    state: State
    bucket: Bucket
    clock: Clock
    tampered: Callable[[], None]
    logger: Logger


@dataclass(frozen=True, slots=True)
class Last:
    """The newest anchor, by number and digest (0 and GENESIS: none yet), and the last that was looked at again."""

    number: int = 0
    digest: str = GENESIS
    again: int = 0


def archive(archive: Archive) -> dict[str, int]:
    """One run: how many heads were anchored, and how many in earlier anchors were looked at again.

    A mark is taken off a timeline only behind the anchor that names its head, so whatever ends a run half-way, the next
    one does again what is missing; a head that is anchored twice says the same twice. Raises Unavailable where bucket
    or tables cannot be asked, Refused where what was written is not locked.
    """
    last = _last(archive)
    heads, away = _moved(archive)
    if heads:
        anchor = _put(heads, last, archive)
        last = Last(anchor.number, anchor.digest, last.again)
        for head in anchor.heads:
            _settle(head, archive)
    place, seen = _again(last, archive)
    archive.state.write(Put(keys.ARCHIVE, {"number": last.number, "digest": last.digest, "again": place}))
    archive.logger.info("anchored", extra={"anchor": last.number, "heads": len(heads), "again": seen})
    if away:
        raise away[0]
    return {"anchored": len(heads), "again": seen}


def _last(archive: Archive) -> Last:
    """Where the chain of anchors ends; what was remembered only says from where to look on."""
    held = archive.state.get(keys.ARCHIVE)
    value = held.value if held else {}
    known = Last(int(value.get("number", 0)), str(value.get("digest", GENESIS)), int(value.get("again", 0)))
    number = max((number for number, _ in archive.bucket.numbers(known.number)), default=known.number)
    if number == 0:
        return known
    stored = archive.bucket.get(number)
    if stored is None:
        _tell("an anchor is gone", archive, anchor=number)
        return known
    digest = _digest(stored)
    if number == known.number and digest != known.digest:
        _tell("an anchor is not the one that was written", archive, anchor=number)
    return Last(number, digest, known.again)


def _moved(archive: Archive) -> tuple[list[Head], list[Unavailable]]:
    """The heads of the timelines that moved, and who was away; what does not agree is told, and keeps its mark."""
    heads: list[Head] = []
    away: list[Unavailable] = []
    for incident_id in _marked(archive.state):
        try:
            entries = _entries(incident_id, archive)
            known = archive.state.get(keys.anchored(incident_id))
        except Unavailable as error:
            away.append(error)
            continue
        before = Head(incident_id, int(known.value["seq"]), str(known.value["hash"]), "") if known else None
        if fault := disagreement(incident_id, entries, before):
            _tell("a timeline is not what it was", archive, incident_id=incident_id, why=fault)
        elif before and before.seq == len(entries):
            _settle(head_of(entries[-1]), archive)  # the list is a moment behind
        else:
            heads.append(head_of(entries[-1]))
    return heads, away


def _marked(state: State) -> Iterator[str]:
    for number in range(keys.SHARDS):
        cursor, left = "", MOST // keys.SHARDS
        while left > 0:
            page = state.listed(keys.moved_list(number), limit=min(left, 100), cursor=cursor, newest_first=False)
            yield from (str(item.value["incident_id"]) for item in page.items)
            cursor, left = page.next, left - len(page.items)
            if not cursor:
                break


def _entries(incident_id: str, archive: Archive) -> Sequence[Entry]:
    """The timeline; nothing of it where there is something on it that is no entry."""
    try:
        return archive.timeline.read(incident_id).entries
    except (KeyError, ValueError, TypeError) as error:
        archive.logger.warning("an entry cannot be read", extra={"incident_id": incident_id, "why": repr(error)})
        return ()


def _put(heads: Sequence[Head], last: Last, archive: Archive) -> Anchor:
    """The anchor of these heads, as it lies in the bucket, locked."""
    number, prev = last.number, last.digest
    for _ in range(ATTEMPTS):
        now = archive.clock()
        anchor = anchored(number + 1, now, prev, heads)
        archive.bucket.put(anchor.number, anchor.body)
        stored = archive.bucket.get(anchor.number)
        if stored is None:
            break
        if stored.body == anchor.body:  # ours, even where the reply was lost
            if not stored.locked(now):
                raise Refused(f"{stored.key} is not locked: the bucket has lost its default retention")
            return anchor
        number, prev = anchor.number, _digest(stored)
    raise Unavailable(f"no anchor could be put behind number {number}")


def _settle(head: Head, archive: Archive) -> None:
    """Remembers that it is anchored, and takes the mark off unless the timeline moved on."""
    value = {"incident_id": head.incident_id, "seq": head.seq, "hash": head.hash}
    known = Put(keys.anchored(head.incident_id), value)
    try:
        archive.state.write(Release(keys.moved(head.incident_id), when=value), known)
    except Conflict:
        archive.state.write(known)


def _again(last: Last, archive: Archive) -> tuple[int, int]:
    """Holds the next anchors against the timelines, after the last the first again; where that ended, and the heads.

    Each is looked at once in a run.
    """
    place, seen = last.again, 0
    prev = _digest(archive.bucket.get(place)) if place else GENESIS
    entries = cache(partial(_entries, archive=archive))
    for _ in range(last.number):
        if seen >= AGAIN:
            break
        if place >= last.number:
            place, prev = 0, GENESIS
        place += 1
        stored = archive.bucket.get(place)
        heads = _held(place, stored, prev, archive)
        for head in heads:
            if fault := disagreement(head.incident_id, entries(head.incident_id), head):
                _tell("a timeline is not what it was", archive, incident_id=head.incident_id, anchor=place, why=fault)
        prev, seen = _digest(stored), seen + len(heads)
    return place, seen


def _held(number: int, stored: Stored | None, prev: str, archive: Archive) -> Sequence[Head]:
    """What the anchor of that number names; tells where it is gone, is none, or does not follow from `prev`."""
    if stored is None:
        _tell("an anchor is gone", archive, anchor=number)
        return ()
    try:
        anchor = read_anchor(stored.body)
    except ValueError as error:
        _tell("an anchor is none", archive, anchor=number, why=str(error))
        return ()
    if anchor.number != number or (prev and anchor.prev != prev):
        _tell("an anchor does not follow from the one before it", archive, anchor=number)
    return anchor.heads


def _digest(stored: Stored | None) -> str:
    return sha256(stored.body).hexdigest() if stored else ""


def _tell(what: str, archive: Archive, **extra: object) -> None:
    archive.logger.error(what, extra=extra)
    archive.tampered()
