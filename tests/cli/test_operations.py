"""`middlewatch stop`, `resume`, `quarantine`, `config` and `policy`."""

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from cli.environment import surroundings
from cli.failure import Failed
from cli.quarantine import retry
from shared import keys
from shared.integrations.dynamodb import DynamoStore
from shared.queue import KEPT, quarantine
from tests.builders import T0
from tests.cli.conftest import Command
from tests.fakes.store import MemoryStore

ROOT = Path(__file__).parents[2]
PEOPLE = """
people:
  - {id: ada, name: Ada, may_resume: true}
  - {id: bob, name: Bob}
"""
SERVICES = """
defaults: {channel: C1}
services: []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small configuration."""
    (tmp_path / "policy").mkdir()
    shutil.copytree(ROOT / "config" / "policy", tmp_path / "policy", dirs_exist_ok=True)
    (tmp_path / "people.yaml").write_text(PEOPLE)
    (tmp_path / "services.yaml").write_text(SERVICES)
    return tmp_path


def switch(store: DynamoStore) -> dict[str, object]:
    item = store.get(keys.KILL_SWITCH)
    assert item
    return item.value


def test_anybody_stops_and_only_named_people_resume(store: DynamoStore, command: Command, folder: Path) -> None:
    stopped = command("stop", "--reason", "it restarts the wrong thing", "--person", "bob")
    assert stopped.exit_code == 0, stopped.stderr
    assert switch(store) | {"at": ""} == {
        "stopped": True,
        "person": "bob",
        "reason": "it restarts the wrong thing",
        "at": "",
    }
    refused = command("resume", "--person", "bob", "--config", str(folder))
    assert (refused.exit_code, refused.stderr) == (
        1,
        "middlewatch: bob may not resume; may: ada (people.yaml, may_resume)\n",
    )
    assert switch(store)["stopped"] is True
    assert command("resume", "--person", "ada", "--config", str(folder)).exit_code == 0
    assert switch(store)["stopped"] is False
    assert "nothing was stopped" in command("resume", "--person", "ada", "--config", str(folder)).stdout


def test_a_quarantined_message_is_read_and_sent_again_once(store: DynamoStore, command: Command) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="middlewatch-alert_intake")["QueueUrl"]
    quarantine('{"no": "alert"}', "not an alert that we know", "alert_intake", store, lambda: T0)
    (record,) = json.loads(command("quarantine", "list", "--json").stdout)["quarantine"]
    assert "not an alert that we know" in command("quarantine", "list").stdout
    assert json.loads(command("quarantine", "show", record["id"], "--json").stdout)["body"] == '{"no": "alert"}'
    sent = command("quarantine", "retry", record["id"])
    assert sent.exit_code == 0, sent.stderr
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == '{"no": "alert"}'
    gone = command("quarantine", "retry", record["id"])
    assert (gone.exit_code, len(gone.stderr.splitlines())) == (2, 1)


def test_a_message_that_cannot_be_sent_stays_in_quarantine(store: DynamoStore, command: Command) -> None:
    quarantine("{}", "why", "nowhere", store, lambda: T0)
    (record,) = json.loads(command("quarantine", "list", "--json").stdout)["quarantine"]
    failed = command("quarantine", "retry", record["id"])
    assert (failed.exit_code, len(failed.stderr.splitlines())) == (2, 1)
    assert command("quarantine", "show", record["id"]).exit_code == 0


class FailsAtOnce:
    """Queues whose function is faster than the command."""

    def __init__(self, fail: Callable[[], None]) -> None:
        self.fail = fail

    def get_queue_url(self, **_: str) -> dict[str, str]:
        return {"QueueUrl": "https://sqs/q"}

    def send_message(self, **_: str) -> None:
        self.fail()


def test_a_message_that_fails_again_at_once_stays_in_quarantine_and_that_is_said() -> None:
    store = MemoryStore()
    quarantine("{}", "why", "alert_intake", store, lambda: T0)
    (record,) = store.listed("quarantine").items
    sqs = FailsAtOnce(lambda: quarantine("{}", "again", "alert_intake", store, lambda: T0 + timedelta(minutes=1)))
    with pytest.raises(Failed, match="failed again"):
        retry(store, cast("Any", sqs), record.key.removeprefix("quarantine#"), "middlewatch")
    (kept,) = store.listed("quarantine").items
    assert kept.value["reason"] == "again"


def test_a_message_that_was_cut_is_not_sent_again(store: DynamoStore, command: Command) -> None:
    quarantine("x" * (KEPT + 1), "too long", "alert_intake", store, lambda: T0)
    (record,) = json.loads(command("quarantine", "list", "--json").stdout)["quarantine"]
    assert command("quarantine", "retry", record["id"]).exit_code == 1


def test_quarantine_is_listed_page_by_page(store: DynamoStore, command: Command) -> None:
    for number in range(3):
        at: datetime = T0 + timedelta(minutes=number)
        quarantine(str(number), "why", "alert_intake", store, lambda at=at: at)  # type: ignore[misc]
    first = json.loads(command("quarantine", "list", "--limit", "2", "--json").stdout)
    rest = json.loads(command("quarantine", "list", "--json", "--cursor", first["next"]).stdout)
    assert [record["body"] for page in (first, rest) for record in page["quarantine"]] == ["2", "1", "0"]


