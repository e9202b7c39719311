import json
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.alert import Alert, Breach, Metric
from shared.alerts.cloudwatch import dimension_list, read_action, read_event, read_notification
from shared.errors import Refused

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = datetime(2026, 5, 4, 2, 14, 31, tzinfo=UTC)
SAID = "2026-05-04T02:14:31Z"
ACCOUNT = "123456789012"
OTHER = "210987654321"
ARN = f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:orders"
AS_ITS_ARN_SAYS = (ACCOUNT, "eu-west-1", ARN)
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"
ON_ORDERS = {"ClusterName": "shop", "ServiceName": "orders"}


def an_event(*metrics: object, **changes: Any) -> dict[str, Any]:
    """An event that says no more than it must, and `metrics`."""
    detail = {"alarmName": "orders", "state": {"value": "ALARM"}, "configuration": {"metrics": list(metrics)}}
    return {"detail": detail | changes}


def a_message(**changes: Any) -> dict[str, Any]:
    return {"AlarmName": "orders", "NewStateValue": "ALARM", **changes}


def a_query(name: str = "Errors", **changes: Any) -> dict[str, Any]:
    """A metric as the event spells it."""
    return {"id": "e", "metricStat": {"metric": {"name": name, "dimensions": ON_ORDERS}}, **changes}


def by_event(**state: Any) -> Alert:
    return read_event(an_event(state={"value": "ALARM", **state}), NOW)


def the_breach(**state: Any) -> Breach:
    breach = by_event(**state).breach
    assert breach
    return breach


def test_an_event_needs_no_more_than_a_name_and_a_state() -> None:
    alert = read_event({"detail": {"alarmName": " orders ", "state": {"value": "OK"}}}, NOW)
    assert alert == Alert(
        source="cloudwatch",
        state="resolved",
        title="orders",
        starts_at=NOW,
        changed_at=NOW,
        external_id="/orders",
        fingerprint=alert.fingerprint,
    )


def test_a_notification_needs_no_more_than_a_name_and_a_state() -> None:
    alert = read_notification({"AlarmName": "orders", "NewStateValue": "INSUFFICIENT_DATA"}, "", NOW)
    assert alert == Alert(
        source="cloudwatch",
        state="unknown",
        title="orders",
        starts_at=NOW,
        changed_at=NOW,
        external_id="/orders",
        fingerprint=alert.fingerprint,
    )


def test_the_arn_says_account_and_region_where_the_event_does_not() -> None:
    event = read_event(an_event(a_query()) | {"resources": [ARN]}, NOW)
    action = read_action({"alarmArn": ARN, "alarmData": an_event(a_query())["detail"]}, NOW)
    assert event == action
    assert (event.account, event.region, event.external_id) == (ACCOUNT, "eu-west-1", ARN)
    assert event.target
    assert event.target.key == f"ecs:{ACCOUNT}:eu-west-1:shop/orders"


def test_what_the_event_says_of_account_and_region_goes_before_the_arn() -> None:
    told = {"account": OTHER, "accountId": OTHER, "region": "us-east-1", "time": SAID}
    event = read_event(an_event() | told | {"resources": [ARN]}, NOW)
    action = read_action({"alarmArn": ARN, "alarmData": an_event()["detail"]} | told, NOW)
    assert event == action
    assert (event.account, event.region, event.changed_at) == (OTHER, "us-east-1", AT)


def test_what_is_no_account_and_no_region_is_none() -> None:
    alert = read_event(an_event() | {"account": "shop", "region": "Ireland"}, NOW)
    assert (alert.account, alert.region) == ("", "")
    alert = read_notification(a_message(AlarmArn="arn:aws:cloudwatch:Ireland:shop:alarm:orders"), "", NOW)
    assert (alert.account, alert.region) == ("", "")


def test_without_an_arn_account_and_name_tell_alarms_apart() -> None:
    assert read_event(an_event() | {"account": ACCOUNT}, NOW).external_id == f"{ACCOUNT}/orders"
    assert read_notification(a_message(AWSAccountId=ACCOUNT), "", NOW).external_id == f"{ACCOUNT}/orders"


