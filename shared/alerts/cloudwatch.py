"""CloudWatch alarms: the event on EventBridge, the notification on SNS, the Lambda alarm action.

Sources: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html,
.../alarms-and-actions-Lambda.html; AWS documents the SNS message by example only.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from shared.alert import Alert, AlertState, Breach, Metric
from shared.alerts import severity
from shared.alerts.fields import (
    EXTERNAL_ID,
    SUMMARY,
    TITLE,
    bounded,
    count,
    labels,
    listing,
    mapping,
    moment,
    number,
    safe,
    safe_labels,
    safe_links,
    text,
)
from shared.alerts.parsed import fingerprint
from shared.alerts.safe_json import loads
from shared.alerts.targets import as_account, as_region, only, read_arn, target_of
from shared.errors import Refused

_STATES: dict[str, AlertState] = {"ALARM": "firing", "OK": "resolved", "INSUFFICIENT_DATA": "unknown"}
_STATISTICS = {each.upper(): each for each in ("Average", "Sum", "Minimum", "Maximum", "SampleCount")}
_MISSING = ("breaching", "notBreaching", "ignore", "missing")
_METRIC_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
_LINK = re.compile(r"https://[^\s<>\"')\]]{1,2000}(?<![.,;:!?])")
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
_COMPARISONS = (
    (r"lower thresholds? .{0,400}or (not )?greater than the upper", "LessThanLowerOrGreaterThanUpperThreshold"),
    (r"greater than the upper threshold", "GreaterThanUpperThreshold"),
    (r"less than the lower threshold", "LessThanLowerThreshold"),
    (r"greater than or equal to the threshold", "GreaterThanOrEqualToThreshold"),
    (r"less than or equal to the threshold", "LessThanOrEqualToThreshold"),
    (r"greater than the threshold", "GreaterThanThreshold"),
    (r"less than the threshold", "LessThanThreshold"),
)
"""The event does not carry the operator; CloudWatch's own sentence about the change does."""
_DATAPOINT = re.compile(r"(-?\d{1,20}(?:\.\d{1,20})?(?:E-?\d{1,2})?) \(\d\d/\d\d/\d\d ")
"""A value and its time in that sentence, latest first; the notification carries them nowhere else."""
_VALUES = 50
_METRICS = 20


@dataclass(frozen=True, slots=True)
class _Alarm:
    """What all three envelopes say, under one name each."""

    arn: str
    name: str
    description: str
    state: AlertState
    reason: str
    changed_at: datetime | None
    began_at: datetime | None
    account: str
    region: str
    tags: dict[str, str]
    metrics: tuple[Metric, ...]
    owners: tuple[str, ...]
    breach: Breach | None


def read_event(event: Mapping[str, Any], now: datetime) -> Alert:
    """The alert of a `CloudWatch Alarm State Change` event."""
    arn = next((text(each, "resources[0]") for each in listing(event.get("resources") or [], "resources")), "")
    detail = mapping(event.get("detail"), "detail")
    return _alert(_changed(detail, "detail", arn, event.get("account"), event.get("region"), event.get("time")), now)


def read_action(event: Mapping[str, Any], now: datetime) -> Alert:
    """The alert of an alarm that invokes a Lambda function."""
    detail = mapping(event.get("alarmData"), "alarmData")
    arn = text(event.get("alarmArn"), "alarmArn")
    return _alert(
        _changed(detail, "alarmData", arn, event.get("accountId"), event.get("region"), event.get("time")), now
    )


def read_notification(message: Mapping[str, Any], topic_arn: str, now: datetime) -> Alert:
    """The alert of the message that an alarm publishes to SNS; `topic_arn` tells the region of old ones (or empty)."""
    name = _needed(message, "AlarmName")
    account = as_account(text(message.get("AWSAccountId"), "AWSAccountId"))
    topic = read_arn(topic_arn)
    arn = text(message.get("AlarmArn"), "AlarmArn")
    if not arn and topic and account:
        arn = f"arn:{topic.partition}:cloudwatch:{topic.region}:{account}:alarm:{name}"
    parts = read_arn(arn)
    trigger = mapping(message.get("Trigger") or {}, "Trigger")
    reason = text(message.get("NewStateReason"), "NewStateReason")
    listed = listing(trigger.get("Metrics") or [], "Trigger.Metrics")
    metrics = _metrics(listed, "Trigger.Metrics") if listed else _single(trigger)
    return _alert(
        _Alarm(
            arn=arn,
            name=name,
            description=text(message.get("AlarmDescription"), "AlarmDescription"),
            state=_state(message.get("NewStateValue"), "NewStateValue"),
            reason=reason,
            changed_at=moment(message.get("StateChangeTime"), "StateChangeTime"),
            began_at=None,
            account=as_account(parts.account) if parts else account,
            region=as_region(parts.region) if parts else "",
            tags={},
            metrics=metrics,
            owners=_owners(listed),
            breach=_breach(trigger, {}, reason),
        ),
        now,
    )


