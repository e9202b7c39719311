"""The whole way from what AWS says to an assessment, on the demo's world, by real boto3 clients."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.ai_assessment.assess import concluded
from functions.ai_assessment.findings import Findings
from shared.assessment import Assessment
from shared.facts import ActionProposed, AssessmentMade
from shared.proposal import Proposal
from tests.investigation.demo import Demo, alert_of, config, demo, incident_of


@pytest.fixture
def world() -> Iterator[Demo]:
    with demo() as started:
        yield started


def judged(world: Demo, service: str, fault: str | None = None, **inventory: Any) -> tuple[Assessment, Proposal | None]:
    world.break_(service, fault)
    incident = incident_of(alert_of(world.rang(service), service), service)
    settings = config(service, **inventory)
    found = Findings(incident, settings.services[0], world.evidence(incident, settings))
    facts = concluded(found, None, settings, datetime.now(UTC), timedelta(minutes=30))
    assert isinstance(facts[0], AssessmentMade)
    assert facts[0].proposes is (len(facts) == 2)
    proposed = facts[1].proposal if len(facts) > 1 and isinstance(facts[1], ActionProposed) else None
    return facts[0].assessment, proposed


def test_orders_fails_on_a_steady_release_so_a_restart_is_safe_and_proposed(world: Demo) -> None:
    assessment, proposal = judged(world, "orders")
    assert (assessment.decision, assessment.action) == ("SAFE", "restart_service"), assessment
    assert assessment.confidence >= 0.9
    assert proposal is not None
    assert proposal.target.short == "ecs:shop/orders"
    assert set(proposal.binding) == {"deployment", "task_definition"}
    assert proposal.effect == "replaces 4 tasks of orders, rolling, about 3 min"


def test_payments_is_for_people_and_a_restart_is_proposed_to_them(world: Demo) -> None:
    assessment, proposal = judged(world, "payments", tier="critical")
    assert (assessment.decision, assessment.action) == ("ESCALATE", "restart_service"), assessment
    assert proposal is not None


def test_search_gets_a_restart_that_may_not_help(world: Demo) -> None:
    assessment, proposal = judged(world, "search")
    assert (assessment.decision, assessment.action) == ("SAFE", "restart_service"), assessment
    assert assessment.info_needed == ("whether the dependency is well",)
    assert proposal is not None
