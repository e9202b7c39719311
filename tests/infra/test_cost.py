"""What docs/cost.md says is what its command computes, and a quiet month stays below its bound."""

from pathlib import Path
from typing import Any

import pytest

from infra.cost.__main__ import PAGE, page
from infra.cost.amounts import HOURS, idle, measured
from infra.cost.page import MOST
from infra.cost.prices import PRICES, cost, dollars

ROOT = Path(__file__).parents[2]


def made(kind: str, **values: Any) -> dict[str, Any]:
    return {"mode": "managed", "type": kind, "values": values}


def plan(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"planned_values": {"root_module": {"child_modules": [{"resources": list(resources)}]}}}


def test_the_page_is_what_the_command_writes() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make cost`"


def test_an_idle_month_is_below_its_bound() -> None:
    said = next(line for line in page().splitlines() if line.startswith("## Idle: $"))

    assert 5 < float(said.split("$")[1].split()[0]) <= MOST


def test_an_alarm_is_paid_by_its_metrics_and_a_query_as_one() -> None:
    alarms = plan(
        made("aws_cloudwatch_metric_alarm", metric_name="Errors"),
        made("aws_cloudwatch_metric_alarm", metric_query=[{"metric": [{}]}, {"metric": [{}]}, {"expression": "SUM"}]),
        made("aws_cloudwatch_metric_alarm", metric_query=[{"expression": "SELECT", "metric": []}]),
        {"mode": "data", "type": "aws_kms_key", "values": {}},
    )

    used = idle([alarms], {}, {})

    assert used["alarms"] == {"CloudWatch alarm metrics": 3, "CloudWatch alarm queries": 1}
    assert used["keys"] == {"KMS keys": 0}


def test_a_clock_is_paid_by_its_runs_and_the_canary_by_its_incidents() -> None:
    clock = {"trigger": {"schedule": "rate(1 hour)"}, "memory": 1024, "calls": []}
    canary = clock | {"calls": [{"actions": ["cloudwatch:SetAlarmState"], "on": "canary"}]}
    incident = {"Lambda requests": 50.0, "EventBridge custom events": 20.0, "SQS requests": 60.0}

    used = idle([plan()], {"clock": clock, "canary": canary}, incident)

    assert used["clock"]["Lambda requests"] == HOURS
    assert used["canary"]["Lambda requests"] == pytest.approx(51 * HOURS)
    assert used["canary"]["CloudWatch API requests"] == HOURS


def test_what_every_account_has_free_is_taken_off_once() -> None:
    assert cost("SQS requests", 1_500_000, free=True) == pytest.approx(0.2)
    assert dollars({"SQS requests": 10, "CloudWatch dashboards": 3}, free=True) == 0


def test_what_an_incident_takes_is_read_from_the_benchmarks() -> None:
    stories = measured((ROOT / "docs" / "benchmarks.md").read_text("utf-8"))

    assert set(stories) == {"orders", "payments", "search"}
    assert all(used["Lambda requests"] > 10 and set(used) <= set(PRICES) for used in stories.values())
