"""What the gate makes of a cause, with the shipped policy and the store in memory."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.policy import Policy
from functions.policy_gate.verdict import Verdict
from shared import facts, keys
from shared.config import Config
from shared.decide import Message, Stage, decide
from shared.errors import Unavailable
from shared.facts import Fact
from shared.history import History
from shared.seal import why_unproved
from shared.writes import Put, Spend
from tests.builders import (
    T0,
    TARGET,
    Clock,
    a_config,
    a_history,
    a_person,
    a_proposal,
    a_service,
    an_approval,
    an_assessment,
    more,
)
from tests.builders import opened as a_opened
from tests.builders import proposed as a_proposed
from tests.builders import requested as a_requested
from tests.builders import resolved as a_resolved
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore
from tests.policy_gate.shipped import LIMITS, MODULES

PATIENCE = timedelta(minutes=20)
ANA, CY = a_person(), a_person(id="cy", name="Cy", slack=())
EVIDENCE = facts.EvidenceCollected(
    round=1, items=(), gaps=(), binding={"deployment": "ecs-svc/1"}, breach_confirmed=True, digest="e" * 64
)


def configured(*, quorum: int = 1, people: Sequence[Any] = (ANA, CY), digest: str = "c" * 64, **service: Any) -> Config:
    limits = LIMITS | {"quorum": {"critical": quorum, "standard": quorum, "best-effort": quorum}}
    return a_config(
        services=(a_service(**service),),
        people=tuple(people),
        policy=MODULES,
        policy_data={"limits": limits},
        digest=digest,
    )


def assessed(**changes: Any) -> facts.AssessmentMade:
    proposes = changes.pop("proposes", True)
    return facts.AssessmentMade(
        round=1, assessment=an_assessment(**changes), evidence_digest="e" * 64, proposes=proposes
    )


def given(person: str = "ana", **changes: Any) -> facts.ApprovalGiven:
    proposal = a_proposal()
    content = {"proposal_id": proposal.id, "proposal_hash": proposal.hash, "person": person, "channel": "slack"}
    return an_approval(**(content | changes))


class Night:
    """One incident, one store, one clock, and the gate of a configuration."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or configured()
        self.store = MemoryStore()
        self.seals = MemorySeals()
        self.unproved = 0
        self.clock = Clock(T0 + timedelta(minutes=1))
        self.history = a_history(store=self.store)

    def after(self, *happened: Fact) -> Sequence[Fact]:
        """What the gate appends because of the last of `happened`."""
        self.history = more(self.history, *happened, store=self.store)
        return self.turn(Policy.of(self.config).decide)

    def tell(self) -> None:
        self.unproved += 1

    def turn(self, ask: Any) -> Sequence[Fact]:
        cause = self.history.entries[-1]
        gate = Gate(self.config, ask, PATIENCE)
        memory = recall(self.store, self.clock, self.seals, unproved=self.tell)
        stage = Stage("policy_gate", sealing(gate.conclude, self.seals), prepare=memory)
        message = Message(cause.incident_id, cause.id, cause.hash, cause.fact.type)
        before = len(self.history.entries)
        self.history = decide(message, stage, self.store, self.clock)
        assert decide(message, stage, self.store, self.clock).entries == self.history.entries
        return [entry.fact for entry in self.history.entries[before:]]


def types(answer: Sequence[Fact]) -> list[str]:
    return [fact.type for fact in answer]


def denial(answer: Sequence[Fact]) -> tuple[str, ...]:
    """The reasons of a denial that people are told of."""
    denied, escalated = answer
    assert isinstance(denied, facts.ActionDenied)
    assert isinstance(escalated, facts.IncidentEscalated)
    return denied.reasons


# Assessments


def test_escalate_without_a_proposal_calls_people() -> None:
    answer = Night().after(EVIDENCE, assessed(decision="ESCALATE", action="notify_team", proposes=False))
    assert answer == [facts.IncidentEscalated(reason=an_assessment().message)]


def test_a_wish_to_notify_the_team_calls_people_even_when_safe() -> None:
    assert types(Night().after(EVIDENCE, assessed(action="notify_team", proposes=False))) == ["IncidentEscalated"]


def test_safe_without_an_action_needs_nobody() -> None:
    assert Night().after(EVIDENCE, assessed(action="ignore", proposes=False)) == []


def test_an_assessment_that_proposes_waits_for_its_proposal() -> None:
    assert Night().after(EVIDENCE, assessed(decision="ESCALATE")) == []


