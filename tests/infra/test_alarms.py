"""Whatever means that Middlewatch itself fails is counted by the code and has an alarm, and the other way round."""

import re
from pathlib import Path
from typing import Any, get_args

from local import reference
from shared.telemetry import COUNTED, Failing
from tests.infra.recorded import plan, planned

ROOT = Path(__file__).parents[2]
ALARMS = (ROOT / "infra" / "terraform" / "app" / "alarms.tf").read_text("utf-8")
DASHBOARD = (ROOT / "infra" / "terraform" / "app" / "dashboard.tf").read_text("utf-8")
OURS = "\n".join(
    path.read_text("utf-8") for part in ("functions", "shared") for path in sorted((ROOT / part).rglob("*.py"))
)


def test_every_failure_that_is_counted_has_its_alarm_and_every_alarm_its_count() -> None:
    watched = set(re.findall(r'metric\s+= "(\w+)"', ALARMS))

    assert watched - set(COUNTED.values()) == set(get_args(Failing))


def test_every_failure_is_counted_somewhere() -> None:
    counted = set(re.findall(r'\bcount(?:\(|, )(?:wiring[.])?(?:metrics|meter\([\w.]+\)), "(\w+)"', OURS))

    assert counted == set(get_args(Failing))


def test_what_the_dashboard_shows_of_incidents_is_what_the_code_counts() -> None:
    shown = re.search(r"for name in (\[[^\]]*\]) : \[var\.name, name\]", DASHBOARD)

    assert shown
    assert all(f'"{name}"' in OURS for name in re.findall(r'"(\w+)"', shown[1]))


def watched(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    return [metric for query in alarm.get("metric_query") or () for metric in query["metric"]]


def test_every_function_has_an_alarm_for_each_way_in_which_its_trigger_fails() -> None:
    names = {alarm["alarm_name"] for alarm in planned("aws_cloudwatch_metric_alarm").values()}
    ways = {
        "queue": {"dead-letters", "waiting"},
        "stream": {"dead-letters", "errors"},
        "schedule": {"dead-letters", "silent"},
        "http": set(),  # the API's 5xx are everybody's
    }

    for function, manifest in reference.manifests().items():
        (trigger,) = manifest["trigger"]
        assert {f"middlewatch-{function}-{way}" for way in ways[trigger]} <= names
    assert {f"middlewatch-{name}" for name in ("outbox-age", "throttled", "api-failing", "bus-dead-letters")} <= names


def test_an_alarm_watches_what_the_same_plan_makes() -> None:
    made = {
        "QueueName": {queue["name"] for queue in planned("aws_sqs_queue").values()},
        "FunctionName": {function["function_name"] for function in planned("aws_lambda_function").values()},
        "RuleName": {
            rule["name"]
            for rule in planned("aws_cloudwatch_event_rule").values()
            if rule["event_bus_name"] == "default"
        },
        "TableName": {"middlewatch-timeline", "middlewatch-state"},
        "Operation": {"TransactWriteItems"},
    }

    for alarm in planned("aws_cloudwatch_metric_alarm").values():
        for metric in watched(alarm):
            for name, value in (metric.get("dimensions") or {}).items():
                assert name == "ApiId" or value in made[name], alarm["alarm_name"]


def test_every_alarm_says_what_it_means_and_tells_the_operators_but_the_one_that_only_tests() -> None:
    for alarm in planned("aws_cloudwatch_metric_alarm").values():
        assert 60 < len(alarm["alarm_description"]) <= 1024
        assert alarm["alarm_description"].endswith(".")
    (ours, canary) = (
        next(each for each in plan("app")["configuration"]["root_module"]["resources"] if each["address"] == address)
        for address in ("aws_cloudwatch_metric_alarm.this", "aws_cloudwatch_metric_alarm.test")
    )
    assert "aws_sns_topic.operators" in ours["expressions"]["alarm_actions"]["references"]
    assert "alarm_actions" not in canary["expressions"]


def test_the_canary_is_watched_by_nothing_that_anybody_publishes() -> None:
    (canary,) = (
        alarm
        for alarm in planned("aws_cloudwatch_metric_alarm").values()
        if alarm["alarm_name"] == "middlewatch-canary"
    )

    assert canary["treat_missing_data"] == "notBreaching"
    assert f'"{canary["metric_name"]}"' not in OURS
