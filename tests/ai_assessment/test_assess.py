from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.ai_assessment.assess import stage
from functions.ai_assessment.combine import Failed, Opinion
from functions.ai_assessment.findings import Findings
from functions.ai_assessment.propose import propose
from functions.ai_assessment.rules import assess
from shared.assessment import Assessment, Claim
from shared.config import Scale
from shared.decide import Message, decide
from shared.errors import Refused
from shared.facts import ActionProposed, AssessmentMade, IncidentClosed, InvestigationRequested
from shared.history import History
from shared.proposal import Proposal
from shared.target import Target
from tests.ai_assessment.evidence import AN_ALARM, BEFORE, a_metric, evidence, findings
from tests.ai_assessment.test_rules import CRASHES, RELEASED, UNSURE, lines
from tests.builders import (
    BINDING,
    INCIDENT,
    SEEN,
    T0,
    TARGET,
    Clock,
    a_config,
    a_history,
    a_proposal,
    a_service,
    an_alert,
    an_assessment,
    more,
    opened,
    proposed,
    types,
)
from tests.fakes.store import MemoryStore

HALF_AN_HOUR = timedelta(minutes=30)


def pointer(history: History) -> Message:
    last = history.entries[-1]
    return Message(last.incident_id, last.id, last.hash, last.fact.type)


def proposal_of(**changes: Any) -> Proposal | None:
    found = findings(**changes)
    return propose(assess(found), found, a_config(), T0, HALF_AN_HOUR)


def judged(*happened: Any, opinion: Opinion | None = None, service: Any = None, **changes: Any) -> History:
    store = MemoryStore()
    history = more(a_history(store=store), evidence(**changes), store=store)
    message = pointer(history)
    more(history, *happened, store=store)
    second = (lambda _: opinion) if opinion else None
    config = a_config(services=(service or a_service(),))
    return decide(message, stage(config, HALF_AN_HOUR, second), store, Clock(T0 + timedelta(minutes=1)))


def made(history: History) -> AssessmentMade:
    return next(entry.fact for entry in history.entries if isinstance(entry.fact, AssessmentMade))


def test_safe_comes_with_its_proposal_in_one_append() -> None:
    history = judged()
    assert types(history)[-2:] == ["AssessmentMade", "ActionProposed"]
    now = T0 + timedelta(minutes=1)
    assert made(history) == AssessmentMade(
        round=1, assessment=assess(findings()), evidence_digest="e" * 64, proposes=True, look_again_at=None
    )
    fact = history.entries[-1].fact
    assert isinstance(fact, ActionProposed)
    assert fact.proposal_hash == fact.proposal.hash
    assert fact.proposal == Proposal(
        id=f"{INCIDENT}-p1",
        supersedes="",
        author="rules/failing_on_a_steady_release",
        source=an_alert().origin,
        action="restart_service",
        target=TARGET,
        inputs={},
        binding=BINDING,
        undo="nothing to take back: the same task definition keeps running",
        effect="replaces 4 tasks, rolling, about 3 min",
        evidence_digest="e" * 64,
        config_digest="c" * 64,
        expires_at=now + HALF_AN_HOUR,
    )


def test_what_is_left_alone_is_looked_at_again_and_what_people_got_is_not() -> None:
    left = made(judged(cloudwatch_alarm=AN_ALARM | {"state": "OK"}))
    assert (left.assessment.action, left.proposes) == ("ignore", False)
    assert left.look_again_at == T0 + timedelta(minutes=31)
    assert made(judged(breach=False)).look_again_at is None


def test_a_second_proposal_says_which_it_takes_the_place_of() -> None:
    found = findings(proposed(), number=2)
    proposal = propose(assess(found), found, a_config(), T0, HALF_AN_HOUR)
    assert proposal is not None
    assert (proposal.id, proposal.supersedes) == (f"{INCIDENT}-p2", a_proposal().id)


def test_a_second_assessor_is_shown_what_the_rules_are_shown() -> None:
    store = MemoryStore()
    history = more(a_history(store=store), evidence(), store=store)
    asked: list[Findings] = []

    def second(found: Findings) -> Opinion:
        asked.append(found)
        return an_assessment()

    ended = decide(pointer(history), stage(a_config(), HALF_AN_HOUR, second), store, Clock())

    assert asked == [Findings(history.incident, a_service(), evidence())]
    assert {entry.actor for entry in ended.entries[2:]} == {"ai_assessment"}