# Proposals


def test_a_safe_proposal_goes_alone_where_the_team_chose_auto() -> None:
    (approved,) = Night().after(EVIDENCE, assessed(), a_proposed())
    assert isinstance(approved, facts.ActionApproved)
    assert approved.approved_by == ()
    assert approved.proposal == a_proposal()
    assert approved.proposal_hash == a_proposal().hash
    assert approved.config_digest == "c" * 64


def test_approve_mode_asks_the_people_of_the_service() -> None:
    (request,) = Night(configured(mode="approve")).after(EVIDENCE, assessed(), a_proposed())
    assert isinstance(request, facts.ApprovalRequested)
    assert request.proposal_hash == a_proposal().hash
    assert request.approvers == ("on-call",)
    assert request.reasons == ("the service is in mode approve",)
    assert request.expires_at == T0 + timedelta(minutes=21)
    assert request.remind_at == T0 + timedelta(minutes=11)


def test_a_request_never_outlives_its_proposal() -> None:
    night = Night(configured(mode="approve"))
    (request,) = night.after(EVIDENCE, assessed(), a_proposed(expires_at=T0 + timedelta(minutes=5)))
    assert isinstance(request, facts.ApprovalRequested)
    assert request.expires_at == T0 + timedelta(minutes=5)
    assert request.remind_at == T0 + timedelta(minutes=3)


def test_escalate_calls_people_and_asks_them_in_one_breath() -> None:
    answer = Night(configured(tier="critical", mode="approve")).after(
        EVIDENCE, assessed(decision="ESCALATE"), a_proposed()
    )
    assert types(answer) == ["IncidentEscalated", "ApprovalRequested"]


def test_an_incident_that_is_escalated_already_is_not_escalated_by_the_question() -> None:
    told = facts.IncidentEscalated(reason="it rang again")
    answer = Night().after(EVIDENCE, assessed(decision="ESCALATE"), told, a_proposed())
    assert types(answer) == ["ApprovalRequested"]


def test_a_denial_is_told() -> None:
    answer = Night(configured(mode="observe")).after(EVIDENCE, assessed(), a_proposed())
    assert denial(answer) == ("the service is in mode observe",)
    assert answer[1] == facts.IncidentEscalated(reason="restart_service is not allowed: the service is in mode observe")


def test_no_evidence_no_action() -> None:
    assert any("breach_confirmed is not known" in reason for reason in denial(Night().after(assessed(), a_proposed())))


def test_no_assessment_no_action() -> None:
    assert any("assessment" in reason for reason in denial(Night().after(EVIDENCE, a_proposed())))


def test_a_target_outside_the_inventory_is_denied() -> None:
    elsewhere = TARGET.model_copy(update={"name": "shop/other"})
    assert denial(Night().after(EVIDENCE, assessed(), a_proposed(target=elsewhere))) == (
        "the target is not in the inventory",
    )


def test_another_service_than_the_incidents_is_denied() -> None:
    search = TARGET.model_copy(update={"name": "shop/search"})
    night = Night(configured(name="search", target=search))
    assert denial(night.after(EVIDENCE, assessed(), a_proposed(target=search))) == (
        "the proposal is for another target than the incident's",
    )


def test_an_empty_list_of_approvers_means_nobody() -> None:
    night = Night(configured(mode="approve", approvers=()))
    assert "too few people may approve this" in denial(night.after(EVIDENCE, assessed(), a_proposed()))


def test_a_fact_of_a_newer_release_blocks_the_action() -> None:
    strange = facts.UnknownFact(type="SomethingNew", content={"type": "SomethingNew"})
    night = Night()
    night.history = more(night.history, EVIDENCE, assessed(), store=night.store)
    night.history = _with_unknown(night, strange)
    assert any("does not know" in reason for reason in denial(night.after(a_proposed())))


def _with_unknown(night: Night, strange: facts.UnknownFact) -> History:
    grown = more(night.history, facts.NoteAdded(person="ana", text="x"), store=night.store)
    entries = night.store.timelines[grown.incident_id]
    body = entries[-1].body.replace('"NoteAdded"', '"SomethingNew"')
    entries[-1] = type(entries[-1])(
        **{name: getattr(entries[-1], name) for name in entries[-1].__slots__} | {"body": body, "fact": strange}
    )
    return night.store.read(grown.incident_id)


