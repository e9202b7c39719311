from datetime import timedelta

import pytest

from shared import facts
from shared.entry import chain
from shared.incident import Incident
from shared.projection import stall_timer
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
    proposed,
    requested,
    resolved,
)

PROPOSAL = a_proposal().id
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=T0 + timedelta(minutes=2))
VERIFIED = facts.RecoveryVerified(proposal_id=PROPOSAL, measures=(), seen="well")


def shown(number: int, channel: str = "slack") -> facts.MessageSent:
    return facts.MessageSent(channel=channel, about=f"{INCIDENT}/{number}", external_id="C0/1.0", summary="look")


def test_a_timeline_begins_with_its_opening() -> None:
    entries = chain(INCIDENT, [facts.IncidentEscalated(reason="x")], after=None, actor="a", caused_by="b", now=T0)

    with pytest.raises(ValueError, match="starts with IncidentOpened"):
        Incident.replay(entries)


@pytest.mark.parametrize(
    ("happened", "phase"),
    [
        ([], "investigating"),
        ([proposed()], "acting"),
        ([proposed(), requested()], "awaiting approval"),
        ([proposed(), requested(), approved()], "acting"),
        ([proposed(), approved(), STARTED], "acting"),
        ([proposed(), approved(), STARTED, COMPLETED], "verifying"),
        (
            [
                proposed(),
                approved(),
                facts.ActionHeld(proposal_id=PROPOSAL, why="a deployment", look_again_at=T0),
            ],
            "held",
        ),
        ([facts.IncidentResolved(reason="quiet", close_at=T0)], "resolved"),
        ([facts.IncidentResolved(reason="quiet", close_at=T0), facts.IncidentClosed(reason="q")], "closed"),
        (
            [facts.IncidentResolved(reason="quiet", close_at=T0), facts.IncidentReopened(reason="rang")],
            "investigating",
        ),
    ],
)
def test_the_phase_follows_from_the_facts(happened: list[facts.Fact], phase: str) -> None:
    assert a_history(*happened).incident.phase == phase


def test_a_request_for_approval_sets_its_reminder_and_its_end() -> None:
    timers = a_history(proposed(), requested()).incident.timers

    assert {name: timer.due_at for name, timer in timers.items()} == {
        "remind": T0 + timedelta(minutes=15),
        "expire": T0 + timedelta(minutes=30),
    }


@pytest.mark.parametrize(
    "end",
    [
        facts.ApprovalRefused(proposal_id=PROPOSAL, person="ana", channel="c"),
        facts.ProposalVoided(proposal_id=PROPOSAL, why="cleared"),
        facts.ApprovalExpired(proposal_id=PROPOSAL),
        approved(),
    ],
    ids=lambda fact: fact.type,
)
def test_the_request_timers_end_with_the_request(end: facts.Fact) -> None:
    assert a_history(proposed(), requested(), end).incident.timers == {}


def test_an_alarm_that_rings_again_stops_the_hold() -> None:
    held = a_history(resolved())
    again = a_history(resolved(), facts.AlertJoined(alert=an_alert(), again=True))

    assert set(held.incident.timers) == {"hold"}
    assert set(again.incident.timers) == set()


def test_an_alert_of_unknown_state_has_not_cleared() -> None:
    joined = facts.AlertJoined(alert=an_alert(fingerprint="f2", state="unknown"))

    assert [alarm.state for alarm in a_history(resolved(), joined).incident.firing] == ["unknown"]


def test_severity_only_rises() -> None:
    low = facts.AlertJoined(alert=an_alert(fingerprint="f2", severity="low"))
    critical = facts.AlertJoined(alert=an_alert(fingerprint="f3", severity="critical"))

    assert a_history(low).incident.severity == "high"
    assert a_history(low, critical).incident.severity == "critical"


