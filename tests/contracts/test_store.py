"""The contract of Timeline and State, held against the fake in memory and against DynamoDB's stand-ins."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol

import pytest

from shared import facts, keys
from shared.entry import broken_link
from shared.errors import Conflict, Exhausted, Taken
from shared.history import History
from shared.ports import State, Timeline
from shared.writes import Claim, Count, Put, Release, Spend
from tests.builders import INCIDENT, T0, an_alert, opened, proposed, requested, resolved, types
from tests.fakes.store import MemoryStore


class Store(Timeline, State, Protocol):
    """Both ports at once, as every adapter is."""


@pytest.fixture(params=["memory", "moto", "dynamodb-local"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
    else:
        yield request.getfixturevalue(request.param.replace("-", "_"))


def begun(store: Store, *, incident_id: str = INCIDENT) -> History:
    return store.append(History(incident_id), [opened()], actor="alert_intake", caused_by="alert", now=T0)


def grown(store: Store, history: History, *happened: facts.Fact, seconds: int = 1) -> History:
    now = T0 + timedelta(seconds=seconds)
    return store.append(history, happened, actor="test", caused_by=f"test/{seconds}", now=now)


def test_what_was_appended_is_read_back_in_order_with_its_chain(store: Store) -> None:
    history = grown(store, begun(store), proposed(), requested())

    read = store.read(INCIDENT)

    assert read.entries == history.entries
    assert types(read) == ["IncidentOpened", "ActionProposed", "ApprovalRequested"]
    assert broken_link(read.entries) == ""


def test_a_timeline_that_is_not_there_reads_as_empty(store: Store) -> None:
    assert store.read("INC-nothing").entries == ()


def test_an_append_behind_an_old_reading_is_a_conflict_and_leaves_nothing(store: Store) -> None:
    first = begun(store)
    grown(store, first, proposed())

    with pytest.raises(Conflict):
        store.append(first, [resolved()], actor="late", caused_by="x", now=T0, also=[Claim("delivery#late")])

    assert types(store.read(INCIDENT)) == ["IncidentOpened", "ActionProposed"]
    assert store.get("delivery#late") is None


def test_only_one_incident_is_open_for_a_target(store: Store) -> None:
    begun(store)

    with pytest.raises(Taken, match="open#"):
        begun(store, incident_id="INC-second")

    assert store.read("INC-second").entries == ()


def test_closing_frees_the_target(store: Store) -> None:
    history = begun(store)
    grown(store, history, facts.IncidentClosed(reason="quiet"))

    begun(store, incident_id="INC-second")

    held = store.get(keys.open_target(opened().identity))
    assert held is not None
    assert held.value == {"incident_id": "INC-second"}


def test_a_claim_is_held_once(store: Store) -> None:
    store.write(Claim("delivery#a", {"incident_id": "one"}))

    with pytest.raises(Taken, match="delivery#a"):
        store.write(Put("other", {}), Claim("delivery#a", {"incident_id": "two"}))

    item = store.get("delivery#a")
    assert item is not None
    assert item.value == {"incident_id": "one"}
    assert store.get("other") is None


def test_a_budget_is_spent_to_its_limit_and_no_further(store: Store) -> None:
    for _ in range(3):
        store.write(Spend("budget#x", 3, T0))

    with pytest.raises(Exhausted, match="budget#x"):
        store.write(Spend("budget#x", 3, T0))

    item = store.get("budget#x")
    assert item is not None
    assert item.count == 3


def test_a_budget_of_nothing_cannot_be_spent(store: Store) -> None:
    with pytest.raises(Exhausted):
        store.write(Spend("budget#none", 0, T0))


def test_counting_adds_one_to_what_is_there(store: Store) -> None:
    store.write(Put("alarm#x", {"state": "firing"}))
    store.write(Count("alarm#x"))
    store.write(Count("alarm#x"))

    item = store.get("alarm#x")
    assert item is not None
    assert (item.value, item.count) == ({"state": "firing"}, 3)


def test_nothing_that_is_not_there_is_counted(store: Store) -> None:
    with pytest.raises(Taken):
        store.write(Count("alarm#nobody"))


def test_a_conditional_write_needs_exactly_what_it_names(store: Store) -> None:
    store.write(Put("switch", {"stopped": True, "person": "ana"}))
    store.write(Put("switch", {"stopped": False}, when={"person": "ana", "stopped": True}))

    with pytest.raises(Taken):
        store.write(Put("switch", {"stopped": True}, when={"stopped": True}))
    with pytest.raises(Taken):
        store.write(Release("switch", when={"stopped": True}))

    store.write(Release("switch", when={"stopped": False}))
    assert store.get("switch") is None


def test_lists_are_read_by_position_in_pages(store: Store) -> None:
    for number in range(5):
        store.write(Put(f"item#{number}", {"n": number}, listed=("things", f"2026-11-2{number}")))
    store.write(Put("elsewhere", {}, listed=("others", "2026")))

    seen: list[int] = []
    cursor = ""
    while True:
        page = store.listed("things", limit=2, cursor=cursor)
        seen += [item.value["n"] for item in page.items]
        cursor = page.next
        if not cursor:
            break

    assert seen == [4, 3, 2, 1, 0]
    oldest = store.listed("things", limit=1, newest_first=False)
    assert [item.value["n"] for item in oldest.items] == [0]


def test_a_page_goes_on_from_its_place_even_when_the_item_there_is_gone(store: Store) -> None:
    for number in range(4):
        store.write(Put(f"item#{number}", {"n": number}, listed=("things", f"2026-11-2{number}")))
    cursor = store.listed("things", limit=2).next
    store.write(Release("item#2"))

    assert [item.value["n"] for item in store.listed("things", cursor=cursor).items] == [1, 0]


def test_an_incident_is_listed_under_its_status(store: Store) -> None:
    history = begun(store)
    place = keys.shard(INCIDENT)
    assert [item.value["incident_id"] for item in store.listed(f"open#{place}").items] == [INCIDENT]

    grown(store, history, facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30)))

    assert store.listed(f"open#{place}").items == ()
    assert [item.value["status"] for item in store.listed(f"resolved#{place}").items] == ["resolved"]


def test_timers_stand_and_fall_with_the_facts_that_set_them(store: Store) -> None:
    heard = facts.MessageSent(channel="slack", about=f"{INCIDENT}/3", external_id="C/1", summary="asked")
    history = grown(store, begun(store), proposed(), requested(), heard)
    soon, late = T0 + timedelta(minutes=16), T0 + timedelta(hours=1)

    assert [item.value["name"] for item in store.due(soon)] == ["remind"]
    assert [item.value["name"] for item in store.due(late)] == ["remind", "expire"]

    proposal_id = proposed().proposal.id
    grown(store, history, facts.ProposalVoided(proposal_id=proposal_id, why="cleared"), seconds=2)

    assert {item.value["name"] for item in store.due(late)}.isdisjoint({"remind", "expire"})


def test_a_move_that_is_ours_has_a_stall_timer(store: Store) -> None:
    begun(store)

    assert [item.value["name"] for item in store.due(T0 + timedelta(minutes=5))] == ["stall"]


def test_eight_writers_leave_one_winner_and_nothing_of_the_losers(store: Store) -> None:
    history = begun(store)

    def append(number: int) -> bool:
        note = facts.NoteAdded(person=f"writer {number}", text="mine")
        try:
            store.append(history, [note], actor="race", caused_by=str(number), now=T0, also=[Put(f"mine#{number}", {})])
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(append, range(8)))

    if isinstance(store, MemoryStore):  # it has no lock: one thread at a time is its only promise
        assert won.count(True) >= 1
        return
    assert won.count(True) == 1
    assert len(store.read(INCIDENT).entries) == 2
    left = [number for number in range(8) if store.get(f"mine#{number}")]
    assert left == [won.index(True)]


def test_a_condition_of_an_earlier_write_of_the_same_item_holds_for_the_later_one(store: Store) -> None:
    store.write(Put("k", {"n": 1}))

    with pytest.raises(Taken):
        store.write(Put("k", {"n": 0}, when={"n": 0}), Put("k", {"n": 2}))
    store.write(Put("k", {"n": 1}, when={"n": 1}), Put("k", {"n": 2}))

    item = store.get("k")
    assert item is not None
    assert item.value == {"n": 2}


def test_an_incident_of_a_hundred_alerts_can_be_closed(store: Store) -> None:
    joined = [facts.AlertJoined(alert=an_alert(fingerprint=f"f{number}")) for number in range(2, 102)]
    history = begun(store)
    for start in range(0, len(joined), 25):
        history = grown(store, history, *joined[start : start + 25])

    assert grown(store, history, facts.IncidentClosed(reason="quiet")).incident.status == "closed"
