"""The functions' own handlers in this process, over moto and the stand-ins, and one story played on them.

A stage is made once in a process of its own; each playing of a story is a fork of it, so that all begin alike.
"""

import base64
import importlib
import logging
import os
import random
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.aws.embedded import EmbeddedAws
from local.stack import STANDIN_SECRETS
from local.standins.slack.clicks import sign
from local.world.scenarios import ACCOUNT, REGION
from shared import facts
from shared.configuration import load
from shared.entry import read_entry
from shared.errors import MiddlewatchError
from shared.history import History
from tests.reliability.simulator.channels import Said, Ticket
from tests.reliability.simulator.promises import broken
from tests.reliability.sweep.calls import ROOT, Call, Fault, Killed, Tape
from tests.reliability.sweep.outside import JIRA_URL, SLACK_URL, Outside
from tests.reliability.sweep.pump import Handler, Pump
from tests.reliability.sweep.transport import hook_boto3, hook_jira, hook_slack, operators

BREAKS, ANSWERS, PRESSES_AGAIN, REPAIRED = 10.0, 5.0, 4.0, 120.0
"""Seconds: when a service breaks, how long Ana thinks, when she presses again what was not taken, and how long a repair
takes once the restart is known not to have helped."""
LAST_RESORT = 7_200.0
"""When somebody has repaired the service, whatever Middlewatch did."""
LONGEST, QUIET = 30_000.0, 4_000.0
PATIENT = 600.0
"""Real seconds for what counts real seconds: a busy machine must not change what a story does."""
SETTINGS = {"CHECK_LIMIT_SECONDS": "300", "EVIDENCE_SECONDS": str(PATIENT)}
"""Production's own times, but for how long we look whether it helped: each look is the same as the one before."""
IDLE = ("http_api", "canary")
"""Functions that no story calls: no alert comes by HTTP, and no test alarm is named."""
BY_HAND = {"relay", "timekeeper", "sweep", "archive"}
"""Functions that may fail as a whole, because the platform calls them again."""


@dataclass
class Report:
    """What came of one playing."""

    calls: list[Call]
    aside: list[Call]
    struck: bool
    broken: list[str]
    ended: str
    seconds: float
    facts: list[str] = field(default_factory=list)