def test_an_incident_without_a_target_is_judged_as_well() -> None:
    store = MemoryStore()
    opening = opened(an_alert(target=None))
    begun = store.append(History(INCIDENT), [opening], actor="alert_intake", caused_by="alert", now=T0)
    message = pointer(more(begun, evidence(), store=store))

    history = decide(message, stage(a_config(), HALF_AN_HOUR), store, Clock())

    assert made(history).assessment.assessor == "rules/no_target"
    assert not made(history).proposes


def test_the_same_evidence_twice_is_judged_once() -> None:
    store = MemoryStore()
    history = more(a_history(store=store), evidence(), store=store)
    message = pointer(history)
    assessor = stage(a_config(), HALF_AN_HOUR)
    once = decide(message, assessor, store, Clock())
    assert decide(message, assessor, store, Clock()).entries == once.entries


@pytest.mark.parametrize("first", ["SAFE", "ESCALATE"])
def test_of_two_workers_that_disagree_the_first_that_is_recorded_counts_and_is_the_only_one(first: str) -> None:
    store = MemoryStore()
    history = more(a_history(store=store), evidence(**UNSURE), store=store)
    opinions = {"SAFE": solid(), "ESCALATE": an_assessment(decision="ESCALATE", action="notify_team")}
    faster = stage(a_config(), HALF_AN_HOUR, lambda _: opinions.pop(first))

    def asked_meanwhile(_: Findings) -> Opinion:
        decide(pointer(history), faster, store, Clock())
        return opinions.popitem()[1]

    ended = decide(pointer(history), stage(a_config(), HALF_AN_HOUR, asked_meanwhile), store, Clock())

    assert not opinions
    assert types(ended).count("AssessmentMade") == 1
    assert made(ended).assessment.decision == first


def test_evidence_that_a_later_round_has_overtaken_is_not_judged() -> None:
    assert "AssessmentMade" not in types(judged(InvestigationRequested(round=2, reason="another alarm")))


def test_a_closed_incident_is_not_judged() -> None:
    assert "AssessmentMade" not in types(judged(IncidentClosed(reason="over")))


def test_anything_but_evidence_is_refused() -> None:
    store = MemoryStore()
    history = a_history(store=store)
    with pytest.raises(Refused, match="no evidence"):
        decide(pointer(history), stage(a_config(), HALF_AN_HOUR), store, Clock())


def test_an_action_without_what_it_must_be_bound_to_is_never_safe() -> None:
    store = MemoryStore()
    bare = evidence().model_copy(update={"binding": {}})
    history = more(a_history(store=store), bare, store=store)
    history = decide(pointer(history), stage(a_config(), HALF_AN_HOUR), store, Clock())
    ours = assess(findings())
    assert made(history).assessment == ours.model_copy(
        update={
            "decision": "ESCALATE",
            "action": "notify_team",
            "message": f"restart_service cannot be proposed here. {ours.message}",
        }
    )
    assert not made(history).proposes
    assert made(history).look_again_at is None


def test_a_number_of_tasks_that_cannot_be_proposed_is_not_left_in_what_people_read() -> None:
    opinion = an_assessment(action="scale_service", inputs={"desired_count": 99}, assessor="model/x")
    said = made(judged(opinion=opinion, service=a_service(actions=("scale_service",)), **UNSURE)).assessment
    assert (said.decision, said.action, said.inputs) == ("ESCALATE", "notify_team", {})


@pytest.mark.parametrize(
    ("tasks", "seconds", "effect"),
    [
        (4, 190, "replaces 4 tasks, rolling, about 3 min"),
        (1, 61, "replaces 1 task, rolling, about 1 min"),
        (2, 20, "replaces 2 tasks, rolling, about 1 min"),
        (2, 91, "replaces 2 tasks, rolling, about 2 min"),
        (2, 0, "replaces 2 tasks, rolling"),
        (2, 1, "replaces 2 tasks, rolling, about 1 min"),
    ],
)
def test_a_restart_says_what_it_would_do_and_how_long_it_took_last_time(tasks: int, seconds: int, effect: str) -> None:
    steady = {"task_definition": SEEN["task_definition"], "finished_at": "2026-11-18T10:00:00Z", "seconds": seconds}
    proposal = proposal_of(ecs_service={"desired": tasks, "running": tasks}, ecs_releases={"steady": [steady]})
    assert proposal is not None
    assert proposal.effect == effect


