"""What CloudWatch says about the alarms that ring: their state now, and the metrics that they watch."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from functions.investigation.breach import Condition, Point, confirmed
from functions.investigation.reading import VENDOR_ERRORS, Draft, Job, Reading, gap_of
from shared.alert import Alert, Metric, as_text
from shared.alerts.targets import only, target_of
from shared.assessment import Gap
from shared.incident import Alarm
from shared.integrations.cloudwatch import incomplete
from shared.sentences import figure, when

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import (
        CompositeAlarmTypeDef,
        MetricAlarmTypeDef,
        MetricDataQueryTypeDef,
        MetricDataResultTypeDef,
    )

SOURCE = "cloudwatch"
BEFORE = 15
"""How many periods before the breach are read, to show what was usual."""
LONGEST = timedelta(hours=3)
"""How far back is read at most, or five periods more than the alarm looks at; high resolution is not kept longer."""
BAND = "ANOMALY_DETECTION_BAND"
"""An alarm with a band returns the band beside the metric that is held against it."""
KEPT = 30
"""How many values are kept, the newest."""


Locate = Callable[[Alert], Alert]
"""The alert with the target that the inventory says it is about."""


def jobs(
    cloudwatch: "CloudWatchClient", alarms: Sequence[Alarm], now: datetime, region: str, locate: Locate = lambda it: it
) -> tuple[Job, ...]:
    """The reads of these alarms: first how each stands and is defined, then its metrics."""
    if not alarms:
        return ()
    return (Job(SOURCE, _query(alarms), lambda: _alarms(cloudwatch, alarms, now, region, locate)),)


def name_of(alarm: Alarm) -> str:
    """The alarm's name at CloudWatch, out of its ARN or `<account>/<name>`, whichever the alert carries."""
    external_id = alarm.alert.external_id
    if external_id.startswith("arn:"):
        return external_id.partition(":alarm:")[2]
    return external_id.removeprefix(f"{alarm.alert.account}/")


def _query(alarms: Sequence[Alarm]) -> str:
    return f"DescribeAlarms {', '.join(map(name_of, alarms))}"


