from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.lifecycle.follow import Course, follow
from shared import facts
from shared.alert import DEFAULT_BUS
from shared.entry import chain
from shared.facts import Fact
from shared.incident import Alarm, Incident, Timer, Work
from shared.projection import stall_timer
from tests.builders import (
    INCIDENT,
    SEEN,
    T0,
    TARGET,
    a_history,
    a_proposal,
    an_alert,
    an_approval,
    an_assessment,
    approved,
    opened,
    proposed,
    requested,
    resolved,
)

HOUR = timedelta(hours=1)
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


def test_a_hold_that_still_runs_is_not_cut_short_by_the_end_of_an_action() -> None:
    assert a_history(*DONE, FLAPPED, VERIFIED).incident.timers == {"hold": elapses(minutes(24), "clear")}


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
    assert calls_after((TOLD, 1), (requested(), 2), (shown(4), 4)) == (3,)
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


@pytest.mark.parametrize(
    ("unattended", "rounds"), [("", {DEFAULT_BUS: 1}), ("too many of them", {})], ids=["looked into", "unattended"]
)
@pytest.mark.parametrize("test", [False, True])
def test_an_incident_begins_as_its_opening_says(test: bool, unattended: str, rounds: Mapping[str, int]) -> None:
    fact = opened(an_alert(changed_at=minutes(-3)), service="shop", test=test, unattended=unattended, severity="low")
    (entry,) = chain(INCIDENT, [fact], after=None, actor="alert_intake", caused_by="alert", now=T0)

    assert Incident.replay([entry]) == Incident(
        id=INCIDENT,
        identity=TARGET.key,
        target=TARGET,
        service="shop",
        title="orders-5xx",
        severity="low",
        opened_at=T0,
        last=entry,
        test=test,
        alarms={"f1": Alarm(fact.alert, "firing", minutes(-3))},
        round=len(rounds),
        rounds=rounds,
    )


def minutes(number: float) -> datetime:
    return T0 + timedelta(minutes=number)


def seconds(number: float) -> datetime:
    return T0 + timedelta(seconds=number)


def elapses(due_at: datetime, of: Any) -> Timer:
    return Timer(due_at, facts.HoldElapsed(of=of))


def alarm(**changes: Any) -> Alarm:
    return replace(Alarm(an_alert(), "firing", T0), **changes)


def the_work(**changes: Any) -> dict[str, Work]:
    return {PROPOSAL: replace(Work(a_proposal()), **changes)}


def what_changes(*happened: Fact) -> dict[str, object]:
    """What the last of these facts makes of the incident, by field; without its last entry, which always changes."""
    history = a_history(*happened)
    before, after = Incident.replay(history.entries[:-1]), history.incident
    assert after.last == history.last
    pairs = {each.name: (getattr(before, each.name), getattr(after, each.name)) for each in fields(Incident)}
    return {name: now for name, (was, now) in pairs.items() if now != was and name != "last"}


CLEAR = resolved()
"""At minute 5, and it holds until minute 20."""
OTHER = an_alert(fingerprint="f2", severity="critical", changed_at=minutes(3))
LAPSED = facts.AlertLapsed(fingerprint="f1", title="orders-5xx", since=minutes(9), look_again_at=minutes(24))
FLAPPED = facts.AlertFlapped(
    fingerprint="f1",
    title="orders-5xx",
    state="unknown",
    changed_at=minutes(9),
    changes=20,
    look_again_at=minutes(24),
)
LOOKED = HANDED.model_copy(update={"look_again_at": minutes(30)})
NO = facts.ApprovalRefused(proposal_id=PROPOSAL, person="ana", channel="slack")
HELD = facts.ActionHeld(proposal_id=PROPOSAL, why="a deployment", look_again_at=minutes(2))
RESOLVED = facts.IncidentResolved(reason="quiet", close_at=minutes(60))
ASKED = (proposed(), requested())
WENT = (proposed(), approved(), STARTED)
DONE = (*WENT, COMPLETED)
REMIND = Timer(minutes(15), facts.ApprovalReminded(proposal_id=PROPOSAL))
EXPIRE = Timer(minutes(30), facts.ApprovalExpired(proposal_id=PROPOSAL))
HOLD = elapses(minutes(20), "clear")
LOOK = elapses(minutes(30), "look")
ACTION = elapses(minutes(2), "action")
ACKNOWLEDGED = facts.IncidentAcknowledged(person="ana", channel="slack")