def test_a_rollback_names_its_revision_and_how_to_undo_it() -> None:
    service = a_service(actions=("rollback_service",))
    proposal = proposal_of(service=service, **RELEASED, **CRASHES)
    assert proposal is not None
    assert proposal.inputs == {"task_definition": BEFORE}
    assert proposal.binding == BINDING
    assert proposal.undo == f"deploy {SEEN['task_definition']} again"
    assert proposal.effect == "replaces 4 tasks with orders:6 (now orders:7), rolling, about 3 min"


def test_a_rollback_to_nowhere_is_not_proposed() -> None:
    found = findings(service=a_service(actions=("rollback_service",)), ecs_releases=None)
    assert propose(an_assessment(action="rollback_service"), found, a_config(), T0, HALF_AN_HOUR) is None


def test_a_scale_is_bound_to_the_number_that_it_started_from() -> None:
    service = a_service(actions=("scale_service",), scale=Scale(least=2, most=6))
    busy = a_metric(metrics=["CPUUtilization"], alarm="cpu")
    proposal = proposal_of(service=service, cloudwatch_metric=busy)
    assert proposal is not None
    assert proposal.inputs == {"desired_count": 6}
    assert proposal.binding == BINDING | {"desired_count": 4}
    assert proposal.effect == "runs 6 tasks instead of 4"
    assert proposal.undo == "set the number of tasks to 4 again"


@pytest.mark.parametrize("count", [2, 3, 5, 6])
def test_a_number_of_tasks_within_its_bounds_is_proposed(count: int) -> None:
    found = findings(service=a_service(actions=("scale_service",), scale=Scale(least=2, most=6)))
    asked = an_assessment(action="scale_service", inputs={"desired_count": count})
    proposal = propose(asked, found, a_config(), T0, HALF_AN_HOUR)
    assert proposal is not None
    assert proposal.inputs == {"desired_count": count}


@pytest.mark.parametrize("action", ["restart_service", "rollback_service", "scale_service"])
def test_an_action_that_the_inventory_does_not_list_or_bound_is_not_proposed(action: Any) -> None:
    asked = an_assessment(action=action, inputs={"desired_count": 5})

    def asked_of(**changes: Any) -> Proposal | None:
        found = findings(service=a_service(**({"actions": (action,), "scale": Scale(least=2, most=6)} | changes)))
        return propose(asked, found, a_config(), T0, HALF_AN_HOUR)

    assert asked_of() is not None
    assert asked_of(actions=()) is None
    assert (asked_of(scale=None) is None) is (action == "scale_service")


@pytest.mark.parametrize("action", ["restart_service", "rollback_service", "scale_service"])
@pytest.mark.parametrize("missing", ["deployment", "task_definition", "desired_count"])
def test_an_action_is_bound_to_what_must_not_change_under_it(action: Any, missing: str) -> None:
    found = findings(service=a_service(actions=(action,), scale=Scale(least=2, most=6)))
    binding = {name: value for name, value in found.evidence.binding.items() if name != missing}
    asked = an_assessment(action=action, inputs={"desired_count": 5})
    bare = replace(found, evidence=found.evidence.model_copy(update={"binding": binding}))
    proposal = propose(asked, bare, a_config(), T0, HALF_AN_HOUR)
    assert (proposal is None) is (missing != "desired_count" or action == "scale_service")


@pytest.mark.parametrize("count", [0, -1, 4, 7, 10**9, 2.5, "5", True, None])
def test_a_number_of_tasks_that_is_no_change_or_out_of_bounds_is_not_proposed(count: object) -> None:
    found = findings(service=a_service(actions=("scale_service",), scale=Scale(least=2, most=6)))
    asked = an_assessment(action="scale_service", inputs={"desired_count": count})
    assert propose(asked, found, a_config(), T0, HALF_AN_HOUR) is None


