from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from functions.lifecycle.follow import ROUNDS, Course, Flapping, flapping_alerts, follow
from shared import facts, keys
from shared.alert import AlertState, as_text
from shared.facts import Fact
from shared.history import History
from shared.incident import TEST_HOLD, Timer
from shared.ports import Item
from shared.writes import Claim
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


def withdrawn(why: str) -> Fact:
    return facts.ProposalVoided(proposal_id=PROPOSAL, why=why)


def looked_into(number: int, reason: str) -> Fact:
    return facts.InvestigationRequested(round=number, reason=reason, origin=an_alert().origin)


def words(told: Sequence[Fact]) -> list[str]:
    return [fact.type for fact in told]


def test_a_cleared_alarm_withdraws_what_waits_for_approval() -> None:
    cleared = resolved()

    assert follows(a_history(*ASKED, cleared)) == [withdrawn(f"the alarm cleared at {as_text(cleared.cleared_at)}")]
    assert follows(a_history(proposed(), approved(), cleared)) == follows(a_history(*ASKED, cleared))


def test_a_cleared_alarm_among_others_that_ring_withdraws_nothing() -> None:
    assert follows(a_history(*ASKED, SECOND, resolved(hold_until=None))) == []


def test_a_new_alert_while_people_are_asked_starts_another_round() -> None:
    assert follows(a_history(*ASKED, SECOND)) == [
        withdrawn("orders-latency joined; it is being looked into again"),
        looked_into(2, "orders-latency joined"),
    ]


def test_a_new_alert_while_evidence_is_gathered_waits_for_it() -> None:
    assert follows(a_history(SECOND)) == []


def test_a_new_alert_after_an_action_needs_a_person() -> None:
    called = facts.IncidentEscalated(reason="orders-latency rang after an action here; no second one without a person")

    assert follows(a_history(*ACTED, VERIFIED, SECOND)) == [called]
    assert follows(a_history(*ACTED, VERIFIED, called, SECOND)) == []


def test_rounds_are_counted() -> None:
    rounds: list[Fact] = [facts.InvestigationRequested(round=number, reason="x") for number in range(2, ROUNDS + 1)]
    called = facts.IncidentEscalated(reason="orders-latency rang after 3 investigations")

    assert follows(a_history(*rounds, *ASKED, SECOND)) == [called]
    assert follows(a_history(*rounds, *ASKED, called, SECOND)) == []
    assert words(follows(a_history(*rounds[:-1], *ASKED, SECOND))) == ["ProposalVoided", "InvestigationRequested"]


def test_an_alarm_on_a_resolved_incident_reopens_it() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    again: Fact = facts.AlertJoined(alert=an_alert(), again=True)

    reopened = facts.IncidentReopened(reason="orders-5xx rang again")
    assert follows(a_history(resolved(), quiet, again)) == [reopened, looked_into(2, "orders-5xx joined")]
    assert follows(a_history(*ACTED, VERIFIED, resolved(), quiet, again)) == [
        reopened,
        facts.IncidentEscalated(reason="orders-5xx rang after an action here; no second one without a person"),
    ]
    rounds: list[Fact] = [facts.InvestigationRequested(round=number, reason="x") for number in range(2, ROUNDS + 1)]
    told: Fact = facts.IncidentEscalated(reason="x")
    assert follows(a_history(told, *rounds, resolved(), quiet, again)) == [
        reopened,
        facts.IncidentEscalated(reason="orders-5xx rang after 3 investigations"),
    ]


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([*ACTED, VERIFIED], "orders-latency rang after an action here; no second one without a person"),
        ([facts.InvestigationRequested(round=number, reason="x") for number in (2, 3)],
         "orders-latency rang after 3 investigations"),
    ],
    ids=["acted", "looked into"],
)  # fmt: skip
def test_people_who_were_called_before_it_resolved_are_called_anew_when_it_reopens(
    before: list[Fact], reason: str
) -> None:
    told: Fact = facts.IncidentEscalated(reason="x")
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))

    assert follows(a_history(*before, told, resolved(), quiet, SECOND)) == [
        facts.IncidentReopened(reason="orders-latency rang again"), facts.IncidentEscalated(reason=reason),
    ]  # fmt: skip


