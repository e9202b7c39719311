from datetime import timedelta

import pytest

from functions.timekeeper.ring import ring
from shared import facts
from shared.history import History
from shared.writes import Put
from tests.builders import INCIDENT, T0, Clock, a_history, a_proposal, more, proposed, requested, types
from tests.fakes.store import MemoryStore

STALL = timedelta(minutes=5)
PROPOSAL = a_proposal().id
SHOWN = facts.MessageSent(channel="slack", about=f"{INCIDENT}/3", external_id="C0/1.0", summary="yes or no?")


def rung(store: MemoryStore, clock: Clock) -> list[str]:
    return [history.entries[-1].fact.type for history in ring(store, store, clock, stall=STALL) if history.appended]


def asked(store: MemoryStore) -> History:
    return a_history(proposed(), requested(), SHOWN, store=store)


def test_nothing_rings_before_its_time() -> None:
    store = MemoryStore()
    asked(store)

    assert rung(store, Clock(T0 + timedelta(minutes=14))) == []


def test_a_reminder_and_then_the_end_ring_once_each() -> None:
    store, clock = MemoryStore(), Clock(T0 + timedelta(minutes=15))
    asked(store)

    assert rung(store, clock) == ["ApprovalReminded"]
    assert rung(store, clock) == []
    clock.forward(hours=1)
    assert rung(store, clock) == ["ApprovalExpired"]
    clock.forward(minutes=1)
    assert rung(store, clock) == []


def test_a_timer_rings_whatever_the_fraction_of_its_second() -> None:
    store, due_at = MemoryStore(), T0 + timedelta(minutes=30, microseconds=123_456)
    a_history(proposed(), requested(expires_at=due_at, remind_at=None), SHOWN, store=store)

    assert rung(store, Clock(due_at - timedelta(microseconds=456))) == []
    assert rung(store, Clock(due_at)) == ["ApprovalExpired"]


def test_a_question_that_was_never_shown_is_a_stall() -> None:
    store = MemoryStore()
    a_history(proposed(), requested(), store=store)

    assert rung(store, Clock(T0 + timedelta(minutes=6))) == ["IncidentStalled"]


def test_a_timer_that_is_set_again_for_the_same_time_rings_again() -> None:
    store, now = MemoryStore(), T0 + timedelta(minutes=2)
    looked = [facts.RecoveryChecked(proposal_id=PROPOSAL, number=n, seen="not yet", check_at=now) for n in (1, 2)]
    history = a_history(proposed(), looked[0], store=store)

    assert rung(store, Clock(now)) == ["CheckDue"]
    more(store.read(history.incident_id), looked[1], store=store)
    assert rung(store, Clock(now)) == ["CheckDue"]
    assert store.read(history.incident_id).entries[-1].fact == facts.CheckDue(proposal_id=PROPOSAL, number=3)


def test_a_late_timekeeper_rings_all_that_it_missed() -> None:
    store = MemoryStore()
    asked(store)

    assert rung(store, Clock(T0 + timedelta(days=1))) == ["ApprovalReminded", "ApprovalExpired"]


def test_a_timer_that_the_incident_moved_past_is_removed_without_a_fact() -> None:
    store = MemoryStore()
    history = asked(store)
    stale = store.items[f"timer#{INCIDENT}#expire"]
    more(history, facts.ProposalVoided(proposal_id=PROPOSAL, why="cleared"), store=store)
    store.items[f"timer#{INCIDENT}#expire"] = stale  # the index shows it a moment longer

    assert "ApprovalExpired" not in rung(store, Clock(T0 + timedelta(minutes=31)))
    assert store.get(f"timer#{INCIDENT}#expire") is None


def test_a_timer_of_no_incident_is_removed() -> None:
    store = MemoryStore()
    value = {"incident_id": "INC-none", "name": "stall", "due_at": "2026-11-21T03:00:00.000Z"}
    store.write(Put("timer#INC-none#stall", value, due=T0))

    assert rung(store, Clock()) == []
    assert store.items == {}


def test_an_incident_that_nobody_moves_is_found_again_and_again_ever_less_often() -> None:
    store, clock = MemoryStore(), Clock(T0)
    history = a_history(store=store)

    for _ in range(60):
        clock.forward(minutes=1)
        rung(store, clock)

    stalls = [entry.at for entry in store.read(history.incident_id).entries if entry.fact.type == "IncidentStalled"]
    assert stalls == [T0 + timedelta(minutes=minutes) for minutes in (5, 15, 35)]
    assert types(store.read(history.incident_id))[0] == "IncidentOpened"


def test_a_timeline_that_cannot_be_read_holds_up_no_other_timer() -> None:
    store, clock = MemoryStore(), Clock(T0 + timedelta(hours=1))
    a_history(proposed(), requested(remind_at=None), SHOWN, store=store)
    store.timelines["INC-broken"] = store.timelines[INCIDENT][1:]  # it does not begin with its opening
    value = {"incident_id": "INC-broken", "name": "stall", "due_at": "2026-11-21T03:00:00.000Z"}
    store.write(Put("timer#INC-broken#stall", value, due=T0))

    assert rung(store, clock) == ["ApprovalExpired"]


@pytest.mark.parametrize(("minutes", "late"), [(2, 0), (3, 1)])
def test_people_are_told_of_a_slow_clock_once_a_tick(minutes: int, late: int) -> None:
    store, told = MemoryStore(), list[str]()
    asked(store)

    clock = Clock(T0 + timedelta(minutes=15 + minutes))
    ring(store, store, clock, stall=STALL, late=lambda: told.append("TimersLate"))

    assert len(told) == late