@pytest.mark.parametrize(
    ("before", "fact", "changes"),
    [
        (
            (*ASKED, CLEAR),
            facts.AlertJoined(alert=OTHER),
            {
                "alarms": {
                    "f1": alarm(state="resolved", since=minutes(5), changes=2),
                    "f2": Alarm(OTHER, "firing", minutes(3)),
                },
                "severity": "critical",
                "hold_until": None,
                "timers": {"remind": REMIND, "expire": EXPIRE},
            },
        ),
        (
            (CLEAR,),
            facts.AlertJoined(alert=an_alert(changed_at=minutes(7)), again=True),
            {
                "alarms": {"f1": Alarm(an_alert(changed_at=minutes(7)), "firing", minutes(7), changes=3)},
                "hold_until": None,
                "timers": {},
            },
        ),
        (
            (facts.AlertJoined(alert=OTHER),),
            facts.AlertRepeated(fingerprint="f1", title="x", count=10, changed_at=minutes(4)),
            {"alarms": {"f1": alarm(since=minutes(4)), "f2": Alarm(OTHER, "firing", minutes(3))}},
        ),
        ((), facts.AlertRepeated(fingerprint="f1", title="x", count=10, changed_at=minutes(-4)), {}),
        ((), facts.AlertRepeated(fingerprint="f1", title="x", count=10), {}),
        (
            (facts.AlertJoined(alert=OTHER), LOOKED),
            resolved(hold_until=None),
            {
                "alarms": {
                    "f1": alarm(state="resolved", since=minutes(5), changes=2),
                    "f2": Alarm(OTHER, "firing", minutes(3)),
                }
            },
        ),
        (
            (LOOKED, *ASKED),
            CLEAR,
            {
                "alarms": {"f1": alarm(state="resolved", since=minutes(5), changes=2)},
                "hold_until": minutes(20),
                "timers": {"remind": REMIND, "expire": EXPIRE, "hold": HOLD},
            },
        ),
        (
            (LOOKED, facts.HoldElapsed(of="look")),
            CLEAR,
            {
                "alarms": {"f1": alarm(state="resolved", since=minutes(5), changes=2)},
                "hold_until": minutes(20),
                "timers": {"hold": HOLD},
                "looked": False,
            },
        ),
        (
            (facts.AlertJoined(alert=OTHER), FLAPPED),
            CLEAR,
            {
                "alarms": {
                    "f1": alarm(state="resolved", since=minutes(5), changes=1),
                    "f2": Alarm(OTHER, "firing", minutes(3)),
                },
                "hold_until": minutes(20),
                "timers": {"hold": HOLD},
            },
        ),
        (
            (facts.AlertJoined(alert=OTHER), CLEAR),
            LAPSED,
            {
                "alarms": {
                    "f1": alarm(state="unknown", since=minutes(9), changes=3),
                    "f2": Alarm(OTHER, "firing", minutes(3)),
                },
                "hold_until": None,
                "timers": {"look": elapses(minutes(24), "look")},
            },
        ),
        (
            (facts.AlertJoined(alert=OTHER),),
            FLAPPED,
            {
                "alarms": {
                    "f1": alarm(state="unknown", since=minutes(9), changes=20, flapping=True),
                    "f2": Alarm(OTHER, "firing", minutes(3)),
                },
                "timers": {"hold": elapses(minutes(24), "clear")},
            },
        ),
        ((), proposed(), {"work": the_work(), "current": PROPOSAL}),
        (
            ASKED,
            facts.ActionDenied(proposal_id=PROPOSAL, reasons=("too late", "too risky"), config_digest="c"),
            {"work": the_work(standing="denied", request=requested(), why="too late; too risky"), "timers": {}},
        ),
        (
            (proposed(), CLEAR),
            requested(),
            {
                "work": the_work(standing="awaiting", request=requested()),
                "timers": {"hold": HOLD, "remind": REMIND, "expire": EXPIRE},
                "unasked": 4,
            },
        ),
        (
            (proposed(),),
            requested(remind_at=None),
            {
                "work": the_work(standing="awaiting", request=requested(remind_at=None)),
                "timers": {"expire": EXPIRE},
                "unasked": 3,
            },
        ),
        (
            (*ASKED, an_approval()),
            an_approval(person="bo"),
            {
                "work": the_work(
                    standing="awaiting", request=requested(), approvals=(an_approval(), an_approval(person="bo"))
                )
            },
        ),
        (
            ASKED,
            NO,
            {"work": the_work(standing="rejected", request=requested(), why="ana said no"), "timers": {}, "owed": True},
        ),
        (
            (TOLD, *ASKED),
            NO.model_copy(update={"reason": "a sale is on"}),
            {"work": the_work(standing="rejected", request=requested(), why="ana said no: a sale is on"), "timers": {}},
        ),
        (
            (proposed(), approved(), HELD),
            NO,
            {
                "work": the_work(standing="rejected", approved_at=seconds(2), why="ana said no"),
                "timers": {},
                "owed": True,
            },
        ),
        ((*ASKED, CLEAR), facts.ApprovalReminded(proposal_id=PROPOSAL), {"timers": {"expire": EXPIRE, "hold": HOLD}}),
        (
            (*ASKED, CLEAR),
            facts.ApprovalExpired(proposal_id=PROPOSAL),
            {
                "work": the_work(standing="expired", request=requested(), why="not decided in time"),
                "timers": {"hold": HOLD},
                "owed": True,
            },
        ),
        (
            (*ASKED, CLEAR),
            facts.ProposalVoided(proposal_id=PROPOSAL, why="cleared"),
            {
                "work": the_work(standing="voided", request=requested(), why="cleared"),
                "timers": {"hold": HOLD},
            },
        ),
        (
            (proposed(), approved(), HELD),
            facts.ProposalVoided(proposal_id=PROPOSAL, why="cleared"),
            {"work": the_work(standing="voided", approved_at=seconds(2), why="cleared"), "timers": {}},
        ),
        (
            (*ASKED, CLEAR),
            approved(verification="both"),
            {
                "work": the_work(standing="approved", request=requested(), approved_at=seconds(4), verification="both"),
                "timers": {"hold": HOLD},
            },
        ),
        (
            (proposed(), approved(), HELD),
            approved(),
            {"work": the_work(standing="approved", approved_at=seconds(4), why="a deployment"), "timers": {}},
        ),
        (
            (proposed(), approved()),
            STARTED,
            {"work": the_work(standing="started", approved_at=seconds(2), started=STARTED, started_at=seconds(3))},
        ),
        (
            (*WENT, CLEAR),
            COMPLETED,
            {
                "work": the_work(
                    standing="completed",
                    approved_at=seconds(2),
                    started=STARTED,
                    started_at=seconds(3),
                    completed_at=seconds(5),
                ),
                "timers": {"hold": HOLD, "check": Timer(minutes(2), facts.CheckDue(proposal_id=PROPOSAL, number=1))},
            },
        ),
        (
            (proposed(), approved()),
            facts.ActionFailed(proposal_id=PROPOSAL, why="denied"),
            {"work": the_work(standing="failed", approved_at=seconds(2), why="denied"), "owed": True},
        ),
        (
            (proposed(), approved()),
            facts.ActionOutcomeUnknown(proposal_id=PROPOSAL, why="no reply"),
            {"work": the_work(standing="unknown", approved_at=seconds(2), why="no reply"), "owed": True},
        ),
        (
            (proposed(), approved(), facts.ActionRefused(proposal_id=PROPOSAL, why="old", again=True), approved()),
            facts.ActionRefused(proposal_id=PROPOSAL, why="older", again=True),
            {"work": the_work(standing="proposed", approved_at=seconds(4), why="older", refusals=2)},
        ),
        (
            (proposed(), approved()),
            facts.ActionRefused(proposal_id=PROPOSAL, why="moved"),
            {"work": the_work(standing="refused", approved_at=seconds(2), why="moved", refusals=1), "owed": True},
        ),
        (
            (proposed(), approved(), CLEAR),
            facts.ActionRefused(proposal_id=PROPOSAL, why="cleared"),
            {"work": the_work(standing="refused", approved_at=seconds(2), why="cleared", refusals=1)},
        ),
        (
            (proposed(), approved()),
            HELD,
            {
                "work": the_work(standing="held", approved_at=seconds(2), why="a deployment"),
                "timers": {"action": ACTION},
            },
        ),
        (
            (proposed(), approved(), CLEAR, facts.HoldElapsed(of="clear")),
            HELD,
            {
                "work": the_work(standing="held", approved_at=seconds(2), why="a deployment"),
                "timers": {"action": ACTION, "hold": HOLD},
            },
        ),
        ((*DONE, CLEAR), facts.CheckDue(proposal_id=PROPOSAL, number=1), {"timers": {"hold": HOLD}}),
        (
            (*DONE, facts.CheckDue(proposal_id=PROPOSAL, number=1)),
            facts.RecoveryChecked(proposal_id=PROPOSAL, number=1, seen="too early", check_at=minutes(4)),
            {
                "work": the_work(
                    standing="completed",
                    approved_at=seconds(2),
                    started=STARTED,
                    started_at=seconds(3),
                    completed_at=seconds(4),
                    checks=1,
                ),
                "timers": {"check": Timer(minutes(4), facts.CheckDue(proposal_id=PROPOSAL, number=2))},
            },
        ),
        (
            (),
            facts.InvestigationRequested(round=2, reason="x", origin="grafana"),
            {"round": 2, "rounds": {DEFAULT_BUS: 1, "grafana": 1}},
        ),
        (
            (),
            facts.InvestigationRequested(round=2, reason="x", origin=DEFAULT_BUS),
            {"round": 2, "rounds": {DEFAULT_BUS: 2}},
        ),
        ((), LOOKED, {"assessment": LOOKED, "timers": {"look": LOOK}, "owed": True}),
        ((CLEAR,), LOOKED, {"assessment": LOOKED, "owed": True}),
        ((LOOKED, facts.HoldElapsed(of="look")), LOOKED, {"timers": {"look": LOOK}, "looked": False}),
        ((LOOKED,), ASSESSED, {"assessment": ASSESSED, "timers": {}}),
        (
            (HANDED,),
            HANDED.model_copy(update={"assessment": an_assessment(action="notify_team")}),
            {"assessment": HANDED.model_copy(update={"assessment": an_assessment(action="notify_team")})},
        ),
        (
            (HANDED,),
            HANDED.model_copy(update={"assessment": an_assessment()}),
            {"assessment": HANDED.model_copy(update={"assessment": an_assessment()}), "owed": False},
        ),
        (
            (facts.ClickDeclined(person="ana", button="approve", why="late"),),
            facts.ClickDeclined(person="bo", button="approve", why="late"),
            {"declined_clicks": 2},
        ),
        (
            (),
            facts.TicketCreated(key="OPS-1", url="https://tickets/OPS-1"),
            {"ticket": facts.TicketCreated(key="OPS-1", url="https://tickets/OPS-1")},
        ),
        (
            (facts.IncidentStalled(since=1, times=1),),
            facts.IncidentStalled(since=1, times=2),
            {"stalls": 2, "stalled": 3},
        ),
        ((), facts.UnknownFact(type="IncidentSung", content={}), {"strange": True}),
        ((), facts.NoteAdded(person="ana", text="it was me"), {}),
        (
            (LOOKED, *ASKED),
            facts.IncidentEscalated(reason="nobody knows"),
            {
                "escalated_at": seconds(4),
                "escalations": ("nobody knows",),
                "unheard": {5: "test/4"},
                "timers": {"remind": REMIND, "expire": EXPIRE},
                "owed": False,
            },
        ),
        ((TOLD,), TOLD, {"escalations": ("x", "x"), "unheard": {2: "test/1", 3: "test/2"}}),
        (
            ASKED,
            ACKNOWLEDGED,
            {"acknowledged_by": "ana", "acknowledged_at": seconds(3), "timers": {"expire": EXPIRE}},
        ),
        ((ACKNOWLEDGED,), facts.IncidentAcknowledged(person="bo", channel="slack"), {"acknowledged_by": "bo"}),
        ((*ASKED, CLEAR), facts.HoldElapsed(of="clear"), {"timers": {"remind": REMIND, "expire": EXPIRE}}),
        ((*WENT, CLEAR), facts.HoldElapsed(of="clear"), {"timers": {}}),
        ((proposed(), approved(), HELD), facts.HoldElapsed(of="action"), {"timers": {}}),
        ((LOOKED,), facts.HoldElapsed(of="look"), {"timers": {}, "looked": True}),
        ((LOOKED, facts.HoldElapsed(of="look")), facts.HoldElapsed(of="clear"), {}),
        ((CLEAR, RESOLVED), facts.HoldElapsed(of="reopen"), {"timers": {}}),
        (
            (HANDED, CLEAR),
            RESOLVED,
            {
                "status": "resolved",
                "resolved_at": seconds(3),
                "timers": {"reopen": elapses(minutes(60), "reopen")},
                "owed": False,
            },
        ),
        (
            (CLEAR, RESOLVED),
            facts.IncidentReopened(reason="rang"),
            {"status": "open", "resolved_at": None, "timers": {}},
        ),
        ((CLEAR, RESOLVED), facts.IncidentClosed(reason="quiet"), {"status": "closed", "timers": {}}),
    ],
)
def test_a_fact_changes_what_it_says_and_nothing_else(
    before: tuple[Fact, ...], fact: Fact, changes: dict[str, object]
) -> None:
    assert what_changes(*before, fact) == changes


