from datetime import UTC, datetime
from typing import Any

import pytest

from shared.alert import Alert
from shared.alerts.ecs import read
from shared.errors import Refused
from shared.target import Target

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = datetime(2026, 5, 4, 2, 14, 31, tzinfo=UTC)
SAID = "2026-05-04T02:14:31Z"
ACCOUNT = "123456789012"
CLUSTER = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/shop"
SERVICE = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/shop/orders"
ORDERS = Target(kind="ecs", name="shop/orders", account=ACCOUNT, region="eu-west-1")


def an_action(name: str = "SERVICE_DEPLOYMENT_FAILED", *, service: str = SERVICE, **detail: Any) -> dict[str, Any]:
    return {
        "detail-type": "ECS Service Action",
        "resources": [service] if service else [],
        "detail": {"eventName": name, **detail},
    }


def a_task(**detail: Any) -> dict[str, Any]:
    """A task of a service that ended with an error, with no more said than must be."""
    given = {
        "lastStatus": "STOPPED",
        "group": "service:orders",
        "clusterArn": CLUSTER,
        "containers": [{"exitCode": 1}],
    }
    return {"detail-type": "ECS Task State Change", "detail": given | detail}


def the_alert(event: dict[str, Any]) -> Alert:
    (alert,) = read(event, NOW).alerts
    return alert


def test_an_action_is_read_whole() -> None:
    event = an_action(eventType="ERROR", reason="circuit breaker", deploymentId="ecs-svc/1", createdAt=SAID)
    alert = the_alert(event)
    assert alert == Alert(
        source="ecs",
        state="firing",
        title="orders: the deployment failed",
        summary="circuit breaker",
        severity="high",
        target=ORDERS,
        account=ACCOUNT,
        region="eu-west-1",
        starts_at=AT,
        changed_at=AT,
        labels={"event": "SERVICE_DEPLOYMENT_FAILED", "deployment": "ecs-svc/1"},
        external_id="ecs:shop/orders/SERVICE_DEPLOYMENT_FAILED",
        fingerprint=alert.fingerprint,
    )
    assert the_alert(event | {"detail-type": "ECS Deployment State Change"}) == alert


def test_a_task_is_read_whole() -> None:
    task, definition = "arn:aws:ecs:eu-west-1:123456789012:task/shop/1", "orders:7"
    containers = [{"exitCode": 3, "reason": "Error"}, {"exitCode": 0}, {}, {"exitCode": 3, "reason": "Error"}]
    alert = the_alert(
        a_task(
            containers=containers,
            stoppedReason="Essential container in task exited",
            stoppedAt=SAID,
            updatedAt="2026-05-04T03:00:00Z",
            taskArn=task,
            taskDefinitionArn=definition,
        )
    )
    assert alert == Alert(
        source="ecs",
        state="firing",
        title="orders: a task exited with code 3",
        summary="Essential container in task exited; Error; exit code 3; exit code 0",
        target=ORDERS,
        account=ACCOUNT,
        region="eu-west-1",
        starts_at=AT,
        changed_at=AT,
        labels={"group": "service:orders", "task": task, "task_definition": definition},
        external_id="ecs:shop/orders/exited",
        fingerprint=alert.fingerprint,
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("SERVICE_DEPLOYMENT_FAILED", "the deployment failed"),
        ("SERVICE_TASK_START_IMPAIRED", "tasks do not start reliably"),
        ("SERVICE_TASK_PLACEMENT_FAILURE", "a task cannot be placed"),
        ("SERVICE_TASK_CONFIGURATION_FAILURE", "a task cannot be configured"),
        ("SERVICE_DAEMON_PLACEMENT_CONSTRAINT_VIOLATED", "a daemon task no longer fits its instance"),
        ("SERVICE_DISCOVERY_INSTANCE_UNHEALTHY", "service discovery has an unhealthy task"),
        ("VPC_LATTICE_TARGET_UNHEALTHY", "VPC Lattice has an unhealthy task"),
        ("ECS_OPERATION_THROTTLED", "ECS throttles the scheduler"),
        ("SERVICE_DISCOVERY_OPERATION_THROTTLED", "Cloud Map throttles the scheduler"),
        ("VPC_LATTICE_OPERATION_THROTTLED", "VPC Lattice throttles the scheduler"),
    ],
)
def test_what_failed_is_an_alert_whatever_level_ecs_gives_it(name: str, why: str) -> None:
    alert = the_alert(an_action(name, eventType="INFO"))
    assert (alert.title, alert.summary, alert.severity) == (f"orders: {why}", why, "unknown")
    assert alert.external_id == f"ecs:shop/orders/{name}"