@pytest.mark.parametrize(
    ("message", "topic", "known"),
    [
        (a_message(AWSAccountId=OTHER), TOPIC, (OTHER, "eu-west-1", ARN.replace(ACCOUNT, OTHER))),
        (a_message(AWSAccountId=OTHER, AlarmArn=ARN), TOPIC.replace("eu-west-1", "us-east-1"), AS_ITS_ARN_SAYS),
        (a_message(AWSAccountId=OTHER, AlarmArn=ARN), "", AS_ITS_ARN_SAYS),
        (a_message(AWSAccountId=ACCOUNT), "", (ACCOUNT, "", f"{ACCOUNT}/orders")),
        (a_message(), TOPIC, ("", "", "/orders")),
        (a_message(AWSAccountId="shop"), TOPIC, ("", "", "/orders")),
        (
            a_message(AWSAccountId=ACCOUNT),
            TOPIC.replace("aws", "aws-cn"),
            (ACCOUNT, "eu-west-1", ARN.replace("aws", "aws-cn")),
        ),
    ],
)
def test_an_old_notification_is_of_its_topics_region_and_a_new_one_of_its_arns(
    message: dict[str, Any], topic: str, known: tuple[str, str, str]
) -> None:
    alert = read_notification(message, topic, NOW)
    assert (alert.account, alert.region, alert.external_id) == known


@pytest.mark.parametrize(
    ("previous", "starts"),
    [
        ({"value": "ALARM", "timestamp": "2026-05-04T01:00:00Z"}, "01:00"),
        ({"value": "ALARM", "timestamp": "2026-05-04T03:00:00Z"}, "02:14"),
        ({"value": "ALARM"}, "02:14"),
        ({"value": "OK", "timestamp": "2026-05-04T01:00:00Z"}, "02:14"),
        (None, "02:14"),
    ],
)
def test_an_alarm_began_when_it_last_rang_and_never_after_it_changed(previous: object, starts: str) -> None:
    event = an_event(state={"value": "OK", "timestamp": SAID}, previousState=previous) | {
        "time": "2026-05-04T03:00:00Z"
    }
    alert = read_event(event, NOW)
    assert alert.changed_at == AT
    assert f"{alert.starts_at:%H:%M}" == starts


@pytest.mark.parametrize(
    ("tags", "description", "severity"),
    [
        ({"severity": "low"}, "severity=high", "low"),
        ({"severity": "purple"}, "severity=high", "high"),
        ({}, "Severity: P1 for orders", "critical"),
        ({}, "orders is slow", "unknown"),
    ],
)
def test_a_tag_says_how_bad_it_is_or_else_the_description(tags: object, description: str, severity: str) -> None:
    alert = read_event(an_event(alarmTags=tags, configuration={"description": description}), NOW)
    assert alert.severity == severity