def test_a_stopped_switch_denies_and_a_resumed_one_does_not() -> None:
    for stopped, word in ((True, "stopped"), ("yes", "unreadable")):
        night = Night()
        night.store.write(Put(keys.KILL_SWITCH, {"stopped": stopped, "person": "bo", "reason": "", "at": ""}))
        assert denial(night.after(EVIDENCE, assessed(), a_proposed())) == (f"the kill switch is {word}",)
    night = Night()
    night.store.write(Put(keys.KILL_SWITCH, {"stopped": False, "person": "bo", "reason": "", "at": ""}))
    assert types(night.after(EVIDENCE, assessed(), a_proposed())) == ["ActionApproved"]


def past(night: Night, hours: float) -> None:
    at = (night.clock.now - timedelta(hours=hours)).isoformat()
    value = {
        "incident_id": "INC-old",
        "proposal_id": "p",
        "action": "restart_service",
        "at": at,
        "standing": "verified",
    }
    night.store.write(Put(keys.action("INC-old", "p"), value, listed=(keys.actions(TARGET.key), at)))


def test_a_second_action_within_a_day_needs_a_person() -> None:
    night = Night()
    past(night, 23)
    (request,) = night.after(EVIDENCE, assessed(), a_proposed())
    assert isinstance(request, facts.ApprovalRequested)
    assert request.reasons == ("actions on this target in the last 24 h: 1",)


def test_an_action_that_lies_ahead_of_our_clock_counts() -> None:
    night = Night()
    past(night, -0.2)
    assert types(night.after(EVIDENCE, assessed(), a_proposed())) == ["ApprovalRequested"]


def test_an_action_the_day_before_does_not_count() -> None:
    night = Night()
    past(night, 25)
    assert types(night.after(EVIDENCE, assessed(), a_proposed())) == ["ActionApproved"]


def acted_in_vain() -> Night:
    """A night in which this very incident's first action did not help."""
    night = Night()
    first = a_proposal()
    started = facts.ActionStarted(
        proposal_id=first.id, proposal_hash=first.hash, action=first.action, target=TARGET, before={}
    )
    failed = facts.RecoveryFailed(proposal_id=first.id, measures=(), seen="still broken")
    night.history = more(night.history, EVIDENCE, assessed(), a_proposed(), started, failed, store=night.store)
    return night


def test_this_incidents_own_earlier_action_counts_although_the_list_lags() -> None:
    night = acted_in_vain()
    night.store.items.pop(keys.action(night.history.incident_id, a_proposal().id))
    (request,) = night.after(a_proposed(id="p2"))
    assert isinstance(request, facts.ApprovalRequested)
    assert request.reasons == ("actions on this target in the last 24 h: 1",)


def test_this_incidents_own_earlier_action_counts_once_although_the_list_has_it_too() -> None:
    night = acted_in_vain()
    assert len(night.store.listed(keys.actions(TARGET.key)).items) == 1
    (request,) = night.after(a_proposed(id="p2"))
    assert isinstance(request, facts.ApprovalRequested)
    assert request.reasons == ("actions on this target in the last 24 h: 1",)


@pytest.mark.parametrize(
    ("name", "spent", "reason"),
    [
        ("actions", 10, "too many actions in all this hour"),
        (f"actions#{TARGET.key}", 2, "too many actions on this target this hour"),
        ("actions@", 6, "too many actions this hour because of this source"),
    ],
)
def test_a_spent_budget_denies_whoever_asks(name: str, spent: int, reason: str) -> None:
    night = Night(configured(mode="approve"))
    for _ in range(spent):
        night.store.write(Spend(keys.budget(name, night.clock.now), 100, night.clock.now + timedelta(hours=2)))
    assert denial(night.after(EVIDENCE, assessed(), a_proposed())) == (reason,)


@pytest.mark.parametrize(("spent", "alarms"), [(9, 0), (10, 1)])
def test_people_are_told_when_no_action_is_left_in_the_hour(spent: int, alarms: int) -> None:
    night, told = Night(), list[str]()
    for _ in range(spent):
        night.store.write(Spend(keys.budget("actions", night.clock.now), 100, night.clock.now + timedelta(hours=2)))
    history = more(night.history, EVIDENCE, assessed(), a_proposed(), store=night.store)

    recall(night.store, night.clock, night.seals, 10, lambda: told.append("BudgetSpent"))(
        history.incident, history.entries[-1]
    )

    assert len(told) == alarms