def test_only_the_inventorys_own_target_is_ever_proposed() -> None:
    elsewhere = Target(kind="ecs", account=TARGET.account, region=TARGET.region, name="shop/other")
    found = findings(service=a_service(target=elsewhere))
    assert propose(an_assessment(), found, a_config(), T0, HALF_AN_HOUR) is None


def test_what_is_not_in_the_inventory_or_names_nothing_is_never_proposed() -> None:
    found = findings()
    nowhere = replace(found.incident, target=None)
    for nobodys in (replace(found, service=None), replace(found, incident=nowhere)):
        assert propose(an_assessment(), nobodys, a_config(), T0, HALF_AN_HOUR) is None


def test_a_failed_model_means_escalate_and_the_rules_action_is_for_people() -> None:
    history = judged(opinion=Failed("model/x", "The model did not answer within 20 s."))
    said = made(history).assessment
    assert (said.decision, said.action) == ("ESCALATE", "restart_service")
    assert said.message.startswith("The model did not answer within 20 s.")
    assert made(history).proposes


def test_a_model_that_says_escalate_wins_over_rules_that_say_safe() -> None:
    ours = assess(findings())
    theirs = an_assessment(decision="ESCALATE", action="notify_team", assessor="model/x", **THEIR_WORDS)
    assert made(judged(opinion=theirs)).assessment == ours.model_copy(
        update=both(ours) | {"decision": "ESCALATE", "message": ours.message}
    )


THEIR_WORDS: dict[str, Any] = {
    "message": "Workers hang.",
    "diagnosis": "They wait for a lock.",
    "claims": (Claim(text="a lock is held", evidence=("e8",)),),
    "confidence": 0.85,
    "suggested_fixes": ("free the lock",),
    "links": ("https://console.example/logs_lines",),
    "info_needed": ("who holds it",),
}


def both(ours: Assessment) -> dict[str, Any]:
    """What our assessment becomes with a model's words beside ours."""
    return {
        "message": "Workers hang.",
        "diagnosis": f"{ours.diagnosis}\nmodel: They wait for a lock.",
        "claims": (*ours.claims, Claim(text="model: a lock is held", evidence=("e8",))),
        "confidence": 0.85,
        "suggested_fixes": (*ours.suggested_fixes, "free the lock"),
        "links": ("https://console.example/logs_lines",),
        "info_needed": (*ours.info_needed, "who holds it"),
        "assessor": f"{ours.assessor}+model/x",
    }


def test_a_model_that_agrees_is_quoted_and_the_less_sure_of_both_counts() -> None:
    dependency: dict[str, Any] = {"logs_lines": lines("connection refused")}
    ours = assess(findings(**dependency))
    said = made(judged(opinion=an_assessment(assessor="model/x", **THEIR_WORDS), **dependency)).assessment
    assert said == ours.model_copy(update=both(ours) | {"confidence": 0.8})
    assert made(judged(opinion=an_assessment(confidence=0.85, assessor="model/x"))).assessment.confidence == 0.85


def test_a_models_words_are_added_to_what_a_rule_says_to_people() -> None:
    pool: dict[str, Any] = {"logs_lines": lines("connection pool exhausted")}
    ours = assess(findings(**pool))
    said = made(judged(opinion=an_assessment(assessor="model/x", **THEIR_WORDS), **pool)).assessment
    assert said == ours.model_copy(update=both(ours) | {"message": ours.message, "confidence": 0.7})


def test_a_diagnosis_of_both_is_cut_to_what_is_kept() -> None:
    said = made(judged(opinion=an_assessment(diagnosis="x" * 4000, assessor="model/x"))).assessment
    assert len(said.diagnosis) == 4000
    assert said.diagnosis.endswith("x…")


def test_two_different_actions_are_for_people_to_choose_from() -> None:
    ours = assess(findings())
    said = made(judged(opinion=an_assessment(action="ignore", assessor="model/x"))).assessment
    assert said == ours.model_copy(
        update={
            "decision": "ESCALATE",
            "message": f"The rules say restart_service, the model ignore. {ours.message}",
            "assessor": f"{ours.assessor}+model/x",
        }
    )