@pytest.mark.parametrize(("level", "severity"), [("ERROR", "high"), ("WARN", "medium")])
def test_a_failure_that_is_new_to_us_is_an_alert_by_its_level(level: str, severity: str) -> None:
    alert = the_alert(an_action("SERVICE_ON_FIRE", eventType=level))
    assert (alert.title, alert.summary, alert.severity) == ("orders: SERVICE_ON_FIRE", "SERVICE_ON_FIRE", severity)


@pytest.mark.parametrize(
    ("event", "note"),
    [
        (an_action("SERVICE_STEADY_STATE", eventType="INFO"), "SERVICE_STEADY_STATE is routine"),
        (an_action("X" * 90), f"{'X' * 80} is routine"),
        (a_task(lastStatus="RUNNING"), "the task has not stopped"),
        (a_task(lastStatus=None), "the task has not stopped"),
        (a_task(containers=[]), "the task stopped without an error: no reason given"),
        (a_task(containers=None), "the task stopped without an error: no reason given"),
        (
            a_task(containers=[{"exitCode": 0}], stoppedReason="y" * 300),
            f"the task stopped without an error: {'y' * 200}",
        ),
        (
            {"detail-type": "ECS Container Instance State Change", "detail": {}},
            "ECS Container Instance State Change is not about a service or its tasks",
        ),
        ({"detail-type": "ECS " + "z" * 90, "detail": {}}, f"ECS {'z' * 76} is not about a service or its tasks"),
    ],
)
def test_what_ecs_does_all_day_is_no_alert_and_is_said(event: dict[str, Any], note: str) -> None:
    parsed = read(event, NOW)
    assert (parsed.alerts, parsed.note) == ((), note)


@pytest.mark.parametrize("said", ["ECS", "EC2 Instance State-change Notification", ""])
def test_what_is_no_event_of_ecs_is_refused(said: str) -> None:
    with pytest.raises(Refused, match="detail-type must be one of ECS's"):
        read({"detail-type": said, "detail": {}}, NOW)


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        ({"stopCode": "UserInitiated", "stoppedReason": "OutOfMemoryError"}, None),
        ({"stopCode": "SpotInterruption"}, None),
        ({"stopCode": "TerminationNotice"}, None),
        ({"stopCode": "ServiceSchedulerInitiated"}, None),
        ({"stoppedReason": "Scaling activity initiated by (deployment ecs-svc/1)"}, None),
        ({"stoppedReason": "Done. Scaling activity"}, "a task exited with code 1"),
        ({"containers": [{"reason": "OutOfMemoryError: killed"}]}, "a task ran out of memory"),
        ({"stoppedReason": "OutOfMemory"}, "a task ran out of memory"),
        ({"stopCode": "TaskFailedToStart", "stoppedReason": "CannotPull: x"}, "a task cannot pull its image"),
        ({"containers": [{}, {"reason": "CannotPullContainerError"}]}, "a task cannot pull its image"),
        (
            {
                "stopCode": "ServiceSchedulerInitiated",
                "stoppedReason": "Task failed ELB health checks in (target-group x)",
            },
            "a task failed its health checks",
        ),
        ({"stoppedReason": "Task failed container health checks"}, "a task failed its health checks"),
        ({"stoppedReason": "Task failed Service Connect health checks"}, "a task failed its health checks"),
        ({"containers": [{"reason": "failed ELB health checks"}]}, None),
        ({"stopCode": "TaskFailedToStart", "containers": []}, "a task cannot start"),
        ({"containers": [{"reason": "CannotStartContainerError"}]}, "a task cannot start"),
        ({"stoppedReason": "ResourceInitializationError: no secret"}, "a task cannot start"),
        ({"containers": [{"exitCode": 0}, {"exitCode": 137}, {"exitCode": 143}]}, None),
        ({"containers": [{"exitCode": 0}, {"exitCode": 143}, {"exitCode": 2}]}, "a task exited with code 2"),
        ({"containers": [{"exitCode": 143}]}, "a task exited with code 143"),
        ({"containers": [{"exitCode": 137}, {"exitCode": 1}]}, "a task exited with code 137"),
        ({"containers": [{"exitCode": "1"}]}, None),
    ],
)
def test_a_task_failed_unless_it_was_meant_to_stop_or_ended_well(detail: dict[str, Any], why: str | None) -> None:
    alerts = read(a_task(**detail), NOW).alerts
    assert [alert.title for alert in alerts] == ([f"orders: {why}"] if why else [])