def _alarms(
    cloudwatch: "CloudWatchClient", alarms: Sequence[Alarm], now: datetime, region: str, locate: Locate
) -> Reading:
    """A failure here is a gap like any other; the metrics that the alert names are still read, and prove nothing."""
    defined: dict[str, MetricAlarmTypeDef] = {}
    gaps: list[Gap] = []
    drafts: list[Draft] = []
    try:
        answer = cloudwatch.describe_alarms(
            AlarmNames=[name_of(alarm) for alarm in alarms], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
    except VENDOR_ERRORS as error:
        gaps.append(gap_of(SOURCE, _query(alarms), error))
    else:
        defined = {each["AlarmName"]: each for each in answer["MetricAlarms"]}
        composite = {each["AlarmName"]: each for each in answer.get("CompositeAlarms", [])}
        known: dict[str, Any] = {**composite, **defined}
        for alarm in alarms:
            name = name_of(alarm)
            if name in known:
                drafts.append(_state(known[name], alarm, region))
            else:
                why = "no alarm of that name"
                gaps.append(Gap(source=SOURCE, query=f"DescribeAlarms {name}", reason="absent", detail=why))
    then = tuple(_metric_job(cloudwatch, alarm, defined.get(name_of(alarm)), now, region, locate) for alarm in alarms)
    return Reading(tuple(drafts), tuple(gaps), then=tuple(job for job in then if job))


def _state(described: "MetricAlarmTypeDef | CompositeAlarmTypeDef", alarm: Alarm, region: str) -> Draft:
    name = name_of(alarm)
    since = described.get("StateTransitionedTimestamp") or described.get("StateUpdatedTimestamp")
    data = {
        "alarm": name,
        "fingerprint": alarm.alert.fingerprint,
        "state": described["StateValue"],
        "since": as_text(since) if since else "",
        "reason": described.get("StateReason", ""),
        "rule": described.get("AlarmRule", ""),
    }
    found = f"{name} is {described['StateValue']}" + (f" since {when(since)}" if since else "")
    text = f"{found}: {described.get('StateReason', '')}"
    return Draft("cloudwatch.alarm", SOURCE, f"DescribeAlarms {name}", text, data, link=_link(region, name))


def _metric_job(
    cloudwatch: "CloudWatchClient",
    alarm: Alarm,
    defined: "MetricAlarmTypeDef | None",
    now: datetime,
    region: str,
    locate: Locate,
) -> Job | None:
    """None where neither the alarm's definition nor the alert names a metric (a composite alarm).

    The definition comes first: what an alert says of its alarm is whatever its sender wrote.
    """
    metrics = (_metrics(defined) if defined else ()) or alarm.alert.metrics
    if not metrics:
        return None
    query = f"GetMetricData {name_of(alarm)}"
    proof = defined is not None and proves(defined, alarm.alert, locate)
    return Job(SOURCE, query, lambda: _metric(cloudwatch, alarm, defined, metrics, now, region, proof=proof))


def proves(defined: "MetricAlarmTypeDef", alert: Alert, locate: Locate) -> bool:
    """Whether a breach of the alarm that CloudWatch has is one of what the alert is about, and of now.

    Anybody may name an alarm: one that reads otherwise than ALARM, or watches something else, is no proof.
    """
    metrics = _metrics(defined)
    named = only(target_of(metric.dimensions, alert.account, alert.region) for metric in metrics)
    watched = alert.model_copy(
        update={
            "target": named,
            "title": defined["AlarmName"],
            "external_id": defined.get("AlarmArn", ""),
            "labels": {name: value for metric in metrics for name, value in metric.dimensions.items()},
        }
    )
    about = locate(watched).target
    same = about is not None and alert.target is not None and about.key == alert.target.key
    return bool(metrics) and same and defined["StateValue"] == "ALARM"


def _metrics(defined: "MetricAlarmTypeDef") -> tuple[Metric, ...]:
    if "MetricName" in defined:
        return (
            Metric(
                id="m1",
                namespace=defined.get("Namespace", ""),
                name=defined["MetricName"],
                dimensions={each["Name"]: each["Value"] for each in defined.get("Dimensions", [])},
                stat=defined.get("ExtendedStatistic") or defined.get("Statistic", "Average"),
                period=defined.get("Period", 60),
            ),
        )
    return tuple(
        Metric(
            id=each["Id"],
            namespace=(stat := each.get("MetricStat", {})).get("Metric", {}).get("Namespace", ""),
            name=stat.get("Metric", {}).get("MetricName", ""),
            dimensions={one["Name"]: one["Value"] for one in stat.get("Metric", {}).get("Dimensions", [])},
            stat=stat.get("Stat", ""),
            period=stat.get("Period") or each.get("Period", 60),
            expression=each.get("Expression", ""),
            label=each.get("Label", ""),
            returns=each.get("ReturnData", True),
        )
        for each in defined.get("Metrics", [])
    )


def condition_of(alarm: Alarm, defined: "MetricAlarmTypeDef | None", period: int) -> Condition:
    """The alarm's condition, from its definition if that could be read, else from what the alert says."""
    breach = alarm.alert.breach
    if defined:
        periods = defined.get("EvaluationPeriods", 1)
        return Condition(
            threshold=defined.get("Threshold"),
            comparison=defined.get("ComparisonOperator", ""),
            period=period,
            periods=periods,
            needed=defined.get("DatapointsToAlarm", periods),
        )
    if breach is None:
        return Condition(None, "", period)
    return Condition(breach.threshold, breach.comparison, period, breach.evaluation_periods or 1)


def _metric(
    cloudwatch: "CloudWatchClient",
    alarm: Alarm,
    defined: "MetricAlarmTypeDef | None",
    metrics: Sequence[Metric],
    now: datetime,
    region: str,
    *,
    proof: bool,
) -> Reading:
    name = name_of(alarm)
    period = max((each.period for each in metrics if not each.expression), default=metrics[0].period)
    condition = condition_of(alarm, defined, period)
    rang = alarm.alert.starts_at
    one = timedelta(seconds=period)
    first = max(rang - one * (condition.periods + BEFORE), now - max(LONGEST, one * (condition.periods + 5)))
    first = min(first, now - one)
    returned = next((each for each in metrics if each.returns and not each.expression.startswith(BAND)), metrics[0])
    query = f"GetMetricData {name}"
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[_data_query(each, returned) for each in metrics],
        StartTime=first,
        EndTime=now + timedelta(seconds=1),
        ScanBy="TimestampAscending",
    )
    nothing: MetricDataResultTypeDef = {}
    series = next((each for each in answer["MetricDataResults"] if each["Id"] == returned.id), nothing)
    if gap := _incomplete(series, query):
        return Reading(gaps=(gap,))
    points = _points(series, latest=now - one)
    seen = confirmed(condition, points, rang)
    seen = None if seen and not proof else seen
    data: dict[str, Any] = {
        "alarm": name,
        "fingerprint": alarm.alert.fingerprint,
        "metrics": sorted({each.name for each in metrics if each.name}),
        "namespaces": sorted({each.namespace for each in metrics if each.namespace}),
        "expression": returned.expression,
        "label": returned.label,
        "stat": returned.stat,
        "period": period,
        "threshold": condition.threshold,
        "comparison": condition.comparison,
        "values": [value for _, value in points][-KEPT:],
        "last_at": as_text(points[-1][0]) if points else "",
        "newest": points[-1][1] if points else None,
        "violates_now": condition.violates(points[-1][1]) if points else None,
        "breach_read": seen,
    }
    found = _said(name, returned, condition, points, seen=seen)
    draft = Draft("cloudwatch.metric", SOURCE, query, found, data, (first, now), _link(region, name))
    return Reading((draft,), breaches=(seen,))


