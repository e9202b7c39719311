"""What `archive` puts into the bucket, and what it tells of."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from functions.archive import archive as module
from functions.archive.archive import Archive, archive
from shared import facts, keys
from shared.audit.anchor import Anchor, Head, anchored, head_of, read_anchor
from shared.audit.kept import Stored
from shared.entry import GENESIS, Entry, chain
from shared.errors import Refused, Unavailable
from shared.history import History
from shared.writes import Put
from tests.builders import T0, Clock, a_history, more, opened
from tests.fakes.bucket import MemoryBucket
from tests.fakes.store import MemoryStore


class House:
    """An archive over memory; `rung` counts how often people would be told."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.bucket = MemoryBucket(self.clock)
        self.rung: list[str] = []
        self.archive = Archive(
            timeline=self.store,
            state=self.store,
            bucket=self.bucket,
            clock=self.clock,
            tampered=lambda: self.rung.append("rung"),
            logger=Logger(service="archive"),
        )

    def run(self) -> dict[str, int]:
        self.clock.forward(hours=1)
        return archive(self.archive)

    def incident(self, name: str, *happened: facts.Fact) -> None:
        opening = opened(identity=name)
        history = self.store.append(History(name), [opening], actor="alert_intake", caused_by="alert", now=T0)
        more(history, *happened, store=self.store)

    def note(self, incident_id: str, text: str = "saw it") -> History:
        note = facts.NoteAdded(person="ana", text=text)
        return more(self.store.read(incident_id), note, store=self.store)

    def marked(self) -> set[str]:
        return {key for key, item in self.store.items.items() if key.startswith("moved#")}


@pytest.fixture
def house() -> House:
    return House()


def anchors(house: House) -> list[Anchor]:
    return [read_anchor(stored.body) for _, stored in sorted(house.bucket.objects.items())]


def heads(anchor: Anchor) -> dict[str, int]:
    return {head.incident_id: head.seq for head in anchor.heads}


def test_one_object_names_the_head_of_every_timeline_that_moved(house: House) -> None:
    for name in ("INC-1", "INC-2", "INC-3"):
        house.incident(name)
    house.note("INC-2")

    assert house.run()["anchored"] == 3

    (anchor,) = anchors(house)
    assert heads(anchor) == {"INC-1": 1, "INC-2": 2, "INC-3": 1}
    assert {head.incident_id: head.hash for head in anchor.heads} == {
        name: house.store.read(name).entries[-1].hash for name in ("INC-1", "INC-2", "INC-3")
    }
    assert (anchor.number, anchor.prev) == (1, GENESIS)
    assert house.marked() == set()


def test_an_hour_in_which_nothing_moved_writes_nothing(house: House) -> None:
    house.incident("INC-1")
    house.run()

    assert house.run()["anchored"] == 0
    assert len(house.bucket.objects) == 1


def test_each_anchor_names_the_digest_of_the_one_before_it(house: House) -> None:
    house.incident("INC-1")
    for _ in range(4):
        house.note("INC-1")
        house.run()

    made = anchors(house)
    assert [anchor.number for anchor in made] == [1, 2, 3, 4]
    assert [anchor.prev for anchor in made] == [GENESIS, *(anchor.digest for anchor in made[:-1])]


def test_a_note_on_an_incident_that_was_closed_long_ago_is_anchored_too(house: House) -> None:
    house.incident("INC-1", facts.IncidentClosed(reason="resolved"))
    house.run()
    house.clock.forward(days=300)
    house.note("INC-1", "the cause was a full disk")

    house.run()

    assert heads(anchors(house)[-1]) == {"INC-1": 3}


def test_what_moves_while_it_is_anchored_keeps_its_mark(house: House) -> None:
    house.incident("INC-1")

    def note(_number: int) -> None:
        house.note("INC-1")

    house.bucket.before_put = note

    house.run()
    assert house.marked() == {keys.moved("INC-1")}
    house.run()

    assert [heads(anchor) for anchor in anchors(house)] == [{"INC-1": 1}, {"INC-1": 2}]
    assert (house.marked(), house.rung) == (set(), [])


class Dies(Exception):
    """The process ends here."""