def test_a_superseded_proposal_is_left_alone() -> None:
    night = Night()
    night.history = more(night.history, EVIDENCE, assessed(), a_proposed(), a_proposed(id="p2"), store=night.store)
    old = night.history.entries[-2]
    gate = Gate(night.config, Policy.of(night.config).decide, PATIENCE)
    stage = Stage("policy_gate", gate.conclude, prepare=recall(night.store, night.clock, night.seals))
    message = Message(old.incident_id, old.id, old.hash, old.fact.type)
    assert decide(message, stage, night.store, night.clock).entries == night.history.entries


def test_a_voided_proposal_is_left_alone() -> None:
    night = Night()
    night.history = more(night.history, EVIDENCE, assessed(), a_proposed(), store=night.store)
    message_at = night.history.entries[-1]
    night.history = more(
        night.history, facts.ProposalVoided(proposal_id=a_proposal().id, why="it cleared"), store=night.store
    )
    gate = Gate(night.config, Policy.of(night.config).decide, PATIENCE)
    stage = Stage("policy_gate", gate.conclude, prepare=recall(night.store, night.clock, night.seals))
    message = Message(message_at.incident_id, message_at.id, message_at.hash, message_at.fact.type)
    assert decide(message, stage, night.store, night.clock).entries == night.history.entries


def test_another_configuration_decides_and_says_so() -> None:
    (approved,) = Night(configured(digest="d" * 64)).after(EVIDENCE, assessed(), a_proposed())
    assert isinstance(approved, facts.ActionApproved)
    assert approved.config_digest == "d" * 64
    assert approved.reasons[-1] == "decided by configuration dddddddd, proposed under cccccccc"


# Approvals

ASKED = (EVIDENCE, assessed(), a_proposed(), a_requested())


def test_one_entitled_person_lets_it_go_and_is_named() -> None:
    night = Night(configured(mode="approve"))
    (approved,) = night.after(*ASKED, given())
    assert isinstance(approved, facts.ActionApproved)
    assert approved.approved_by == ("ana",)
    assert night.unproved == 0


def test_a_quorum_of_two_waits_for_the_second_person() -> None:
    night = Night(configured(mode="approve", quorum=2))
    asked = (*ASKED[:3], a_requested(quorum=2))
    assert night.after(*asked, given("ana")) == []
    assert night.after(given("ana")) == []
    (approved,) = night.after(given("cy"))
    assert isinstance(approved, facts.ActionApproved)
    assert approved.approved_by == ("ana", "cy")


def test_the_stricter_of_then_and_now_wins() -> None:
    then_two = Night(configured(mode="approve", quorum=1))
    assert then_two.after(*ASKED[:3], a_requested(quorum=2), given()) == []
    now_two = Night(configured(mode="approve", quorum=2))
    assert now_two.after(*ASKED, given()) == []


def test_a_stranger_counts_for_nothing() -> None:
    assert Night(configured(mode="approve")).after(*ASKED, given("eve")) == []


def test_somebody_who_left_the_group_since_counts_for_nothing() -> None:
    left = a_person(groups=())
    assert Night(configured(mode="approve", people=(left, CY))).after(*ASKED, given("ana")) == []


def test_an_approver_whom_the_service_no_longer_lists_counts_for_nothing() -> None:
    night = Night(configured(mode="approve", approvers=("cy",)))
    assert night.after(*ASKED, given("ana")) == []


def test_an_approver_whom_the_policy_no_longer_names_counts_for_nothing() -> None:
    def others(_document: Mapping[str, Any]) -> Verdict:
        return Verdict(
            verdict="go",
            reasons=("why not",),
            quorum=1,
            approvers=("leads",),
            expires_seconds=60,
            remind_seconds=30,
            verification="auto",
        )

    night = Night(configured(mode="approve", approvers=("on-call", "leads")))
    night.history = more(night.history, *ASKED, given(), store=night.store)
    assert night.turn(others) == []


def test_nobody_approves_what_they_proposed() -> None:
    mine = a_proposal(author="ana")
    night = Night(configured(mode="approve"))
    asked = (EVIDENCE, assessed(), a_proposed(author="ana"), a_requested(proposal=mine))
    assert night.after(*asked, given("ana", proposal_hash=mine.hash)) == []
    assert types(night.after(given("cy", proposal_hash=mine.hash))) == ["ActionApproved"]


def test_an_approval_of_another_hash_counts_for_nothing() -> None:
    assert Night(configured(mode="approve")).after(*ASKED, given(proposal_hash="0" * 64)) == []