def test_the_hold_rings_once_more_when_recovery_is_judged_after_it_ran_out() -> None:
    history = a_history(proposed(), approved(), STARTED, COMPLETED, resolved(), facts.HoldElapsed(of="clear"), VERIFIED)

    assert history.incident.timers["hold"].due_at == resolved().hold_until


def test_it_is_our_move_until_a_person_or_a_timer_or_the_alarm_has_to_move() -> None:
    assert a_history().incident.our_move
    assert a_history(proposed()).incident.our_move
    assert not a_history(proposed(), requested(), shown(3)).incident.our_move


@pytest.mark.parametrize(
    ("fact", "answered"),
    [
        (facts.InvestigationRequested(round=2, reason="x"), 2),
        (facts.MessageSent(channel="slack", about="x", external_id="y", summary="z"), 1),
    ],
)
def test_an_entry_is_answered_by_a_stage_not_by_telling_people_of_it(fact: facts.Fact, answered: int) -> None:
    history = a_history(proposed())
    cause = history.entries[1].id
    note = chain(
        INCIDENT,
        [fact],
        after=history.last,
        actor="a",
        caused_by=cause,
        now=T0,
    )

    assert Incident.replay([*history.entries, *note]).answered == answered


@pytest.mark.parametrize("again", [True, False])
def test_a_withdrawn_proposal_stays_withdrawn_whatever_becomes_of_its_approval(again: bool) -> None:
    withdrawn = facts.ProposalVoided(proposal_id=PROPOSAL, why="the alarm cleared")
    late = facts.ActionRefused(proposal_id=PROPOSAL, why="the policy's answer is older than 120 s", again=again)

    assert a_history(proposed(), approved(), withdrawn, late).incident.work[PROPOSAL].standing == "voided"


@pytest.mark.parametrize(
    "outcome",
    [
        facts.ActionFailed(proposal_id=PROPOSAL, why="denied"),
        facts.ActionRefused(proposal_id=PROPOSAL, why="the alarm cleared"),
        facts.ActionOutcomeUnknown(proposal_id=PROPOSAL, why="no reply"),
    ],
    ids=lambda fact: fact.type,
)
def test_the_hold_rings_once_more_whatever_became_of_an_action_that_outlasted_it(outcome: facts.Fact) -> None:
    elapsed = facts.HoldElapsed(of="clear")

    assert "hold" in a_history(proposed(), approved(), STARTED, resolved(), elapsed, outcome).incident.timers


def test_a_flapping_alert_is_asked_for_again_after_an_action_that_outlasted_its_hold() -> None:
    flapped = facts.AlertFlapped(
        fingerprint="f1", title="orders-5xx", state="firing", changed_at=T0, changes=20, look_again_at=T0
    )
    history = a_history(proposed(), approved(), STARTED, COMPLETED, flapped, facts.HoldElapsed(of="clear"), VERIFIED)

    assert "hold" in history.incident.timers


ASSESSED = facts.AssessmentMade(round=1, assessment=an_assessment(), evidence_digest="e", proposes=True)
HANDED = ASSESSED.model_copy(update={"proposes": False, "assessment": an_assessment(decision="ESCALATE")})
TOLD = facts.IncidentEscalated(reason="x")