class _Unexpected(logging.Handler):
    """Keeps what no code expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.wrong: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.getMessage() == "unexpected":
            self.wrong.append("".join(traceback.format_exception(*record.exc_info)))


def _of_the_living(record: logging.LogRecord) -> bool:
    """Whether a process is left that could have logged it: what catches everything logs how it was killed."""
    return not (record.exc_info and isinstance(record.exc_info[1], Killed))


class Stage:
    """Everything, wired and ready."""

    def __init__(self, folder: Path) -> None:
        """Must be the first in its process to import a handler: the clock and the environment come before."""
        random.seed(1)
        environment = {
            **STANDIN_SECRETS,
            "AWS_ACCOUNT_ID": ACCOUNT,
            "CONFIG_DIR": str(ROOT / "config"),
            "SLACK_API_URL": f"{SLACK_URL}/api/",
            "JIRA_URL": JIRA_URL,
            **SETTINGS,
        }
        self.aws = EmbeddedAws(ROOT, folder, environment, account=ACCOUNT, region=REGION)
        self.aws.provision()
        self.aws._wire()  # noqa: SLF001 - what is there now
        self.tape = Tape()
        self.outside = Outside(self.aws, self.tape, STANDIN_SECRETS)
        self.outside.operator = operators(self.outside.answer)
        hook_boto3(self.tape, self.outside.answer)
        hook_slack(self.tape, self.outside.slack)
        hook_jira(self.tape, self.outside.jira)
        self.unexpected = _Unexpected()
        specs = {name: spec for name, spec in self.aws.specs.items() if name not in IDLE}
        self.handlers = self._handlers(list(specs))
        self.outside.operator.client("events")
        self.outside.api = self._api
        self.pump = Pump(self.outside, self.handlers, specs)

    def _handlers(self, names: list[str]) -> Mapping[str, Handler]:
        wiring, intake = (importlib.import_module(f"shared.{name}") for name in ("wiring", "intake"))
        numbers = count(1)
        vars(wiring)["utc_now"] = self.outside.clock
        vars(intake)["new_incident_id"] = lambda now: f"INC-{now:%y%m%d}-{next(numbers):06}"
        importlib.import_module("functions.policy_gate.policy").Policy.__init__.__kwdefaults__["seconds"] = PATIENT
        vars(time)["sleep"] = self.outside.clock.sleep
        found = {}
        for name in names:
            os.environ.update(self.aws.environment(self.aws.functions[name].wired))
            found[name] = importlib.import_module(f"functions.{name}.handler").handler
            logging.getLogger(name).addHandler(self.unexpected)
        logging.getLogger("mangum.http").addFilter(_of_the_living)
        os.environ.update(STANDIN_SECRETS)
        return found

    def _api(self, url: str, form: Mapping[str, str], secret: str) -> int:
        """The status of a signed request of Slack's, by way of API Gateway (payload format 2.0)."""
        body, now, path = urlencode(form).encode(), str(int(self.outside.clock.epoch)), urlsplit(url).path
        asked = {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "Slack"}
        event = {
            "version": "2.0",
            "routeKey": f"POST {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {
                "content-type": "application/x-www-form-urlencoded",
                "x-slack-request-timestamp": now,
                "x-slack-signature": sign(secret, now, body),
                "host": "api.invalid",
            },
            "requestContext": {"http": asked, "accountId": ACCOUNT, "apiId": "x", "stage": "$default"},
            "isBase64Encoded": True,
            "body": base64.b64encode(body).decode(),
        }
        answer = self.pump.invoke("slack_api", event, "")
        return int(answer["statusCode"]) if answer else 0

    def play(self, service: str, wrong: tuple[Call, Fault] | None = None) -> Report:
        """Plays the story of a service to its end; once only, in a process that is thrown away."""
        self.began = monotonic()
        self.tape.wrong = wrong
        people = People(self, service)
        violations, ended = [], "never"
        try:
            self._run(people)
        except Exception:  # noqa: BLE001 - a story that breaks is a finding, with its place
            violations.append(f"the story broke: {traceback.format_exc()}")
        else:
            violations, ended = self._judged(service)
        happened = [each.fact.type for history in self.histories().values() for each in history.entries]
        return Report(
            self.tape.calls, self.tape.aside, self.tape.struck, violations, ended, monotonic() - self.began, happened
        )

    def _run(self, people: "People") -> None:
        outside, pump, clock = self.outside, self.pump, self.outside.clock
        while clock.seconds < LONGEST:
            self._rest(people)
            now = clock.seconds
            times = [each for each in (pump.next(), people.next()) if each is not None]
            if not outside.host.still():
                times.append(now + 1.0)
            if not times:
                break
            clock.seconds = max(now, min(times))
            outside.advance()
            pump.tick()
        clock.seconds += QUIET
        outside.advance()
        self._rest(people)

    def _rest(self, people: "People") -> None:
        self.pump.settle()
        while people.act():
            self.outside.advance()
            self.pump.settle()

    def histories(self) -> dict[str, History]:
        """Every timeline, by its rows in moto's table."""
        found: dict[str, list[Any]] = {}
        for item in self.outside.items(self.aws.names.timeline):
            found.setdefault(item["incident_id"]["S"], []).append(item)
        return {
            name: History(
                name,
                tuple(
                    read_entry(each["entry"]["S"], each["hash"]["S"])
                    for each in sorted(items, key=lambda item: int(item["seq"]["N"]))
                ),
            )
            for name, items in found.items()
        }

    def _judged(self, service: str) -> tuple[list[str], str]:
        """Every promise that does not hold, and how the story ended."""
        histories = self.histories()
        played: Any = self._played(histories)
        found = [f"{promise}: {line}" for promise, line in broken(played)]
        pump = self.pump
        found += [f"dead letter of {each.function}: {each.record['body'][:300]}" for each in pump.dead]
        found += [f"left in the queue of {each.function}: {each.record['body'][:200]}" for each in pump.held.values()]
        ends = []
        for name, history in histories.items():
            happened = {type(entry.fact) for entry in history.entries}
            recovered, called = facts.RecoveryVerified in happened, facts.IncidentEscalated in happened
            ends.append("recovered" if recovered else "escalated" if called else "neither")
            if history.incident.status != "closed":
                found.append(f"{name} of {service} is {history.incident.status} at the end")
            if not recovered and not called:
                found.append(f"{name} of {service} neither recovered nor was escalated")
        return found, ", ".join(ends) or "no incident"

    def _played(self, histories: dict[str, History]) -> SimpleNamespace:
        """What was played, as the simulator's promises ask it."""
        outside = self.outside
        state = {item["key"]["S"]: item for item in outside.items(self.aws.names.state)}
        overwritten = [
            f"{name}/{seq}"
            for name, rows in outside.rows.items()
            for seq, row in rows.items()
            if seq > len(histories[name].entries) or histories[name].entries[seq - 1].hash != row.item["hash"]["S"]
        ]
        spent = {key: int(item["count"]["N"]) for key, item in state.items() if key.startswith("budget#")}
        alarms = [
            SimpleNamespace(
                name=name, service=each.service, state=each.state.value, since=each.state.at - outside.clock.epoch
            )
            for name, each in outside.host.alarms.all.items()
        ]
        for each in alarms:
            each.since += outside.clock.seconds
        services = {
            name: SimpleNamespace(
                name=name,
                alarms=[alarm for alarm in alarms if alarm.service is service],
                made=1 + sum("desiredCount" not in update.what for update in service.updates),
            )
            for name, service in outside.host.world.services.items()
        }
        clock = outside.clock
        return SimpleNamespace(
            events=outside.events,
            clicks=outside.clicks,
            switched=[],
            config=load(ROOT / "config"),
            loop=SimpleNamespace(
                now=clock.seconds, time=lambda _="": clock(), unanswered=self.tape.unanswered, applied=Counter[str]()
            ),
            dynamo=SimpleNamespace(
                timelines=outside.rows, state=state, overwritten=overwritten, spent=Counter(spent), written=0
            ),
            world=SimpleNamespace(services=services, effects=outside.effects),
            slack=SimpleNamespace(said=_said(outside)),
            jira=SimpleNamespace(tickets=_tickets(outside)),
            ses=SimpleNamespace(letters=outside.letters),
            plumbing=SimpleNamespace(unpublished=self.pump.unpublished),
            log=SimpleNamespace(wrong=[*self.unexpected.wrong, *self._crashes()]),
            histories=lambda: histories,
        )

    def _crashes(self) -> list[str]:
        return [each for name, error in self.pump.crashes for each in _fatal(name, error)]


