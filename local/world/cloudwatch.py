"""What the CloudWatch API answers about the world: alarms, their history, and metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.world.clock import moment, stamp
from local.world.metricmath import MathError, evaluate
from local.world.metrics import GAUGES, UnknownStatisticError, dimensions, find, series
from local.world.pages import page
from local.world.wire import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.world.alarms import Alarm, Alarms, State
    from local.world.metrics import Series
    from local.world.model import World

Result = dict[str, Any]
SHORT_PERIODS = {1, 5, 10, 20, 30}
MOST_QUERIES = 500


def _listed(wanted: dict[str, str]) -> list[Result]:
    return [{"Name": name, "Value": value} for name, value in wanted.items()]


def _metric(alarm: Alarm, name: str) -> Result:
    namespace, kept_under = alarm.watched(name)
    return {"Namespace": namespace, "MetricName": name, "Dimensions": _listed(kept_under)}


def _alarm(alarm: Alarm) -> Result:
    spec, state = alarm.spec, alarm.state
    described: Result = {
        "AlarmName": spec.name,
        "AlarmArn": alarm.arn,
        "AlarmDescription": spec.description,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm.since),
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "StateValue": state.value,
        "StateReason": state.reason,
        "StateReasonData": state.data,
        "StateUpdatedTimestamp": moment(state.at),
        "StateTransitionedTimestamp": moment(state.at),
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": spec.threshold,
        "ComparisonOperator": spec.comparison,
        "TreatMissingData": spec.treat_missing,
    }
    if len(spec.measures) == 1:
        only = spec.measures[0]
        kind = {"ExtendedStatistic": only.stat} if only.stat.startswith("p") else {"Statistic": only.stat}
        return described | _metric(alarm, only.metric) | kind | {"Period": spec.period}
    described["Metrics"] = [
        {"Id": m.id, "Expression": m.expression, "Label": m.label, "ReturnData": m.returned}
        if m.expression
        else {
            "Id": m.id,
            "MetricStat": {"Metric": _metric(alarm, m.metric), "Period": spec.period, "Stat": m.stat},
            "ReturnData": m.returned,
        }
        for m in spec.measures
    ]
    return described


def describe_alarms(alarms: Alarms, given: Result) -> Result:
    """Describe alarms by names, prefix or state; composite alarms there are none."""
    if given.get("AlarmNames") and given.get("AlarmNamePrefix"):
        code = "ValidationError"
        raise AwsError(code, "AlarmNames and AlarmNamePrefix cannot be given together")
    names = given.get("AlarmNames")
    found = [
        alarm
        for alarm in alarms.all.values()
        if (not names or alarm.spec.name in names)
        and alarm.spec.name.startswith(given.get("AlarmNamePrefix", ""))
        and given.get("StateValue", alarm.state.value) == alarm.state.value
    ]
    if "MetricAlarm" not in given.get("AlarmTypes", ["MetricAlarm"]):
        found = []
    items, token = page(found, given.get("NextToken"), given.get("MaxRecords", 50), "InvalidNextToken")
    return {"MetricAlarms": [_alarm(alarm) for alarm in items], "CompositeAlarms": [], "NextToken": token}


def set_alarm_state(alarms: Alarms, given: Result) -> Result:
    """Put an alarm into a state until it is evaluated again."""
    if given["AlarmName"] not in alarms.all:
        code = "ResourceNotFound"
        raise AwsError(code, f"There is no alarm {given['AlarmName']}", 404)
    alarms.tell(given["AlarmName"], given["StateValue"], given["StateReason"], given.get("StateReasonData", ""))
    return {}


def _history_state(state: State) -> Result:
    return {"stateValue": state.value, "stateReason": state.reason, "stateReasonData": json.loads(state.data)}


def _history(alarm: Alarm) -> list[Result]:
    common = {"AlarmName": alarm.spec.name, "AlarmType": "MetricAlarm"}
    changes = [
        common
        | {
            "Timestamp": moment(at),
            "HistoryItemType": "StateUpdate",
            "HistorySummary": f"Alarm updated from {old.value} to {new.value}",
            "HistoryData": json.dumps(
                {"version": "1.0", "oldState": _history_state(old), "newState": _history_state(new)}
            ),
        }
        for at, old, new in alarm.history
    ]
    created = {
        "version": "1.0",
        "type": "Create",
        "createdAlarm": {"alarmName": alarm.spec.name, "alarmConfigurationUpdatedTimestamp": stamp(alarm.since)},
    }
    return [
        *changes,
        common
        | {
            "Timestamp": moment(alarm.since),
            "HistoryItemType": "ConfigurationUpdate",
            "HistorySummary": f'Alarm "{alarm.spec.name}" created',
            "HistoryData": json.dumps(created),
        },
    ]


def describe_alarm_history(alarms: Alarms, given: Result) -> Result:
    """List what happened to alarms, newest first unless the other order is asked for."""
    name, kind = given.get("AlarmName"), given.get("HistoryItemType")
    start, end = given.get("StartDate"), given.get("EndDate")
    items = [
        item
        for alarm in alarms.all.values()
        if name in {None, alarm.spec.name}
        for item in _history(alarm)
        if kind in {None, item["HistoryItemType"]}
        and (start is None or item["Timestamp"] >= start)
        and (end is None or item["Timestamp"] <= end)
    ]
    items.sort(key=lambda item: item["Timestamp"], reverse=given.get("ScanBy") != "TimestampAscending")
    items, token = page(items, given.get("NextToken"), given.get("MaxRecords", 100), "InvalidNextToken")
    return {"AlarmHistoryItems": items, "NextToken": token}


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _period(period: int) -> int:
    if period not in SHORT_PERIODS and (period <= 0 or period % 60):
        message = f"Period must be 1, 5, 10, 20, 30 or a multiple of 60 seconds, not {period}"
        raise _invalid(message)
    return period


def _dimensions(metric: Result) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])}


def _window(given: Result) -> tuple[float, float]:
    if given["StartTime"] >= given["EndTime"]:
        message = "The parameter StartTime must be less than the parameter EndTime."
        raise _invalid(message)
    return given["StartTime"].timestamp(), given["EndTime"].timestamp()


def _read(world: World, stat: Result, window: tuple[float, float]) -> tuple[Series, int]:
    period, metric = _period(stat["Period"]), stat["Metric"]
    service = find(world, metric.get("Namespace", ""), metric.get("MetricName", ""), _dimensions(metric))
    if service is None:
        return {}, period
    try:
        return series(world, service, metric["MetricName"], stat["Stat"], period, window), period
    except UnknownStatisticError as error:
        message = f"The value {error} for parameter Stat is not supported."
        raise _invalid(message) from None


def get_metric_data(alarms: Alarms, given: Result) -> Result:
    """Return the series of metrics and expressions, newest first unless asked otherwise."""
    world, window, queries = alarms.world, _window(given), given.get("MetricDataQueries", [])
    if not 0 < len(queries) <= MOST_QUERIES:
        message = "MetricDataQueries must have 1 to 500 items"
        raise _invalid(message)
    known: dict[str, Series] = {}
    periods: list[int] = []
    labels: dict[str, str] = {}
    for query in queries:
        if stat := query.get("MetricStat"):
            known[query["Id"]], period = _read(world, stat, window)
            periods.append(period)
            labels[query["Id"]] = query.get("Label") or stat["Metric"]["MetricName"]
    period = max(periods or [_period(queries[0].get("Period", 60))])
    first = int(window[0] // period) * period
    times = [time for time in range(first, int(-(-window[1] // 1)), period) if time < world.now]
    waiting = [query for query in queries if query.get("Expression")]
    while waiting:
        ready = [q for q in waiting if not _needs(q, waiting)]
        if not ready:
            message = "Expressions depend on each other in a circle"
            raise _invalid(message)
        for query in ready:
            try:
                known[query["Id"]] = evaluate(query["Expression"], known, times, period)
            except MathError as error:
                raise _invalid(str(error)) from None
            labels[query["Id"]] = query.get("Label") or query["Id"]
            waiting.remove(query)
    newest_first = given.get("ScanBy", "TimestampDescending") != "TimestampAscending"
    results = []
    for query in queries:
        if query.get("ReturnData", True):
            points = sorted(known[query["Id"]].items(), reverse=newest_first)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": labels[query["Id"]],
                    "Timestamps": [moment(time) for time, _ in points],
                    "Values": [value for _, value in points],
                    "StatusCode": "Complete",
                }
            )
    return {"MetricDataResults": results, "Messages": []}


def _needs(query: Result, waiting: list[Result]) -> bool:
    words = set("".join(c if c.isalnum() or c == "_" else " " for c in query["Expression"]).split())
    return any(other["Id"] in words for other in waiting)


def list_metrics(alarms: Alarms, given: Result) -> Result:
    """List the metrics of every service, by namespace, name and dimensions."""
    wanted = {(one["Name"], one.get("Value")) for one in given.get("Dimensions", [])}
    found = []
    for service in alarms.world.services.values():
        for name, (namespace, _, _) in GAUGES.items():
            having = dimensions(service, name)
            if given.get("Namespace", namespace) != namespace or given.get("MetricName", name) != name:
                continue
            if all(key in having and value in {None, having[key]} for key, value in wanted):
                found.append({"Namespace": namespace, "MetricName": name, "Dimensions": _listed(having)})
    items, token = page(found, given.get("NextToken"), 500, "InvalidParameterValue")
    return {"Metrics": items, "NextToken": token}


OPERATIONS: dict[str, Callable[[Alarms, Result], Result]] = {
    "DescribeAlarms": describe_alarms,
    "DescribeAlarmHistory": describe_alarm_history,
    "GetMetricData": get_metric_data,
    "ListMetrics": list_metrics,
    "SetAlarmState": set_alarm_state,
}
