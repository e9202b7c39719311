"""A bundle of one incident: what it holds, what it proves, and each way in which it can be wrong."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from shared import facts
from shared.audit.anchor import Anchor, Head, anchored, before, disagreement, head_of, key_of, number_of, read_anchor
from shared.audit.bundle import Report, Row, sealed, verify, written
from shared.audit.canonical import canonical, parsed
from shared.audit.collect import bearing
from shared.audit.kept import Stored
from shared.entry import GENESIS, Entry
from tests.builders import INCIDENT, T0, Clock, a_history
from tests.fakes.bucket import MemoryBucket

NOTES = [facts.NoteAdded(person="ana", text=text) for text in ("one", "two")]
ENTRIES = a_history(*NOTES).entries
OTHER = Head("INC-261121-ZZZZZZ", 9, "f" * 64, "2026")
UNTIL = T0 + timedelta(days=400)


def chained(*heads: list[Head]) -> list[Anchor]:
    """Anchors of these heads, an hour apart, each behind the one before."""
    made: list[Anchor] = []
    for number, each in enumerate(heads, start=1):
        at = T0 + timedelta(hours=number)
        made.append(anchored(number, at, made[-1].digest if made else GENESIS, each))
    return made


ANCHORS = chained([OTHER], [head_of(ENTRIES[0])], [OTHER], [OTHER, head_of(ENTRIES[1])])


def stored(anchor: Anchor) -> Stored:
    return Stored(key_of(anchor.number), anchor.body, f"v{anchor.number}", "COMPLIANCE", UNTIL)


def a_bundle(entries: tuple[Entry, ...] = ENTRIES, anchors: list[Anchor] | None = None) -> bytes:
    rows = [Row(entry.seq, entry.body, entry.hash) for entry in entries]
    return written(INCIDENT, rows, "audit", [stored(each) for each in (ANCHORS if anchors is None else anchors)])


def test_a_bundle_holds_what_was_stored_and_nothing_else() -> None:
    content = parsed(a_bundle(anchors=ANCHORS[:1]))
    content.pop("digest")
    assert content == {
        "kind": "bundle",
        "schema": 1,
        "incident_id": INCIDENT,
        "entries": [{"seq": entry.seq, "entry": entry.body, "hash": entry.hash} for entry in ENTRIES],
        "bucket": "audit",
        "anchors": [
            {
                "key": "anchors/0000000001.json",
                "version_id": "v1",
                "mode": "COMPLIANCE",
                "until": "2027-12-26T03:00:00.000Z",
                "anchor": ANCHORS[0].body.decode(),
            }
        ],
    }


def test_an_anchor_without_a_lock_is_written_without_an_end() -> None:
    (kept,) = parsed(written(INCIDENT, [], "audit", [replace(stored(ANCHORS[0]), mode="", until=None)]))["anchors"]
    assert (kept["mode"], kept["until"]) == ("", "")


def test_bytes_that_are_no_text_do_not_hinder_a_bundle_and_are_told() -> None:
    bundle = written(INCIDENT, [], "audit", [replace(stored(ANCHORS[0]), body=b"\xff")])
    assert verify(bundle).faults[1].startswith("anchors/0000000001.json is not an anchor as it was written: ")


@pytest.mark.parametrize(
    ("digest", "compared"), [("", False), (ANCHORS[-1].digest, True), (ANCHORS[-1].digest.upper(), True)]
)
def test_a_bundle_proves_what_stood_there_up_to_the_last_anchor_that_names_it(digest: str, compared: bool) -> None:
    report = verify(a_bundle(), digest)
    assert report == Report(
        incident_id=INCIDENT,
        faults=(),
        entries=3,
        anchored=2,
        anchors=tuple(ANCHORS),
        bucket="audit",
        last={
            "key": key_of(4),
            "version_id": "v4",
            "mode": "COMPLIANCE",
            "until": "2027-12-26T03:00:00.000Z",
            "anchor": ANCHORS[-1].body.decode(),
        },
        compared=compared,
    )
    assert report.digest == ANCHORS[-1].digest


def test_without_an_anchor_a_bundle_proves_nothing_but_its_own_chain() -> None:
    report = verify(a_bundle(anchors=[]))
    assert report == Report(INCIDENT, (), entries=3, bucket="audit")
    assert (report.digest, report.last) == ("", None)


def another(number: int, *, prev: str = "", heads: list[Head] | None = None) -> dict[str, Any]:
    """The row of an anchor of that number as a forger would write it."""
    at, before_it = T0 + timedelta(hours=number), prev or ANCHORS[number - 2].digest
    anchor = anchored(number, at, before_it, heads or [head_of(ENTRIES[1])])
    return {"key": key_of(number), "version_id": "v", "mode": "", "until": "", "anchor": anchor.body.decode()}


def forged(**changes: Any) -> dict[str, str]:
    """The second entry with other content, and the hash of that."""
    body = canonical({**json.loads(ENTRIES[1].body), **changes})
    return {"entry": body.decode(), "hash": sha256(body).hexdigest()}


REWRITTEN = "entry 2 is not the one of anchor 4: what stands here up to it was rewritten"
FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...]]] = {
    "no entry": (
        lambda content: content["entries"].clear(),
        (
            "there is no entry in it",
            "it ends at entry 0; anchor 2 knew 1",
            "it ends at entry 0; anchor 4 knew 2",
        ),
    ),
    "the last entries are gone": (
        lambda content: content["entries"].__delitem__(slice(1, None)),
        ("it ends at entry 1; anchor 4 knew 2",),
    ),
    "an entry is gone": (
        lambda content: content["entries"].pop(1),
        ("entry 2 is missing, or stands elsewhere", REWRITTEN),
    ),
    "an entry's text": (
        lambda content: content["entries"][1].update(entry=forged(actor="evil")["entry"]),
        ("entry 2 is not what its hash says", REWRITTEN),
    ),
    "an entry and its hash": (
        lambda content: content["entries"][1].update(forged(actor="evil")),
        ("entry 3 does not follow from entry 2", REWRITTEN),
    ),
    "another's entry": (
        lambda content: content["entries"][1].update(forged(incident_id="INC-9")),
        (f"entry 2 says that it is {INCIDENT}/2", "entry 3 does not follow from entry 2", REWRITTEN),
    ),
    "another number": (
        lambda content: content["entries"][1].update(forged(seq=3)),
        (f"entry 2 says that it is {INCIDENT}/2", "entry 3 does not follow from entry 2", REWRITTEN),
    ),
    "another id": (
        lambda content: content["entries"][1].update(forged(id="x")),
        ("entry 2 says that it is x", "entry 3 does not follow from entry 2", REWRITTEN),
    ),
    "another entry before": (
        lambda content: content["entries"][1].update(forged(prev="0" * 64)),
        ("entry 2 does not follow from entry 1", "entry 3 does not follow from entry 2", REWRITTEN),
    ),
    "an anchor under another's key": (
        lambda content: content["anchors"][2].update(key=key_of(7)),
        ("anchors/0000000007.json holds the anchor of another number, 3",),
    ),
    "an anchor is gone": (
        lambda content: content["anchors"].pop(2),
        ("anchor 4 does not follow from anchor 2",),
    ),
    "an anchor is no anchor": (
        lambda content: content["anchors"][2].update(anchor='{"kind": "anchor"}'),
        (
            (
                "anchors/0000000003.json is not an anchor as it was written: not in its canonical form: "
                "a space, an order or a spelling differs"
            ),
            "anchor 4 does not follow from anchor 2",
        ),
    ),
    "an anchor of another chain": (
        lambda content: content["anchors"].__setitem__(3, another(4, prev="0" * 64)),
        ("anchor 4 does not follow from anchor 3",),
    ),
    "an anchor of another timeline": (
        lambda content: content["anchors"].__setitem__(3, another(4, heads=[Head(INCIDENT, 2, "0" * 64, "x")])),
        (REWRITTEN,),
    ),
    "the first anchors are gone": (
        lambda content: content["anchors"].pop(0),
        ("anchors before number 2 are missing, which may have named it otherwise",),
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_bundle_that_somebody_changed_and_sealed_again_says_what_is_wrong(forgery: str) -> None:
    change, faults = FORGERIES[forgery]
    content = parsed(a_bundle())
    change(content)
    assert verify(sealed(content)).faults == faults


def test_a_bundle_begins_with_any_anchor_from_before_the_incident() -> None:
    old = anchored(5, T0 - timedelta(days=2), "p", [OTHER])
    new = anchored(6, T0 + timedelta(hours=1), old.digest, [head_of(ENTRIES[2])])
    report = verify(a_bundle(anchors=[old, new]))
    assert (report.faults, report.anchored, report.digest) == ((), 3, new.digest)


def test_a_bundle_that_somebody_changed_says_so() -> None:
    content = parsed(a_bundle())
    assert verify(canonical({**content, "bucket": "other"})).faults == (
        "its own digest is another: something in it was changed",
    )


@pytest.mark.parametrize("rows", ["entries", "anchors"])
def test_nothing_is_put_beside_what_is_checked(rows: str) -> None:
    content = parsed(a_bundle())
    content[rows][0]["remark"] = "looked at by the auditors"
    assert verify(sealed(content)).faults == (
        "it is not a bundle as it was written: ['remark'] is missing or too much",
    )


def test_an_anchor_of_the_hour_in_which_clocks_may_differ_is_not_from_before_the_incident() -> None:
    edge = anchored(5, datetime.fromisoformat(before(INCIDENT)), "p", [OTHER])
    assert verify(a_bundle(anchors=[edge])).faults == (
        "anchors before number 5 are missing, which may have named it otherwise",
    )


@pytest.mark.parametrize("anchors", [ANCHORS, []])
def test_an_anchor_that_is_not_the_buckets_last_one_is_told(anchors: list[Anchor]) -> None:
    report = verify(a_bundle(anchors=anchors), "0" * 64)
    assert report.faults == ("its last anchor is not the one that lies in the bucket",)
    assert report.compared


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "anchor"},
        {"schema": 2},
        {"more": 1},
        {"entries": [{"seq": 1}]},
        {"entries": [{"seq": 1, "entry": "{}", "hash": "h"}]},
        {"entries": [{"seq": 1, "entry": "", "hash": "h"}]},
        {"entries": [1]},
        {"entries": 1},
        {"anchors": [{"key": "k"}]},
        {"anchors": [None]},
    ],
)
def test_what_has_not_the_shape_of_a_bundle_proves_nothing(changes: dict[str, Any]) -> None:
    report = verify(sealed({**parsed(a_bundle()), **changes}))
    assert report == Report("", report.faults)
    assert len(report.faults) == 1
    assert report.faults[0].startswith("it is not a bundle")


# The anchors that bear on an incident


@pytest.mark.parametrize(
    ("incident_id", "at"),
    [
        (INCIDENT, "2026-11-20T23:00:00.000Z"),
        ("INC-269999-K7Q2M4", ""),
        ("INC-1", ""),
        ("x", ""),
        ("xINC-261121-K7", ""),
    ],
)
def test_the_day_of_an_incident_is_told_by_its_id(incident_id: str, at: str) -> None:
    assert before(incident_id) == at


def test_the_day_of_an_incident_is_the_same_on_a_machine_in_another_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert before(INCIDENT) == "2026-11-20T23:00:00.000Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("anchors/0000000012.json", 12),
        ("anchors/12.json", 0),
        ("anchors/0000000012", 0),
        ("0000000012.json", 0),
        ("anchors/00000000x2.json", 0),
        ("anchors/000000001²", 0),
        ("anchors/00000000\u0661\u0662.json", 0),
        ("anchors/.json", 0),
    ],
)
def test_only_a_key_of_ours_has_a_number(key: str, number: int) -> None:
    assert number_of(key) == number


def test_an_anchor_names_each_timeline_in_one_order() -> None:
    anchor = anchored(2, T0, "p", [head_of(ENTRIES[0]), Head("A", 3, "h", "then")])
    assert anchor == read_anchor(anchor.body)
    assert json.loads(anchor.body) == {
        "kind": "anchor",
        "schema": 1,
        "number": 2,
        "at": "2026-11-21T03:00:00.000Z",
        "prev": "p",
        "heads": [
            {"incident_id": "A", "seq": 3, "hash": "h", "at": "then"},
            {"incident_id": INCIDENT, "seq": 1, "hash": ENTRIES[0].hash, "at": "2026-11-21T03:00:00.000Z"},
        ],
    }
    assert (anchor.number, anchor.at, anchor.prev) == (2, "2026-11-21T03:00:00.000Z", "p")
    assert anchor.heads == (Head("A", 3, "h", "then"), head_of(ENTRIES[0]))


@pytest.mark.parametrize("changes", [{"schema": 2}, {"kind": "bundle"}, {"heads": [{}]}, {"heads": 1}, {"number": "1"}])
def test_what_this_release_does_not_know_as_an_anchor_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="an anchor"):
        read_anchor(canonical({**json.loads(ANCHORS[0].body), **changes}))


@pytest.mark.parametrize(
    ("entries", "head", "why"),
    [
        (ENTRIES, None, ""),
        (ENTRIES, head_of(ENTRIES[2]), ""),
        (ENTRIES, head_of(ENTRIES[0]), ""),
        ((), None, "nothing is left of it"),
        ((ENTRIES[0], ENTRIES[2]), None, "entry 2 is missing"),
        (ENTRIES[:2], head_of(ENTRIES[2]), "it ends at entry 2; there were 3"),
        (ENTRIES, replace(head_of(ENTRIES[1]), hash="x"), "entry 2 is not the one that was anchored"),
        (a_history(incident_id="INC-9").entries, None, "entry 1 is one of INC-9"),
    ],
)
def test_a_timeline_that_is_not_what_was_anchored_is_told(
    entries: tuple[Entry, ...], head: Head | None, why: str
) -> None:
    assert disagreement(INCIDENT, entries, head) == why


def held(*anchors: Anchor, taken: Callable[[Anchor], datetime] | None = None) -> MemoryBucket:
    """A bucket that took each of these at its own time, or at another."""
    clock = Clock()
    bucket = MemoryBucket(clock)
    for each in anchors:
        clock.now = taken(each) if taken else datetime.fromisoformat(each.at)
        bucket.put(each.number, each.body)
    return bucket


def numbers(found: Any) -> list[int]:
    return [read_anchor(each.body).number for each in found]


DAYS = [
    anchored(
        number, T0 + timedelta(days=number - 5), "p", [OTHER, *([head_of(ENTRIES[0])] if number in {5, 6, 7} else [])]
    )
    for number in range(1, 10)
]


def test_what_bears_on_an_incident_begins_before_it_and_ends_where_it_is_named_last() -> None:
    assert numbers(bearing(INCIDENT, held(*DAYS))) == [4, 5, 6, 7]


def test_what_the_bucket_took_late_is_looked_for_further_back() -> None:
    late = held(*DAYS, taken=lambda each: datetime.fromisoformat(each.at) - timedelta(days=3))
    assert numbers(bearing(INCIDENT, late)) == [4, 5, 6, 7]


def test_an_incident_whose_id_tells_no_day_is_looked_for_from_the_first_anchor() -> None:
    named = [anchored(number, T0, "p", [Head("INC-1", 1, "h", "x")]) for number in (1, 2)]
    assert numbers(bearing("INC-1", held(*named))) == [1, 2]


def test_nothing_bears_on_an_incident_that_no_anchor_names() -> None:
    assert bearing("INC-261121-NOBODY", held(*DAYS)) == ()
    assert bearing(INCIDENT, held()) == ()


def test_an_anchor_that_is_gone_or_is_none_hides_no_other() -> None:
    bucket = held(*DAYS)
    bucket.tamper(4, b"no anchor")
    assert [each.key for each in bearing(INCIDENT, bucket)] == [key_of(number) for number in (3, 4, 5, 6, 7)]


def test_a_value_is_written_in_one_way() -> None:
    assert canonical({"b": "ü\u2028", "a": [1, True, None]}) == '{"a":[1,true,null],"b":"ü\u2028"}'.encode()
    assert parsed(canonical({"b": 1, "a": {}})) == {"a": {}, "b": 1}


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": "\ud800"}])
def test_a_value_without_such_a_form_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json's and the codec's
        canonical(value)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a": 1}', "canonical form"),
        (b"[1]", "not an object"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "nested too deep"),
    ],
)
def test_what_is_written_otherwise_says_why_it_is_none(body: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parsed(body)


class Forgetting(MemoryBucket):
    """Lists every anchor, and no longer holds some."""

    def get(self, number: int) -> Stored | None:
        return None if number in {3, 6} else super().get(number)


def test_an_anchor_that_is_listed_and_gone_leaves_the_others() -> None:
    gone = Forgetting(Clock())
    gone.objects, gone.taken_at = held(*DAYS).objects, held(*DAYS).taken_at
    assert numbers(bearing(INCIDENT, gone)) == [4, 5, 7]
    gone.taken_at = {number: at - timedelta(days=2) for number, at in gone.taken_at.items()}
    gone.tamper(4, b"no anchor")
    assert [each.key for each in bearing(INCIDENT, gone)] == [key_of(number) for number in (2, 4, 5, 7)]


def test_an_anchor_of_the_very_edge_is_not_from_before_the_incident() -> None:
    edge = datetime.fromisoformat(before(INCIDENT))
    times = [edge - timedelta(days=1), edge, edge + timedelta(days=1)]
    made = [anchored(number, at, "p", [head_of(ENTRIES[0])]) for number, at in enumerate(times, start=1)]
    early = held(*made, taken=lambda each: datetime.fromisoformat(each.at) - timedelta(hours=1))
    assert numbers(bearing(INCIDENT, early)) == [1, 2, 3]