def test_where_the_rules_see_nothing_to_do_and_the_model_does_people_are_told() -> None:
    clear: dict[str, Any] = {"cloudwatch_alarm": AN_ALARM | {"state": "OK"}}
    opinions = (
        an_assessment(assessor="model/x"),
        an_assessment(decision="ESCALATE", assessor="model/x"),
        Failed("model/x", "It is late."),
    )
    for opinion in opinions:
        said = made(judged(opinion=opinion, **clear)).assessment
        assert (said.decision, said.action) == ("ESCALATE", "notify_team")
        assert said.assessor == "rules/all_alarms_cleared+model/x"


def solid(**changes: Any) -> Assessment:
    claims = changes.pop("claims", (Claim(text="the breach is there", evidence=("e2",)),))
    return an_assessment(**({"claims": claims, "assessor": "model/x"} | changes))


@pytest.mark.parametrize(
    "changes",
    [{"breach": False}, {"ecs_service": None}, CRASHES, {"ecs_service": {"desired": 4, "running": 2}}],
)
def test_a_model_cannot_lift_what_a_rule_forbids(changes: dict[str, Any]) -> None:
    said = made(judged(opinion=solid(confidence=1.0), **changes)).assessment
    assert said.decision == "ESCALATE"


@pytest.mark.parametrize("cited", ["e1", "e3"], ids=["CloudWatch", "ECS"])
def test_where_no_rule_is_sure_a_sure_model_that_cites_aws_may_call_a_restart_safe(cited: str) -> None:
    claims = (Claim(text="the log says so", evidence=("e8",)), Claim(text="so it is", evidence=("e8", cited)))
    opinion = solid(claims=claims, confidence=0.8)
    assert made(judged(opinion=opinion, **UNSURE)).assessment == opinion


@pytest.mark.parametrize(
    "opinion",
    [
        solid(confidence=0.7),
        solid(claims=()),
        solid(claims=(Claim(text="the log says so", evidence=("e8",)),)),
        solid(action="ignore"),
        solid(action="rollback_service"),
    ],
)
def test_where_no_rule_is_sure_a_model_with_less_than_that_leaves_it_to_people(opinion: Assessment) -> None:
    said = made(judged(opinion=opinion, **UNSURE)).assessment
    assert (said.decision, said.action) == (
        "ESCALATE",
        "restart_service" if opinion.action == "restart_service" else "notify_team",
    )
    assert (said.assessor, said.inputs) == ("model/x", {})


def test_a_number_of_tasks_that_a_model_wants_stays_with_people() -> None:
    service = a_service(actions=("scale_service",), scale=Scale(least=2, most=6))
    opinion = solid(action="scale_service", inputs={"desired_count": 6})
    history = judged(opinion=opinion, service=service, **UNSURE)
    said = made(history).assessment
    assert (said.decision, said.action, said.inputs) == ("ESCALATE", "scale_service", {"desired_count": 6})
    nothing = solid(action="ignore", inputs={"desired_count": 6})
    said = made(judged(opinion=nothing, service=service, **UNSURE)).assessment
    assert (said.action, said.inputs) == ("notify_team", {})


def test_a_model_never_makes_a_critical_service_safe() -> None:
    said = made(judged(opinion=solid(), service=a_service(tier="critical"), **UNSURE)).assessment
    assert (said.decision, said.action) == ("ESCALATE", "restart_service")


def test_a_test_of_ours_is_safe_and_costs_no_question_to_a_model() -> None:
    store = MemoryStore()
    opening = store.append(History(INCIDENT), [opened(test=True)], actor="alert_intake", caused_by="canary", now=T0)
    message = pointer(more(opening, evidence(), store=store))

    def asked(_: object) -> Opinion:
        raise AssertionError("a model was asked")

    history = decide(message, stage(a_config(), HALF_AN_HOUR, asked), store, Clock(T0 + timedelta(minutes=1)))

    said = made(history).assessment
    assert (said.decision, said.action, said.assessor) == ("SAFE", "ignore", "rules/only_a_test")
    assert types(history) == ["IncidentOpened", "EvidenceCollected", "AssessmentMade"]
