"""Both stacks applied to an AWS in which nothing was, and our functions, from their packages, on what they made."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from rich.console import Console

from cli.doctor.api import ask
from cli.doctor.examine import Around, examine
from cli.doctor.jira import JiraSite, Site
from cli.doctor.rehearsal import Watch
from cli.doctor.slack import SlackWorkspace
from cli.doctor.stack import Stack as Examined
from cli.environment import outputs
from cli.failure import Failed
from cli.secrets import Vault
from local.aws.deployed import Account
from local.demo.narrator import Narrator
from local.demo.play import store_of
from local.demo.stories import Playhouse
from local.stack import ROOT, SECONDS, STANDIN_SECRETS, Stack
from local.standins.slack.app import APP as SLACK_APP
from local.world.stage import Stage
from shared.configuration import load
from shared.integrations.jira import JiraTickets
from shared.integrations.slack import SlackChat
from shared.secrets import Secrets
from shared.settings import Settings
from tests.infra.planner.inventory import inventory
from tests.infra.planner.terraform import Terraform, copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.aws.calls import Identity
    from local.aws.embedded import EmbeddedAws

PACKAGES = ROOT / "build" / "host"
COMES_BACK = 10.0
"""Seconds until a message whose function died is tried again, at the latest."""
RECORDS: dict[str, Any] = {"key_deletion_days": 7}
APP: dict[str, Any] = {
    "clusters": ["shop"],
    "ses_sender": STANDIN_SECRETS["SES_SENDER"],
    "email_recipients": [STANDIN_SECRETS["EMAIL_RECIPIENT"]],
    "operator_emails": ["operators@shop.example"],
    "jira_url": "https://jira.shop.example",
    "secret_recovery_days": 0,
    "key_deletion_days": 7,
}
"""What a team would write in its terraform.tfvars, and no waiting for what is removed."""


class Deployment:
    """What was made, what runs on it, and every request that a function sent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stacks = copied(folder / "repository")
        self._build = folder / "build"
        self.before: set[str] = set()
        self.asked: list[Identity] = []
        self.stack = Stack(folder / "state", longest_hidden=COMES_BACK, deploy=self._deploy, packages=PACKAGES)
        self.records = self._terraform("records", "", RECORDS)
        self.app = self._terraform("app", "", APP)

    @property
    def aws(self) -> EmbeddedAws:
        """The account."""
        return self.stack.aws

    @property
    def account(self) -> Account:
        """What is in it now."""
        return Account(self.aws)

    def prepare(self) -> None:
        """Fetch what the planner needs. Raises Unusable."""
        self.records.prepare()
        self.app.prepare()

    def roles(self) -> dict[str, str]:
        """The role of each function, by name."""
        found = {name: each.wired.arn.split(":")[6] for name, each in self.aws.functions.items()}
        return {
            name: str(self.account.configuration(function, "")["Role"]).rpartition("/")[2]
            for name, function in found.items()
        }

    def record(self) -> None:
        """Keep what the functions ask from now on."""

        def keep(identity: Identity) -> None:
            if identity.key in self.aws.keys:
                self.asked.append(identity)

        self.aws.inject(keep)

    def house(self) -> Iterator[Playhouse]:
        """What the demo's stories are played on."""
        console = Console(file=io.StringIO())
        with Narrator(store_of(self.stack), console, silent=True) as narrator:
            yield Playhouse(self.stack, Stage(self.stack.world_url), narrator, console, by_itself=True)

    def examine(self) -> None:
        """Let the doctor look at it, and print what it finds as JSON; AWS and channels are where they are here."""
        told = self._folder / "deployment.json"
        told.write_text(self.app.run("output", "-json").stdout, "utf-8")
        variables = outputs(told)
        settings = Settings.read(variables)
        secret = Secrets.of(STANDIN_SECRETS, settings)
        aws, said = self._client, self.aws.client("sts").get_caller_identity()
        stack = Examined.of(settings, variables, tuple(self.aws.specs.values()), said)

        def site(environment: dict[str, str]) -> Site | None:
            tickets = JiraTickets.of(secret, environment | {"JIRA_URL": self.stack.jira_url})
            return JiraSite(lambda: tickets.client) if tickets else None

        around = Around(
            store=store_of(self.stack),
            vault=Vault.of(aws("secretsmanager"), settings),
            config=load(ROOT / "config"),
            ask=ask,
            workspace=lambda _: SlackWorkspace(SlackChat.of(secret, self.stack.addresses()).client),
            site=site,
            scopes=yaml.safe_load(SLACK_APP.read_text("utf-8"))["oauth_config"]["scopes"]["bot"],
            watch=Watch(time.monotonic, time.sleep),
        )
        here = replace(stack, api_url=self.stack.api_url)
        with contextlib.suppress(Failed):
            examine(aws, here, around, said, alarm=True, as_json=True)

    def _client(self, service: str) -> Any:
        """A client as the doctor uses it: the world has the alarms, and moto cannot say whether an account may mail."""
        if service == "cloudwatch":
            return boto3.client("cloudwatch", endpoint_url=self.stack.world_url, region_name=self.aws.region)
        client = self.aws.client(service)
        if service == "sesv2":
            client.get_account = lambda: {"SendingEnabled": True, "ProductionAccessEnabled": True}
        return client

    def dead_letters(self) -> dict[str, int]:
        """How many messages lie in each queue for what could not be delivered, where any do."""
        sqs = self.aws.client("sqs")
        name = "ApproximateNumberOfMessages"
        held = {
            url.rpartition("/")[2]: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name]
            for url in sqs.list_queues()["QueueUrls"]
            if url.endswith(("-dlq", "-undelivered"))
        }
        return {queue: int(count) for queue, count in held.items() if int(count)}

    def _terraform(self, stack: str, endpoint: str, variables: dict[str, Any]) -> Terraform:
        return Terraform(self._stacks / stack, endpoint, variables)

    def _deploy(self, stack: Stack) -> None:
        """What docs/deploy.md says, in its order."""
        self.before = inventory(stack.aws)
        settings = {name: str(value) for name, value in SECONDS.items()}
        self.records = self._terraform("records", stack.aws.endpoint, RECORDS)
        self._build.mkdir()
        for path in (ROOT / "build").glob("*.zip"):
            shutil.copy(path, self._build)  # whoever builds meanwhile changes nothing of this
        given = {"build_dir": str(self._build), "settings": settings}
        self.app = self._terraform("app", stack.aws.endpoint, APP | given)
        for terraform in (self.records, self.app):
            terraform.prepare()
            terraform.plan()
            terraform.apply()
        self._set_secrets(stack.aws)

    def _set_secrets(self, aws: EmbeddedAws) -> None:
        secrets = aws.client("secretsmanager")
        for each in secrets.list_secrets()["SecretList"]:
            name = each["Name"].rpartition("/")[2].upper()
            if name in STANDIN_SECRETS:
                secrets.put_secret_value(SecretId=each["ARN"], SecretString=STANDIN_SECRETS[name])
