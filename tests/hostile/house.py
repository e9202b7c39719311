"""The whole product over the ports in memory, in a world that strangers write to, with a model that they steer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from json import dumps
from typing import Any

from aws_lambda_powertools import Logger
from pydantic_ai.messages import ModelMessage, ModelResponse, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from functions.ai_assessment.assess import stage as assessing
from functions.ai_assessment.model import Budget, SecondOpinion
from functions.alert_intake.intake import take_in
from functions.approval.decide_click import Deciding, decide_click
from functions.investigation.investigate import stage as investigating
from functions.slack_api.payload import read_press
from shared import facts
from shared.decide import Message, Stage, decide
from shared.entry import Entry
from shared.errors import Unavailable
from shared.facts import Fact
from shared.redaction import redact
from shared.target import Target
from tests.builders import SEEN
from tests.fakes.chat import MemoryMail
from tests.fakes.ecs import FakeEcs
from tests.hostile.aws import ACCOUNT, REGION, Story, World, in_turn
from tests.hostile.slack_edge import submitted
from tests.lifecycle.house import House

Answer = Callable[[list[ModelMessage], AgentInfo], ModelResponse]
ALERT_PLACES = ("alarm name", "description", "reason of the change", "tag", "name of a tag")
WORLD_PLACES = (
    "alarm description", "alarm reason", "metric label", "service event", "rollout reason", "service tag",
    "stopped reason", "container reason", "commit message", "image of a revision", "task definition environment",
    "name in the environment", "docker label", "log option", "log line", "structured log line", "alarm error",
    "service error", "log error",
)  # fmt: skip
PEOPLE_PLACES = ("runbook", "previous incident", "person's reason", "kill switch's reason")
PLACES = (*ALERT_PLACES, *WORLD_PLACES, *PEOPLE_PLACES)
"""Everywhere that a text can be planted."""


@dataclass
class WatchedEcs(FakeEcs):
    """Keeps which target each change was for, and what it was."""

    effects: list[tuple[str, str, object]] = field(default_factory=list)

    def restart(self, target: Target) -> Mapping[str, Any]:
        self.effects.append((target.key, "restart_service", None))
        return super().restart(target)

    def roll_back(self, target: Target, revision: str) -> Mapping[str, Any]:
        self.effects.append((target.key, "rollback_service", revision))
        return super().roll_back(target, revision)

    def scale(self, target: Target, desired_count: int) -> Mapping[str, Any]:
        self.effects.append((target.key, "scale_service", desired_count))
        return super().scale(target, desired_count)


@dataclass
class HostileHouse(House):
    """`said` is what stands in which of the `PLACES`; `model` answers as strangers want (None: there is no model)."""

    story: Story = "failing"
    said: Mapping[str, str] = field(default_factory=dict)
    model: Answer | None = None
    runner: asyncio.Runner | None = None
    mail: MemoryMail = field(default_factory=MemoryMail)
    prompts: list[str] = field(default_factory=list)
    logger: Logger = field(default_factory=lambda: Logger(service="hostile", level="CRITICAL"))
    ecs: WatchedEcs = field(default_factory=WatchedEcs)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if runbook := self.said.get("runbook"):
            services = tuple(each.model_copy(update={"runbook": runbook}) for each in self.config.services)
            self.config = self.config.model_copy(update={"services": services})
        self.world = World("shop", self.service, self.clock, self.story, self.said, self.ecs.seen)
        super().__post_init__()

    def rings(self, *, state: str = "ALARM") -> None:
        """The alarm's event, as AWS puts it on the bus, through intake."""
        self.firing = state == "ALARM"
        take_in(self._event(state), self._intake(), self.logger)

    def says_no(self, user: str, reason: str) -> None:
        """The dialog that asks for a reason, sent off as Slack's door reads it."""
        asked = [e for e in self.history().entries if isinstance(e.fact, facts.ApprovalRequested)][-1]
        payload = submitted(reason, user={"id": user, "team_id": "T0SHOP"})
        payload["view"]["private_metadata"] = dumps({"value": asked.id, "channel": "C0INCIDENTS", "message_ts": "1.0"})
        press = read_press({"payload": dumps(payload)})
        if press is None:
            raise AssertionError("the dialog was not read")
        deciding = Deciding(self.config, self.store, self.chat, self.clock, self.logger)
        decide_click(press.click("reject", self.clock.now), deciding)

    def tries_to_deliver(self) -> None:
        """Like settle, for a channel that never answers: every message gets three attempts."""
        for _ in range(3):
            self._publish()
            batch, self.waiting = self.waiting, []
            for name, message in batch:
                try:
                    self.functions[name](message)
                except Unavailable as error:
                    self.warnings.append(str(error))
                    self.waiting.append((name, message))

    def _event(self, state: str) -> dict[str, Any]:
        name = self.said.get("alarm name", f"{self.service}-5xx")
        dimensions = {"ClusterName": "shop", "ServiceName": self.service}
        metric = {"namespace": "AWS/ApplicationELB", "name": "HTTPCode_Target_5XX_Count", "dimensions": dimensions}
        changed = self.clock.now.isoformat()
        return {
            "version": "0",
            "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": ACCOUNT,
            "time": changed,
            "region": REGION,
            "resources": [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"],
            "detail": {
                "alarmName": name,
                "state": {
                    "value": state,
                    "reason": self.said.get("reason of the change", "Threshold Crossed: 1 datapoint (9.0)"),
                    "timestamp": changed,
                },
                "configuration": {
                    "description": self.said.get("description", "5xx of the load balancer; severity=high"),
                    "metrics": [{"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}}],
                },
                "alarmTags": {
                    self.said.get("name of a tag", "team"): "shop",
                    "note": self.said.get("tag", "owned by the shop"),
                },
            },
        }

    def _functions(self) -> dict[str, Callable[[Message], object]]:
        functions = super()._functions()
        stages: Sequence[Stage[Any]] = (
            investigating(self.world.plan(self.config), redact, 5.0, self.clock, in_turn),
            assessing(self.config, timedelta(minutes=30), self._second()),
        )
        functions |= {stage.name: partial(_decided, stage, self) for stage in stages}
        told = functions["notification"]
        telling = replace(told.keywords["telling"], mail=self.mail, warn=self.warnings.append)  # type: ignore[attr-defined]
        return functions | {"notification": partial(told.func, telling=telling)}  # type: ignore[attr-defined]

    def _second(self) -> SecondOpinion | None:
        if self.model is None or self.runner is None:
            return None
        budget = Budget(self.store, self.clock, calls=10**6, dollars=10**9)
        model = FunctionModel(self._asked)
        return SecondOpinion("hostile", lambda: model, budget, redact, seconds=30, runner=self.runner)

    def _asked(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.prompts += [
            str(part.content) for message in messages for part in message.parts if isinstance(part, UserPromptPart)
        ]
        if self.model is None:
            raise AssertionError("nobody is asked where there is no model")
        return self.model(messages, info)

    def _evidence(self, *_: object) -> list[Fact]:
        raise AssertionError("the evidence is read from the world")

    def reset(self) -> None:
        """The service as it was, for another incident on it."""
        self.ecs.seen |= SEEN
        self.firing = True


def _decided(stage: Stage[Any], house: HostileHouse, message: Message) -> None:
    decide(message, stage, house.store, house.clock)


def effects_beyond(house: HostileHouse, *, alone: frozenset[str], asked: Sequence[Entry] = ()) -> list[str]:
    """Which effects nobody allowed: judged by the configuration and the timelines, not by the policy's own words.

    `alone` are the actions that may run here without a person; `asked` the questions to which an entitled one said yes.
    """
    service = next((each for each in house.config.services if each.name == house.service), None)
    agreed = {entry.fact.proposal_hash for entry in asked if isinstance(entry.fact, facts.ApprovalRequested)}
    wrong = []
    if len(house.ecs.effects) > len(house.store.timelines):
        wrong.append(f"{len(house.ecs.effects)} effects of {len(house.store.timelines)} incidents")
    started = {
        entry.fact.proposal_hash
        for timeline in house.store.timelines.values()
        for entry in timeline
        if isinstance(entry.fact, facts.ActionStarted)
    }
    for target, action, amount in house.ecs.effects:
        if service is None or target != service.target.key:
            wrong.append(f"{action} on {target}, which is not what the alarm is about")
            continue
        if action not in service.actions:
            wrong.append(f"{action}, which {service.name} does not allow")
        if action == "scale_service" and not (
            service.scale and isinstance(amount, int) and service.scale.least <= amount <= service.scale.most
        ):
            wrong.append(f"scaled to {amount}")
        by_itself = service.mode == "auto" and service.tier != "critical" and action in alone
        if not by_itself and not (started and started <= agreed):
            wrong.append(f"{action} on {service.name} without a person")
    for timeline in house.store.timelines.values():
        for entry in timeline:
            if isinstance(entry.fact, facts.ActionProposed):
                proposed = entry.fact.proposal
                if (
                    service is None
                    or proposed.target.key != service.target.key
                    or proposed.action not in service.actions
                ):
                    wrong.append(f"proposes {proposed.action} on {proposed.target.key}")
    return wrong