class Dying:
    """Any port, whose n-th call over all of them is the process's last: before it took effect, or after."""

    def __init__(self, port: Any, calls: Iterator[int], at: int, *, after: bool) -> None:
        self._port, self._calls, self._at, self._after = port, calls, at, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)

        def call(*given: Any, **named: Any) -> Any:
            last = next(self._calls) == self._at
            if last and not self._after:
                raise Dies
            result = method(*given, **named)
            if name == "numbers":
                result = iter(list(result))
            if last:
                raise Dies
            return result

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(20))
def test_wherever_it_dies_the_next_run_leaves_nothing_out(at: int, after: bool) -> None:
    house = House()
    house.incident("INC-0")
    house.run()
    for name in ("INC-1", "INC-2"):
        house.incident(name)
    house.note("INC-0")
    calls = iter(range(1000))
    ports: dict[str, Any] = {
        name: Dying(getattr(house.archive, name), calls, at, after=after) for name in ("timeline", "state", "bucket")
    }
    died = False
    try:
        archive(replace(house.archive, **ports))
    except Dies:
        died = True

    house.run()

    named = [heads(anchor) for anchor in anchors(house)]
    assert {name: max(each.get(name, 0) for each in named) for name in ("INC-0", "INC-1", "INC-2")} == {
        "INC-0": 2,
        "INC-1": 1,
        "INC-2": 1,
    }
    assert [anchor.prev for anchor in anchors(house)] == [GENESIS, *(each.digest for each in anchors(house)[:-1])]
    assert (house.marked(), house.rung) == (set(), [])
    assert died or at > 15


def test_two_runs_at_once_end_in_one_chain_and_lose_nothing(house: House) -> None:
    house.incident("INC-1")

    def another(_number: int) -> None:
        house.incident("INC-2")
        archive(house.archive)

    house.bucket.before_put = another
    house.run()
    house.run()

    made = anchors(house)
    assert [anchor.prev for anchor in made] == [GENESIS, *(anchor.digest for anchor in made[:-1])]
    assert {name for anchor in made for name in heads(anchor)} == {"INC-1", "INC-2"}
    assert (house.marked(), house.rung) == (set(), [])


def test_nothing_is_lost_while_the_bucket_is_away_and_somebody_hears_of_it(house: House) -> None:
    house.incident("INC-1")
    house.bucket.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            house.run()
    house.bucket.away = False

    house.run()

    assert heads(anchors(house)[0]) == {"INC-1": 1}


def test_a_lost_reply_is_no_second_anchor_of_another_chain(house: House) -> None:
    house.incident("INC-1")
    house.bucket.loses_replies = 1
    with pytest.raises(Unavailable):
        house.run()

    house.run()

    made = anchors(house)
    assert [anchor.prev for anchor in made] == [GENESIS, *(anchor.digest for anchor in made[:-1])]
    assert house.marked() == set()


def test_a_timeline_that_cannot_be_read_now_holds_up_no_other_and_is_told(house: House) -> None:
    for name in ("INC-1", "INC-2"):
        house.incident(name)

    class Away(MemoryStore):
        def read(self, incident_id: str) -> History:
            if incident_id == "INC-1":
                raise Unavailable("DynamoDB is busy")
            return house.store.read(incident_id)

    with pytest.raises(Unavailable):
        archive(replace(house.archive, timeline=Away()))

    assert heads(anchors(house)[0]) == {"INC-2": 1}
    assert house.marked() == {keys.moved("INC-1")}


def test_an_anchor_that_nothing_locks_does_not_count(house: House) -> None:
    house.incident("INC-1")
    house.bucket.mode = ""

    with pytest.raises(Refused, match="not locked"):
        house.run()

    assert house.marked() == {keys.moved("INC-1")}
    house.bucket.mode = "GOVERNANCE"
    house.run()
    assert house.marked() == set()


def test_no_more_are_anchored_at_once_than_a_run_has_time_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 8)
    for number in range(20):
        house.incident(f"INC-{number}")

    done = [house.run()["anchored"] for _ in range(12)]

    assert sum(done) == 20
    assert max(done) <= 8
    assert house.marked() == set()


def changed(entries: list[Entry]) -> list[Entry]:
    body = entries[0].body.replace("orders-5xx", "orders-4xx")
    return [replace(entries[0], body=body), *entries[1:]]


def rewritten(entries: list[Entry]) -> list[Entry]:
    told = [opened(), *(entry.fact for entry in entries[1:])]
    return list(chain(entries[0].incident_id, told, after=None, actor="evil", caused_by="x", now=T0))