def _changed(detail: Mapping[str, Any], at: str, arn: str, account: object, region: object, time: object) -> _Alarm:
    parts = read_arn(arn)
    state = mapping(detail.get("state"), f"{at}.state")
    previous = mapping(detail.get("previousState") or {}, f"{at}.previousState")
    configuration = mapping(detail.get("configuration") or {}, f"{at}.configuration")
    reason = text(state.get("reason"), f"{at}.state.reason")
    listed = listing(configuration.get("metrics") or [], f"{at}.configuration.metrics")
    rang = previous.get("value") == "ALARM"
    suppressed = text(state.get("actionsSuppressedBy"), f"{at}.state.actionsSuppressedBy")
    return _Alarm(
        arn=arn,
        name=_needed(detail, "alarmName", at),
        description=text(configuration.get("description"), f"{at}.configuration.description"),
        state=_state(state.get("value"), f"{at}.state.value"),
        reason=reason,
        changed_at=moment(state.get("timestamp"), f"{at}.state.timestamp") or moment(time, "time"),
        began_at=moment(previous.get("timestamp"), f"{at}.previousState.timestamp") if rang else None,
        account=as_account(text(account, "account") or (parts.account if parts else "")),
        region=as_region(text(region, "region") or (parts.region if parts else "")),
        tags=labels(detail.get("alarmTags"), f"{at}.alarmTags")
        | ({"actions_suppressed_by": suppressed} if suppressed else {}),
        metrics=_metrics(listed, f"{at}.configuration.metrics"),
        owners=_owners(listed),
        breach=_breach({}, _reason_data(state.get("reasonData")), reason),
    )


def _alert(alarm: _Alarm, now: datetime) -> Alert:
    target = only(
        target_of(metric.dimensions, owner or alarm.account, alarm.region)
        for metric, owner in zip(alarm.metrics, alarm.owners or [""] * len(alarm.metrics), strict=True)
    )
    pairs = {pair for metric in alarm.metrics for pair in metric.dimensions.items()}
    named = Counter(name for name, _ in pairs)
    dimensions = {name: value for name, value in pairs if named[name] == 1}
    external_id = alarm.arn or f"{alarm.account}/{alarm.name}"
    changed_at = bounded(alarm.changed_at, now)
    said = severity.of_labels(alarm.tags)
    return Alert(
        source="cloudwatch",
        state=alarm.state,
        title=safe(alarm.name, TITLE),
        summary=safe("\n".join(filter(None, (alarm.description, alarm.reason))), SUMMARY),
        severity=severity.of_text(alarm.description) if said == "unknown" else said,
        target=target,
        account=alarm.account,
        region=alarm.region,
        starts_at=min(alarm.began_at or changed_at, changed_at),
        changed_at=changed_at,
        labels=safe_labels({**alarm.tags, **dimensions}),
        links=safe_links(_console(alarm), *_LINK.findall(alarm.description)),
        external_id=safe(external_id, EXTERNAL_ID),
        fingerprint=fingerprint("cloudwatch", external_id, alarm.account, alarm.region, target),
        metrics=tuple(
            metric.model_copy(
                update={
                    "dimensions": safe_labels(metric.dimensions),
                    "expression": safe(metric.expression, SUMMARY),
                    "label": safe(metric.label, TITLE),
                }
            )
            for metric in alarm.metrics
        ),
        breach=alarm.breach,
    )


def _state(value: object, field: str) -> AlertState:
    said = text(value, field)
    if said not in _STATES:
        raise Refused(f"{field} must be ALARM, OK or INSUFFICIENT_DATA, not {said[:40]!r}")
    return _STATES[said]


def _needed(container: Mapping[str, Any], name: str, at: str = "") -> str:
    field = f"{at}.{name}" if at else name
    said = text(container.get(name), field).strip()
    if not said:
        raise Refused(f"{field} is missing; it names the alarm")
    return said