@pytest.mark.parametrize(
    ("happened", "ours"),
    [
        ([HANDED], True),
        ([HANDED, TOLD, shown(3)], False),
        ([proposed(), approved(), STARTED, COMPLETED], False),
        ([proposed(), approved(), STARTED, COMPLETED, facts.CheckDue(proposal_id=PROPOSAL, number=1)], True),
        ([TOLD, proposed(), requested(), facts.ApprovalExpired(proposal_id=PROPOSAL)], True),
        ([TOLD, proposed(), approved(), facts.ActionRefused(proposal_id=PROPOSAL, why="moved")], True),
        (
            [
                TOLD,
                proposed(),
                approved(),
                facts.ActionRefused(proposal_id=PROPOSAL, why="moved"),
                resolved(),
                shown(2),
            ],
            False,
        ),
        ([HANDED, TOLD, shown(3), resolved()], False),
        ([HANDED, TOLD, shown(3), resolved(), facts.HoldElapsed(of="clear")], True),
        ([resolved(), facts.IncidentResolved(reason="quiet", close_at=T0)], False),
        ([resolved(), facts.IncidentResolved(reason="quiet", close_at=T0), facts.HoldElapsed(of="reopen")], True),
        (
            [
                resolved(),
                facts.IncidentResolved(reason="quiet", close_at=T0),
                facts.AlertJoined(alert=an_alert(), again=True),
            ],
            True,
        ),
    ],
)
def test_what_has_to_be_answered_is_our_move_until_it_is(happened: list[facts.Fact], ours: bool) -> None:
    assert a_history(*happened).incident.our_move is ours


FAILED = facts.ActionFailed(proposal_id=PROPOSAL, why="denied")


@pytest.mark.parametrize(
    ("happened", "calls"),
    [
        ([TOLD], (2,)),
        ([TOLD, shown(2)], ()),
        ([TOLD, shown(1)], (2,)),
        ([TOLD, facts.MessageFailed(channel="slack", about=f"{INCIDENT}/2", why="no such channel")], (2,)),
        ([proposed(), requested()], (3,)),
        ([proposed(), requested(), shown(3)], ()),
        ([proposed(), requested(), facts.ApprovalExpired(proposal_id=PROPOSAL)], ()),
    ],
)
def test_a_call_for_people_is_our_move_until_a_channel_took_it(
    happened: list[facts.Fact], calls: tuple[int, ...]
) -> None:
    assert a_history(*happened).incident.calls == calls


def calls_after(*happened: tuple[facts.Fact, int]) -> tuple[int, ...]:
    """What is not heard of after these facts, each because of the entry of that number."""
    entries = list(a_history(proposed()).entries)
    for fact, cause in happened:
        entries += chain(INCIDENT, [fact], after=entries[-1], actor="a", caused_by=f"{INCIDENT}/{cause}", now=T0)
    return Incident.replay(entries).calls


def test_the_message_about_a_question_or_a_failure_tells_of_the_escalation_that_belongs_to_it() -> None:
    assert calls_after((TOLD, 2), (requested(), 2)) == (3, 4)
    assert calls_after((TOLD, 2), (requested(), 2), (shown(4), 4)) == ()
    assert calls_after((TOLD, 2), (requested(), 2), (shown(3, "email"), 3)) == (4,)
    assert calls_after((FAILED, 2), (TOLD, 3)) == (4,)
    assert calls_after((FAILED, 2), (shown(3), 3), (TOLD, 3)) == ()
    assert calls_after((FAILED, 2), (TOLD, 3), (shown(3), 4)) == ()


def test_what_nobody_heard_of_is_published_again() -> None:
    entries = list(a_history(proposed(), TOLD).entries)
    for cause in (2, 4):
        entries += chain(INCIDENT, [ASSESSED], after=entries[-1], actor="a", caused_by=f"{INCIDENT}/{cause}", now=T0)
    incident = Incident.replay(entries)

    assert incident.answered == 4
    assert stall_timer(incident, timedelta(minutes=5))["stall"].fact == facts.IncidentStalled(since=3, times=1)


def test_a_stall_that_an_answer_ended_is_not_held_against_the_next() -> None:
    stalled = a_history(facts.IncidentStalled(since=1, times=1))
    (moved,) = chain(INCIDENT, [ASSESSED], after=stalled.last, actor="a", caused_by=f"{INCIDENT}/1", now=T0)
    (told,) = chain(INCIDENT, [TOLD], after=stalled.last, actor="a", caused_by=f"{INCIDENT}/2", now=T0)

    assert Incident.replay([*stalled.entries, moved]).stalls == 0
    assert Incident.replay([*stalled.entries, told]).stalls == 1