def test_the_shipped_configuration_is_fine(command: Command) -> None:
    result = command("config", "check", str(ROOT / "config"))
    assert result.exit_code == 0, result.stdout
    assert json.loads(command("config", "check", str(ROOT / "config"), "--json").stdout)["problems"] == []


def test_every_problem_is_told_with_its_file_and_line(command: Command, folder: Path) -> None:
    (folder / "people.yaml").write_text("people:\n  - {id: ada}\n  - {id: bob, nam: Bob}\n")
    result = command("config", "check", str(folder))
    assert result.exit_code == 1
    assert f"{folder}/people.yaml:2" in result.stdout
    assert f"{folder}/people.yaml:3" in result.stdout
    assert len(result.stderr.splitlines()) == 1


def test_a_policy_that_does_not_compile_is_a_problem(command: Command, folder: Path) -> None:
    (folder / "policy" / "middlewatch.rego").write_text("package middlewatch\n\nthis is not Rego {{{\n")
    assert command("config", "check", str(folder)).exit_code == 1


def test_a_policy_is_tried_on_an_input(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "input.json"
    file.write_text("{}")
    result = command("policy", "try", str(file), "--config", str(ROOT / "config"), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["verdict"] == "deny"
    file.write_text("[]")
    assert command("policy", "try", str(file), "--config", str(ROOT / "config")).exit_code == 2


def test_the_policys_own_tests_pass(command: Command) -> None:
    result = command("policy", "test", "--config", str(ROOT / "config"))
    assert result.exit_code == 0, result.stdout
    assert "passed" in result.stdout


def test_what_make_run_wrote_is_used_where_no_tables_are_named(tmp_path: Path) -> None:
    local = tmp_path / "env"
    local.write_text(
        "AWS_ENDPOINT_URL=http://127.0.0.1:5000\nTIMELINE_TABLE=t\n\n# a remark\nAWS_REGION=eu-west-1\nX Y=z\n"
    )
    assert surroundings({"HOME": "/", "AWS_REGION": "us-east-1"}, local, tmp_path / "absent") == {
        "HOME": "/",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
        "TIMELINE_TABLE": "t",
    }


def test_a_named_deployment_is_never_mixed_with_the_local_one(tmp_path: Path) -> None:
    local = tmp_path / "env"
    local.write_text("AWS_ENDPOINT_URL=http://127.0.0.1:5000\nTIMELINE_TABLE=t\n")
    given = {"TIMELINE_TABLE": "production"}
    assert surroundings(given, local, deployment(tmp_path)) == given
    assert surroundings({"A": "b"}, tmp_path / "absent", tmp_path / "absent") == {"A": "b"}


def test_who_means_another_environment_never_gets_the_local_one(tmp_path: Path) -> None:
    local = tmp_path / "env"
    local.write_text("AWS_ENDPOINT_URL=http://127.0.0.1:5000\nTIMELINE_TABLE=t\n")
    assert surroundings({"ENVIRONMENT": "production"}, local, tmp_path / "absent") == {"ENVIRONMENT": "production"}


def deployment(folder: Path) -> Path:
    """What `tofu output -json` prints."""
    file = folder / "deployment.json"
    variables = {"TIMELINE_TABLE": "deployed", "AWS_REGION": "eu-west-1"}
    file.write_text(json.dumps({"environment": {"sensitive": False, "type": ["map", "string"], "value": variables}}))
    return file


def test_what_was_deployed_is_meant_before_what_runs_here_and_as_a_whole(tmp_path: Path) -> None:
    local = tmp_path / "env"
    local.write_text("AWS_ENDPOINT_URL=http://127.0.0.1:5000\nTIMELINE_TABLE=t\n")
    assert surroundings({"AWS_REGION": "us-east-1", "HOME": "/"}, local, deployment(tmp_path)) == {
        "AWS_REGION": "eu-west-1",
        "HOME": "/",
        "TIMELINE_TABLE": "deployed",
        "ENVIRONMENT": "production",
    }


def test_what_runs_here_is_meant_when_somebody_says_so(tmp_path: Path) -> None:
    local = tmp_path / "env"
    local.write_text("TIMELINE_TABLE=t\n")
    assert surroundings({"ENVIRONMENT": "local"}, local, deployment(tmp_path))["TIMELINE_TABLE"] == "t"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"environment": {"value": 1}}'])
def test_a_broken_record_of_the_deployment_is_said_never_passed_over(tmp_path: Path, content: str) -> None:
    file = tmp_path / "deployment.json"
    file.write_text(content)
    with pytest.raises(Failed, match="make deploy"):
        surroundings({}, tmp_path / "absent", file)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["alerts", "--help"],
        ["incidents", "--help"],
        ["quarantine", "--help"],
        ["config", "--help"],
        ["policy", "--help"],
        ["secrets", "--help"],
    ],
)
def test_every_group_explains_itself(command: Command, arguments: list[str]) -> None:
    result = command(*arguments)
    assert result.exit_code == 0
    assert "Commands" in result.stdout