@pytest.mark.parametrize("spelling", ["event", "notification"])
def test_a_metric_is_read_whole_whichever_way_it_is_spelled(spelling: str) -> None:
    by_math = {"id": "rate", "expression": "100 * errors", "label": "Rate", "period": 300, "returnData": True}
    metric = {"namespace": "Shop", "name": "Errors", "dimensions": ON_ORDERS}
    errors = {"id": "errors", "returnData": False, "metricStat": {"metric": metric, "period": 10, "stat": "Sum"}}
    bare = {"id": "30b6c6b2-a864-43a2-4877-c09a1afc3b87"}
    if spelling == "event":
        alert = read_event(an_event(by_math, errors, bare), NOW)
    else:
        named = [{"Name": name, "Value": value} for name, value in ON_ORDERS.items()]
        spelled = {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": named}
        again = {"Id": "errors", "ReturnData": False, "MetricStat": {"Metric": spelled, "Period": 10, "Stat": "Sum"}}
        capitals = {f"{name[0].upper()}{name[1:]}": value for name, value in by_math.items()}
        alert = read_notification(a_message(Trigger={"Metrics": [capitals, again, bare]}), "", NOW)
    assert alert.metrics == (
        Metric(id="rate", expression="100 * errors", label="Rate", period=300),
        Metric(
            id="errors", namespace="Shop", name="Errors", dimensions=ON_ORDERS, stat="Sum", period=10, returns=False
        ),
        Metric(id="m3"),
    )


@pytest.mark.parametrize(
    ("statistic", "stat"),
    [
        ({"Statistic": "AVERAGE"}, "Average"),
        ({"Statistic": "SUM"}, "Sum"),
        ({"Statistic": "MINIMUM"}, "Minimum"),
        ({"Statistic": "MAXIMUM"}, "Maximum"),
        ({"Statistic": "SAMPLECOUNT"}, "SampleCount"),
        ({"Statistic": "SampleCount"}, "SampleCount"),
        ({"ExtendedStatistic": "p99.9", "Statistic": None}, "p99.9"),
        ({"ExtendedStatistic": "p99.9", "Statistic": "SUM"}, "p99.9"),
        ({}, ""),
    ],
)
def test_a_notification_says_its_one_metric_as_get_metric_data_wants_it(statistic: dict[str, Any], stat: str) -> None:
    trigger = {"MetricName": "Errors", "Namespace": "Shop", "Dimensions": [], **statistic}
    alert = read_notification(a_message(Trigger=trigger), "", NOW)
    assert alert.metrics == (Metric(id="m1", namespace="Shop", name="Errors", stat=stat),)


def test_the_period_of_a_notification_is_its_metrics() -> None:
    alert = read_notification(a_message(Trigger={"MetricName": "Errors", "Period": 300}), "", NOW)
    assert alert.metrics == (Metric(id="m1", name="Errors", period=300),)


def test_an_alarm_on_more_metrics_than_we_look_at_is_of_the_first_twenty() -> None:
    alert = read_event(an_event(*(a_query(f"n{at}", id=f"q{at}", accountId=OTHER) for at in range(21))), NOW)
    assert [metric.name for metric in alert.metrics] == [f"n{at}" for at in range(20)]
    assert alert.target
    assert alert.target.account == OTHER


@pytest.mark.parametrize(
    ("owners", "account"),
    [
        ([None], ACCOUNT),
        ([OTHER], OTHER),
        (["shop"], ACCOUNT),
        ([7], ACCOUNT),
        ([OTHER, OTHER], OTHER),
        ([OTHER, None], None),
    ],
)
def test_a_target_is_in_the_account_of_its_metric(owners: list[object], account: str | None) -> None:
    alert = read_event(an_event(*(a_query(accountId=owner) for owner in owners)) | {"account": ACCOUNT}, NOW)
    assert alert.account == ACCOUNT
    assert (alert.target.account if alert.target else None) == account


def test_a_notification_says_whose_metric_it_is_too() -> None:
    metric = {"MetricName": "Errors", "Dimensions": [{"name": name, "value": ON_ORDERS[name]} for name in ON_ORDERS]}
    query = {"Id": "e", "AccountId": OTHER, "MetricStat": {"Metric": metric}}
    alert = read_notification(a_message(AlarmArn=ARN, Trigger={"Metrics": [query]}), "", NOW)
    assert alert.target
    assert (alert.account, alert.target.account) == (ACCOUNT, OTHER)


def test_a_dimension_on_which_metrics_differ_is_no_label() -> None:
    first, second = a_query(), a_query()
    second["metricStat"] = {"metric": {"dimensions": {"ClusterName": "shop", "ServiceName": "search"}}}
    alert = read_event(an_event(first, second, alarmTags={"team": "shop", "ClusterName": "ours"}), NOW)
    assert alert.labels == {"team": "shop", "ClusterName": "shop"}
    assert alert.target is None


def test_suppressed_actions_are_said_in_a_label() -> None:
    state = {"value": "ALARM", "actionsSuppressedBy": "WaitPeriod"}
    alert = read_event(an_event(state=state, alarmTags={"team": "shop"}), NOW)
    assert alert.labels == {"team": "shop", "actions_suppressed_by": "WaitPeriod"}


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_an_alarm_links_to_its_page_in_the_console_of_its_partition(partition: str, host: str) -> None:
    event = an_event(alarmName="orders/5xx é") | {"resources": [ARN.replace("aws", partition)]}
    page = "cloudwatch/home?region=eu-west-1#alarmsV2:alarm/orders%2F5xx%20%C3%A9"
    assert read_event(event, NOW).links == (f"https://eu-west-1.{host}/{page}",)


def test_links_of_the_description_end_before_what_closes_the_sentence() -> None:
    description = "See (https://a.example/x), <https://b.example/y>. http://c.example https://d.example/?q=1!"
    event = an_event(configuration={"description": description}) | {
        "resources": ["arn:aws:cloudwatch:x.evil.example/:1:alarm:a"]
    }
    assert read_event(event, NOW).links == ("https://a.example/x", "https://b.example/y", "https://d.example/?q=1")


def test_what_an_alarm_says_at_length_is_cut_and_its_metrics_tell_no_secret() -> None:
    long, secret = "x" * 5000, "password=hunter2"
    kept = {"metric": {"name": long, "namespace": long, "dimensions": {"db_password": "hunter2", "n": long}}}
    told = {"metric": {"name": secret, "namespace": secret}, "stat": secret}
    alert = read_event(
        an_event(
            {"metricStat": kept | {"stat": long}, "expression": long, "label": long},
            {"metricStat": told, "expression": secret, "label": secret},
            alarmName=long,
        )
        | {"resources": [ARN + long]},
        NOW,
    )
    assert (len(alert.title), len(alert.external_id)) == (300, 1000)
    first, second = alert.metrics
    assert list(map(len, (first.name, first.namespace, first.stat, first.label))) == [300] * 4
    assert (len(first.dimensions["n"]), len(first.expression)) == (1000, 4000)
    assert "hunter2" not in first.model_dump_json() + second.model_dump_json()
    trigger = {"MetricName": long, "Namespace": long, "Statistic": long, "ComparisonOperator": long}
    alert = read_notification(a_message(Trigger=trigger), "", NOW)
    (only,) = alert.metrics
    assert list(map(len, (only.name, only.namespace, only.stat))) == [300, 300, 300]
    assert alert.breach
    assert len(alert.breach.comparison) == 300


@pytest.mark.parametrize(
    ("phrase", "comparison"),
    [
        (
            "was less than the lower thresholds [1.0] or greater than the upper thresholds [2.0]",
            "LessThanLowerOrGreaterThanUpperThreshold",
        ),
        (
            "was not less than the lower threshold [1.0] or not greater than the upper threshold [2.0]",
            "LessThanLowerOrGreaterThanUpperThreshold",
        ),
        ("was greater than the upper threshold (2.0)", "GreaterThanUpperThreshold"),
        ("was less than the lower threshold (1.0)", "LessThanLowerThreshold"),
        ("was greater than or equal to the threshold (1.0)", "GreaterThanOrEqualToThreshold"),
        ("was not less than or equal to the threshold (1.0)", "LessThanOrEqualToThreshold"),
        ("were not greater than the threshold (1.0)", "GreaterThanThreshold"),
        ("was less than the threshold (1.0)", "LessThanThreshold"),
        ("no datapoints were received", ""),
    ],
)
def test_the_comparison_is_read_from_cloudwatchs_own_sentence(phrase: str, comparison: str) -> None:
    reason = f"Threshold Crossed: 1 datapoint [3.0 (04/05/26 02:13:00)] {phrase}."
    assert the_breach(reason=reason) == Breach(comparison=comparison, values=(3.0,))


def test_the_proof_is_read_from_the_sentence_oldest_first_where_the_figures_are_missing() -> None:
    values = (
        "[97.4 (04/05/26 02:13:00), -1.5E-4 (04/05/26 02:12:00), 3.0E10 (04/05/26 02:11:00), 7 (04/05/26 02:10:00)]"
    )
    assert the_breach(reason=f"Threshold Crossed: 4 out of the last 5 datapoints {values}") == Breach(
        values=(7.0, 3.0e10, -1.5e-4, 97.4), evaluation_periods=5
    )
    assert the_breach(reason="1 out of the last 1 datapoint [1.0 (04/05/26 02:13:00)]").evaluation_periods == 1


def test_the_figures_go_before_the_sentence_and_what_is_no_number_is_left_out() -> None:
    data = {"threshold": 85, "recentDatapoints": [1, None, "2", True, 3.5]}
    reason = "1 out of the last 3 datapoints [9.0 (04/05/26 02:13:00)] was greater than the threshold (5.0)"
    assert the_breach(reasonData=json.dumps(data), reason=reason) == Breach(
        threshold=85.0, comparison="GreaterThanThreshold", values=(1.0, 3.5), evaluation_periods=3
    )
    fifty_one = json.dumps({"recentDatapoints": list(range(51))})
    assert the_breach(reasonData=fifty_one).values == tuple(range(1, 51))


@pytest.mark.parametrize("said", ["by hand", "[1]", "{", "{}", None, 7, {"threshold": 1}, '{"recentDatapoints": 7}'])
def test_figures_that_cannot_be_read_prove_nothing_and_hide_nothing(said: object) -> None:
    assert by_event(reasonData=said).breach is None
    assert the_breach(reasonData=said, reason="[9.0 (04/05/26 02:13:00)]") == Breach(values=(9.0,))


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("breaching", "breaching"),
        ("notBreaching", "notBreaching"),
        ("ignore", "ignore"),
        ("missing", "missing"),
        ("- TreatMissingData:                    ignore", "ignore"),
        ("something", ""),
    ],
)
def test_the_condition_of_a_notification_is_read_whole(said: str, missing: str) -> None:
    trigger = {
        "Threshold": 85,
        "ComparisonOperator": "LessThanThreshold",
        "EvaluationPeriods": 3,
        "TreatMissingData": said,
    }
    reason = "1 out of the last 5 datapoints [9.0 (04/05/26 02:13:00)] was greater than the threshold (5.0)"
    alert = read_notification(a_message(Trigger=trigger, NewStateReason=reason), "", NOW)
    assert alert.breach == Breach(
        threshold=85.0, comparison="LessThanThreshold", values=(9.0,), evaluation_periods=3, missing_data=missing
    )


def test_dimensions_are_listed_in_either_case_once_each() -> None:
    listed = [
        {"name": "A", "value": "1"},
        {"Name": "B", "VALUE": "2"},
        {"name": "A", "value": "1"},
        {"value": "nameless"},
        {"name": "C"},
    ]
    assert dimension_list(listed, "Dimensions") == {"A": "1", "B": "2", "C": ""}


def test_a_dimension_that_says_two_things_is_refused_by_its_place() -> None:
    listed = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    with pytest.raises(Refused, match=r"^Dimensions\[1\]\.name: 'A' is given twice"):
        dimension_list(listed, "Dimensions")
