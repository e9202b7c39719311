from collections.abc import Sequence
from datetime import timedelta

import pytest

from functions.lifecycle.follow import ROUNDS, Course, Flapping, follow
from shared import facts
from shared.alert import as_text
from shared.facts import Fact
from shared.history import History
from shared.incident import Timer
from shared.ports import Item
from tests.builders import (
    INCIDENT,
    SEEN,
    T0,
    TARGET,
    a_history,
    a_proposal,
    an_alert,
    an_assessment,
    approved,
    more,
    opened,
    proposed,
    requested,
    resolved,
)
from tests.fakes.store import MemoryStore

PROPOSAL = a_proposal().id
COURSE = Course(hold=timedelta(minutes=15), reopen=timedelta(minutes=30))
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=T0)
VERIFIED = facts.RecoveryVerified(proposal_id=PROPOSAL, measures=(), seen="well")
ASKED: list[Fact] = [proposed(), requested()]
ACTED: list[Fact] = [proposed(), approved(), STARTED, COMPLETED]
SECOND = facts.AlertJoined(alert=an_alert(fingerprint="f2", title="orders-latency"))


def follows(history: History, flapping: Flapping | None = None) -> Sequence[Fact]:
    cause = history.entries[-1]
    return follow(history.incident, cause, flapping or {}, cause.at, course=COURSE)


def words(told: Sequence[Fact]) -> list[str]:
    return [fact.type for fact in told]


def test_a_cleared_alarm_withdraws_what_waits_for_approval() -> None:
    (fact,) = follows(a_history(*ASKED, resolved()))

    assert isinstance(fact, facts.ProposalVoided)
    assert "the alarm cleared" in fact.why


def test_a_cleared_alarm_among_others_that_ring_withdraws_nothing() -> None:
    assert follows(a_history(*ASKED, SECOND, resolved(hold_until=None))) == []


def test_a_new_alert_while_people_are_asked_starts_another_round() -> None:
    assert words(follows(a_history(*ASKED, SECOND))) == ["ProposalVoided", "InvestigationRequested"]


def test_a_new_alert_while_evidence_is_gathered_waits_for_it() -> None:
    assert follows(a_history(SECOND)) == []


def test_a_new_alert_after_an_action_needs_a_person() -> None:
    assert words(follows(a_history(*ACTED, VERIFIED, SECOND))) == ["IncidentEscalated"]


def test_rounds_are_counted() -> None:
    rounds: list[Fact] = [facts.InvestigationRequested(round=number, reason="x") for number in range(2, ROUNDS + 1)]

    assert words(follows(a_history(*rounds, *ASKED, SECOND))) == ["IncidentEscalated"]


def test_an_alarm_on_a_resolved_incident_reopens_it() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    again: Fact = facts.AlertJoined(alert=an_alert(), again=True)

    assert words(follows(a_history(resolved(), quiet, again))) == ["IncidentReopened", "InvestigationRequested"]
    assert words(follows(a_history(*ACTED, VERIFIED, resolved(), quiet, again))) == [
        "IncidentReopened",
        "IncidentEscalated",
    ]


@pytest.mark.parametrize(
    "outcome",
    [
        facts.RecoveryFailed(proposal_id=PROPOSAL, measures=(), seen="5xx is 40"),
        facts.RecoveryInconclusive(proposal_id=PROPOSAL, measures=(), seen="no data"),
        facts.ActionFailed(proposal_id=PROPOSAL, why="denied"),
        facts.ActionOutcomeUnknown(proposal_id=PROPOSAL, why="no reply"),
        facts.ApprovalExpired(proposal_id=PROPOSAL),
        facts.ApprovalRefused(proposal_id=PROPOSAL, person="Bo", channel="slack"),
    ],
    ids=lambda fact: fact.type,
)
def test_what_goes_wrong_goes_to_people(outcome: Fact) -> None:
    assert words(follows(a_history(*ASKED, approved(), STARTED, COMPLETED, outcome))) == ["IncidentEscalated"]


def test_an_action_that_could_not_be_done_goes_to_people() -> None:
    refused = facts.ActionRefused(proposal_id=PROPOSAL, why="the service changed")

    assert words(follows(a_history(proposed(), approved(), refused))) == ["IncidentEscalated"]


