import random
from itertools import combinations

import pytest

from functions.timekeeper.ring import ring
from shared import facts
from shared.errors import Unavailable
from tests.fakes.chat import MemoryChat, MemoryMail
from tests.fakes.tickets import MemoryTickets
from tests.lifecycle.house import House


def rung(house: House) -> House:
    house.alarm()
    house.settle()
    return house


def cleared(house: House) -> House:
    house.alarm("resolved")
    house.settle()
    return house


def test_a_service_whose_team_chose_auto_is_restarted_verified_resolved_and_closed() -> None:
    house = rung(House("orders"))
    house.wait(minutes=1)
    cleared(house)
    house.wait(minutes=60)

    assert house.ecs.updates == ["restart"]
    assert house.incident().status == "closed"
    assert house.facts(facts.RecoveryVerified)
    assert house.tickets.tickets == []
    house.check_promises()


def test_a_critical_service_waits_for_a_click() -> None:
    house = rung(House("payments"))
    house.wait(minutes=5)
    assert house.ecs.updates == []
    assert house.incident().phase == "awaiting approval"

    house.click("U0ANA", "approve")
    house.settle()
    house.wait(minutes=1)
    cleared(house)
    house.wait(minutes=60)

    assert house.ecs.updates == ["restart"]
    assert house.incident().status == "closed"
    house.check_promises()


def test_a_restart_that_does_not_help_goes_to_people_and_is_not_tried_again() -> None:
    house = rung(House("search", heals=False))
    house.wait(minutes=30)

    assert house.ecs.updates == ["restart"]
    assert house.facts(facts.RecoveryFailed)
    assert [ticket.state for ticket in house.tickets.tickets] == ["In Progress"] or len(house.tickets.tickets) == 1
    assert house.incident().status == "open"

    house.alarm(fingerprint="f2")
    house.settle()
    house.wait(minutes=30)

    assert house.ecs.updates == ["restart"]
    house.check_promises()


def declined(house: House) -> str:
    last = house.facts(facts.ClickDeclined)[-1]
    assert isinstance(last, facts.ClickDeclined)
    told = house.chat.whispers[-1]
    assert told[-1]
    return last.why


def test_a_second_click_does_nothing_and_says_so() -> None:
    house = rung(House("payments"))
    house.click("U0ANA", "approve")
    house.click("U0ANA", "approve")
    house.settle()
    house.wait(minutes=1)

    assert house.ecs.updates == ["restart"]
    assert "already" in declined(house)
    house.check_promises()


@pytest.mark.parametrize(("user", "team"), [("U0EVE", "T0SHOP"), ("U0ANA", "T0ELSEWHERE"), ("U0BO", "T0SHOP")])
def test_a_click_of_somebody_who_may_not_does_nothing_and_says_so(user: str, team: str) -> None:
    house = rung(House("payments"))
    house.click(user, "approve", team=team)
    house.settle()
    house.wait(minutes=1)

    assert house.ecs.updates == []
    assert declined(house)


def test_a_click_after_the_alarm_cleared_does_nothing_and_says_so() -> None:
    house = rung(House("payments"))
    cleared(house)
    house.click("U0ANA", "approve")
    house.settle()

    assert house.ecs.updates == []
    assert "clear" in declined(house)


def test_a_click_after_the_end_of_the_request_does_nothing_and_says_so() -> None:
    house = rung(House("payments"))
    house.wait(minutes=31)
    house.click("U0ANA", "approve")
    house.settle()

    assert house.ecs.updates == []
    assert house.facts(facts.ApprovalExpired)
    assert declined(house)


def test_a_no_is_final() -> None:
    house = rung(House("payments"))
    house.click("U0ANA", "reject")
    house.settle()
    house.click("U0CY", "approve")
    house.settle()
    house.wait(minutes=40)

    assert house.ecs.updates == []
    house.check_promises()


@pytest.mark.parametrize("fault", ["lost reply", "lost request"])
def test_a_lost_reply_never_leads_to_a_second_restart(fault: str) -> None:
    house = House("orders")
    house.ecs.fault = fault
    rung(house)
    house.wait(minutes=30)

    assert len(house.ecs.updates) <= 1
    assert house.facts(facts.ActionCompleted if fault == "lost reply" else facts.ActionOutcomeUnknown)
    house.check_promises()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("service", ["orders", "payments"])
