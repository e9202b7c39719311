"""The world as the real boto3 clients see it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import ClientError

from shared.alerts.parse import parse

if TYPE_CHECKING:
    from local.world.stage import Stage


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_service_is_described_with_deployment_events_and_tags(stage: Stage) -> None:
    answer = stage.client("ecs").describe_services(cluster="shop", services=["orders", "no-such"], include=["TAGS"])
    service = answer["services"][0]

    assert (service["desiredCount"], service["runningCount"]) == (4, 4)
    assert service["deployments"][0]["id"].startswith("ecs-svc/")
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert datetime.now(UTC) - service["deployments"][0]["createdAt"] > timedelta(days=6)
    assert service["events"][0]["message"] == "(service orders) has reached a steady state."
    assert {"key": "tier", "value": "standard"} in service["tags"]
    assert answer["failures"][0]["reason"] == "MISSING"


def test_a_restart_makes_a_deployment_that_converges_and_is_counted_once(stage: Stage) -> None:
    ecs = stage.client("ecs")
    stage.break_("payments")
    stage.until(lambda: stage.events)
    before = ecs.describe_services(cluster="shop", services=["payments"])["services"][0]["deployments"][0]["id"]
    during = ecs.update_service(cluster="shop", service="payments", forceNewDeployment=True)["service"]["deployments"]

    def after() -> list[dict[str, Any]]:
        return list(ecs.describe_services(cluster="shop", services=["payments"])["services"][0]["deployments"])

    stage.until(lambda: len(after()) == 1 and after()[0]["rolloutState"] == "COMPLETED")
    stage.until(lambda: len(stage.events) == 2)

    assert [one["status"] for one in during] == ["PRIMARY", "ACTIVE"]
    assert during[1]["id"] == before
    assert after()[0]["id"] == during[0]["id"] != before
    assert stage.state()["services"]["payments"]["updates"] == 1
    assert [event["detail"]["state"]["value"] for event in stage.events] == ["ALARM", "OK"]


def test_stopped_tasks_tell_reason_code_and_exit(stage: Stage) -> None:
    ecs = stage.client("ecs")
    stage.break_("orders", "out_of_memory")

    def stopped() -> list[str]:
        return list(ecs.list_tasks(cluster="shop", serviceName="orders", desiredStatus="STOPPED")["taskArns"])

    stage.until(stopped)
    task = ecs.describe_tasks(cluster="shop", tasks=stopped()[:1])["tasks"][0]

    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"].startswith("OutOfMemoryError")
    assert task["containers"][0]["exitCode"] == 137
    assert task["stoppedAt"] > task["startedAt"]
    assert task["startedBy"].startswith("ecs-svc/")


def test_a_task_definition_names_image_and_log_group(stage: Stage) -> None:
    ecs = stage.client("ecs")
    newest = ecs.list_task_definitions(familyPrefix="shop-orders", sort="DESC")["taskDefinitionArns"][0]
    definition = ecs.describe_task_definition(taskDefinition=newest)["taskDefinition"]
    container = definition["containerDefinitions"][0]

    assert newest.endswith("task-definition/shop-orders:42")
    assert container["image"].endswith("/orders:1.42.0")
    assert container["logConfiguration"]["options"]["awslogs-group"] == "/ecs/shop/orders"
    assert definition["registeredAt"] < datetime.now(UTC)


def test_deployments_and_their_revisions_can_be_listed(stage: Stage) -> None:
    ecs = stage.client("ecs")
    found = ecs.list_service_deployments(cluster="shop", service="orders")["serviceDeployments"]
    revisions = ecs.describe_service_revisions(serviceRevisionArns=[one["targetServiceRevisionArn"] for one in found])[
        "serviceRevisions"
    ]

    assert [one["status"] for one in found] == ["SUCCESSFUL"] * 3
    assert [one["taskDefinition"].rpartition(":")[2] for one in revisions] == ["42", "41", "40"]


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("describe_services", {"cluster": "no", "services": ["orders"]}, "ClusterNotFoundException"),
        ("update_service", {"cluster": "shop", "service": "no"}, "ServiceNotFoundException"),
        ("update_service", {"cluster": "shop", "service": "orders", "desiredCount": -1}, "InvalidParameterException"),
        (
            "update_service",
            {"cluster": "shop", "service": "orders", "taskDefinition": "shop-orders:9"},
            "ClientException",
        ),
        ("describe_task_definition", {"taskDefinition": "no:1"}, "ClientException"),
        ("describe_services", {"cluster": "shop", "services": []}, "InvalidParameterException"),
        ("list_tasks", {"cluster": "shop", "nextToken": "bad"}, "InvalidParameterException"),
        ("delete_service", {"cluster": "shop", "service": "orders"}, "UnknownOperationException"),
    ],
)
def test_ecs_errors_have_the_codes_of_aws(stage: Stage, operation: str, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(stage.client("ecs"), operation)(**arguments)

    assert code_of(error) == code


def test_an_alarm_event_has_the_shape_of_cloudwatch(stage: Stage) -> None:
    stage.break_("orders")
    stage.until(lambda: stage.events)
    event = stage.events[0]
    detail = event["detail"]
    metric = detail["configuration"]["metrics"][0]["metricStat"]

    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert event["resources"] == ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders-unhealthy-hosts"]
    assert detail["state"]["value"] == "ALARM"
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [3.0]
    assert detail["previousState"]["value"] == "OK"
    assert metric["metric"]["name"] == "UnHealthyHostCount"
    assert metric["metric"]["dimensions"]["TargetGroup"].startswith("targetgroup/orders/")
    assert (metric["period"], metric["stat"]) == (10, "Maximum")


def test_alarms_are_found_by_name_and_state_with_their_history(stage: Stage) -> None:
    cloudwatch = stage.client("cloudwatch")
    quiet = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    stage.break_("payments")
    stage.until(lambda: stage.events)
    alarm = cloudwatch.describe_alarms(AlarmNames=["payments-5xx-rate"])["MetricAlarms"][0]
    history = cloudwatch.describe_alarm_history(AlarmName="payments-5xx-rate")["AlarmHistoryItems"]

    assert quiet == []
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 5.0)
    assert [metric["Id"] for metric in alarm["Metrics"]] == ["e1", "m1", "m2"]
    assert [item["HistoryItemType"] for item in history] == ["StateUpdate", "ConfigurationUpdate"]
    assert history[0]["HistorySummary"] == "Alarm updated from OK to ALARM"
    assert json.loads(history[0]["HistoryData"])["newState"]["stateValue"] == "ALARM"


def test_the_alarms_own_queries_show_the_breach_at_the_moment_it_rings(stage: Stage) -> None:
    cloudwatch = stage.client("cloudwatch")
    stage.break_("payments")
    stage.until(lambda: stage.events)
    queries = cloudwatch.describe_alarms(AlarmNames=["payments-5xx-rate"])["MetricAlarms"][0]["Metrics"]
    now = datetime.now(UTC)
    result = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(minutes=5), EndTime=now, ScanBy="TimestampAscending"
    )["MetricDataResults"]

    assert [one["Id"] for one in result] == ["e1"]
    assert result[0]["Values"][0] == 0
    assert result[0]["Values"][-1] > 15
    assert result[0]["Timestamps"] == sorted(result[0]["Timestamps"])


def test_percentiles_and_missing_data_are_as_the_load_balancers(stage: Stage) -> None:
    cloudwatch = stage.client("cloudwatch")
    dimensions = next(
        metric["Dimensions"]
        for metric in cloudwatch.list_metrics(Namespace="AWS/ApplicationELB", MetricName="RequestCount")["Metrics"]
        if "targetgroup/search/" in str(metric)
    )
    now = datetime.now(UTC)

    def query(name: str, metric: str, stat: str) -> dict[str, Any]:
        full = {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": dimensions}
        return {"Id": name, "MetricStat": {"Metric": full, "Period": 60, "Stat": stat}}

    queries = [
        query("p95", "TargetResponseTime", "p95"),
        query("p50", "TargetResponseTime", "p50"),
        query("errors", "HTTPCode_Target_5XX_Count", "Sum"),
        query("requests", "RequestCount", "Sum"),
    ]
    result = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=now - timedelta(minutes=10), EndTime=now)[
        "MetricDataResults"
    ]
    values = {one["Id"]: one["Values"] for one in result}

    assert 0.02 < values["p50"][1] < values["p95"][1] < 0.2
    assert values["errors"] == []
    assert 3000 < values["requests"][1] < 7000


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Period": 7}, "ValidationError"),
        ({"Stat": "Mean"}, "ValidationError"),
    ],
)
def test_cloudwatch_errors_have_the_codes_of_aws(stage: Stage, change: dict[str, Any], code: str) -> None:
    cloudwatch, now = stage.client("cloudwatch"), datetime.now(UTC)
    metric = cloudwatch.list_metrics(MetricName="CPUUtilization")["Metrics"][0]
    stat = {"Metric": metric, "Period": 60, "Stat": "Average"} | change
    with pytest.raises(ClientError) as error:
        cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "m1", "MetricStat": stat}], StartTime=now - timedelta(minutes=5), EndTime=now
        )

    assert code_of(error) == code


def test_failing_tasks_log_lines_with_something_to_redact(stage: Stage) -> None:
    logs = stage.client("logs")
    stage.break_("payments")
    found = logs.filter_log_events(logGroupName="/ecs/shop/payments", filterPattern='{ $.level = "ERROR" }')["events"]
    warned = logs.filter_log_events(logGroupName="/ecs/shop/payments", filterPattern="WARN hunter2")["events"]
    well = logs.filter_log_events(logGroupName="/ecs/shop/payments", filterPattern='{ $.level = "INFO" }')["events"]
    stream = logs.get_log_events(
        logGroupName="/ecs/shop/payments", logStreamName=found[0]["logStreamName"], startFromHead=True
    )["events"]

    assert {json.loads(event["message"])["level"] for event in found} == {"ERROR"}
    assert any("connection pool exhausted" in event["message"] for event in found)
    assert "hunter2" in warned[0]["message"]
    assert "@example.com" in warned[0]["message"]
    assert well[0]["timestamp"] < found[0]["timestamp"]
    assert [event["timestamp"] for event in stream] == sorted(event["timestamp"] for event in stream)


def test_log_events_come_in_pages_and_within_a_window(stage: Stage) -> None:
    logs = stage.client("logs")
    since = int((datetime.now(UTC) - timedelta(minutes=2)).timestamp() * 1000)
    first = logs.filter_log_events(logGroupName="/ecs/shop/orders", startTime=since, limit=3)
    second = logs.filter_log_events(
        logGroupName="/ecs/shop/orders", startTime=since, limit=3, nextToken=first["nextToken"]
    )

    assert len(first["events"]) == 3
    assert first["events"][0]["timestamp"] >= since
    assert {event["eventId"] for event in first["events"]}.isdisjoint(event["eventId"] for event in second["events"])


def test_an_unknown_log_group_or_pattern_is_an_error_of_aws(stage: Stage) -> None:
    logs = stage.client("logs")
    with pytest.raises(ClientError) as missing:
        logs.filter_log_events(logGroupName="/no")
    with pytest.raises(ClientError) as bad:
        logs.filter_log_events(logGroupName="/ecs/shop/orders", filterPattern="{ $.level = }")

    assert code_of(missing) == "ResourceNotFoundException"
    assert code_of(bad) == "InvalidParameterException"


def test_a_service_of_aws_can_be_denied_throttled_or_down(stage: Stage) -> None:
    codes = {}
    for mode in ("denied", "throttled", "down", "ok"):
        stage.outage("logs", mode)
        try:
            stage.client("logs").filter_log_events(logGroupName="/ecs/shop/orders", limit=1)
        except ClientError as error:
            codes[mode] = error.response["Error"]["Code"]

    assert codes == {
        "denied": "AccessDeniedException",
        "throttled": "ThrottlingException",
        "down": "ServiceUnavailable",
    }


def test_a_typing_error_of_the_director_is_told(stage: Stage) -> None:
    assert httpx.post(f"{stage.url}/_world/break", json={"service": "no"}).status_code == 404
    assert httpx.post(f"{stage.url}/_world/break", json={"service": "orders", "fault": "no"}).status_code == 422
    for path in ("break", "heal", "outage"):
        for body in (b"{", b"[]", b"{}"):
            assert httpx.post(f"{stage.url}/_world/{path}", content=body).status_code == 422, (path, body)


def test_an_alarm_that_is_told_to_ring_tells_the_bus_and_is_clear_again_at_its_next_evaluation(stage: Stage) -> None:
    cloudwatch = stage.client("cloudwatch")
    cloudwatch.set_alarm_state(AlarmName="middlewatch-canary", StateValue="ALARM", StateReason="a test")
    rang = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    stage.until(lambda: len(stage.events) > 1)

    assert [(alarm["AlarmName"], alarm["StateReason"]) for alarm in rang] == [("middlewatch-canary", "a test")]
    said = [(event["detail"]["state"]["value"], event["detail"]["previousState"]["value"]) for event in stage.events]
    assert said == [("ALARM", "OK"), ("OK", "ALARM")]
    assert parse(stage.events[0], "auto", datetime.now(UTC)).alerts[0].target is None


def test_an_alarm_that_does_not_exist_cannot_be_told_to_ring(stage: Stage) -> None:
    with pytest.raises(ClientError, match="ResourceNotFound"):
        stage.client("cloudwatch").set_alarm_state(AlarmName="nobody", StateValue="ALARM", StateReason="a test")