def _incomplete(series: "MetricDataResultTypeDef", query: str) -> Gap | None:
    if not (why := incomplete(series)):
        return None
    reason: Literal["denied", "failed"] = "denied" if series["StatusCode"] == "Forbidden" else "failed"
    return Gap(source=SOURCE, query=query, reason=reason, detail=why)


def _points(series: "MetricDataResultTypeDef", latest: datetime) -> list[Point]:
    """The finite values of a series, oldest first, without a period that is not over (it would mislead)."""
    pairs = sorted(zip(series.get("Timestamps", []), series.get("Values", []), strict=True))
    return [(at, float(value)) for at, value in pairs if isfinite(value) and at <= latest]


def _said(name: str, metric: Metric, condition: Condition, points: Sequence[Point], *, seen: bool | None) -> str:
    what = metric.label or metric.name or metric.expression or name
    if not points:
        return f"{what}: no values in the window."
    worst = max(
        points, key=lambda point: abs(point[1] - (condition.threshold or 0.0)) * bool(condition.violates(point[1]))
    )
    verdict = {
        True: f"we see the breach ({figure(worst[1])} at {worst[0].astimezone(UTC):%H:%M:%S} UTC)",
        False: "no value violates it",
        None: "whether it was violated cannot be told",
    }[seen]
    return f"{what} is {figure(points[-1][1])}, alarm at {condition.bound}: {verdict}."


def _data_query(metric: Metric, returned: Metric) -> "MetricDataQueryTypeDef":
    if metric.expression:
        labelled: MetricDataQueryTypeDef = {"Label": metric.label} if metric.label else {}  # type: ignore[typeddict-item]
        return {
            **labelled,
            "Id": metric.id,
            "Expression": metric.expression,
            "ReturnData": metric is returned,
        }
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    stat: Any = {
        "Metric": {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions},
        "Period": metric.period,
        "Stat": metric.stat or "Average",
    }
    return {"Id": metric.id, "MetricStat": stat, "ReturnData": metric is returned}


def _link(region: str, name: str) -> str:
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{quote(name, safe='')}"
    )
