"""Slack, Jira, secrets, the API and the switch: what the doctor says of each answer."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jira import JIRA
from slack_sdk import WebClient

from cli.doctor import api
from cli.doctor.api import Reply
from cli.doctor.finding import Finding
from cli.doctor.jira import JiraRefused, JiraSite, jira
from cli.doctor.secrets import Use, secrets
from cli.doctor.slack import App, Channel, SlackRefused, SlackWorkspace, slack
from cli.secrets import Held
from local.aws.spec import read_functions
from shared import keys
from shared.config import Config
from shared.configuration import load
from shared.errors import Unavailable
from shared.ports import Item
from tests.shared.integrations.wire import Wire, wire

ROOT = Path(__file__).parents[3]
SCOPES: list[str] = yaml.safe_load((ROOT / "infra" / "slack-app.yaml").read_text("utf-8"))["oauth_config"]["scopes"][
    "bot"
]
CONFIG = load(ROOT / "config")
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


class Workspace:
    """A workspace in which all is well but for what is said."""

    def __init__(
        self, *, refused: str = "", team: str = "T0SHOP", lacks: str = "", channel: Channel | str = ""
    ) -> None:
        self.refused = refused
        self.team = team
        self.lacks = lacks
        self.of = channel or Channel("incidents", member=True, archived=False)

    def app(self) -> App:
        if self.refused:
            raise SlackRefused(self.refused)
        return App(self.team, "middlewatch", frozenset(SCOPES) - {self.lacks})

    def channel(self, ident: str) -> Channel:
        assert ident == "C0INCIDENTS"
        if isinstance(self.of, str):
            raise SlackRefused(self.of)
        return self.of


def the_wrong(findings: Iterator[Finding]) -> list[Finding]:
    return [each for each in findings if each.status == "wrong"]


def test_a_healthy_app_is_fine_in_every_channel() -> None:
    findings = list(slack(Workspace(), CONFIG, SCOPES))
    assert [(each.check, each.status) for each in findings] == [("slack", "ok"), ("slack channel C0INCIDENTS", "ok")]


@pytest.mark.parametrize(
    ("workspace", "said", "fix"),
    [
        (Workspace(refused="invalid_auth"), "invalid_auth", "middlewatch secrets set slack_bot_token"),
        (Workspace(lacks="channels:history"), "lacks channels:history", "infra/slack-app.yaml"),
        (Workspace(lacks="chat:write"), "lacks chat:write", "install it to the workspace again"),
        (Workspace(team="T0OTHER"), "the app is in T0OTHER", "team: T0OTHER"),
        (Workspace(channel="channel_not_found"), "channel_not_found", "the channel's id"),
        (Workspace(channel=Channel("old", member=True, archived=True)), "archived", "another one"),
        (Workspace(channel=Channel("new", member=False, archived=False)), "not in #new", "/invite @middlewatch"),
    ],
)
def test_what_is_wrong_with_slack_is_named_with_its_fix(workspace: Workspace, said: str, fix: str) -> None:
    (finding,) = the_wrong(slack(workspace, CONFIG, SCOPES))
    assert said in finding.said
    assert fix in finding.fix


@pytest.fixture
def told() -> Iterator[Wire]:
    with wire() as told:
        yield told


def test_the_scopes_of_a_token_are_those_that_slack_says_in_a_header(told: Wire) -> None:
    workspace = SlackWorkspace(WebClient(token="xoxb", base_url=f"{told.url}/", retry_handlers=[]))
    told.body = json.dumps({"ok": True, "team_id": "T1", "user": "middlewatch"}).encode()
    told.headers = {"X-OAuth-Scopes": "chat:write, channels:read,commands"}
    assert workspace.app() == App("T1", "middlewatch", frozenset({"chat:write", "channels:read", "commands"}))
    told.headers = {}
    assert workspace.app().scopes is None
    told.body = json.dumps({"ok": True, "channel": {"name": "ops", "is_member": False}}).encode()
    assert workspace.channel("C1") == Channel("ops", member=False, archived=False)
    told.body = json.dumps({"ok": False, "error": "channel_not_found"}).encode()
    with pytest.raises(SlackRefused, match="channel_not_found"):
        workspace.channel("C1")
    told.status = 0
    with pytest.raises(Unavailable):
        workspace.app()


class Site:
    """A Jira in which all is well but for what is said."""

    def __init__(self, *, refused: str = "", kinds: frozenset[str] | str = frozenset({"Task", "Bug"})) -> None:
        self.refused = refused
        self.of = kinds

    def myself(self) -> str:
        if self.refused:
            raise JiraRefused(self.refused)
        return "Middlewatch"

    def kinds(self, project: str) -> frozenset[str]:
        assert project == "OPS"
        if isinstance(self.of, str):
            raise JiraRefused(self.of)
        return self.of


def test_a_jira_that_takes_our_tickets_is_fine() -> None:
    assert [each.status for each in jira(Site(), CONFIG)] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("site", "said", "fix"),
    [
        (Site(refused="401"), "refused: 401", "middlewatch secrets set jira_user"),
        (Site(kinds="404"), "cannot be seen: 404", "config/services.yaml"),
        (Site(kinds=frozenset({"Story", "Bug"})), "no issues of the type Task", "Bug, Story"),
    ],
)
def test_what_is_wrong_with_jira_is_named_with_its_fix(site: Site, said: str, fix: str) -> None:
    (finding,) = the_wrong(jira(site, CONFIG))
    assert said in finding.said
    assert fix in finding.fix


def test_jira_is_asked_over_its_api(told: Wire) -> None:
    told.body = json.dumps({"displayName": "Ada", "issueTypes": [{"name": "Task"}]}).encode()
    site = JiraSite(lambda: JIRA(told.url, get_server_info=False, max_retries=0))
    assert site.myself() == "Ada"
    assert site.kinds("OPS") == {"Task"}
    told.status = 401
    with pytest.raises(JiraRefused, match="401"):
        site.myself()
    told.status = 503
    with pytest.raises(Unavailable):
        site.kinds("OPS")


NAMES = sorted({name for spec in read_functions(ROOT) for name in spec.secrets})


def held(**wrong: Held) -> list[Held]:
    return [wrong.get(name, Held(name, NOW)) for name in NAMES]


def unset(name: str) -> dict[str, Held]:
    return {name: Held(name, None)}


def found(held: list[Held], *, jira: bool = True, gemini: bool = False, config: Config = CONFIG) -> list[Finding]:
    return list(secrets(held, config, Use(jira=jira, gemini=gemini)))


def test_when_all_are_set_there_is_nothing_to_say() -> None:
    assert [each.status for each in found(held(), gemini=True)] == ["ok"]


@pytest.mark.parametrize("name", ["slack_bot_token", "slack_signing_secret", "jira_token", "gemini_api_key"])
def test_a_secret_that_is_needed_is_asked_for_by_name(name: str) -> None:
    (finding,) = found(held(**unset(name)), gemini=True)
    assert (finding.status, finding.fix) == ("wrong", f"`middlewatch secrets set {name}`")


@pytest.mark.parametrize("name", ["jira_token", "gemini_api_key"])
def test_a_secret_that_nobody_uses_is_not_asked_for(name: str) -> None:
    assert [each.status for each in found(held(**unset(name)), jira=False)] == ["ok"]


@pytest.mark.parametrize("name", ["http_api_keys", "source_grafana", "jira_user"])
def test_a_secret_that_may_be_left_out_is_a_remark(name: str) -> None:
    (finding,) = found(held(**unset(name)))
    assert (finding.status, name in finding.said) == ("note", True)


def test_a_secret_that_terraform_did_not_make_is_told_once() -> None:
    missing = {name: Held(name, None, "watch/all") for name in NAMES}
    (finding,) = found(held(**missing))
    assert (finding.status, finding.said) == ("wrong", "there is no secret watch/all")


def test_a_source_whose_secret_has_no_place_here_is_a_remark_that_says_how_it_gets_one() -> None:
    here = [each for each in held() if each.name != "source_grafana"]
    (finding,) = secrets(here, CONFIG, Use(jira=True, gemini=False), without={"source_grafana", "gemini_api_key"})
    assert (finding.status, "add grafana to the variable `sources`" in finding.fix) == ("note", True)


def test_a_source_whose_secret_no_function_may_read_is_told() -> None:
    source = CONFIG.sources[0].model_copy(update={"secret": "source_nagios"})
    (finding,) = found(held(), config=CONFIG.model_copy(update={"sources": (source,)}))
    assert (finding.status, "functions/http_api/function.yaml" in finding.fix) == ("wrong", True)


def asked(status: int, **said: Any) -> api.Ask:
    return lambda _method, _url: Reply(status, said)


def test_an_api_that_runs_our_configuration_is_fine() -> None:
    findings = api.health(asked(200, checks=[{"name": "state", "ok": True}], config_digest="d"), "https://a", "d")
    assert [each.status for each in findings] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("answer", "said", "fix"),
    [
        (asked(200, config_digest="other"), "deployed is other", "make build deploy"),
        (asked(503, checks=[{"name": "state", "ok": False}], config_digest="d"), "503 state", "log group of http_api"),
        (asked(404), "says 404", "make deploy"),
    ],
)
def test_what_is_wrong_with_the_api_is_named_with_its_fix(answer: api.Ask, said: str, fix: str) -> None:
    assert [e for e in the_wrong(api.health(answer, "https://a", "d")) if said in e.said and fix in e.fix]


@pytest.mark.parametrize("checks", [None, {"state": True}, ["state"], 5])
def test_somebody_elses_api_at_our_address_is_told(checks: object) -> None:
    finding, _ = the_wrong(api.health(asked(404, checks=checks), "https://a", "d"))
    assert (finding.check, "says 404" in finding.said) == ("api", True)


def test_an_api_without_an_address_is_not_asked() -> None:
    assert not list(api.guarded(asked(200), ""))
    (finding,) = api.health(asked(200), "", "d")
    assert finding.status == "wrong"


@pytest.mark.parametrize(("status", "verdict"), [(401, "ok"), (503, "wrong"), (200, "wrong"), (404, "wrong")])
def test_an_unsigned_request_has_to_be_refused(status: int, verdict: str) -> None:
    (finding,) = api.guarded(asked(status), "https://a")
    assert finding.status == verdict


def test_the_api_is_asked_over_http(told: Wire) -> None:
    told.body = b'{"config_digest": "d"}'
    assert api.ask("GET", f"{told.url}/health") == Reply(200, {"config_digest": "d"})
    told.status, told.body = 502, b"<html>"
    assert api.ask("POST", told.url) == Reply(502, {})
    told.status = 0
    with pytest.raises(Unavailable):
        api.ask("GET", told.url)


@pytest.mark.parametrize(("value", "status"), [({"stopped": False}, "ok"), ({"stopped": True}, "note"), ({}, "note")])
def test_a_stop_is_told_with_who_said_so(value: dict[str, Any], status: str) -> None:
    (finding,) = api.switch(Item(keys.KILL_SWITCH, value | {"person": "bob", "reason": "too many"}))
    assert finding.status == status
    assert status == "ok" or finding.said == "bob stopped every action: too many"


def test_a_switch_that_nobody_touched_is_off() -> None:
    assert [each.status for each in api.switch(None)] == ["ok"]
