"""What the answers of CloudWatch come to; `test_on_aws` asks them of the demo's world."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from functions.investigation import cloudwatch
from functions.investigation.investigate import investigate
from functions.investigation.reading import Job, Reading
from local.world.stage import Stage
from shared.alert import Breach, Metric
from shared.facts import AlertJoined
from shared.incident import Alarm
from tests.builders import ALARM, T0, a_history, an_alert
from tests.fakes.store import MemoryStore

NOW = T0 + timedelta(minutes=1)


def an_alarm(*, period: int = 60) -> Alarm:
    metric = Metric(id="m1", namespace="AWS/ECS", name="Errors", stat="Sum", period=period)
    breach = Breach(threshold=5, comparison="GreaterThanThreshold")
    return Alarm(an_alert(metrics=(metric,), breach=breach), "firing", T0)


def read(alarm: Alarm, series: dict[str, Any], **defined: Any) -> Reading:
    """What is read of an alarm that is defined so, and whose metric has this series."""
    name = ALARM.rpartition(":")[2]
    described = {"AlarmName": name, "StateValue": "ALARM", "Threshold": 5.0} | defined
    described |= {"ComparisonOperator": "GreaterThanThreshold"}
    client = Stage("https://cloudwatch.example").client("cloudwatch")
    stub = Stubber(client)
    stub.add_response("describe_alarms", {"MetricAlarms": [described]})
    stub.add_response("get_metric_data", {"MetricDataResults": [{"Id": "m1"} | series]})
    stub.activate()
    (job,) = cloudwatch.jobs(client, [alarm], NOW, "eu-west-1")
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
            return {"MetricAlarms": [alarm | {"ComparisonOperator": "GreaterThanThreshold"}]}

        def get_metric_data(self, **given: Any) -> dict[str, Any]:
            asked.append(given)
            seen = [at for at in hours if given["StartTime"] <= at < given["EndTime"]]
            return {"MetricDataResults": [{"Id": "m1", "Timestamps": seen, "Values": [9.0] * len(seen)}]}

    recorded: Any = Recorded()
    (job,) = cloudwatch.jobs(recorded, [an_alarm(period=3600)], NOW, "eu-west-1")
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