def test_duplicates_and_disorder_end_in_the_same_incident(service: str, seed: int) -> None:
    house = House(service, disturb=random.Random(seed))
    for _ in range(3):
        house.alarm()
    house.settle()
    if service == "payments":
        for _ in range(2):
            house.click("U0ANA", "approve")
            house.click("U0CY", "approve")
        house.settle()
    house.wait(minutes=1)
    cleared(house)
    house.wait(minutes=60)

    assert house.ecs.updates == ["restart"]
    assert len(house.store.timelines) == 1
    assert house.incident().status == "closed"
    assert len(house.facts(facts.RecoveryVerified)) == 1
    assert len(house.tickets.tickets) <= 1
    keys = [shown.key for shown in house.chat.messages]
    assert len(keys) == len(set(keys))
    house.check_promises()


def test_an_alarm_that_rings_again_after_closing_opens_another_incident_and_asks_a_person() -> None:
    house = rung(House("orders"))
    house.wait(minutes=1)
    cleared(house)
    house.wait(minutes=60)

    rung(house)
    house.wait(minutes=2)

    assert len(house.store.timelines) == 2
    assert house.ecs.updates == ["restart"]
    assert house.incident().phase == "awaiting approval"


def test_an_alarm_that_rings_again_while_resolved_reopens_the_same_incident() -> None:
    house = rung(House("orders"))
    house.wait(minutes=1)
    cleared(house)
    house.wait(minutes=20)
    assert house.incident().status == "resolved"

    rung(house)

    assert len(house.store.timelines) == 1
    assert house.incident().status == "open"
    assert house.incident().escalated_at is not None
    assert house.ecs.updates == ["restart"]


def flapped(house: House, changes: int = 20, seconds: float = 30) -> House:
    for number in range(changes):
        house.clock.forward(seconds=seconds)
        house.alarm("firing" if number % 2 == 0 else "resolved")
        house.settle()
    return house


def test_two_hundred_changes_in_an_hour_are_one_incident_one_action_at_most_and_a_call_for_people() -> None:
    house = flapped(House("orders"), changes=200, seconds=18)
    house.wait(minutes=2)

    assert len(house.store.timelines) == 1
    assert len(house.ecs.updates) <= 1
    assert house.incident().flapping
    assert house.facts(facts.IncidentEscalated)
    assert len(house.history().entries) < 80
    house.check_promises()


def test_an_alarm_that_its_own_all_clear_overtook_changes_nothing() -> None:
    house = House("orders")
    house.clock.forward(minutes=1)
    house.alarm("resolved")
    house.clock.forward(minutes=-1)
    rung(house)
    house.wait(minutes=60)

    assert house.ecs.updates == []
    assert house.incident().status == "closed"


def test_an_alarm_that_flapped_and_stayed_quiet_lets_the_incident_go_and_rings_in_a_new_one() -> None:
    house = flapped(House("payments"), changes=21)
    cleared(house)
    house.wait(minutes=90)
    assert house.incident().status == "closed"

    rung(house)

    assert len(house.store.timelines) == 2
    house.check_promises()


def test_an_alarm_that_flapped_and_rings_again_while_resolved_reopens_the_incident() -> None:
    house = flapped(House("payments"), changes=21)
    cleared(house)
    house.wait(minutes=35)
    assert house.incident().status == "resolved"

    rung(house)

    assert house.incident().status == "open"
    assert house.facts(facts.IncidentReopened)


def test_another_alert_does_not_stop_the_hold_of_one_that_flapped() -> None:
    house = flapped(House("payments"), changes=21)
    house.alarm(fingerprint="f2")
    house.settle()
    cleared(house)
    house.alarm("resolved", fingerprint="f2")
    house.settle()
    house.wait(minutes=90)

    assert house.incident().status == "closed"


def test_a_hold_that_ran_out_during_an_action_is_not_forgotten() -> None:
    house = House("orders")
    house.ecs.fault = "lost request"
    house.alarm()
    house.settle()
    house.clock.forward(seconds=1)
    cleared(house)
    house.wait(minutes=90)

    assert house.incident().status == "closed"


