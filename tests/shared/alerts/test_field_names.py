"""Where a field of a payload has the wrong kind, the sender is told which field it is."""

import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.alerts.parse import parse
from shared.errors import Refused

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[3] / "events" / "alerts"
ONE_METRIC = "detail.configuration.metrics[0]"
FIELDS = {
    "cloudwatch_metric_ok": """
        resources resources[0] detail-type detail detail.alarmName detail.alarmTags detail.configuration
        detail.configuration.description detail.configuration.metrics detail.configuration.metrics[0]
        detail.configuration.metrics[0].id detail.configuration.metrics[0].expression
        detail.configuration.metrics[0].label detail.configuration.metrics[0].metricStat
        detail.configuration.metrics[0].metricStat.metric detail.previousState detail.previousState.timestamp
        detail.state detail.state.value detail.state.reason detail.state.timestamp detail.state.actionsSuppressedBy
    """,
    "cloudwatch_lambda_action": "alarmArn alarmData alarmData.state.value alarmData.alarmName region",
    "cloudwatch_sns_bare": """
        AlarmName AWSAccountId AlarmArn AlarmDescription NewStateValue NewStateReason StateChangeTime Trigger
        Trigger.Metrics Trigger.MetricName Trigger.Namespace Trigger.Statistic Trigger.Dimensions Trigger.Dimensions[1]
        Trigger.Dimensions[1].name Trigger.Dimensions[1].value Trigger.ComparisonOperator Trigger.TreatMissingData
    """,
    "cloudwatch_sns_metric_math": "Trigger.Metrics[1]",
    "cloudwatch_sns_http_envelope": "TopicArn",
    "cloudwatch_sns_subscription_confirmation": "TopicArn Token SubscribeURL",
    "cloudwatch_sns_records": "Records Records[0] Records[0].Sns",
    "ecs_deployment_failed": """
        account region resources resources[0] detail detail-type detail.eventName detail.eventType detail.reason
        detail.clusterArn detail.createdAt detail.deploymentId
    """,
    "ecs_task_exited_with_error": """
        detail.containers detail.containers[1] detail.stoppedReason detail.stopCode detail.group detail.clusterArn
        detail.stoppedAt detail.taskArn detail.taskDefinitionArn
    """,
    "generic_dimensions": """
        incident_id account region time detail.service_name detail.cluster_name detail.summary detail.time
        detail.state detail.Trigger detail.Trigger.Dimensions detail.Trigger.Dimensions[0]
        detail.Trigger.Dimensions[1].name detail.Trigger.Dimensions[1].value
    """,
    "alertmanager_group_of_both_states": """
        status externalURL alerts alerts[1] alerts[1].status alerts[1].labels alerts[1].annotations alerts[1].startsAt
        alerts[1].endsAt alerts[1].fingerprint
    """,
}
UNDER_ANOTHER_NAME = [
    ("cloudwatch_metric_ok", "account", "account"),
    ("cloudwatch_lambda_action", "accountId", "account"),
    ("cloudwatch_sns_bare", "Trigger.ExtendedStatistic", "Trigger.Statistic"),
    ("cloudwatch_metric_ok", f"{ONE_METRIC}.metricStat.stat", f"{ONE_METRIC}.stat"),
    ("cloudwatch_metric_ok", f"{ONE_METRIC}.metricStat.metric.name", f"{ONE_METRIC}.name"),
    ("cloudwatch_metric_ok", f"{ONE_METRIC}.metricStat.metric.namespace", f"{ONE_METRIC}.namespace"),
    ("cloudwatch_metric_ok", f"{ONE_METRIC}.metricStat.metric.dimensions", f"{ONE_METRIC}.dimensions"),
    ("ecs_task_exited_with_error", "detail.containers[1].reason", "detail.containers[].reason"),
]