def test_an_alarm_on_a_closed_incident_is_not_this_incidents() -> None:
    closed = facts.IncidentClosed(reason="over")

    assert follows(a_history(closed, SECOND)) == []


@pytest.mark.parametrize(("severity", "worth"), [("critical", True), ("high", False), ("low", False)], ids=str)
def test_an_alert_that_was_known_is_looked_into_again_only_if_it_is_graver_than_all_others(
    severity: str, worth: bool
) -> None:
    same = facts.AlertJoined(alert=SECOND.alert.model_copy(update={"severity": severity}))
    history = a_history(*ASKED, SECOND, *ASKED, same)

    expected = ["ProposalVoided", "InvestigationRequested"] if worth else []
    assert words(follows(history)) == expected


@pytest.mark.parametrize("happened", [[*ASKED, approved()], [*ASKED, approved(), STARTED], ACTED])
def test_an_alert_during_an_action_waits_for_its_outcome(happened: list[Fact]) -> None:
    assert follows(a_history(*happened, SECOND)) == []


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (facts.RecoveryFailed(proposal_id=PROPOSAL, measures=(), seen="5xx is 40"),
         "the action did not help: 5xx is 40"),
        (facts.RecoveryInconclusive(proposal_id=PROPOSAL, measures=(), seen="no data"),
         "recovery cannot be proved: no data"),
        (facts.ActionFailed(proposal_id=PROPOSAL, why="denied"), "the action failed: denied"),
        (facts.ActionOutcomeUnknown(proposal_id=PROPOSAL, why="no reply"),
         "look at the service, we cannot tell what happened: no reply"),
        (facts.ApprovalExpired(proposal_id=PROPOSAL), "the request for approval was not decided in time"),
        (facts.ApprovalRefused(proposal_id=PROPOSAL, person="Bo", channel="slack"), "Bo refused the proposed action"),
        (facts.ApprovalRefused(proposal_id=PROPOSAL, person="Bo", channel="slack", reason="sale day"),
         "Bo refused the proposed action: sale day"),
    ],
    ids=lambda given: given if isinstance(given, str) else given.type,
)  # fmt: skip
def test_what_goes_wrong_goes_to_people(outcome: Fact, reason: str) -> None:
    history = a_history(*ASKED, approved(), STARTED, COMPLETED, outcome)

    assert follows(history) == [facts.IncidentEscalated(reason=reason)]


def test_a_no_is_no_news_to_people_who_were_called() -> None:
    refused = facts.ApprovalRefused(proposal_id=PROPOSAL, person="Bo", channel="slack")

    assert follows(a_history(*ASKED, facts.IncidentEscalated(reason="x"), refused)) == []


def test_an_action_that_could_not_be_done_goes_to_people() -> None:
    refused = facts.ActionRefused(proposal_id=PROPOSAL, why="the service changed")

    assert follows(a_history(proposed(), approved(), refused)) == [
        facts.IncidentEscalated(reason="not done: the service changed")
    ]


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


CLEAR = facts.HoldElapsed(of="clear")


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        ([], "every alarm stayed clear without an action of ours"),
        ([proposed(), approved(), facts.ProposalVoided(proposal_id=PROPOSAL, why="x")],
         "every alarm stayed clear without an action of ours"),
        ([*ACTED, VERIFIED], "the action helped, and every alarm stayed clear"),
        ([*ACTED, facts.RecoveryInconclusive(proposal_id=PROPOSAL, measures=(), seen="no data")],
         "every alarm stayed clear, though we could not prove that our action was why"),
    ],
    ids=["nothing done", "withdrawn", "helped", "unproved"],
)  # fmt: skip
def test_an_incident_resolves_when_every_alarm_stayed_clear(happened: list[Fact], reason: str) -> None:
    history = a_history(*happened, resolved(), CLEAR)

    assert follows(history) == [facts.IncidentResolved(reason=reason, close_at=history.entries[-1].at + COURSE.reopen)]