def played(service: str, lost: int) -> House:
    """A whole incident, with one message on its way lost."""
    house = rung(House(service, heals=service == "orders", lost=lost))
    for _ in range(20):
        house.wait(minutes=1)
        if not house.firing:
            cleared(house)
            break
    house.wait(minutes=65)
    return house


def course(house: House) -> set[str]:
    return {entry.fact.type for entry in house.history().entries} - {"IncidentStalled", "MessageSent"}


@pytest.mark.parametrize(("service", "end"), [("orders", "closed"), ("search", "open")])
def test_an_incident_finds_whatever_message_was_lost_on_its_way(service: str, end: str) -> None:
    whole = played(service, lost=-1)

    for number in range(whole.delivered):
        house = played(service, lost=number)

        assert house.ecs.updates == whole.ecs.updates, number
        assert house.incident().status == end, number
        assert bool(house.incident().escalated_at) == (end == "open"), number
        assert course(house) - course(whole) <= {"ActionRefused"}, number
        house.check_promises()


CHANNELS = ("slack", "jira", "mail")


@pytest.mark.parametrize("away", [each for n in range(4) for each in combinations(CHANNELS, n)], ids=" and ".join)
def test_whichever_channels_are_away_the_others_hear_and_each_has_it_once_when_it_is_back(
    away: tuple[str, ...],
) -> None:
    house = House("search", heals=False, mail=MemoryMail())
    assert house.mail
    fakes: dict[str, MemoryChat | MemoryTickets | MemoryMail] = {
        "slack": house.chat, "jira": house.tickets, "mail": house.mail
    }  # fmt: skip
    for name in away:
        fakes[name].fails = [Unavailable("busy", retry_after=0.01) for _ in range(5_000)]

    def heard() -> dict[str, int]:
        escalated = [entry.id for entry in house.history().entries if isinstance(entry.fact, facts.IncidentEscalated)]
        calls = [shown for shown in house.chat.top for each in escalated if shown.key.endswith(f"#{each}")]
        return {"slack": len(calls), "jira": len(house.tickets.tickets), "mail": len(house.mail.letters)}  # type: ignore[union-attr]

    house.alarm()
    for _ in range(30):
        house.clock.forward(seconds=30)
        ring(house.store, house.store, house.clock, stall=house.store.stall)
        house.attempt()
    assert house.facts(facts.IncidentEscalated)
    assert {name for name, times in heard().items() if times} == set(CHANNELS) - set(away)
    for name in away:
        fakes[name].fails.clear()
    house.settle()

    assert heard() == {"slack": 1, "jira": 1, "mail": 1}


def test_a_test_crosses_every_stage_and_wakes_nobody() -> None:
    house = House("orders")
    house.test()
    house.settle()
    house.wait(minutes=1)
    house.test("resolved")
    house.settle()
    house.wait(minutes=6)

    assert [(entry.actor, entry.fact.type) for entry in house.history().entries] == [
        ("alert_intake", "IncidentOpened"),
        ("investigation", "EvidenceCollected"),
        ("ai_assessment", "AssessmentMade"),
        ("policy_gate", "DryRunCompleted"),
        ("notification/slack", "DryRunCompleted"),
        ("alert_intake", "AlertResolved"),
        ("timekeeper", "HoldElapsed"),
        ("lifecycle", "IncidentResolved"),
        ("timekeeper", "HoldElapsed"),
        ("lifecycle", "IncidentClosed"),
    ]
    assert (house.chat.messages, house.tickets.tickets, house.ecs.updates) == ([], [], [])
    house.check_promises()


@pytest.mark.parametrize("lost", range(4))
def test_a_test_that_gets_stuck_wakes_nobody_either(lost: int) -> None:
    house = House("orders", lost=lost)
    house.test()
    house.settle()
    house.wait(hours=3)
    house.test("resolved")
    house.wait(minutes=10)

    assert house.incident().status == "closed"
    assert (house.chat.messages, house.tickets.tickets) == ([], [])
    house.check_promises()


def test_a_test_does_not_stand_in_the_way_of_a_real_alarm() -> None:
    house = House("orders")
    house.test()
    house.settle()
    house.alarm()
    house.settle()

    assert house.ecs.updates == ["restart"]
    assert len(house.store.timelines) == 2
