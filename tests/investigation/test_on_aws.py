"""What real boto3 clients find in the demo's world."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from functions.investigation import ecs
from functions.investigation.investigate import on_aws
from functions.investigation.keep import MOST
from local.world.stage import Stage
from shared.facts import EvidenceCollected
from tests.builders import T0, TARGET, a_config
from tests.investigation.demo import aws, evidence_of, incident_of, rang, the_config


def broken(world: Stage, service: str = "payments", **changes: object) -> EvidenceCollected:
    world.break_(service)
    return evidence_of(world, incident_of(rang(world, service), the_config()), **changes)  # type: ignore[arg-type]


def reasons(evidence: EvidenceCollected) -> set[tuple[str, str]]:
    return {(gap.source, gap.reason) for gap in evidence.gaps}


def test_everything_that_matters_about_an_ecs_service_is_read(world: Stage) -> None:
    evidence = broken(world)
    assert [item.kind for item in evidence.items] == [
        "alert",
        "cloudwatch.alarm",
        "cloudwatch.metric",
        "ecs.service",
        "ecs.deployments",
        "ecs.stopped_tasks",
        "ecs.events",
        "ecs.task_definition",
        "ecs.releases",
        "logs.lines",
    ]
    assert evidence.gaps == ()
    assert evidence.breach_confirmed is True
    assert set(evidence.binding) == {"deployment", "task_definition", "desired_count", "rollout"}
    assert evidence.binding["desired_count"] == 3
    assert len(evidence.model_dump_json().encode()) < MOST
    assert all(item.link.startswith("https://eu-west-1.console.aws.amazon.com/") for item in evidence.items[1:])


def test_it_takes_one_call_each(world: Stage) -> None:
    broken(world)
    assert world.state()["calls"] == {
        "cloudwatch:DescribeAlarms": 1,
        "cloudwatch:GetMetricData": 1,
        "ecs:DescribeServiceRevisions": 1,
        "ecs:DescribeServices": 1,
        "ecs:DescribeTaskDefinition": 1,
        "ecs:ListServiceDeployments": 1,
        "ecs:ListTasks": 1,
        "logs:FilterLogEvents": 1,
    }


@pytest.mark.parametrize("service", ["orders", "payments", "search"])
def test_no_secret_and_no_address_of_a_log_line_is_kept(world: Stage, service: str) -> None:
    said = broken(world, service).model_dump_json()
    assert "hunter2" not in said
    assert "eyJhbGciOiJIUzI1NiJ9" not in said
    assert "@example" not in said


@pytest.mark.parametrize(
    ("service", "mode", "reason"),
    [("logs", "denied", "denied"), ("ecs", "denied", "denied"), ("cloudwatch", "down", "failed")],
)
def test_a_source_that_does_not_answer_is_a_gap_and_the_others_are_kept(
    world: Stage, service: str, mode: str, reason: str
) -> None:
    world.break_("payments")
    incident = incident_of(rang(world, "payments"), the_config())
    world.outage(service, mode)
    evidence = evidence_of(world, incident)
    assert (service, reason) in reasons(evidence)
    assert {gap.source for gap in evidence.gaps} == {service}
    assert len(evidence.items) > 1


def test_alarms_that_cannot_be_described_still_have_their_metrics_asked_for(world: Stage) -> None:
    world.break_("payments")
    incident = incident_of(rang(world, "payments"), the_config())
    world.outage("cloudwatch", "down")
    queries = {gap.query for gap in evidence_of(world, incident).gaps}
    assert queries == {"DescribeAlarms payments-5xx-rate", "GetMetricData payments-5xx-rate"}


def test_an_account_that_is_not_ours_is_never_read(world: Stage) -> None:
    """A service of the same name in our own account would be somebody else's."""
    evidence = broken(world, account="999999999999")
    assert reasons(evidence) == {("cloudwatch", "denied"), ("ecs", "denied")}
    assert [item.kind for item in evidence.items] == ["alert"]
    assert world.state()["calls"] == {}


def test_a_service_that_is_not_there_is_absent(world: Stage) -> None:
    world.break_("payments")
    incident = incident_of(rang(world, "payments"), the_config())
    assert incident.target is not None
    gone = replace(incident, target=incident.target.model_copy(update={"name": "shop/gone"}))
    evidence = evidence_of(world, gone)
    assert ("ecs", "absent") in reasons(evidence)
    assert evidence.binding == {}


def test_more_stopped_tasks_than_one_page_lists_are_said_to_be_more() -> None:
    ended = {"taskArn": "task/shop/1", "taskDefinitionArn": "orders:7", "stoppedAt": T0, "stoppedReason": "killed"}
    answers: Any = SimpleNamespace(
        list_tasks=lambda **_: {"taskArns": ["task/shop/1"], "nextToken": "more"},
        describe_tasks=lambda **_: {"tasks": [ended]},
    )
    (draft,) = ecs.jobs(answers, TARGET, T0, lambda _: ())[1].read().drafts
    assert draft.found == "1 task stopped: killed, in the last hour; more stopped than could be listed."
    assert draft.data["whole"] is False


def test_planning_reads_nothing(world: Stage) -> None:
    world.break_("payments")
    incident = incident_of(rang(world, "payments"), the_config())
    assert on_aws(aws(world), a_config())(incident, T0)
    assert world.state()["calls"] == {}
