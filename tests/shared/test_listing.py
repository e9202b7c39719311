"""Incidents in lists: newest first, whatever list they stand on, and page by page."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import timedelta
from json import dumps

import pytest

from shared import facts, keys
from shared.errors import Refused
from shared.history import History
from shared.incident import Status
from shared.listing import STATUSES, incidents
from shared.ports import Page
from tests.builders import T0, an_alert, opened
from tests.fakes.store import MemoryStore


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """Twelve incidents, one a minute, of which every third is closed and one is a test."""
    store = MemoryStore()
    for number in range(12):
        alert = an_alert(target=None, fingerprint=f"f{number}")
        happened: list[facts.Fact] = [opened(alert, test=number == 5)]
        happened += [facts.IncidentClosed(reason="quiet")] if number % 3 == 0 else []
        at = T0 + timedelta(minutes=number)
        store.append(History(f"INC-{number}"), happened, actor="a", caused_by="b", now=at)
    return store


def numbers(page: Page) -> list[int]:
    return [int(item.value["incident_id"].removeprefix("INC-")) for item in page.items]


@pytest.mark.parametrize(
    ("statuses", "tests", "expected"),
    [
        (STATUSES, False, [11, 10, 9, 8, 7, 6, 4, 3, 2, 1, 0]),
        (STATUSES, True, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (("open",), False, [11, 10, 8, 7, 4, 2, 1]),
        (("closed",), False, [9, 6, 3, 0]),
        (("resolved",), False, []),
        ((), True, [5]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 50])
def test_pages_hold_every_incident_once_and_newest_first(
    store: MemoryStore, statuses: Sequence[Status], tests: bool, expected: list[int], limit: int
) -> None:
    pages = [incidents(store, statuses, limit=limit, tests=tests)]
    while pages[-1].next:
        pages.append(incidents(store, statuses, limit=limit, cursor=pages[-1].next, tests=tests))

    assert [number for page in pages for number in numbers(page)] == expected
    assert [len(page.items) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert not (len(expected) and not pages[-1].items)


def test_a_page_holds_fifty_unless_another_number_is_wanted() -> None:
    store = MemoryStore()
    for number in range(60):
        alert = an_alert(target=None, fingerprint=f"f{number}")
        store.append(History(f"INC-{number}"), [opened(alert)], actor="a", caused_by="b", now=T0)

    assert len(incidents(store, STATUSES).items) == 50


def cursor(starts: object) -> str:
    return urlsafe_b64encode(dumps(starts).encode()).decode().rstrip("=")


GOOD = "2026-11-21T03:00:00.000Z|head#INC-1"


@pytest.mark.parametrize("starts", [{}, {"open#0": ""}, {"open#0": GOOD}, {f"closed#{keys.SHARDS - 1}": GOOD}])
def test_a_cursor_of_ours_is_taken(store: MemoryStore, starts: object) -> None:
    incidents(store, STATUSES, cursor=cursor(starts))


@pytest.mark.parametrize(
    "wrong",
    [
        "!",
        "a",
        "é",
        cursor(None),
        cursor([]),
        cursor("open#0"),
        cursor({"open#0": 1}),
        cursor({"open#0": None}),
        cursor({"open#0": GOOD, "open#1": 1}),
        cursor({"open#0": "yesterday"}),
        cursor({"open#0": GOOD + "\n"}),
        cursor({"open#0": "x" + GOOD}),
        cursor({"open#4": GOOD}),
        cursor({"moved#0": GOOD}),
        cursor({"tests": GOOD}),
        urlsafe_b64encode(b"[" * 100_000).decode(),
        urlsafe_b64encode(b"\xff").decode(),
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(store: MemoryStore, wrong: str) -> None:
    with pytest.raises(Refused, match="cursor is not one that a page of these incidents gave"):
        incidents(store, STATUSES, cursor=wrong)


def test_a_cursor_among_the_tests_is_taken_only_where_tests_are_asked_for(store: MemoryStore) -> None:
    found = incidents(store, STATUSES, cursor=cursor({"tests": ""}), tests=True)

    assert numbers(found) == [5]