@pytest.mark.parametrize(("late", "counts"), [(timedelta(milliseconds=-1), True), (timedelta(0), False)])
def test_an_approval_counts_until_the_request_expires_and_not_a_millisecond_longer(
    late: timedelta,
    counts: bool,
) -> None:
    night = Night(configured(mode="approve"))
    soon = a_requested(expires_at=T0 + timedelta(minutes=10))
    night.clock.now = soon.expires_at + late
    assert types(night.after(*ASKED[:3], soon, given())) == (["ActionApproved"] if counts else [])


def test_an_approval_under_a_policy_that_now_forbids_it_is_a_denial() -> None:
    night = Night(configured(mode="observe"))
    assert denial(night.after(*ASKED, given())) == ("the service is in mode observe",)


def test_an_approval_after_the_alarm_cleared_is_a_denial() -> None:
    night = Night(configured(mode="approve"))
    assert denial(night.after(*ASKED, a_resolved(), given())) == ("no alert fires any more",)


def test_an_approval_after_a_no_does_nothing() -> None:
    no = facts.ApprovalRefused(proposal_id=a_proposal().id, person="cy", channel="slack")
    assert Night(configured(mode="approve")).after(*ASKED, no, given()) == []


# Seals


def test_what_goes_carries_the_seal_of_its_place_and_its_time() -> None:
    night = Night(configured(mode="approve"))
    (approved,) = night.after(*ASKED, given())
    entry = night.history.entries[-1]
    assert isinstance(approved, facts.ActionApproved)
    assert why_unproved(night.history.incident, entry, night.seals) == ""
    assert night.seals.asked[:2] == ["check approval-seal", "make decision-seal"]


@pytest.mark.parametrize(
    "changes",
    [
        {"given_at": None},
        {"seal": "approved"},
        {"seal": an_approval(proposal_hash="0" * 64).seal},
        {"seal": an_approval(incident_id="INC-OTHER").seal},
        {"seal": an_approval(person="cy").seal},
        {"seal": an_approval(channel="email").seal},
        {"seal": an_approval(MemorySeals(secret="another deployment's")).seal},
    ],
    ids=["none", "nonsense", "another proposal", "another incident", "another person", "another channel", "other key"],
)
def test_an_approval_that_is_not_proved_is_a_denial_that_people_and_operators_hear_of(changes: dict[str, Any]) -> None:
    night = Night(configured(mode="approve"))
    assert "not proved that ana approved" in denial(night.after(*ASKED, given(**changes)))[0]
    assert night.unproved == 1


def test_one_forged_approval_spoils_the_genuine_one_beside_it() -> None:
    night = Night(configured(mode="approve", quorum=2))
    asked = (*ASKED[:3], a_requested(quorum=2))
    assert night.after(*asked, given("ana")) == []
    assert "not proved that cy approved" in denial(night.after(given("cy", seal="made up")))[0]


@pytest.mark.parametrize("asked", [ASKED[:3], (*ASKED, given())], ids=["alone", "after a click"])
def test_while_kms_is_away_nothing_is_decided_and_the_message_comes_back(asked: Sequence[Fact]) -> None:
    night = Night(configured(mode="approve" if len(asked) > 3 else "auto"))
    night.seals.down = True
    with pytest.raises(Unavailable, match="KMS does not answer"):
        night.after(*asked)
    night.seals.down = False
    assert types(night.turn(Policy.of(night.config).decide)) == ["ActionApproved"]


# Deciding again


def refused(*, again: bool = True) -> facts.ActionRefused:
    return facts.ActionRefused(proposal_id=a_proposal().id, why="the answer is too old", again=again)


def let_go() -> facts.ActionApproved:
    return facts.ActionApproved(
        proposal=a_proposal(),
        proposal_hash=a_proposal().hash,
        reasons=("ana agreed",),
        approved_by=("ana",),
        config_digest="c" * 64,
    )


def test_an_action_that_could_not_run_is_decided_again_with_the_approvals_it_has() -> None:
    night = Night(configured(mode="approve"))
    (approved,) = night.after(*ASKED, given(), let_go(), refused())
    assert isinstance(approved, facts.ActionApproved)
    assert approved.approved_by == ("ana",)


def test_an_approval_that_lost_its_person_is_asked_for_again() -> None:
    night = Night(configured(mode="approve", people=(a_person(groups=()), CY)))
    assert types(night.after(*ASKED, given(), let_go(), refused())) == ["ApprovalRequested"]