@pytest.mark.parametrize(
    ("detail", "what"),
    [
        ({"stoppedReason": "OutOfMemory"}, "out-of-memory"),
        ({"stoppedReason": "CannotPull"}, "cannot-pull"),
        ({"stoppedReason": "failed ELB health checks"}, "unhealthy"),
        ({"stopCode": "TaskFailedToStart"}, "cannot-start"),
        ({}, "exited"),
    ],
)
def test_a_failure_is_known_again_by_its_service_and_one_word(detail: dict[str, Any], what: str) -> None:
    assert the_alert(a_task(**detail)).external_id == f"ecs:shop/orders/{what}"


@pytest.mark.parametrize(
    ("detail", "at"),
    [
        ({"createdAt": SAID, "updatedAt": "2026-05-04T03:00:00Z"}, AT),
        ({"updatedAt": SAID}, AT),
        ({}, datetime(2026, 5, 4, 4, tzinfo=UTC)),
        ({"createdAt": "2126-01-01T00:00:00Z"}, NOW),
    ],
)
def test_a_failure_is_as_old_as_its_event_says(detail: dict[str, Any], at: datetime) -> None:
    alert = the_alert(an_action(**detail) | {"time": "2026-05-04T04:00:00Z"})
    assert (alert.starts_at, alert.changed_at) == (at, at)


def test_a_task_without_the_time_of_its_end_ended_when_it_was_last_changed() -> None:
    assert the_alert(a_task(updatedAt=SAID)).changed_at == AT
    assert the_alert(a_task() | {"time": SAID}).changed_at == AT
    assert the_alert(a_task()).changed_at == NOW


@pytest.mark.parametrize(
    ("event", "target"),
    [
        (an_action(), "ecs:123456789012:eu-west-1:shop/orders"),
        (an_action(clusterArn=CLUSTER.replace("shop", "other")), "ecs:123456789012:eu-west-1:shop/orders"),
        (
            an_action(service=SERVICE.replace("shop/", ""), clusterArn=CLUSTER),
            "ecs:123456789012:eu-west-1:shop/orders",
        ),
        (an_action(service=SERVICE.replace("shop/", "")), None),
        (an_action(service="orders", clusterArn="shop") | {"account": "210987654321"}, "ecs:210987654321::shop/orders"),
        (an_action(service="orders", clusterArn="shop") | {"region": "us-east-1"}, "ecs::us-east-1:shop/orders"),
        (an_action(service=""), None),
        (a_task(), "ecs:123456789012:eu-west-1:shop/orders"),
        (a_task(clusterArn=None), None),
        (a_task(group="family:report"), None),
        (a_task(group=None), None),
    ],
)
def test_a_failure_is_of_the_service_that_the_event_names(event: dict[str, Any], target: str | None) -> None:
    alert = the_alert(event)
    assert (alert.target.key if alert.target else None) == target


@pytest.mark.parametrize(
    ("event", "title", "external_id"),
    [
        (a_task(group="family:report"), "family:report: a task exited with code 1", f"{CLUSTER}/family:report/exited"),
        (a_task(group=None, clusterArn=None), "ECS: a task exited with code 1", "//exited"),
        (an_action(service="orders"), "orders: the deployment failed", "orders/SERVICE_DEPLOYMENT_FAILED"),
        (an_action(service=""), "ECS: the deployment failed", "//SERVICE_DEPLOYMENT_FAILED"),
    ],
)
def test_a_failure_of_nothing_that_we_know_is_named_by_what_is_said(
    event: dict[str, Any], title: str, external_id: str
) -> None:
    alert = the_alert(event)
    assert (alert.title, alert.external_id) == (title, external_id)


@pytest.mark.parametrize(
    ("event", "known"),
    [
        (an_action(), (ACCOUNT, "eu-west-1")),
        (an_action() | {"account": "210987654321", "region": "us-east-1"}, ("210987654321", "us-east-1")),
        (an_action() | {"account": "shop", "region": "Ireland"}, ("", "")),
        (an_action(service="", clusterArn=CLUSTER), (ACCOUNT, "eu-west-1")),
        (an_action(service="orders"), ("", "")),
    ],
)
def test_account_and_region_are_the_events_or_else_those_of_an_arn(event: dict[str, Any], known: object) -> None:
    alert = the_alert(event)
    assert (alert.account, alert.region) == known


def test_what_ecs_says_at_length_is_cut() -> None:
    alert = the_alert(an_action("X" * 5000, eventType="ERROR", reason="y" * 5000))
    assert list(map(len, (alert.title, alert.summary, alert.external_id))) == [300, 4000, 1000]
    assert len(alert.labels["event"]) == 1000
