"""The whole way from what AWS says to an assessment, on the demo's world, by real boto3 clients."""

from collections.abc import Callable
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

TRIES = 10
CLEARED = "rules/all_alarms_cleared"
"""An alarm of a service that dies and comes back is clear for moments, on a busy machine while it is read."""


def judged(
    world: Stage,
    service: str,
    fault: str | None = None,
    *,
    once: Callable[[Stage], bool] = lambda _: True,
    ringing: bool = False,
) -> tuple[Assessment, Proposal | None]:
    """What is made of a broken service after its alarm rang, as soon as `once` is true of the world.

    `ringing`: of evidence that was read while this very alarm rang, which comes and goes with some faults.
    """
    world.break_(service, fault)
    config = the_config()
    event = rang(world, service)
    incident = incident_of(event, config)
    assert incident.target is not None

    def ready() -> bool:
        rings = world.state()["alarms"][event["detail"]["alarmName"]]["state"] == "ALARM"
        return once(world) and (rings or not ringing)

    for _ in range(TRIES):
        world.until(ready)
        found = Findings(incident, service_for_target(config, incident.target), evidence_of(world, incident))
        first, *proposed = concluded(found, None, config, datetime.now(UTC), timedelta(minutes=30))
        assert isinstance(first, AssessmentMade)
        made = first
        if not (ringing and made.assessment.assessor == CLEARED):
            break
    assert made.proposes is (len(proposed) == 1)
    proposal = proposed[0].proposal if proposed and isinstance(proposed[0], ActionProposed) else None
    return made.assessment, proposal


def ended(least: int) -> Callable[[Stage], bool]:
    """At least so many tasks of orders have ended by themselves."""

    def enough(world: Stage) -> bool:
        ecs = world.client("ecs")
        arns = ecs.list_tasks(cluster="shop", serviceName="orders", desiredStatus="STOPPED")["taskArns"]
        tasks = ecs.describe_tasks(cluster="shop", tasks=arns)["tasks"] if arns else []
        codes = [task["stopCode"] for task in tasks]
        return codes.count("EssentialContainerExited") + codes.count("TaskFailedToStart") >= least

    return enough


def complained(world: Stage) -> bool:
    """ECS says that it cannot place a task."""
    (service,) = world.client("ecs").describe_services(cluster="shop", services=["orders"])["services"]
    return any("unable to place a task" in event["message"] for event in service["events"])


def clear(world: Stage) -> bool:
    """No alarm of orders rings."""
    alarms = world.state()["alarms"].values()
    return all(alarm["state"] == "OK" for alarm in alarms if alarm["service"] == "orders")


def test_orders_fails_on_a_steady_release_so_a_restart_is_safe_and_proposed(world: Stage) -> None:
    assessment, proposal = judged(world, "orders")
    assert (assessment.decision, assessment.action) == ("SAFE", "restart_service"), assessment
    assert assessment.confidence >= 0.9
    assert proposal is not None
    assert proposal.target.short == "ecs:shop/orders"
    assert set(proposal.binding) == {"deployment", "task_definition"}
    assert proposal.effect == "replaces 4 tasks, rolling, about 3 min"


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
    ("fault", "rule", "action", "once"),
    [
        ("crash_loop", "crash_loop_after_a_deploy", "rollback_service", ended(2)),
        ("out_of_memory", "out_of_memory", "notify_team", ended(1)),
        ("cannot_pull", "cannot_pull_the_image", "notify_team", ended(1)),
        ("no_capacity", "no_capacity", "notify_team", complained),
    ],
)
def test_every_other_fault_of_the_world_is_named_and_left_to_people(
    world: Stage, fault: str, rule: str, action: str, once: Callable[[Stage], bool]
) -> None:
    assessment, _ = judged(world, "orders", fault, once=once, ringing=True)
    assert assessment.assessor == f"rules/{rule}", assessment
    assert (assessment.decision, assessment.action) == ("ESCALATE", action)


def test_a_blip_that_is_over_needs_no_action(world: Stage) -> None:
    assessment, proposal = judged(world, "orders", "blip", once=clear)
    assert (assessment.decision, assessment.action) == ("SAFE", "ignore"), assessment
    assert proposal is None
