"""`middlewatch secrets`, against a Secrets Manager that a real client talks to."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from local.aws.embedded import EmbeddedAws
from shared.integrations.dynamodb import DynamoStore
from shared.secrets import Secrets
from shared.settings import Settings
from tests.cli.conftest import NUMBERS, Command

Made = Callable[..., str]
CANARY = "xoxb-canary-9f2"


@pytest.fixture
def prefix(store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """A deployment of its own, without a secret yet."""
    del store
    prefix = f"watch-{next(NUMBERS)}/production"
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("SECRET_PREFIX", prefix)
    return prefix


@pytest.fixture
def manager(aws: EmbeddedAws) -> Any:
    return aws.client("secretsmanager")


def read(manager: Any, prefix: str, bundle: str = "") -> Secrets:
    """The secrets as a function reads them."""
    tables = {"TIMELINE_TABLE": "t", "STATE_TABLE": "s", "ENVIRONMENT": "production"}
    settings = Settings.read({**tables, "SECRET_PREFIX": prefix, "SECRET_BUNDLE": bundle})
    secrets = Secrets.of({}, settings)
    vars(secrets)["client"] = manager
    return secrets


def test_a_secret_is_set_from_standard_input_and_a_function_reads_it(
    prefix: str, manager: Any, command: Command
) -> None:
    manager.create_secret(Name=f"{prefix}/slack_bot_token")
    result = command("secrets", "set", "slack_bot_token", input=f"{CANARY}\n")
    assert result.exit_code == 0, result.stderr
    assert "approval, notification, slack_api will use it within 5 minutes" in result.stdout
    assert CANARY not in result.output
    assert read(manager, prefix)("slack_bot_token") == CANARY


def test_a_value_is_never_an_argument(prefix: str, command: Command) -> None:
    assert prefix
    assert command("secrets", "set", "slack_bot_token", CANARY).exit_code == 2


@pytest.mark.usefixtures("prefix")
def test_an_unknown_name_is_refused_with_those_that_there_are(command: Command) -> None:
    result = command("secrets", "set", "slack_token", input=CANARY)
    assert result.exit_code == 2
    assert "jira_token, jira_user, slack_bot_token" in result.stderr


@pytest.mark.parametrize("typed", ["", " \n", b"\xff\xfe"])
def test_what_is_no_text_changes_nothing(prefix: str, manager: Any, command: Command, typed: str | bytes) -> None:
    manager.create_secret(Name=f"{prefix}/jira_token", SecretString="before")
    result = command("secrets", "set", "jira_token", input=typed)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert read(manager, prefix)("jira_token") == "before"


def test_what_is_typed_and_no_text_changes_nothing(prefix: str, manager: Any) -> None:
    manager.create_secret(Name=f"{prefix}/jira_token", SecretString="before")
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", "import cli.main; cli.main.app()", "secrets", "set", "jira_token"]
    with subprocess.Popen(command, stdin=theirs, stderr=subprocess.PIPE, start_new_session=True) as asking:
        assert asking.stderr
        said = b""
        while not said.endswith(b"(hidden): ") and (letter := asking.stderr.read(1)):
            said += letter
        os.write(ours, b"token-\xff\xfe\n")
        told = asking.stderr.read().decode().strip()
    os.close(ours)
    os.close(theirs)
    assert (asking.returncode, told) == (2, "middlewatch: what came in is not UTF-8 text; nothing was changed")
    assert read(manager, prefix)("jira_token") == "before"


def test_a_secret_that_terraform_did_not_make_is_not_made_here(prefix: str, command: Command) -> None:
    result = command("secrets", "set", "jira_token", input=CANARY)
    assert result.exit_code == 2
    assert result.stderr == f"middlewatch: there is no secret {prefix}/jira_token; `make deploy` makes it\n"


def test_secrets_are_listed_without_their_values(prefix: str, manager: Any, command: Command) -> None:
    manager.create_secret(Name=f"{prefix}/slack_bot_token", SecretString=CANARY)
    manager.create_secret(Name=f"{prefix}/jira_token")
    people = command("secrets", "list")
    assert people.exit_code == 0, people.stderr
    lines = {line.split()[0]: line for line in people.stdout.splitlines()}
    assert "not set" in lines["jira_token"]
    assert "no secret" in lines["jira_user"]
    assert "approval, notification, slack_api" in lines["slack_bot_token"]
    assert f"there is no secret {prefix}/jira_user" in people.stderr
    script = {each["name"]: each for each in json.loads(command("secrets", "list", "--json").stdout)["secrets"]}
    assert (script["slack_bot_token"]["set"], script["jira_token"]["set"]) == (True, False)
    assert script["slack_bot_token"]["since"].startswith("20")
    assert CANARY not in people.output


def test_secrets_that_have_no_place_here_are_neither_listed_nor_set(
    prefix: str, manager: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRETS", "slack_bot_token,slack_signing_secret")
    manager.create_secret(Name=f"{prefix}/slack_bot_token", SecretString=CANARY)
    held = json.loads(command("secrets", "list", "--json").stdout)["secrets"]
    assert [each["name"] for each in held] == ["slack_bot_token", "slack_signing_secret"]
    refused = command("secrets", "set", "source_grafana", input="x")
    assert (refused.exit_code, "more by `sources`" in refused.stderr) == (2, True)


def test_a_bundle_holds_them_all(prefix: str, manager: Any, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = f"{prefix}/all"
    monkeypatch.setenv("SECRET_BUNDLE", bundle)
    absent = command("secrets", "set", "jira_token", input="t")
    assert (absent.exit_code, f"there is no secret {bundle}" in absent.stderr) == (2, True)
    manager.create_secret(Name=bundle)
    assert not any(each["set"] for each in json.loads(command("secrets", "list", "--json").stdout)["secrets"])
    for name, value in (("jira_token", "t"), ("jira_user", CANARY), ("jira_token", "t2")):
        assert command("secrets", "set", name, input=value).exit_code == 0
    secrets = read(manager, prefix, bundle)
    assert (secrets("jira_token"), secrets("jira_user"), secrets("slack_bot_token")) == ("t2", CANARY, "")
    listed = command("secrets", "list", "--json")
    assert {each["name"] for each in json.loads(listed.stdout)["secrets"] if each["set"]} == {"jira_token", "jira_user"}
    assert CANARY not in listed.output


def test_a_bundle_that_is_none_is_not_written_over(
    prefix: str, manager: Any, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_BUNDLE", f"{prefix}/all")
    manager.create_secret(Name=f"{prefix}/all", SecretString=CANARY)
    result = command("secrets", "set", "jira_token", input="t")
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert CANARY not in result.output
    assert manager.get_secret_value(SecretId=f"{prefix}/all")["SecretString"] == CANARY


def test_a_value_that_is_too_long_is_refused(prefix: str, manager: Any, command: Command) -> None:
    manager.create_secret(Name=f"{prefix}/jira_token")
    assert command("secrets", "set", "jira_token", input="x" * 70_000).exit_code == 2


@pytest.mark.usefixtures("store")
def test_on_one_machine_there_is_nothing_to_set(command: Command) -> None:
    result = command("secrets", "set", "jira_token", input="t")
    assert (result.exit_code, "no deployment is known here (ENVIRONMENT is local)" in result.stderr) == (2, True)
