"""The service to break: what it logs, when it breaks, what mends it, and that its piece of configuration is one."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Template

import pytest

from shared.alerts.parse import parse
from shared.configuration import load, service_of

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "infra" / "terraform" / "examples" / "ecs-demo"
DIMENSIONS = {"ClusterName": "shop-demo", "ServiceName": "orders"}


@pytest.fixture
def task(tmp_path: Path) -> Iterator[Callable[[], Callable[[str], dict[str, str]]]]:
    """Starts tasks whose `aws` reads the parameter's version from a file, and whose ten seconds are short."""
    for name, does in {"aws": f"cat {tmp_path}/version", "sleep": "exec /bin/sleep 0.05"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    running: list[subprocess.Popen[str]] = []

    def start() -> Callable[[str], dict[str, str]]:
        task = subprocess.Popen(
            ["/bin/sh", "-c", (DEMO / "orders.sh").read_text()],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "BREAK": "x", "CLUSTER": "shop-demo", "SERVICE": "orders"},
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(task)

        def until(level: str) -> dict[str, str]:
            assert task.stdout
            deadline = time.monotonic() + 10
            for line in task.stdout:
                said: dict[str, str] = json.loads(line)
                if said["level"] == level:
                    return said
                assert time.monotonic() < deadline
            raise AssertionError("it ended")

        return until

    yield start
    for each in running:
        each.terminate()
        assert each.wait(timeout=10) == 0
        if each.stdout:
            each.stdout.close()


def test_a_new_version_of_the_parameter_breaks_what_runs_and_a_restart_mends_it(
    task: Callable[[], Callable[[str], dict[str, str]]], tmp_path: Path
) -> None:
    version = tmp_path / "version"
    version.write_text("1\n")
    old = task()
    assert DIMENSIONS.items() <= old("info").items()

    version.write_text("2\n")
    assert DIMENSIONS.items() <= old("error").items()

    assert "served" in task()("info")["message"]
    assert "failed" in old("error")["message"]


def test_a_parameter_that_cannot_be_read_breaks_nothing(
    task: Callable[[], Callable[[str], dict[str, str]]], tmp_path: Path
) -> None:
    version = tmp_path / "version"
    version.write_text("1\n")
    until = task()
    until("info")

    version.unlink()

    assert [until("info")["level"] for _ in range(3)] == ["info"] * 3


def test_its_piece_of_configuration_fits_and_knows_its_alarm(tmp_path: Path) -> None:
    said = Template((DEMO / "services.yaml.tftpl").read_text("utf-8")).substitute(
        name="shop-demo",
        service="orders",
        log_group="/ecs/shop-demo/orders",
        account="123456789012",
        region="eu-west-1",
    )
    shutil.copytree(ROOT / "config", tmp_path / "config")
    services = tmp_path / "config" / "services.yaml"
    services.write_text(services.read_text("utf-8") + said, "utf-8")

    config = load(tmp_path / "config")

    event = json.loads((ROOT / "events" / "alerts" / "cloudwatch_metric_alarm.json").read_text("utf-8"))
    event["detail"]["alarmName"] = "shop-demo-orders-errors"
    event["detail"]["configuration"]["metrics"] = [
        {
            "id": "m1",
            "metricStat": {"metric": {"namespace": "shop-demo", "name": "OrderErrors", "dimensions": DIMENSIONS}},
        }
    ]
    (alert,) = parse(event, "cloudwatch", datetime(2026, 5, 4, 3, tzinfo=UTC)).alerts
    service = service_of(config, alert)
    assert service is not None
    assert service.target.short == "ecs:shop-demo/orders"
    assert [measure.positive for measure in service.measures] == [True, False]
