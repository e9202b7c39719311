"""An alarm as it is described is the alert that its event is."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from functions.sweep.described import alert_of
from local import reference
from local.world.stage import Stage, staged
from shared.alert import Alert
from shared.alerts.parse import parse
from shared.errors import Refused, Unavailable
from shared.integrations.cloudwatch import CloudWatchAlarms

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES = reference.ROOT / "events" / "alerts"


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("service", "alarm"), [("orders", "orders-unhealthy-hosts"), ("payments", "payments-5xx-rate")]
)
def test_an_alarm_of_the_world_reads_as_its_own_event(service: str, alarm: str) -> None:
    with staged() as stage:
        stage.break_(service)
        stage.until(lambda: alarm in names(stage))
        (described,) = stage.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        (event,) = [event for event in stage.events if event["detail"]["alarmName"] == alarm]

    now = datetime.now(UTC)
    (told,) = parse(event, "auto", now).alerts
    assert (alert_of(described, now), alert_of(described, now).delivery) == (told, told.delivery)


def names(stage: Stage) -> list[str]:
    return [event["detail"]["alarmName"] for event in stage.events]


@pytest.mark.parametrize(
    "name",
    [
        "cloudwatch_metric_alarm",
        "cloudwatch_metric_math",
        "cloudwatch_metric_math_two_services",
        "cloudwatch_metric_of_another_account",
        "cloudwatch_anomaly_band",
        "cloudwatch_composite",
        "cloudwatch_composite_suppressed",
        "cloudwatch_canary",
    ],
)
def test_a_sample_described_by_the_api_reads_as_the_sample(name: str) -> None:
    event = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
    (told,) = parse(event, "auto", NOW).alerts

    assert alert_of(as_described(event["detail"], event["resources"][0]), NOW) == told


def test_a_state_that_was_only_touched_again_is_no_new_change() -> None:
    event = json.loads((SAMPLES / "cloudwatch_metric_alarm.json").read_text("utf-8"))
    described = as_described(event["detail"], event["resources"][0])
    touched = described | {"StateUpdatedTimestamp": described["StateUpdatedTimestamp"] + timedelta(hours=1)}

    assert alert_of(touched, NOW) == alert_of(described, NOW)
    without: Alert = alert_of({k: v for k, v in described.items() if k != "StateTransitionedTimestamp"}, NOW)
    assert without == alert_of(described, NOW)


def as_described(detail: dict[str, Any], arn: str) -> dict[str, Any]:
    """What DescribeAlarms says of the alarm whose event this is (API reference, MetricAlarm and CompositeAlarm)."""
    state, configuration = detail["state"], detail["configuration"]
    at = datetime.fromisoformat(state["timestamp"])
    described: dict[str, Any] = {
        "AlarmName": detail["alarmName"],
        "AlarmArn": arn,
        "AlarmDescription": configuration.get("description", ""),
        "StateValue": state["value"],
        "StateReason": state["reason"],
        "StateReasonData": state.get("reasonData", ""),
        "StateUpdatedTimestamp": at,
        "StateTransitionedTimestamp": at,
    }
    if suppressed := state.get("actionsSuppressedBy"):
        described["ActionsSuppressedBy"] = suppressed
    metrics = [_query(each) for each in configuration.get("metrics", [])]
    if len(metrics) == 1 and "MetricStat" in metrics[0] and "AccountId" not in metrics[0]:
        stat: dict[str, Any] = metrics[0]["MetricStat"]
        described |= stat["Metric"]
        return described | {"Period": stat["Period"], "Statistic": stat["Stat"]}
    return described | ({"Metrics": metrics} if metrics else {"AlarmRule": configuration["alarmRule"]})


def _query(said: dict[str, Any]) -> dict[str, Any]:
    query = {"Id": said["id"], "ReturnData": said.get("returnData", True)}
    for ours, theirs in (
        ("Expression", "expression"),
        ("Label", "label"),
        ("AccountId", "accountId"),
        ("Period", "period"),
    ):
        if theirs in said:
            query[ours] = said[theirs]
    if stat := said.get("metricStat"):
        metric = stat["metric"]
        query["MetricStat"] = {
            "Metric": {
                "Namespace": metric["namespace"],
                "MetricName": metric["name"],
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.get("dimensions", {}).items()],
            },
            "Period": stat["period"],
            "Stat": stat["stat"],
        }
    return query


def test_pages_of_ringing_alarms_are_asked_one_by_one() -> None:
    client = Stage("https://cloudwatch.example").client("cloudwatch")
    stub = Stubber(client)
    asked = {"StateValue": "ALARM", "AlarmTypes": ("MetricAlarm", "CompositeAlarm"), "MaxRecords": 100}
    stub.add_response(
        "describe_alarms",
        {"MetricAlarms": [], "CompositeAlarms": [], "NextToken": "t1"},
        {**asked, "AlarmNamePrefix": "shop-"},
    )
    stub.add_client_error("describe_alarms", "InvalidNextToken", expected_params={**asked, "NextToken": "t1"})
    stub.add_client_error("describe_alarms", "Throttling", expected_params=asked)
    stub.activate()
    alarms = CloudWatchAlarms(client)

    assert alarms.ringing("shop-", "") == ((), "t1")
    with pytest.raises(Refused):
        alarms.ringing("", "t1")
    with pytest.raises(Unavailable):
        alarms.ringing("", "")
