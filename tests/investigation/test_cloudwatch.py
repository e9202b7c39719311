"""What the answers of CloudWatch come to; `test_on_aws` asks them of the demo's world."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from functions.investigation import cloudwatch
from functions.investigation.investigate import ALARMS, Aws, investigate, newest, on_aws
from functions.investigation.reading import Job, Reading
from local.world.stage import Stage
from shared.alert import DEFAULT_BUS, Alert, Breach, Metric
from shared.configuration import located
from shared.facts import AlertJoined
from shared.history import History
from shared.incident import Alarm
from tests.builders import ALARM, T0, a_config, a_history, a_service, an_alert, opened
from tests.fakes.store import MemoryStore

NOW = T0 + timedelta(minutes=1)
DIMENSIONS = [{"Name": "ClusterName", "Value": "shop"}, {"Name": "ServiceName", "Value": "orders"}]
WATCHES: dict[str, Any] = {"Namespace": "AWS/ECS", "MetricName": "Errors", "Dimensions": DIMENSIONS, "Statistic": "Sum"}
CONFIG = a_config(services=(a_service(alarms=("orders-*",)),))
BREACH = {"Timestamps": [T0 - timedelta(minutes=1)], "Values": [9.0]}


def locate(alert: Alert) -> Alert:
    return located(CONFIG, alert, account="123456789012", region="eu-west-1")


def test_a_breach_that_cloudwatch_itself_has_is_seen() -> None:
    assert read(an_alarm(), BREACH).breaches == (True,)
    by_its_name = {"Dimensions": [{"Name": "LoadBalancer", "Value": "app/shop/1"}]}
    assert read(an_alarm(), BREACH, **by_its_name).breaches == (True,)


@pytest.mark.parametrize(
    "defined",
    [
        {"Dimensions": [DIMENSIONS[0], {"Name": "ServiceName", "Value": "search"}]},
        {"AlarmName": "search-5xx", "Dimensions": [{"Name": "LoadBalancer", "Value": "app/shop/1"}]},
        {"StateValue": "OK"},
        {"StateValue": "INSUFFICIENT_DATA"},
    ],
    ids=["another service", "another service by its name", "clear by now", "nobody knows"],
)
def test_an_alarm_that_watches_something_else_or_does_not_ring_proves_nothing(defined: dict[str, Any]) -> None:
    named = an_alarm()
    if name := defined.get("AlarmName"):
        alert = named.alert.model_copy(update={"external_id": ALARM.replace("orders-5xx", name)})
        named = replace(named, alert=alert)
    reading = read(named, BREACH, **defined)
    assert reading.breaches == (None,)
    assert [draft.data["breach_read"] for draft in reading.drafts] == [None]


@pytest.mark.parametrize("answer", ["unknown", "denied"])
def test_a_breach_of_metrics_and_a_bound_that_only_the_alert_names_is_its_word_alone(answer: str) -> None:
    client = Stage("https://cloudwatch.example").client("cloudwatch")
    stub = Stubber(client)
    if answer == "denied":
        stub.add_client_error("describe_alarms", "AccessDenied")
    else:
        stub.add_response("describe_alarms", {"MetricAlarms": []})
    stub.add_response("get_metric_data", {"MetricDataResults": [{"Id": "m1"} | BREACH]})
    stub.activate()
    (job,) = cloudwatch.jobs(client, [an_alarm()], NOW, "eu-west-1", locate)
    (metric,) = job.read().then
    assert metric.read().breaches == (None,)


def test_what_is_read_is_what_the_alarm_watches_and_not_what_the_alert_says_it_does() -> None:
    liar = an_alarm()
    metrics = (liar.alert.metrics[0].model_copy(update={"name": "RequestCount"}),)
    liar = replace(liar, alert=liar.alert.model_copy(update={"metrics": metrics}))
    (draft,) = read(liar, BREACH).drafts
    assert draft.data["metrics"] == ["Errors"]


@pytest.mark.parametrize("source", ["grafana", "alertmanager", "generic", "ecs"])
@pytest.mark.parametrize("origin", ["grafana", DEFAULT_BUS, "arn:aws:sns:eu-west-1:123456789012:alarms"])
def test_no_breach_is_seen_of_what_no_alarm_of_cloudwatchs_says(source: str, origin: str) -> None:
    breach = Breach(threshold=5, comparison="GreaterThanThreshold", values=(9.0, 9.0, 9.0))
    alert = an_alert(source=source, origin=origin, breach=breach, metrics=an_alarm().alert.metrics)
    store = MemoryStore()
    history = store.append(History("i"), [opened(alert=alert)], actor="test", caused_by="test", now=T0)
    nobody: Any = None
    plan = on_aws(Aws(nobody, nobody, nobody, region="eu-west-1", account="999999999999"), CONFIG)
    assert investigate(history.incident, 1, plan, str, 5, NOW).breach_confirmed is None


def test_one_source_cannot_crowd_out_what_another_says() -> None:
    crowd = [
        AlertJoined(alert=an_alert(fingerprint=f"g{n}", origin="generic", changed_at=NOW + timedelta(seconds=n)))
        for n in range(20)
    ]
    looked_into = newest(a_history(*crowd, store=MemoryStore()).incident)
    assert "f1" in [alarm.alert.fingerprint for alarm in looked_into]
    assert len(looked_into) == ALARMS


def an_alarm(*, period: int = 60) -> Alarm:
    metric = Metric(id="m1", namespace="AWS/ECS", name="Errors", stat="Sum", period=period)
    breach = Breach(threshold=5, comparison="GreaterThanThreshold")
    return Alarm(an_alert(metrics=(metric,), breach=breach), "firing", T0)


def read(alarm: Alarm, series: dict[str, Any], **defined: Any) -> Reading:
    """What is read of an alarm that is defined so, and whose metric has this series."""
    name = ALARM.rpartition(":")[2]
    described = {"AlarmName": name, "StateValue": "ALARM", "Threshold": 5.0} | WATCHES | defined
    described |= {"ComparisonOperator": "GreaterThanThreshold"}
    client = Stage("https://cloudwatch.example").client("cloudwatch")
    stub = Stubber(client)
    stub.add_response("describe_alarms", {"MetricAlarms": [described]})
    stub.add_response("get_metric_data", {"MetricDataResults": [{"Id": "m1"} | series]})
    stub.activate()
    (job,) = cloudwatch.jobs(client, [alarm], NOW, "eu-west-1", locate)
    (metric,) = job.read().then
    return metric.read()


@pytest.mark.parametrize(
    ("status", "reason"), [("Forbidden", "denied"), ("InternalError", "failed"), ("PartialData", "failed")]
)
def test_a_metric_that_cloudwatch_does_not_give_whole_is_a_gap_and_not_silence(status: str, reason: str) -> None:
    said = {"Messages": [{"Code": "Why", "Value": "because"}]}
    reading = read(an_alarm(), {"Timestamps": [], "Values": [], "StatusCode": status} | said)
    (gap,) = reading.gaps
    assert (gap.query, gap.reason, gap.detail) == ("GetMetricData orders-5xx", reason, f"{status}: Why because")
    assert reading.drafts == ()


def test_an_alarm_over_half_a_day_is_read_over_half_a_day() -> None:
    """Twelve hours in breach cannot be seen in the last five."""
    hours = [T0 - timedelta(hours=back) for back in range(13, 0, -1)]
    asked: list[dict[str, Any]] = []

    class Recorded:
        def describe_alarms(self, **_: object) -> dict[str, Any]:
            alarm = {"AlarmName": "orders-5xx", "StateValue": "ALARM", "Threshold": 5.0, "EvaluationPeriods": 12}
            alarm |= WATCHES | {"Period": 3600}
            return {"MetricAlarms": [alarm | {"ComparisonOperator": "GreaterThanThreshold"}]}

        def get_metric_data(self, **given: Any) -> dict[str, Any]:
            asked.append(given)
            seen = [at for at in hours if given["StartTime"] <= at < given["EndTime"]]
            return {"MetricDataResults": [{"Id": "m1", "Timestamps": seen, "Values": [9.0] * len(seen)}]}

    recorded: Any = Recorded()
    (job,) = cloudwatch.jobs(recorded, [an_alarm(period=3600)], NOW, "eu-west-1", locate)
    reading = job.read().then[0].read()
    assert reading.breaches == (True,)
    (draft,) = reading.drafts
    assert draft.window == (asked[0]["StartTime"], NOW)


def test_no_breach_is_denied_while_one_alarm_could_not_be_looked_into() -> None:
    history = a_history(AlertJoined(alert=an_alert(fingerprint="f2", source="grafana")), store=MemoryStore())
    quiet = [Job("cloudwatch", "q", lambda: Reading(breaches=(False,)))]
    both = [*quiet, Job("grafana", "q", lambda: Reading(breaches=(False,)))]

    def answer(jobs: list[Job]) -> bool | None:
        return investigate(history.incident, 1, lambda *_: jobs, str, 5, NOW).breach_confirmed

    assert answer(quiet) is None
    assert answer(both) is False