def test_an_incident_that_resolves_takes_what_still_waits_for_an_answer_along() -> None:
    history = a_history(*ASKED, resolved(), CLEAR)

    assert follows(history)[0] == withdrawn("the alarm cleared")


def test_a_test_is_over_sooner_than_an_incident() -> None:
    store = MemoryStore()
    begun = store.append(History(INCIDENT), [opened(test=True)], actor="a", caused_by="a", now=T0)
    history = more(begun, resolved(), CLEAR, store=store)

    for reopen, closes in ((timedelta(minutes=30), TEST_HOLD), (timedelta(minutes=1), timedelta(minutes=1))):
        course = Course(hold=timedelta(minutes=15), reopen=reopen)
        (fact,) = follow(history.incident, history.entries[-1], {}, T0, course=course)
        assert isinstance(fact, facts.IncidentResolved)
        assert fact.close_at == T0 + closes


def test_what_resolved_or_closed_meanwhile_does_not_resolve_again() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))

    assert follows(a_history(resolved(), quiet, CLEAR)) == []
    assert follows(a_history(resolved(), quiet, facts.IncidentClosed(reason="over"), CLEAR)) == []


def test_an_incident_does_not_resolve_while_an_action_runs_or_is_judged() -> None:
    for happened in ([proposed(), approved(), STARTED], ACTED):
        assert follows(a_history(*happened, resolved(), facts.HoldElapsed(of="clear"))) == []


def test_an_incident_does_not_resolve_while_another_alarm_rings() -> None:
    assert follows(a_history(SECOND, resolved(), facts.HoldElapsed(of="clear"))) == []


def test_a_resolved_incident_closes_when_it_stays_quiet() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0)
    over: Fact = facts.HoldElapsed(of="reopen")

    assert follows(a_history(resolved(), quiet, over)) == [facts.IncidentClosed(reason="it stayed quiet")]
    assert follows(a_history(resolved(), over)) == []


def test_a_resolved_incident_whose_alarm_rings_does_not_close() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0)

    assert follows(a_history(resolved(), quiet, SECOND, facts.HoldElapsed(of="reopen"))) == []


def flapped() -> facts.AlertFlapped:
    return facts.AlertFlapped(
        fingerprint="f1", title="orders-5xx", state="firing", changed_at=T0, changes=20, look_again_at=T0
    )


def test_a_flapping_alarm_goes_to_people_once() -> None:
    called = facts.IncidentEscalated(reason="flapping: orders-5xx changed 20 times")

    assert follows(a_history(flapped())) == [called]
    assert follows(a_history(called, flapped())) == []
    assert follows(a_history(*ASKED, flapped())) == [withdrawn("the alarm flaps"), called]


def test_a_flapping_alarm_resolves_only_after_it_was_clear_for_the_whole_hold() -> None:
    history = a_history(flapped(), CLEAR)
    now = history.entries[-1].at

    def held(state: str, **since: float) -> Flapping:
        return {"f1": Item("alarm", {"state": state, "since": as_text(now - timedelta(**since))})}

    def still(state: AlertState, **since: float) -> list[Fact]:
        again = now + COURSE.hold
        return [
            facts.AlertFlapped(
                fingerprint="f1", title="orders-5xx", state=state, changed_at=now - timedelta(**since), changes=20,
                look_again_at=again,
            )
        ]  # fmt: skip

    assert follows(history, held("resolved", minutes=1)) == still("resolved", minutes=1)
    assert follows(history, held("firing", hours=1)) == still("firing", hours=1)
    assert follows(history, held("unknown", hours=1)) == still("firing", hours=1)
    assert words(follows(history, held("resolved", minutes=14, seconds=59))) == ["AlertFlapped"]
    assert follows(history, held("resolved", minutes=15)) == [
        facts.AlertResolved(fingerprint="f1", title="orders-5xx", cleared_at=now - timedelta(minutes=15)),
        facts.IncidentResolved(
            reason="every alarm stayed clear without an action of ours", close_at=now + COURSE.reopen
        ),
    ]
    assert follows(history) == []  # nothing is known of it, so nobody can say that it is quiet