TAMPERINGS: dict[str, Callable[[list[Entry]], list[Entry]]] = {
    "changed": changed,
    "rewritten": rewritten,
    "shorter": lambda entries: entries[:-1],
    "removed": lambda _entries: [],
    "swapped": lambda entries: [entries[0], entries[2], entries[1]],
    "another's": lambda _entries: list(a_history(incident_id="INC-9").entries),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
@pytest.mark.parametrize("moves", [False, True], ids=["lies still", "moves on"])
def test_what_no_longer_agrees_with_its_anchor_is_told_in_every_run_and_not_anchored_again(
    house: House, tampering: str, moves: bool
) -> None:
    for name in ("INC-1", "INC-2"):
        house.incident(name, *(facts.NoteAdded(person="ana", text=text) for text in "ab"))
    house.run()
    house.store.timelines["INC-1"] = TAMPERINGS[tampering](house.store.timelines["INC-1"])
    if moves:
        forged = {"incident_id": "INC-1", "seq": 9, "hash": "f" * 64}
        house.store.write(Put(keys.moved("INC-1"), forged, listed=(keys.moved_list(0), "2026")))
    house.note("INC-2")

    for run in (1, 2):
        house.run()
        assert len(house.rung) >= run

    assert [heads(anchor) for anchor in anchors(house)[1:]] == [{"INC-2": 4}]


def test_an_entry_that_nobody_can_read_is_told(house: House) -> None:
    house.incident("INC-1")

    class Garbled(MemoryStore):
        def read(self, incident_id: str) -> History:
            raise ValueError(f"{incident_id}: not JSON")

    archive(replace(house.archive, timeline=Garbled()))

    assert house.rung == ["rung"]
    assert house.bucket.objects == {}


def test_an_anchor_that_is_gone_or_was_replaced_is_told(house: House) -> None:
    house.incident("INC-1")
    for _ in range(3):
        house.note("INC-1")
        house.run()
    kept = dict(house.bucket.objects)
    del house.bucket.objects[2]
    house.run()
    assert house.rung == ["rung"]  # what comes behind a gap cannot be said to follow

    house.bucket.objects = dict(kept)
    house.bucket.tamper(2, anchored(2, T0, "0" * 64, [Head("INC-1", 1, "0" * 64, "x")]).body)
    house.run()
    assert len(house.rung) == 4  # it does not follow, the next does not follow, and the timeline does not agree

    house.bucket.objects = dict(kept)
    house.bucket.tamper(3, b"{}")
    house.run()
    assert len(house.rung) == 6  # the newest is not the one that was written, and is no anchor


def test_after_the_newest_anchor_was_removed_the_chain_goes_on_and_shows_the_gap(house: House) -> None:
    house.incident("INC-1")
    house.run()
    gone = house.bucket.objects.pop(1)
    house.note("INC-1")

    house.run()

    (made,) = anchors(house)
    assert (made.number, made.prev) == (2, read_anchor(gone.body).digest)
    assert house.rung


def test_where_the_chain_ends_is_found_again_without_what_was_remembered(house: House) -> None:
    house.incident("INC-1")
    house.run()
    house.store.items.pop(keys.ARCHIVE)
    house.note("INC-1")

    house.run()

    assert [anchor.number for anchor in anchors(house)] == [1, 2]
    assert house.rung == []


def test_all_anchors_are_looked_at_again_in_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 3)
    for number in range(10):
        house.incident(f"INC-{number}")
        house.run()
    house.store.timelines["INC-4"] = []

    told = []
    for _ in range(8):
        before = len(house.rung)
        house.run()
        told.append(len(house.rung) - before)

    assert 2 <= sum(told) <= 3  # 24 heads of 10 were looked at


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"number":1', b'"number": 1'),
        (b'"number":1', b'"number":1.0'),
        (b'"number":1', b'"number":true'),
        (b'"number":1', b'"number":0'),
        (b'"number":1', b'"number":1,"number":1'),
        (b'"kind"', b'"k\\u0069nd"'),
        (b'"anchor"', b'"\\ud800"'),
        (b'"anchor"', b'"bundle"'),
        (b'"anchor"', b"NaN"),
        (b'"heads":[', b'"heads":[[],'),
        (b'"heads":[', b'"heads":' + b"[" * 100_000),
        (b"{", b"[{"),
        (b"}", b"}\n"),
    ],
)
def test_an_anchor_reads_only_in_its_one_form(old: bytes, new: bytes) -> None:
    anchor = anchored(1, T0, GENESIS, [head_of(a_history().entries[-1])])

    with pytest.raises(ValueError):  # noqa: PT011 - json's, ours and the codec's
        read_anchor(anchor.body.replace(old, new))


def test_a_lock_that_has_run_out_is_none() -> None:
    stored = Stored("k", b"", "v", "COMPLIANCE", T0)

    assert not stored.locked(T0)
    assert not Stored("k", b"", "v").locked(T0)
    assert stored.locked(datetime(2026, 1, 1, tzinfo=T0.tzinfo))