def test_an_action_that_was_withdrawn_before_it_was_refused_wakes_nobody() -> None:
    withdrawn = facts.ProposalVoided(proposal_id=PROPOSAL, why="another alert joined")
    refused = facts.ActionRefused(proposal_id=PROPOSAL, why="the proposal does not stand any more")

    assert follows(a_history(proposed(), approved(), withdrawn, refused)) == []


def test_an_action_that_was_not_needed_any_more_wakes_nobody() -> None:
    refused = facts.ActionRefused(proposal_id=PROPOSAL, why="the alarm has cleared")

    assert follows(a_history(proposed(), approved(), resolved(), refused)) == []


def test_the_policy_not_people_looks_at_a_stale_approval() -> None:
    stale = facts.ActionRefused(proposal_id=PROPOSAL, why="older than 120 s", again=True)

    assert follows(a_history(proposed(), approved(), stale)) == []


def test_an_incident_resolves_when_every_alarm_stayed_clear() -> None:
    (fact,) = follows(a_history(resolved(), facts.HoldElapsed(of="clear")))

    assert isinstance(fact, facts.IncidentResolved)


def test_an_incident_does_not_resolve_while_an_action_runs_or_is_judged() -> None:
    for happened in ([proposed(), approved(), STARTED], ACTED):
        assert follows(a_history(*happened, resolved(), facts.HoldElapsed(of="clear"))) == []


def test_an_incident_does_not_resolve_while_another_alarm_rings() -> None:
    assert follows(a_history(SECOND, resolved(), facts.HoldElapsed(of="clear"))) == []


def test_a_resolved_incident_closes_when_it_stays_quiet() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0)

    assert words(follows(a_history(resolved(), quiet, facts.HoldElapsed(of="reopen")))) == ["IncidentClosed"]


def test_a_resolved_incident_whose_alarm_rings_does_not_close() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0)

    assert follows(a_history(resolved(), quiet, SECOND, facts.HoldElapsed(of="reopen"))) == []


def flapped() -> Fact:
    return facts.AlertFlapped(
        fingerprint="f1", title="orders-5xx", state="firing", changed_at=T0, changes=20, look_again_at=T0
    )


def test_a_flapping_alarm_goes_to_people_once() -> None:
    assert words(follows(a_history(flapped()))) == ["IncidentEscalated"]
    assert follows(a_history(facts.IncidentEscalated(reason="x"), flapped())) == []


def test_a_flapping_alarm_resolves_only_after_it_was_clear_for_the_whole_hold() -> None:
    history = a_history(flapped(), facts.HoldElapsed(of="clear"))
    now = history.entries[-1].at

    def held(state: str, **since: float) -> Flapping:
        return {"f1": Item("alarm", {"state": state, "since": as_text(now - timedelta(**since))})}

    assert words(follows(history, held("resolved", minutes=1))) == ["AlertFlapped"]
    assert words(follows(history, held("firing", hours=1))) == ["AlertFlapped"]
    assert words(follows(history, held("resolved", minutes=16))) == [
        "AlertResolved",
        "IncidentResolved",
    ]


def test_an_alert_that_flaps_on_a_resolved_incident_reopens_it() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    told: Fact = facts.IncidentEscalated(reason="x")

    assert words(follows(a_history(told, resolved(), quiet, flapped()))) == ["IncidentReopened", "IncidentEscalated"]


def test_an_alert_that_cleared_before_its_ringing_was_read_reopens_nothing() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    rang: Fact = facts.AlertJoined(alert=an_alert(), again=True)
    history = a_history(resolved(), rang, resolved(), quiet)

    assert follow(history.incident, history.entries[2], {}, T0, course=COURSE) == []


def test_an_escalated_alert_that_rings_again_is_told_again_however_often_it_was_looked_into() -> None:
    rounds: list[Fact] = [facts.InvestigationRequested(round=number, reason="x") for number in range(2, ROUNDS + 1)]
    told: Fact = facts.IncidentEscalated(reason="nothing helps")
    rang: Fact = facts.AlertJoined(alert=an_alert(), again=True)

    assert words(follows(a_history(*rounds, *ASKED, told, resolved(), rang))) == ["IncidentEscalated"]


def test_an_incident_that_stalls_twice_goes_to_people() -> None:
    assert follows(a_history(facts.IncidentStalled(since=1, times=1))) == []
    assert words(follows(a_history(facts.IncidentStalled(since=1, times=2)))) == ["IncidentEscalated"]


