"""`middlewatch doctor`, whole."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cli.doctor.api import Reply
from cli.doctor.examine import Around, examine
from cli.doctor.rehearsal import Watch
from cli.doctor.slack import App, Channel
from cli.doctor.stack import Stack
from cli.failure import Failed
from cli.secrets import Vault
from local.aws.embedded import EmbeddedAws
from shared import keys
from shared.configuration import load
from shared.integrations.dynamodb import DynamoStore
from shared.writes import Put
from tests.cli.conftest import Command
from tests.cli.doctor.deployed import FUNCTIONS, SENDER, Client

CONFIG = load(Path(__file__).parents[3] / "config")
SECRETS = sorted({name for spec in FUNCTIONS for name in spec.secrets} | {"slack_bot_token", "slack_signing_secret"})
Deployed = tuple[Stack, Client]
Examine = Callable[..., dict[str, Any]]


class Slack:
    def app(self) -> App:
        return App("T0SHOP", "middlewatch", frozenset())

    def channel(self, ident: str) -> Channel:
        return Channel(ident, member=True, archived=False)


class SesV2:
    def get_account(self) -> object:
        return {"SendingEnabled": True, "ProductionAccessEnabled": True}


@dataclass
class Ward:
    """A deployment, and how the doctor sees it."""

    stack: Stack
    client: Client
    around: Around

    def aws(self, service: str) -> Any:
        return SesV2() if service == "sesv2" else self.client(service)

    def told(self, *, alarm: bool = False, as_json: bool = True) -> None:
        identity = self.client("sts").get_caller_identity()
        examine(self.aws, self.stack, self.around, identity, alarm=alarm, as_json=as_json)


@pytest.fixture
def ward(deployed: Deployed, monkeypatch: pytest.MonkeyPatch, aws: EmbeddedAws) -> Ward:
    """All is well."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", aws.region)
    monkeypatch.setenv("COLUMNS", "300")
    stack, client = deployed
    stack = replace(stack, functions=tuple(spec for spec in FUNCTIONS if spec.name != "http_api"))
    client("ses").verify_email_identity(EmailAddress=SENDER)
    for name in SECRETS:
        client("secretsmanager").create_secret(Name=f"{stack.settings.secrets_under}/{name}", SecretString="s")

    def ask(_method: str, url: str) -> Reply:
        return Reply(401, {}) if url.endswith("/slack/actions") else Reply(200, {"config_digest": CONFIG.digest})

    around = Around(
        store=DynamoStore.connect(stack.settings),
        vault=Vault.of(client("secretsmanager"), stack.settings),
        config=CONFIG.model_copy(update={"sources": ()}),
        ask=ask,
        workspace=lambda _: Slack(),
        site=lambda _: None,
        scopes=(),
        watch=Watch(lambda: 0, lambda _: None),
    )
    specs = tuple(spec.model_copy(update={"secrets": tuple(SECRETS)}) for spec in stack.functions)
    return Ward(replace(stack, functions=specs), client, around)


def test_a_healthy_deployment_is_told_in_a_few_lines(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    ward.told(as_json=False)
    said = capsys.readouterr().out
    assert "WRONG" not in said
    assert "ok queues: 2 of 2 fine" in said
    assert len(said.splitlines()) < 30


def test_what_is_wrong_is_told_with_its_fix_and_fails(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    ward.client("events").disable_rule(Name="investigation", EventBusName=ward.stack.settings.bus_name)
    with pytest.raises(Failed) as failed:
        ward.told(as_json=False)
    assert failed.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("WRONG")]
    assert "WRONG rules of investigation: rule investigation on the bus" in lines[place]
    assert "aws events enable-rule" in lines[place + 1]


def test_scripts_get_every_finding(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    ward.told()
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is True
    assert {"check": "kill switch", "status": "ok", "said": "off: actions may run", "fix": ""} in said["findings"]
    ward.around.store.write(Put(keys.KILL_SWITCH, {"stopped": True, "person": "bob", "reason": "", "at": ""}))
    ward.told()
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is True
    assert [each["status"] for each in said["findings"] if each["check"] == "kill switch"] == ["note"]


def test_no_alarm_is_set_that_could_not_come_through(ward: Ward, capsys: pytest.CaptureFixture[str]) -> None:
    ward.client("events").disable_rule(Name="investigation", EventBusName=ward.stack.settings.bus_name)
    with pytest.raises(Failed):
        ward.told(alarm=True)
    last = json.loads(capsys.readouterr().out)["findings"][-1]
    assert (last["check"], last["status"]) == ("test alarm", "note")


def test_the_command_looks_where_the_environment_says(
    deployed: Deployed, aws: EmbeddedAws, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, client = deployed
    client("secretsmanager").create_secret(Name=f"{stack.settings.secrets_under}/slack_bot_token")
    settings = stack.settings
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "TIMELINE_TABLE": settings.timeline_table,
        "STATE_TABLE": settings.state_table,
        "BUS_NAME": settings.bus_name,
        "NAME_PREFIX": stack.prefix,
        "SECRET_PREFIX": settings.secret_prefix,
        "ENVIRONMENT": "production",
        "ALARMS_TOPIC_ARN": stack.topic,
        "MIDDLEWATCH_API_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    result = command("doctor", "--no-test-alarm", "--json")
    assert result.exit_code == 1
    found = {(each["check"], each["status"]) for each in json.loads(result.stdout)["findings"]}
    assert ("identity", "ok") in found
    assert (f"table {settings.timeline_table}", "ok") in found
    assert ("function relay", "ok") in found
    assert ("function policy_gate", "wrong") in found
    assert ("api", "wrong") in found
    assert ("slack", "note") in found


@pytest.mark.usefixtures("store")
def test_on_one_machine_there_is_nothing_to_examine(command: Command) -> None:
    result = command("doctor")
    assert (result.exit_code, "no deployment is known here" in result.stderr) == (2, True)