@pytest.mark.parametrize(
    ("judged", "changes"),
    [
        (
            VERIFIED.model_copy(update={"look_again_at": minutes(30)}),
            {"recovered_at": seconds(5), "timers": {"look": LOOK}},
        ),
        (VERIFIED, {"recovered_at": seconds(5), "timers": {}}),
        (facts.RecoveryFailed(proposal_id=PROPOSAL, measures=(), seen="5xx"), {"timers": {}, "owed": True}),
        (facts.RecoveryInconclusive(proposal_id=PROPOSAL, measures=(), seen="no data"), {"timers": {}, "owed": True}),
    ],
    ids=lambda each: getattr(each, "type", ""),
)
def test_what_is_judged_of_an_action_is_the_incidents_recovery(
    judged: facts.RecoveryVerified | facts.RecoveryFailed | facts.RecoveryInconclusive, changes: dict[str, object]
) -> None:
    work = the_work(
        standing="verified" if isinstance(judged, facts.RecoveryVerified) else "unproved",
        approved_at=seconds(2),
        started=STARTED,
        started_at=seconds(3),
        completed_at=seconds(4),
        why=judged.seen,
    )

    assert what_changes(*DONE, judged) == {"work": work, "recovery": judged, **changes}


HELD_NOW = (proposed(), approved(), HELD)