def test_a_third_refusal_is_the_last() -> None:
    night = Night()
    night.history = more(night.history, EVIDENCE, assessed(), a_proposed(), store=night.store)
    assert types(night.after(let_go(), refused())) == ["ActionApproved"]
    assert types(night.after(refused())) == ["ActionApproved"]
    assert "3 times" in denial(night.after(refused()))[0]


def test_a_refusal_that_asks_for_nothing_gets_nothing() -> None:
    assert Night().after(EVIDENCE, assessed(), a_proposed(), let_go(), refused(again=False)) == []


def held() -> facts.ActionHeld:
    return facts.ActionHeld(
        proposal_id=a_proposal().id, why="a deployment is going on", look_again_at=T0 + timedelta(minutes=2)
    )


def test_a_held_action_is_decided_again_when_its_time_has_come() -> None:
    night = Night(configured(mode="approve"))
    (approved,) = night.after(*ASKED, given(), let_go(), held(), facts.HoldElapsed(of="action"))
    assert isinstance(approved, facts.ActionApproved)
    assert approved.approved_by == ("ana",)


def test_a_held_action_that_expired_is_denied() -> None:
    night = Night()
    night.clock.now = a_proposal().expires_at
    answer = night.after(EVIDENCE, assessed(), a_proposed(), let_go(), held(), facts.HoldElapsed(of="action"))
    assert denial(answer) == ("the proposal has expired",)


def test_other_waiting_times_are_not_the_gates() -> None:
    assert Night().after(EVIDENCE, assessed(), a_proposed(), let_go(), held(), facts.HoldElapsed(of="clear")) == []


# A policy that is broken


def test_a_broken_policy_denies_and_tells_people() -> None:
    night = Night(configured().model_copy(update={"policy": {"policy/broken.rego": "package middlewatch\n\nx :="}}))
    assert denial(night.after(EVIDENCE, assessed(), a_proposed()))[0].startswith("the policy failed")


def test_a_policy_that_names_other_approvers_than_the_service_asks_nobody() -> None:
    def anybody(document: Mapping[str, Any]) -> Verdict:
        assert document["service"]["name"] == "orders"
        return Verdict(
            verdict="ask",
            reasons=("why not",),
            quorum=1,
            approvers=("everybody",),
            expires_seconds=60,
            remind_seconds=30,
            verification="auto",
        )

    night = Night(configured(people=(a_person(groups=("on-call", "everybody")),)))
    night.history = more(night.history, EVIDENCE, assessed(), a_proposed(), store=night.store)
    assert "too few people may approve this" in denial(night.turn(anybody))


def test_a_test_asks_the_policy_and_nothing_follows() -> None:
    store, clock = MemoryStore(), Clock()
    history = store.append(History("INC-T"), [a_opened(test=True)], actor="alert_intake", caused_by="canary", now=T0)
    told = assessed(decision="SAFE", action="ignore", proposes=False)
    entry = more(history, told, store=store).entries[-1]
    gate = Gate(configured(), Policy.of(configured()).decide, PATIENCE)

    decide(Message("INC-T", entry.id, entry.hash, entry.fact.type), stage_of(gate, store, clock), store, clock)

    (*_, said) = store.read("INC-T").entries
    assert isinstance(said.fact, facts.DryRunCompleted)
    assert said.fact.stage == "policy_gate"
    assert said.fact.would.startswith("said deny: ")
    assert "not in the inventory" in said.fact.would
    assert store.read("INC-T").incident.work == {}


def test_a_test_that_gets_no_answer_out_of_the_policy_comes_back() -> None:
    store, clock = MemoryStore(), Clock()
    history = store.append(History("INC-T"), [a_opened(test=True)], actor="alert_intake", caused_by="canary", now=T0)
    entry = more(history, assessed(decision="SAFE", action="ignore", proposes=False), store=store).entries[-1]
    gate = Gate(configured(), Policy({"policy/broken.rego": "package middlewatch\nx :="}, {}).decide, PATIENCE)

    with pytest.raises(Unavailable, match="the policy failed"):
        decide(Message("INC-T", entry.id, entry.hash, entry.fact.type), stage_of(gate, store, clock), store, clock)

    assert store.read("INC-T").entries[-1] == entry


def stage_of(gate: Gate, store: MemoryStore, clock: Clock) -> Stage[Any]:
    return Stage("policy_gate", gate.conclude, prepare=recall(store, clock, MemorySeals()))
