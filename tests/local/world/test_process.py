from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.standins.serving import serving
from local.world.stage import Stage


@contextmanager
def process(*arguments: str) -> Iterator[Stage]:
    command = [sys.executable, "-m", "local.world", "--speed", "4", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        said = json.loads(running.stdout.readline())
        try:
            yield Stage(said["url"])
        finally:
            running.kill()


def bus(taken: list[dict[str, Any]], failures: int) -> Starlette:
    left = [failures]

    async def put_events(request: Request) -> Response:
        if left[0]:
            left[0] -= 1
            return JSONResponse({"__type": "InternalException"}, 500)
        taken.extend((await request.json())["Entries"])
        return JSONResponse({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})

    return Starlette(routes=[Route("/", put_events, methods=["POST"])])


def test_an_alarm_reaches_the_bus_even_when_the_bus_was_down_for_a_moment() -> None:
    taken: list[dict[str, Any]] = []
    with serving(bus(taken, failures=2)) as at, process("--bus-endpoint", at) as stage:
        stage.break_("orders")
        stage.until(lambda: taken)

    assert [(entry["Source"], entry["DetailType"], entry["EventBusName"]) for entry in taken] == [
        ("aws.cloudwatch", "CloudWatch Alarm State Change", "default")
    ]
    assert json.loads(taken[0]["Detail"])["alarmName"] == "orders-unhealthy-hosts"
    assert taken[0]["Resources"] == ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders-unhealthy-hosts"]


def test_a_world_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    state = str(tmp_path / "world.json")

    def alarm(stage: Stage) -> str:
        return str(stage.state()["alarms"]["payments-5xx-rate"]["state"])

    with process("--state", state) as stage:
        stage.break_("payments")
        stage.until(lambda: alarm(stage) == "ALARM")
        stage.client("ecs").update_service(cluster="shop", service="payments", desiredCount=4)
        before = stage.state()["services"]
    with process("--state", state) as stage:
        after = stage.state()["services"]
        sick = stage.client("ecs").describe_services(cluster="shop", services=["payments"])["services"][0]
        still = alarm(stage)
        stage.client("ecs").update_service(cluster="shop", service="payments", forceNewDeployment=True)
        stage.until(lambda: alarm(stage) == "OK")

    assert still == "ALARM"
    assert after["payments"]["fault"] == "pool_exhausted"
    assert after["payments"]["update_calls"] == before["payments"]["update_calls"]
    assert sick["desiredCount"] == 4
    assert {name: one["deployment"] for name, one in after.items()} == {
        name: one["deployment"] for name, one in before.items()
    }