def with_it(payload: Any, path: str, value: object) -> Any:
    """`payload` with `value` at the path `a.b[0].c`."""
    *way, last = (int(step) if step.isdigit() else step for step in re.findall(r"[\w-]+", path))
    inner = payload = deepcopy(payload)
    for step in way:
        inner = inner[step]
    inner[last] = value
    return payload


def refusal(payload: object) -> str:
    with pytest.raises(Refused) as refused:
        parse(payload, "auto", NOW)
    return str(refused.value)


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "path", "field"),
    [*((name, field, field) for name, fields in FIELDS.items() for field in fields.split()), *UNDER_ANOTHER_NAME],
)
def test_a_field_of_the_wrong_kind_is_named(name: str, path: str, field: str) -> None:
    said = refusal(with_it(sample(name), path, 7))
    assert re.fullmatch(rf"{re.escape(field)} must be (text|an object|an array), not a number", said)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cloudwatch_metric_ok", "detail.alarmTags"),
        ("generic_dimensions", "detail"),
        ("alertmanager_group_of_both_states", "alerts[1].labels"),
        ("alertmanager_group_of_both_states", "alerts[1].annotations"),
    ],
)
def test_a_label_that_is_no_text_is_named(name: str, path: str) -> None:
    payload = sample(name)
    said = {"severity": {}} if path != "detail" else {"severity": {}, "summary": "x"}
    assert refusal(with_it(payload, path, said)) == f"{path}.severity must be text, not an object"


@pytest.mark.parametrize(
    ("name", "undated"),
    [
        ("cloudwatch_metric_alarm", "detail.state.timestamp"),
        ("cloudwatch_lambda_action", "alarmData.state.timestamp"),
        ("ecs_deployment_failed", "detail.updatedAt"),
        ("ecs_task_out_of_memory", "detail.stoppedAt"),
        ("generic_dimensions", "detail.time"),
    ],
)
def test_the_time_of_the_event_is_asked_where_what_happened_has_none(name: str, undated: str) -> None:
    payload = with_it(sample(name), undated, None)
    payload["time"] = 7
    if "updatedAt" in payload["detail" if "detail" in payload else "alarmData"]:
        payload = with_it(payload, "detail.updatedAt", None)
    assert refusal(payload) == "time must be text, not a number"


@pytest.mark.parametrize(
    ("name", "path", "why"),
    [
        ("cloudwatch_metric_alarm", "detail", "detail must be an object, not null"),
        ("cloudwatch_metric_alarm", "detail.state", "detail.state must be an object, not null"),
        ("cloudwatch_metric_alarm", "detail.alarmName", "detail.alarmName is missing; it names the alarm"),
        (
            "cloudwatch_metric_alarm",
            "detail.state.value",
            "detail.state.value must be ALARM, OK or INSUFFICIENT_DATA, not ''",
        ),
        ("cloudwatch_lambda_action", "alarmData.alarmName", "alarmData.alarmName is missing; it names the alarm"),
        ("cloudwatch_sns_bare", "AlarmName", "AlarmName is missing; it names the alarm"),
        ("cloudwatch_metric_alarm", "detail-type", "detail-type must be 'CloudWatch Alarm State Change', not ''"),
        ("ecs_deployment_failed", "detail-type", "detail-type must be one of ECS's, not ''"),
        ("ecs_deployment_failed", "detail", "detail must be an object, not null"),
        (
            "ecs_deployment_failed",
            "detail.eventName",
            "detail.eventName is missing; it says what happened",
        ),
        ("alertmanager_group_of_both_states", "alerts", "alerts must be an array, not null"),
        ("alertmanager_group_of_both_states", "alerts[0]", "alerts[0] must be an object, not null"),
        ("cloudwatch_sns_http_envelope", "Message", "Message is missing; it holds the alarm as JSON in text"),
    ],
)
def test_a_field_that_is_needed_and_missing_is_named(name: str, path: str, why: str) -> None:
    assert refusal(with_it(sample(name), path, None)) == why
