"""The whole way from what AWS says to an assessment, on the demo's world, by real boto3 clients."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from functions.ai_assessment.assess import concluded
from functions.ai_assessment.findings import Findings
from local.world.stage import Stage
from shared.assessment import Assessment
from shared.configuration import service_for_target
from shared.facts import ActionProposed, AssessmentMade
from shared.proposal import Proposal
from tests.investigation.demo import evidence_of, incident_of, rang, the_config


def judged(
    world: Stage, service: str, fault: str | None = None, *, later: float = 0.0
) -> tuple[Assessment, Proposal | None]:
    """What is made of a broken service, `later` seconds after its alarm rang."""
    world.break_(service, fault)
    config = the_config()
    incident = incident_of(rang(world, service), config)
    time.sleep(later)
    assert incident.target is not None
    found = Findings(incident, service_for_target(config, incident.target), evidence_of(world, incident))
    facts = concluded(found, None, config, datetime.now(UTC), timedelta(minutes=30))
    assert isinstance(facts[0], AssessmentMade)
    assert facts[0].proposes is (len(facts) == 2)
    proposed = facts[1].proposal if len(facts) > 1 and isinstance(facts[1], ActionProposed) else None
    return facts[0].assessment, proposed


def test_orders_fails_on_a_steady_release_so_a_restart_is_safe_and_proposed(world: Stage) -> None:
    assessment, proposal = judged(world, "orders")
    assert (assessment.decision, assessment.action) == ("SAFE", "restart_service"), assessment
    assert assessment.confidence >= 0.9
    assert proposal is not None
    assert proposal.target.short == "ecs:shop/orders"
    assert set(proposal.binding) == {"deployment", "task_definition"}
    assert proposal.effect == "replaces 4 tasks of orders, rolling, about 3 min"


def test_payments_is_for_people_and_a_restart_is_proposed_to_them(world: Stage) -> None:
    assessment, proposal = judged(world, "payments")
    assert (assessment.decision, assessment.action) == ("ESCALATE", "restart_service"), assessment
    assert assessment.assessor == "rules/connections_exhausted"
    assert proposal is not None


def test_search_gets_a_restart_that_may_not_help(world: Stage) -> None:
    assessment, proposal = judged(world, "search")
    assert (assessment.decision, assessment.action) == ("SAFE", "restart_service"), assessment
    assert assessment.info_needed == ("whether the dependency is well",)
    assert proposal is not None


@pytest.mark.parametrize(
    ("fault", "rule", "action", "later"),
    [
        ("crash_loop", "crash_loop_after_a_deploy", "rollback_service", 1.0),
        ("out_of_memory", "out_of_memory", "notify_team", 2.0),
        ("cannot_pull", "cannot_pull_the_image", "notify_team", 1.0),
        ("no_capacity", "no_capacity", "notify_team", 0.5),
    ],
)
def test_every_other_fault_of_the_world_is_named_and_left_to_people(
    world: Stage, fault: str, rule: str, action: str, later: float
) -> None:
    assessment, _ = judged(world, "orders", fault, later=later)
    assert assessment.assessor == f"rules/{rule}", assessment
    assert (assessment.decision, assessment.action) == ("ESCALATE", action)


def test_a_blip_that_is_over_needs_no_action(world: Stage) -> None:
    assessment, proposal = judged(world, "orders", "blip", later=1.5)
    assert (assessment.decision, assessment.action) == ("SAFE", "ignore"), assessment
    assert proposal is None
