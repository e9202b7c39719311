"""What the doctor needs, from its surroundings."""

import os
import time
from pathlib import Path

import yaml

from cli.deployment import clients
from cli.doctor.api import ask
from cli.doctor.examine import Around, examine
from cli.doctor.jira import JiraSite, Site
from cli.doctor.rehearsal import Watch
from cli.doctor.slack import SlackWorkspace, Workspace
from cli.doctor.stack import Stack
from cli.environment import ROOT, configured, enter_deployment
from cli.secrets import Vault
from local.aws.spec import read_functions
from shared.integrations.dynamodb import DynamoStore
from shared.integrations.jira import JiraTickets
from shared.integrations.slack import SlackChat
from shared.secrets import Secrets

APP = ROOT / "infra" / "slack-app.yaml"


def run(folder: Path | None, *, alarm: bool, as_json: bool) -> None:
    """Examines the deployment that the environment names; `folder` holds the configuration here."""
    settings = enter_deployment()

    aws = clients()
    identity = aws("sts").get_caller_identity()
    stack = Stack.of(settings, os.environ, tuple(read_functions(ROOT)), identity)
    secret = Secrets.of({}, settings)

    def workspace(environment: dict[str, str]) -> Workspace | None:
        return SlackWorkspace(SlackChat.of(secret, environment).client) if secret("slack_bot_token") else None

    def site(environment: dict[str, str]) -> Site | None:
        tickets = JiraTickets.of(secret, environment)
        return JiraSite(lambda: tickets.client) if tickets else None

    around = Around(
        store=DynamoStore.connect(settings),
        vault=Vault.of(aws("secretsmanager"), settings),
        config=configured(folder),
        ask=ask,
        workspace=workspace,
        site=site,
        scopes=yaml.safe_load(APP.read_text("utf-8"))["oauth_config"]["scopes"]["bot"],
        watch=Watch(time.monotonic, time.sleep),
    )
    examine(aws, stack, around, identity, alarm=alarm, as_json=as_json)
