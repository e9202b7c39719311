"""An alarm as CloudWatch describes it, as the alert that its own event would have been; pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.alert import Alert, as_text
from shared.alerts.parse import parse
from shared.alerts.targets import read_arn
from shared.errors import Refused


def changed_at(alarm: Mapping[str, Any]) -> datetime:
    """When the alarm took its state; StateUpdatedTimestamp moves without a change of state (CloudWatch API)."""
    at: datetime = alarm.get("StateTransitionedTimestamp") or alarm["StateUpdatedTimestamp"]
    return at


def alert_of(alarm: Mapping[str, Any], now: datetime) -> Alert:
    """The alert of a MetricAlarm or CompositeAlarm of DescribeAlarms, read by the same reader as its event.

    Only the event knows the alarm's tags. Raises Refused where it cannot be read.
    """
    arn = read_arn(alarm["AlarmArn"])
    if arn is None:
        raise Refused(f"{alarm['AlarmArn']} is no ARN")
    event = {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": arn.account,
        "region": arn.region,
        "resources": [alarm["AlarmArn"]],
        "detail": {
            "alarmName": alarm["AlarmName"],
            "state": {
                "value": alarm["StateValue"],
                "reason": alarm.get("StateReason", ""),
                "reasonData": alarm.get("StateReasonData", ""),
                "timestamp": as_text(changed_at(alarm)),
                "actionsSuppressedBy": alarm.get("ActionsSuppressedBy", ""),
            },
            "configuration": {"description": alarm.get("AlarmDescription", ""), "metrics": _metrics(alarm)},
        },
    }
    (alert,) = parse(event, "cloudwatch", now).alerts
    return alert


def _metrics(alarm: Mapping[str, Any]) -> list[Any]:
    """The metrics as the event has them: a list of queries, of one where the alarm watches one metric."""
    if "MetricName" not in alarm:
        return list(alarm.get("Metrics", ()))
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if name in alarm}
    stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "")
    return [{"Id": "m1", "MetricStat": {"Metric": metric, "Period": alarm.get("Period", 60), "Stat": stat}}]