def _metrics(listed: Sequence[object], field: str) -> tuple[Metric, ...]:
    """The metrics of `configuration.metrics` (camel case) or `Trigger.Metrics` (capitals), which else are the same."""
    found = []
    for at, each in enumerate(listed[:_METRICS]):
        query = _lower(mapping(each, f"{field}[{at}]"))
        stat = _lower(mapping(query.get("metricstat") or {}, f"{field}[{at}].metricStat"))
        metric = _lower(mapping(stat.get("metric") or {}, f"{field}[{at}].metricStat.metric"))
        said = text(query.get("id"), f"{field}[{at}].id")
        found.append(
            Metric(
                # The event of an alarm on one metric carries a UUID, which GetMetricData does not take.
                id=said if _METRIC_ID.fullmatch(said) else f"m{at + 1}",
                namespace=safe(text(metric.get("namespace"), f"{field}[{at}].namespace"), TITLE),
                name=safe(text(metric.get("name") or metric.get("metricname"), f"{field}[{at}].name"), TITLE),
                dimensions=_dimensions(metric.get("dimensions"), f"{field}[{at}].dimensions"),
                stat=safe(text(stat.get("stat"), f"{field}[{at}].stat"), TITLE),
                period=count(stat.get("period")) or count(query.get("period")) or 60,
                expression=text(query.get("expression"), f"{field}[{at}].expression"),
                label=text(query.get("label"), f"{field}[{at}].label"),
                returns=query.get("returndata") is not False,
            )
        )
    return tuple(found)


def _owners(listed: Sequence[object]) -> tuple[str, ...]:
    """For each metric the account that it is in, where an alarm watches another account's (else empty)."""
    said = [_lower(each).get("accountid") for each in listed[:_METRICS] if isinstance(each, Mapping)]
    return tuple(as_account(each) if isinstance(each, str) else "" for each in said)


def _single(trigger: Mapping[str, Any]) -> tuple[Metric, ...]:
    name = text(trigger.get("MetricName"), "Trigger.MetricName")
    if not name:
        return ()
    stat = text(trigger.get("ExtendedStatistic") or trigger.get("Statistic"), "Trigger.Statistic")
    return (
        Metric(
            id="m1",
            namespace=safe(text(trigger.get("Namespace"), "Trigger.Namespace"), TITLE),
            name=safe(name, TITLE),
            dimensions=_dimensions(trigger.get("Dimensions"), "Trigger.Dimensions"),
            stat=safe(_STATISTICS.get(stat.upper(), stat), TITLE),
            period=count(trigger.get("Period")) or 60,
        ),
    )


def _dimensions(value: object, field: str) -> dict[str, str]:
    """Dimensions as an object (event) or as a list of name and value (SNS, in either case)."""
    if not isinstance(value, list):
        return labels(value, field)
    return dimension_list(value, field)


def dimension_list(value: Sequence[object], field: str) -> dict[str, str]:
    """The dimensions in a list of `{name, value}`, whatever the case of these two words."""
    found: dict[str, str] = {}
    for at, each in enumerate(value):
        pair = _lower(mapping(each, f"{field}[{at}]"))
        name = text(pair.get("name"), f"{field}[{at}].name")
        said = text(pair.get("value"), f"{field}[{at}].value")
        if name in found and found[name] != said:
            raise Refused(f"{field}[{at}].name: {name[:80]!r} is given twice, with different values")
        if name:
            found[name] = said
    return found


def _breach(trigger: Mapping[str, Any], data: Mapping[str, Any], reason: str) -> Breach | None:
    listed = data.get("recentDatapoints")
    values = listed if isinstance(listed, list) else [float(each) for each in reversed(_DATAPOINT.findall(reason))]
    evaluated = re.search(r"out of the last (\d{1,5}) datapoints?", reason)
    missing = text(trigger.get("TreatMissingData"), "Trigger.TreatMissingData")
    breach = Breach(
        threshold=number(data.get("threshold")) if data else number(trigger.get("Threshold")),
        comparison=safe(text(trigger.get("ComparisonOperator"), "Trigger.ComparisonOperator"), TITLE)
        or next((operator for pattern, operator in _COMPARISONS if re.search(pattern, reason)), ""),
        values=tuple(each for each in map(number, values) if each is not None)[-_VALUES:],
        evaluation_periods=count(trigger.get("EvaluationPeriods")) or (int(evaluated[1]) if evaluated else None),
        # Older messages say "- TreatMissingData:                    missing".
        missing_data=next((each for each in _MISSING if missing.endswith(each)), ""),
    )
    return breach if breach != Breach() else None


def _reason_data(value: object) -> Mapping[str, Any]:
    """The figures behind a change; none where they are not JSON, since anybody may set an alarm's state by hand."""
    try:
        data = loads(value) if isinstance(value, str) else {}
    except Refused:
        return {}
    return data if isinstance(data, Mapping) else {}


def _console(alarm: _Alarm) -> str:
    arn = read_arn(alarm.arn)
    if not arn or not as_region(arn.region):
        return ""
    host = _CONSOLES.get(arn.partition, "console.aws.amazon.com")
    page = f"home?region={arn.region}#alarmsV2:alarm/{quote(alarm.name, safe='')}"
    return f"https://{arn.region}.{host}/cloudwatch/{page}"


def _lower(container: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in container.items()}