def test_that_nothing_moved_calls_nobody_to_what_has_closed_since() -> None:
    stalled: Fact = facts.IncidentStalled(since=1, times=2)
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    history = a_history(stalled, resolved(), quiet, facts.IncidentClosed(reason="it stayed quiet"))

    assert follow(history.incident, history.entries[1], {}, T0, course=COURSE) == []


def test_a_test_that_stalls_calls_nobody() -> None:
    store = MemoryStore()
    begun = store.append(History(INCIDENT), [opened(test=True)], actor="a", caused_by="a", now=T0)

    assert follows(more(begun, facts.IncidentStalled(since=1, times=2), store=store)) == []


LOOK = facts.HoldElapsed(of="look")


def left_alone() -> Fact:
    return facts.AssessmentMade(
        round=1,
        assessment=an_assessment(action="ignore"),
        evidence_digest="e",
        proposes=False,
        look_again_at=T0 + timedelta(minutes=30),
    )


def test_what_was_left_alone_while_an_alarm_fires_is_looked_at_again_and_handed_to_people() -> None:
    history = a_history(left_alone())
    assert history.incident.timers["look"] == Timer(T0 + timedelta(minutes=30), LOOK)
    assert not history.incident.our_move

    history = a_history(left_alone(), LOOK)
    assert history.incident.our_move  # until it is answered
    (fact,) = follows(history)
    assert isinstance(fact, facts.IncidentEscalated)
    assert fact.reason == "orders-5xx still fires, and nothing is done about it"
    assert not a_history(left_alone(), LOOK, fact).incident.looked


def test_what_gives_no_data_when_it_is_looked_at_again_is_a_persons() -> None:
    lapsed = facts.AlertLapsed(fingerprint="f1", title="orders-5xx", since=T0, look_again_at=T0)
    (fact,) = follows(a_history(left_alone(), resolved(), lapsed, LOOK))
    assert isinstance(fact, facts.IncidentEscalated)
    assert fact.reason == "orders-5xx gives no data, so nobody can say that it is well"


@pytest.mark.parametrize(
    "happened",
    [
        [left_alone(), resolved(), LOOK],
        [left_alone(), facts.InvestigationRequested(round=2, reason="x"), LOOK],
        [left_alone(), facts.IncidentAcknowledged(person="ana", channel="slack"), LOOK],
        [left_alone(), LOOK, resolved()],
    ],
    ids=["cleared", "looked into", "somebody has it", "cleared meanwhile"],
)
def test_nobody_is_called_for_what_is_over_or_on_its_way(happened: list[Fact]) -> None:
    assert words(follows(a_history(*happened))) == []
    assert "look" not in a_history(*happened).incident.timers
    incident = a_history(*happened).incident
    assert incident.our_move == (incident.phase == "investigating")


def test_a_verified_recovery_whose_all_clear_never_comes_is_looked_at_again() -> None:
    verified = VERIFIED.model_copy(update={"look_again_at": T0 + timedelta(minutes=20)})
    assert "look" in a_history(*ACTED, verified).incident.timers
    assert words(follows(a_history(*ACTED, verified, LOOK))) == ["IncidentEscalated"]
    assert "look" not in a_history(*ACTED, resolved(), verified).incident.timers


def test_one_source_does_not_use_up_the_rounds_of_another() -> None:
    rounds: list[Fact] = [
        facts.InvestigationRequested(round=number, reason="x", origin="generic") for number in (2, 3, 4)
    ]
    assert words(follows(a_history(*rounds, *ASKED, SECOND))) == ["ProposalVoided", "InvestigationRequested"]
    theirs = facts.AlertJoined(alert=an_alert(fingerprint="f3", origin="generic"))
    assert words(follows(a_history(*rounds, *ASKED, theirs))) == ["IncidentEscalated"]


def test_what_nobody_looks_into_withdraws_nothing_and_is_told_once() -> None:
    unattended = SECOND.model_copy(update={"unattended": "its source had 100 looked into this hour"})
    (fact,) = follows(a_history(*ASKED, unattended))
    assert fact == facts.IncidentEscalated(reason="orders-latency rang, and its source had 100 looked into this hour")
    assert follows(a_history(*ASKED, fact, unattended)) == []
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    assert words(follows(a_history(resolved(), quiet, unattended))) == ["IncidentReopened", "IncidentEscalated"]