def test_a_flood_says_only_when_it_came_last_and_is_over_once_that_is_long_ago() -> None:
    store = MemoryStore()
    flood = an_alert(fingerprint="flood")
    begun = store.append(
        History(INCIDENT), [opened(flood, identity="flood")], actor="alert_intake", caused_by="alert", now=T0
    )
    came = flapped().model_copy(update={"fingerprint": "flood"})
    history = more(begun, came, CLEAR, store=store)
    now = history.entries[-1].at

    def held(**since: float) -> Flapping:
        return {"flood": Item("alarm", {"state": "firing", "since": as_text(now - timedelta(**since))})}

    assert words(follows(history, held(minutes=14))) == ["AlertFlapped"]
    assert words(follows(history, held(minutes=15))) == ["AlertResolved", "IncidentResolved"]


def test_of_many_that_flap_forty_are_cleared_at_once_and_the_rest_when_the_hold_rings_again() -> None:
    names = [f"g{number}" for number in range(41)]
    joined = [facts.AlertJoined(alert=an_alert(fingerprint=each, title=f"title {each}")) for each in names]
    flapping = [flapped().model_copy(update={"fingerprint": each}) for each in names]
    history = a_history(*joined, *flapping, resolved(), CLEAR)
    now = history.entries[-1].at
    since = now - timedelta(hours=1)

    def cleared(most: int) -> Sequence[Fact]:
        held = {each: Item(each, {"state": "resolved", "since": as_text(since)}) for each in names[:most]}
        chosen = {name: alarm for name, alarm in history.incident.alarms.items() if name in {*held, "f1"}}
        incident = replace(history.incident, alarms=chosen)
        return follow(incident, history.entries[-1], held, now, course=COURSE)

    def one(name: str, hold_until: datetime | None = None) -> Fact:
        return facts.AlertResolved(
            fingerprint=name, title=f"title {name}", cleared_at=since, hold_until=hold_until
        )  # fmt: skip

    some = [one(each) for each in names[:39]]
    assert cleared(41) == [*some, one(names[39], hold_until=now)]
    *whole, end = cleared(40)
    assert whole == [*some, one(names[39])]
    assert end.type == "IncidentResolved"


def test_of_each_alert_that_flaps_and_of_no_other_it_is_read_what_is_known_beside_the_timeline() -> None:
    store = MemoryStore()
    history = a_history(SECOND, flapped())
    entry = history.entries[-1]
    assert flapping_alerts(history.incident, entry, state=store) == {}

    value = {"state": "firing", "since": as_text(T0)}
    for fingerprint in ("f1", "f2"):
        store.write(Claim(keys.alarm(INCIDENT, fingerprint), value))

    assert flapping_alerts(history.incident, entry, state=store) == {"f1": Item(keys.alarm(INCIDENT, "f1"), value)}


def test_of_several_that_flap_on_one_sets_the_hold_anew() -> None:
    other = flapped().model_copy(update={"fingerprint": "f2", "title": "orders-latency"})
    history = a_history(SECOND, flapped(), other, CLEAR)
    now = as_text(history.entries[-1].at)

    (fact,) = follows(history, {each: Item(each, {"state": "firing", "since": now}) for each in ("f1", "f2")})
    assert isinstance(fact, facts.AlertFlapped)
    assert fact.fingerprint == "f1"
    (fact,) = follows(history, {"f2": Item("f2", {"state": "firing", "since": now})})
    assert isinstance(fact, facts.AlertFlapped)
    assert fact.fingerprint == "f2"


