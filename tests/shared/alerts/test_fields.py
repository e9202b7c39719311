from datetime import UTC, datetime, timedelta

import pytest

from shared.alerts import fields
from shared.errors import Refused

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a boolean"),
        ("x", "text"),
        (7, "a number"),
        (7.5, "a number"),
        ([], "an array"),
        ({}, "an object"),
        ({7}, "set"),
    ],
)
def test_a_refusal_says_what_it_got_in_jsons_words(value: object, kind: str) -> None:
    assert fields.kind(value) == kind


@pytest.mark.parametrize(
    ("value", "number", "count"),
    [
        (1, 1.0, 1),
        (60.0, 60.0, 60),
        (2**31 - 1, 2.0**31 - 1, 2**31 - 1),
        (2**31, 2.0**31, None),
        (0, 0.0, None),
        (0.5, 0.5, None),
        (1.5, 1.5, None),
        (-1, -1.0, None),
        (float("inf"), None, None),
        (float("nan"), None, None),
        (True, None, None),
        ("1", None, None),
        (None, None, None),
    ],
)
def test_a_number_is_a_finite_one_and_a_count_a_whole_one_that_can_be_meant(
    value: object, number: float | None, count: int | None
) -> None:
    assert (fields.number(value), fields.count(value)) == (number, count)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("2026-06-01T12:00:00Z", NOW),
        (" 2026-06-01T14:00:00+02:00 ", NOW),
        ("2026-06-01T12:00:00.5+0000", NOW + timedelta(seconds=0.5)),
        ("", None),
        ("  ", None),
        (None, None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_a_moment_is_told_in_utc_or_not_at_all(said: object, moment: datetime | None) -> None:
    found = fields.moment(said, "at")
    assert found == moment
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("2026-06-01T12:00:00", "at has no time zone: '2026-06-01T12:00:00'; end it with Z or an offset"),
        ("9" * 50, f"at is not an RFC 3339 time: '{'9' * 40}'"),
        ("9999-12-31T23:59:59-14:00", "at is not an RFC 3339 time: '9999-12-31T23:59:59-14:00'"),
        (7, "at must be text, not a number"),
    ],
)
def test_a_moment_that_cannot_be_one_is_refused(said: object, why: str) -> None:
    with pytest.raises(Refused) as refused:
        fields.moment(said, "at")
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("ahead", "bounded"),
    [(timedelta(-900), timedelta(-900)), (fields.SKEW, fields.SKEW), (fields.SKEW + timedelta(seconds=1), timedelta())],
)
def test_a_senders_clock_may_be_ten_minutes_ahead(ahead: timedelta, bounded: timedelta) -> None:
    assert timedelta(minutes=10) == fields.SKEW
    assert fields.bounded(NOW + ahead, NOW) == NOW + bounded
    assert fields.bounded(None, NOW) == NOW


def test_labels_are_text_whatever_they_were() -> None:
    said = {"a": "x\x00y", "b": True, "c": False, "d": 7, "e": 1.5, "f": None, "g\x1b": ""}
    assert fields.labels(said, "labels") == {"a": "x y", "b": "true", "c": "false", "d": "7", "e": "1.5", "g ": ""}
    assert fields.labels(None, "labels") == {}


@pytest.mark.parametrize(("value", "kind"), [({}, "an object"), ([], "an array")])
def test_a_label_within_a_label_is_refused_by_its_name(value: object, kind: str) -> None:
    with pytest.raises(Refused) as refused:
        fields.labels({"n" * 90: value}, "labels")
    assert str(refused.value) == f"labels.{'n' * 80} must be text, not {kind}"


def test_labels_are_kept_in_order_bounded_and_without_secrets() -> None:
    found = {f"l{at:03}": "x" for at in reversed(range(120))}
    assert list(fields.safe_labels(found)) == [f"l{at:03}" for at in range(100)]
    (name,) = long = fields.safe_labels({"n" * 300: "v" * 2000})
    assert (len(name), len(long[name])) == (200, 1000)
    told = fields.safe_labels({"db_password": "hunter2", "note": "token=hunter2", "secret=hunter2": "x"})
    assert len(told) == 3
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    ("said", "clipped"),
    [("abcd", "abcd"), ("abcde", "abc…"), ("ab  cde", "ab…"), ("", "")],
)
def test_what_is_cut_ends_in_an_ellipsis_and_not_in_a_space(said: str, clipped: str) -> None:
    assert fields.clip(said, 4) == clipped


def test_safe_text_is_stripped_before_it_is_measured() -> None:
    assert fields.safe("  abcd  ", 4) == "abcd"
    assert "hunter2" not in fields.safe("password=hunter2", 100)


@pytest.mark.parametrize(
    "hidden", ["\x00", "\x0b", "\x1f", "\x7f", "\x9f", "\u202a", "\u202e", "\u2069", "\ufeff", "\udfff"]
)
def test_what_no_reader_could_see_becomes_a_space(hidden: str) -> None:
    assert fields.clean(f"a{hidden}b") == "a b"


def test_lines_tabs_and_letters_stay_and_are_composed() -> None:
    assert fields.clean("a\tb\nc cafe\u0301 😀") == "a\tb\nc caf\u00e9 😀"


@pytest.mark.parametrize(
    ("candidate", "kept"),
    [
        ("https://a.example/x?q=1#y", True),
        ("https://a.example/" + "x" * 1982, True),
        ("https://a.example/" + "x" * 1983, False),
        ("http://a.example/", False),
        ("https:///x", False),
        ("https://bob@a.example/", False),
        ("https://@a.example/", False),
        ("https://a.example/bob", True),
        ("https://a.example/<b>", False),
        ("https://a.example/a b", False),
        ("https://a.example/é", False),
        ("https://[a/", False),
        ("https://a.example/?password=hunter2", False),
        ("https://a.example/?password%3Dhunter2", False),
        ("https://a.example/?q=a%2520b+c", True),
        ("", False),
    ],
)
def test_a_link_is_an_https_address_that_tells_no_secret(candidate: str, kept: bool) -> None:
    assert fields.safe_links(f" {candidate} ") == ((candidate,) if kept else ())


def test_ten_links_are_kept_the_first_once_each() -> None:
    links = [f"https://a.example/{at}" for at in range(12)]
    assert fields.safe_links(links[0], *links) == tuple(links[:10])