@pytest.mark.parametrize(
    ("happened", "ours"),
    [
        (HELD_NOW, False),
        ((*HELD_NOW, facts.HoldElapsed(of="action")), True),
        ((proposed(), requested()), True),
        ((TOLD, facts.IncidentClosed(reason="x")), False),
        ((facts.IncidentClosed(reason="x"),), False),
        ((TOLD, shown(2), RESOLVED), True),
        ((ASSESSED,), False),
        ((LOOKED, TOLD, shown(3)), False),
        ((ASSESSED, facts.HoldElapsed(of="look")), True),
        ((ASSESSED, ACKNOWLEDGED, facts.HoldElapsed(of="look")), False),
        ((ASSESSED, FLAPPED), False),
        ((ASSESSED, FLAPPED, facts.HoldElapsed(of="clear")), True),
    ],
)
def test_whose_move_it_is_follows_from_what_is_waited_for(happened: tuple[Fact, ...], ours: bool) -> None:
    assert a_history(*happened).incident.our_move is ours


def test_a_test_calls_nobody_and_is_left_ringing_by_nobody() -> None:
    def after(*happened: Fact, test: bool) -> Incident:
        begun = chain(INCIDENT, [opened(test=test), *happened], after=None, actor="a", caused_by="b", now=T0)
        return Incident.replay(begun)

    assert after(TOLD, test=False).calls == (2,)
    assert after(TOLD, test=True).calls == ()
    assert after(ASSESSED, test=False).left_ringing
    assert not after(ASSESSED, test=True).left_ringing
    assert after(LOOKED, test=False).timers == {"look": LOOK}
    assert after(LOOKED, test=True).timers == {}


@pytest.mark.parametrize(
    ("happened", "withdrawn"),
    [
        ((proposed(),), True),
        (ASKED, True),
        ((proposed(), approved()), True),
        (HELD_NOW, True),
        (WENT, False),
        ((*ASKED, NO), False),
        ((), False),
    ],
    ids=["proposed", "awaiting", "approved", "held", "started", "rejected", "nothing"],
)
def test_an_all_clear_withdraws_what_was_not_begun(happened: tuple[Fact, ...], withdrawn: bool) -> None:
    history = a_history(*happened, CLEAR)

    follows = follow(history.incident, history.entries[-1], {}, T0, course=Course(HOUR, HOUR))

    assert [fact.type for fact in follows] == (["ProposalVoided"] if withdrawn else [])