@dataclass
class People:
    """Ana, who answers every question, and whoever repairs a service that no restart heals."""

    stage: Stage
    service: str
    broken: bool = False
    repair_at: float = LAST_RESORT
    questions: dict[tuple[str, str], float] = field(default_factory=dict)

    def act(self) -> bool:
        """Does what is due; whether there was anything."""
        outside, now = self.stage.outside, self.stage.outside.clock.seconds
        if not self.broken and now >= BREAKS:
            self.broken = True
            outside.host.advance()
            outside.host.world.break_(self.service)
            return True
        if self.repair_at <= now:
            self.repair_at = float("inf")
            outside.host.advance()
            outside.host.world.heal(self.service)
            return True
        self._look()
        for question, at in self.questions.items():
            if at <= now:
                taken = outside.people.press("U0ANA", "approve") == 200
                self.questions[question] = float("inf") if taken else now + PRESSES_AGAIN
                return True
        return False

    def next(self) -> float | None:
        """When there is something to do."""
        times = [BREAKS] if not self.broken else [self.repair_at, *self.questions.values()]
        times = [each for each in times if each < float("inf")]
        if self.stage.outside.host.world.services[self.service].fault is None and self.broken:
            times = [each for each in times if each != self.repair_at]
        return min(times) if times else None

    def _look(self) -> None:
        outside, now = self.stage.outside, self.stage.outside.clock.seconds
        shown = outside.space.messages.get("C0INCIDENTS", [])
        standing = {(each["ts"], value) for each in shown for value in _buttons(each).get("approve", ())}
        for question in sorted(standing):
            self.questions.setdefault(question, now + ANSWERS)
        for question in set(self.questions) - standing:
            self.questions[question] = float("inf")
        if self.service == "search" and self.repair_at == LAST_RESORT:
            failed = any(
                f'"type":"{facts.RecoveryFailed.__name__}"' in row.item["entry"]["S"]
                for rows in outside.rows.values()
                for row in rows.values()
            )
            self.repair_at = now + REPAIRED if failed else LAST_RESORT


def _fatal(name: str, error: BaseException) -> Iterator[str]:
    if not (name in BY_HAND and isinstance(error, MiddlewatchError)):
        yield f"{name}: {''.join(traceback.format_exception(error))}"


def _buttons(message: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for block in message.get("blocks", ()):
        for element in block.get("elements", ()):
            if "action_id" in element:
                found.setdefault(element["action_id"], []).append(str(element.get("value", "")))
    return found


def _said(outside: Outside) -> list[Said]:
    return [
        Said(
            0.0,
            "",
            each["ts"],
            str(each.get("metadata", {}).get("event_payload", {}).get("key", "")),
            each.get("thread_ts", ""),
            each.get("text", ""),
            (),
        )
        for messages in outside.space.messages.values()
        for each in messages
    ]


def _tickets(outside: Outside) -> list[Ticket]:
    return [
        Ticket(key, issue["fields"]["labels"][0], [each["body"] for each in issue["fields"]["comment"]["comments"]])
        for key, issue in outside.site.issues.items()
    ]