def test_an_alert_that_flaps_on_a_resolved_incident_reopens_it() -> None:
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    told: Fact = facts.IncidentEscalated(reason="x")
    called = facts.IncidentEscalated(reason="flapping: orders-5xx changed 20 times")

    assert follows(a_history(told, resolved(), quiet, flapped())) == [
        facts.IncidentReopened(reason="orders-5xx rang again"), called,
    ]  # fmt: skip
    calm = flapped().model_copy(update={"state": "resolved"})
    assert follows(a_history(resolved(), quiet, calm)) == [called]
    assert follows(a_history(told, resolved(), quiet, calm)) == []


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


def test_an_incident_that_stalls_twice_goes_to_people_once() -> None:
    called = facts.IncidentEscalated(reason="nothing moves: a part of Middlewatch does not answer")

    assert follows(a_history(facts.IncidentStalled(since=1, times=1))) == []
    assert follows(a_history(facts.IncidentStalled(since=1, times=2))) == [called]
    assert follows(a_history(called, facts.IncidentStalled(since=1, times=2))) == []


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
    mute = "gives no data, so nobody can say that it is well"

    assert follows(a_history(left_alone(), resolved(), lapsed, LOOK)) == [
        facts.IncidentEscalated(reason=f"orders-5xx {mute}")
    ]
    assert follows(a_history(left_alone(), SECOND, left_alone(), lapsed, LOOK)) == [
        facts.IncidentEscalated(reason=f"orders-latency still fires, and nothing is done about it; orders-5xx {mute}")
    ]


@pytest.mark.parametrize("silent", [False, True])
def test_of_many_that_were_left_alone_three_are_named(silent: bool) -> None:
    names = ["b", "c", "d"]
    joined = [facts.AlertJoined(alert=an_alert(fingerprint=each, title=each)) for each in names]
    lapsed = [facts.AlertLapsed(fingerprint=each, title=each, since=T0, look_again_at=T0) for each in ("f1", *names)]
    (fact,) = follows(a_history(*joined, left_alone(), *(lapsed if silent else []), LOOK))

    assert isinstance(fact, facts.IncidentEscalated)
    assert fact.reason.startswith(f"orders-5xx and b and c {'gives no data' if silent else 'still fires'}, ")


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


@pytest.mark.parametrize("origin", ["", an_alert().origin])
def test_an_incident_is_looked_into_up_to_a_third_time(origin: str) -> None:
    second: Fact = facts.InvestigationRequested(round=2, reason="x", origin=origin)
    assert words(follows(a_history(second, *ASKED, SECOND))) == ["ProposalVoided", "InvestigationRequested"]


def test_rounds_of_no_known_source_count_for_every_source() -> None:
    theirs = facts.AlertJoined(alert=an_alert(fingerprint="f3", origin="generic"))
    rounds: list[Fact] = [facts.InvestigationRequested(round=number, reason="x") for number in (2, 3, 4)]
    assert words(follows(a_history(*rounds[:2], *ASKED, theirs))) == ["ProposalVoided", "InvestigationRequested"]
    assert words(follows(a_history(*rounds, *ASKED, theirs))) == ["IncidentEscalated"]


def test_what_nobody_looks_into_withdraws_nothing_and_is_told_once() -> None:
    unattended = SECOND.model_copy(update={"unattended": "its source had 100 looked into this hour"})
    (fact,) = follows(a_history(*ASKED, unattended))
    assert fact == facts.IncidentEscalated(reason="orders-latency rang, and its source had 100 looked into this hour")
    assert follows(a_history(*ASKED, fact, unattended)) == []
    quiet: Fact = facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(minutes=30))
    for told in ([], [fact]):
        assert words(follows(a_history(*told, resolved(), quiet, unattended))) == [
            "IncidentReopened", "IncidentEscalated",
        ]  # fmt: skip
