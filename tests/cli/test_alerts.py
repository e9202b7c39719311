"""`middlewatch alerts`."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.http_api.app import create_app
from shared.alerts.parse import parse
from tests.cli.conftest import Command
from tests.fakes.store import MemoryStore
from tests.http_api.conftest import World

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "events" / "alerts").glob("*.json"))
FIELDS = [
    "source",
    "state",
    "title",
    "summary",
    "severity",
    "target",
    "account",
    "region",
    "starts_at",
    "labels",
    "links",
    "external_id",
]
ORDERS = {
    "detail": {
        "service_name": "orders",
        "cluster_name": "shop",
        "summary": "Über 5 % Fehler",
        "Trigger": {
            "Dimensions": [{"name": "ClusterName", "value": "shop"}, {"name": "ServiceName", "value": "orders"}]
        },
    }
}


@pytest.fixture
def orders(tmp_path: Path) -> str:
    file = tmp_path / "orders.json"
    file.write_text(json.dumps(ORDERS))
    return str(file)


def test_there_are_samples() -> None:
    assert SAMPLES


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_told_in_lines_of_json_or_in_a_word(command: Command, sample: Path) -> None:
    result = command("alerts", "parse", str(sample))
    assert result.exit_code == 0
    for line in result.stdout.splitlines():
        assert set(FIELDS) <= set(json.loads(line))
    assert result.stdout or len(result.stderr.splitlines()) == 1


def test_a_file_may_come_on_standard_input(command: Command) -> None:
    result = command("alerts", "parse", "-", "--source", "generic", input=json.dumps(ORDERS).encode())
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["target"] == "ecs:shop/orders"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\xff\xfe\x00\x01",
        b"{",
        b"[]",
        b"null",
        b"NaN",
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b"x" * 3_000_000,
        b"9" * 10_000,
    ],
    ids=lambda content: repr(content[:12]),
)
@pytest.mark.parametrize("source", ["auto", "cloudwatch", "grafana", "alertmanager", "generic", "ecs"])
def test_bad_input_is_one_line_and_exit_code_2(command: Command, content: bytes, source: str) -> None:
    result = command("alerts", "parse", "-", "--source", source, input=content)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert len(result.stderr) < 400


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["detail", "alerts", "source", "AlarmName", "Records", "Type"]), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_in_the_file_there_is_never_a_traceback(command: Command, content: bytes) -> None:
    result = command("alerts", "parse", "-", input=content)
    assert result.exit_code in {0, 2}
    assert result.exit_code == 0 or len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("file", ["/nonexistent/alert.json", "/"])
def test_what_is_no_file_is_one_line_and_exit_code_2(command: Command, file: str) -> None:
    result = command("alerts", "parse", file)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_the_installed_command_does_the_same(orders: str) -> None:
    def run(*arguments: str, locale: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
        program = "from cli.main import app; app()"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            env={"PYTHONIOENCODING": "ascii" if locale == "C" else "utf-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    good = run("alerts", "parse", orders)
    assert (good.returncode, json.loads(good.stdout)["title"], good.stderr) == (0, "Über 5 % Fehler", "")
    narrow = run("alerts", "parse", orders, locale="C")
    assert json.loads(narrow.stdout)["title"] == "Über 5 % Fehler"
    bad = run("alerts", "parse", "/nonexistent")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == "middlewatch: /nonexistent: No such file or directory\n"


def test_help_waits_for_nothing_heavy() -> None:
    program = "import sys, cli.main; print({'boto3', 'rich', 'fastapi', 'pydantic', 'botocore'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.fixture
def api() -> Iterator[tuple[str, World]]:
    """The API on loopback, with its real parser."""
    world = World(MemoryStore(), now=datetime.now(UTC))
    deps = replace(world.deps(), parse=parse)
    server = uvicorn.Server(uvicorn.Config(create_app(deps), port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", world
    server.should_exit = True
    thread.join(10)


def test_an_alert_is_signed_and_sent(
    api: tuple[str, World], command: Command, orders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, world = api
    monkeypatch.setenv("TIMELINE_TABLE", "set")
    monkeypatch.setenv("SOURCE_GENERIC", "generic-secret")
    sent = command("alerts", "send", orders, "--url", url, "--json")
    assert sent.exit_code == 0, sent.stderr
    (incident_id,) = json.loads(sent.stdout)["incident_ids"]
    assert world.store.read(incident_id).entries
    again = command("alerts", "send", orders, "--url", url)
    assert incident_id in again.stdout


def test_a_refusal_is_told_and_ends_in_1(
    api: tuple[str, World], command: Command, orders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMELINE_TABLE", "set")
    refused = command("alerts", "send", orders, "--url", api[0], "--key", "wrong")
    assert refused.exit_code == 1
    assert "said 401" in refused.stderr
    gone = command("alerts", "send", orders, "--url", "http://127.0.0.1:9", "--key", "k")
    assert gone.exit_code == 1
    assert len(gone.stderr.splitlines()) == 1


def test_without_a_key_nothing_is_sent(command: Command, orders: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMELINE_TABLE", "set")
    monkeypatch.delenv("SOURCE_GENERIC", raising=False)
    result = command("alerts", "send", orders, "--url", "http://127.0.0.1:9")
    assert (result.exit_code, result.stderr) == (2, "middlewatch: give --key, or set SOURCE_GENERIC\n")


@pytest.mark.usefixtures("store")
def test_an_event_can_be_put_on_the_bus(command: Command, orders: str, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(
        json.dumps({"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm State Change", "detail": {}})
    )
    result = command("alerts", "send", str(event), "--bus", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["event_id"]
    assert command("alerts", "send", orders, "--bus").exit_code == 2
