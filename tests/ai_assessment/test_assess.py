from datetime import timedelta
from typing import Any

import pytest

from functions.ai_assessment.assess import stage
from functions.ai_assessment.combine import Failed, Opinion
from functions.ai_assessment.findings import Findings
from functions.ai_assessment.propose import propose
from functions.ai_assessment.rules import assess
from shared.assessment import Claim
from shared.config import Scale
from shared.decide import Message, decide
from shared.errors import Refused
from shared.facts import ActionProposed, AssessmentMade, IncidentClosed, InvestigationRequested
from shared.history import History
from shared.proposal import Proposal
from shared.target import Target
from tests.ai_assessment.evidence import BEFORE, a_metric, evidence, findings
from tests.ai_assessment.test_rules import CRASHES, RELEASED, UNSURE
from tests.builders import (
    BINDING,
    INCIDENT,
    SEEN,
    T0,
    TARGET,
    Clock,
    a_config,
    a_history,
    a_service,
    an_assessment,
    more,
    opened,
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
    fact = history.entries[-1].fact
    assert isinstance(fact, ActionProposed)
    assert fact.proposal.id == f"{INCIDENT}-p1"
    assert fact.proposal_hash == fact.proposal.hash
    assert fact.proposal.target == TARGET
    assert fact.proposal.binding == BINDING
    assert fact.proposal.evidence_digest == "e" * 64


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
    assert (made(history).assessment.decision, made(history).assessment.action) == ("ESCALATE", "notify_team")
    assert not made(history).proposes


def test_a_restart_says_what_it_would_do_and_how_long_it_took_last_time() -> None:
    proposal = proposal_of()
    assert proposal is not None
    assert proposal.effect == "replaces 4 tasks, rolling, about 3 min"
    assert proposal.expires_at == T0 + HALF_AN_HOUR


def test_a_rollback_names_its_revision_and_how_to_undo_it() -> None:
    service = a_service(actions=("rollback_service",))
    proposal = proposal_of(service=service, **RELEASED, **CRASHES)
    assert proposal is not None
    assert proposal.inputs == {"task_definition": BEFORE}
    assert proposal.binding == BINDING
    assert proposal.undo == f"deploy {SEEN['task_definition']} again"


def test_a_scale_is_bound_to_the_number_that_it_started_from() -> None:
    service = a_service(actions=("scale_service",), scale=Scale(least=2, most=6))
    busy = a_metric(metrics=["CPUUtilization"], alarm="cpu")
    proposal = proposal_of(service=service, cloudwatch_metric=busy)
    assert proposal is not None
    assert proposal.inputs == {"desired_count": 6}
    assert proposal.binding == BINDING | {"desired_count": 4}


@pytest.mark.parametrize("count", [0, -1, 4, 7, 10**9, 2.5, "5", True, None])
def test_a_number_of_tasks_that_is_no_change_or_out_of_bounds_is_not_proposed(count: object) -> None:
    found = findings(service=a_service(actions=("scale_service",), scale=Scale(least=2, most=6)))
    asked = an_assessment(action="scale_service", inputs={"desired_count": count})
    assert propose(asked, found, a_config(), T0, HALF_AN_HOUR) is None


def test_only_the_inventorys_own_target_is_ever_proposed() -> None:
    elsewhere = Target(kind="ecs", account=TARGET.account, region=TARGET.region, name="shop/other")
    found = findings(service=a_service(target=elsewhere))
    assert propose(an_assessment(), found, a_config(), T0, HALF_AN_HOUR) is None


def test_a_failed_model_means_escalate_and_the_rules_action_is_for_people() -> None:
    history = judged(opinion=Failed("model/x", "The model did not answer within 20 s."))
    said = made(history).assessment
    assert (said.decision, said.action) == ("ESCALATE", "restart_service")
    assert said.message.startswith("The model did not answer within 20 s.")
    assert made(history).proposes


def test_a_model_that_says_escalate_wins_over_rules_that_say_safe() -> None:
    history = judged(opinion=an_assessment(decision="ESCALATE", action="notify_team", assessor="model/x"))
    assert made(history).assessment.decision == "ESCALATE"


def test_a_model_that_agrees_is_quoted_and_the_less_sure_of_both_counts() -> None:
    said = made(judged(opinion=an_assessment(confidence=0.85, assessor="model/x"))).assessment
    assert (said.decision, said.confidence) == ("SAFE", 0.85)
    assert said.assessor == "rules/failing_on_a_steady_release+model/x"


def test_two_different_actions_are_for_people_to_choose_from() -> None:
    said = made(judged(opinion=an_assessment(action="ignore", assessor="model/x"))).assessment
    assert (said.decision, said.action) == ("ESCALATE", "restart_service")


def solid(**changes: Any) -> Opinion:
    claims = changes.pop("claims", (Claim(text="the breach is there", evidence=("e2",)),))
    return an_assessment(**({"claims": claims, "assessor": "model/x"} | changes))


@pytest.mark.parametrize(
    "changes",
    [{"breach": False}, {"ecs_service": None}, CRASHES, {"ecs_service": {"desired": 4, "running": 2}}],
)
def test_a_model_cannot_lift_what_a_rule_forbids(changes: dict[str, Any]) -> None:
    said = made(judged(opinion=solid(confidence=1.0), **changes)).assessment
    assert said.decision == "ESCALATE"


def test_where_no_rule_is_sure_a_sure_model_that_cites_aws_may_call_a_restart_safe() -> None:
    assert made(judged(opinion=solid(), **UNSURE)).assessment.decision == "SAFE"


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
def test_where_no_rule_is_sure_a_model_with_less_than_that_leaves_it_to_people(opinion: Opinion) -> None:
    assert made(judged(opinion=opinion, **UNSURE)).assessment.decision == "ESCALATE"


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
