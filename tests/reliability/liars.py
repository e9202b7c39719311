"""Alarms that lie: seeded sequences of hostile alerts beside an honest incident, over the real stages.

A lying source has the keys of every HTTP format, publishes to a topic, and writes to the queue itself. In half of the
nights it may speak of the service `search` alone, in the others of all. It claims, clears, repeats and floods, with the
honest alarm's own names, ids and targets, and CloudWatch shows a breach of every metric that is asked for. Whatever it
says: nothing is done because of it, it clears nothing that another raised, people are called to whatever rings, and
every alert that rings is on record. Of what it was not given it changes nothing: the honest incident takes the very
course that it takes without any lie.

`python -m tests.reliability.liars --size 500 --seed 1`
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from functions.alert_intake.intake import origin_of, take_in
from functions.http_api.accept import Deps, Rejected, accept
from functions.investigation.investigate import Aws, on_aws, stage
from functions.investigation.reading import Draft, Job, Reading
from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.policy import Policy
from local import reference
from shared import facts, keys
from shared.alert import Alert, as_text
from shared.alerts.parse import parse
from shared.config import Config, Limits, Source
from shared.configuration import located
from shared.decide import Message, Stage, decide
from shared.errors import Refused, Unavailable
from shared.intake import Intake, receive, told_by
from shared.redaction import redact
from tests.ai_assessment.evidence import the_data
from tests.builders import an_intake
from tests.lifecycle.house import CONFIG, MANIFESTS, House
from tests.reliability.table import Row, by_itself

if TYPE_CHECKING:
    from shared.entry import Entry
    from shared.incident import Incident

THEIRS = "arn:aws:sns:eu-west-1:123456789012:theirs"
SEARCH, ALL = "ecs:shop/search", "ecs:shop/*"
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
FORMATS = ("grafana", "alertmanager", "generic", "cloudwatch")
SERVICES = ("orders", "payments", "search", "nothing", "*", "")
NAMES = ("orders-5xx", "orders-old", "db-cpu", "payments-5xx", "search-5xx", "invented")
AIMED = ("orders-5xx", "db-cpu")
"""The honest alarm itself, and one that does ring."""
MUTE = Logger(service="liars", level="CRITICAL")
FAST = 5
"""Steps of a minute each, in which the honest alarm rings, is mended and clears; the others take eight."""
TOLD = (facts.MessageSent, facts.MessageFailed, facts.TicketCreated, facts.TicketUpdated)


KINDS = (
    ("lies beside an honest alarm", True, SEARCH),
    ("nothing but lies", False, SEARCH),
    ("lies about a given target", False, ALL),
    ("the same beside an honest alarm", True, ALL),
)


@cache
def config(*targets: str) -> Config:
    """The starter configuration, in which every source but the default bus may speak of these targets alone."""
    sources = tuple(
        Source.model_validate({"name": kind, "kind": kind, "secret": f"source_{kind}", "targets": targets})
        for kind in FORMATS
    )
    way = Source(name="theirs", kind="topic", topic=THEIRS, targets=targets)
    limits = CONFIG.policy_data["limits"] | {"rounds_per_source_per_hour": 5}
    return CONFIG.model_copy(update={"sources": sources, "ways": (way,), "policy_data": {"limits": limits}})


@cache
def policy() -> Policy:
    """Asked with patience: how busy the machine is must not decide."""
    return Policy(config(SEARCH).policy, config(SEARCH).policy_data, seconds=60)


class Sky:
    """CloudWatch: one alarm of `orders` that rings as long as it fails, one that is clear, one about something else."""

    def __init__(self, ship: Ship) -> None:
        self.ship = ship

    def describe_alarms(self, AlarmNames: Sequence[str], **_: object) -> Mapping[str, Any]:  # noqa: N803 - boto3's
        rings = "ALARM" if self.ship.firing else "OK"
        known = {"orders-5xx": (rings, "orders"), "orders-old": ("OK", "orders"), "db-cpu": ("ALARM", "")}
        described = [_described(name, *known[name]) for name in AlarmNames if name in known]
        return {"MetricAlarms": described, "CompositeAlarms": []}

    def get_metric_data(self, MetricDataQueries: Sequence[Mapping[str, Any]], **given: Any) -> Mapping[str, Any]:  # noqa: N803
        end = given["EndTime"] - timedelta(minutes=2)
        moments = [end - timedelta(minutes=number) for number in range(5)]
        values = [1e9] * len(moments)
        return {
            "MetricDataResults": [
                {"Id": each["Id"], "Timestamps": moments, "Values": values} for each in MetricDataQueries
            ]
        }


def _described(name: str, state: str, service: str) -> Mapping[str, Any]:
    shop = [{"Name": "ClusterName", "Value": "shop"}, {"Name": "ServiceName", "Value": service}]
    return {
        "AlarmName": name,
        "AlarmArn": ARN + name,
        "StateValue": state,
        "Namespace": "Shop",
        "MetricName": "Errors5xx",
        "Dimensions": shop if service else [{"Name": "Database", "Value": "main"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


@dataclass
class Ship(House):
    """The product, told of alerts in every way that there is, and reading CloudWatch by its real code."""

    config: Config = field(default_factory=partial(config, SEARCH))
    cleared_at: datetime | None = None
    lost_words: list[str] = field(default_factory=list)
    relayed: dict[str, int] = field(default_factory=dict)
    later: list[tuple[datetime, tuple[str, Message]]] = field(default_factory=list)

    def _deliver(self, waiting: tuple[str, Message]) -> None:
        """One delivery; one that has to come again does so in its time, and holds up no other."""
        name, message = waiting
        try:
            self.functions[name](message)
        except Unavailable as error:
            self.later.append((self.clock.now + timedelta(seconds=error.retry_after or 2), waiting))

    def _publish(self) -> None:
        """What is new on each timeline, what the relay publishes again because of it, and what comes again."""
        self.waiting += [each for due, each in self.later if due <= self.clock.now]
        self.later = [(due, each) for due, each in self.later if due > self.clock.now]
        for incident_id, timeline in self.store.timelines.items():
            fresh = timeline[self.relayed.get(incident_id, 0) :]
            self.relayed[incident_id] = len(timeline)
            relayed = [each for entry in fresh for each in (*self._again(entry), entry)]
            self.waiting += [(name, pointer(entry)) for entry in relayed for name in readers(entry.fact.type)]

    def bus(self, state: str) -> None:
        """The honest alarm, as AWS tells of it."""
        self.firing = state == "ALARM"
        self.cleared_at = None if self.firing else self.clock.now
        take_in(event("orders-5xx", "orders", state, self.clock.now), self._intake(), MUTE)

    def lie(self, way: str, payload: Any) -> None:
        """A lie, however it comes; what it rings with must be on record afterwards."""
        if way in FORMATS:
            self._over_http(way, payload)
            return
        body = payload
        if way == "topic":
            body = {"Type": "Notification", "TopicArn": THEIRS, "MessageId": "m", "Message": json.dumps(payload)}
        try:
            take_in(body, self._intake(), MUTE)
        except Refused:
            return  # in quarantine, with its reason
        self._on_record(parse(body, "auto", self.clock.now).alerts, origin_of(body))

    def _over_http(self, name: str, payload: Any) -> None:
        intake = self._intake()
        nobody: Any = None
        deps = Deps(
            timeline=self.store,
            state=self.store,
            config=self.config,
            clock=self.clock,
            logger=MUTE,
            secret=lambda _: "key",
            parse=parse,
            locate=partial(located, self.config, account=intake.account, region=intake.region),
            receive=partial(receive, intake=intake),
            certificate=nobody,
            confirm=nobody,
            checks={},
            environment="test",
        )
        headers = {"x-api-key": ["key"]}
        try:
            accept(name, lambda each: headers.get(each.lower(), []), json.dumps(payload).encode(), deps)
        except (Refused, Rejected):
            return  # and the caller is told why
        written = "ecs" if payload.get("source") == "aws.ecs" else name
        self._on_record(parse(payload, written, self.clock.now).alerts, name)

    def _on_record(self, alerts: Sequence[Alert], origin: str) -> None:
        for alert in (told_by(alert, origin) for alert in alerts if alert.state == "firing"):
            apart = alert.model_copy(update={"fingerprint": f"{alert.fingerprint}.beyond"})
            if not self._known(alert) and not self._known(apart):
                self.lost_words.append(f"{origin}: {alert.title}")

    def _known(self, alert: Alert) -> bool:
        counted = any(key.startswith("counted#") and key.endswith(f"#{alert.fingerprint}") for key in self.store.items)
        return counted or self.store.get(keys.delivery(alert.delivery)) is not None

    def _intake(self) -> Intake:
        return an_intake(
            self.store,
            config=self.config,
            clock=self.clock,
            cluster="shop",
            limits=Limits.model_validate(self.config.policy_data["limits"]),
            new_id=lambda _now: f"INC-261121-{len(self.store.timelines) + 1:06}",
        )

    def _functions(self) -> Any:
        functions = super()._functions()
        nobody: Any = None
        sky: Any = Sky(self)
        aws = Aws(lambda _: nobody, lambda _: sky, nobody, region="eu-west-1", account="123456789012", cluster="shop")
        reads = on_aws(aws, self.config)

        def plan(incident: Incident, now: datetime) -> list[Job]:
            alarms = [job for job in reads(incident, now) if job.source == "cloudwatch"]
            return [*alarms, Job("ecs", "the service", self._service)] if incident.target else alarms

        reading = stage(plan, redact, 5, self.clock, gather=one_by_one)
        gate = Gate(self.config, policy().decide, patience=timedelta(minutes=30))
        deciding: Stage[Any] = Stage(
            "policy_gate",
            sealing(gate.conclude, self.seals),
            prepare=recall(self.store, self.clock, self.seals),
        )
        return {
            **functions,
            "investigation": lambda message: decide(message, reading, self.store, self.clock),
            "policy_gate": lambda message: decide(message, deciding, self.store, self.clock),
        }

    def _service(self) -> Reading:
        """Every service looks as if a restart were safe."""
        told = the_data(cloudwatch_alarm=None, cloudwatch_metric=None)
        drafts = tuple(
            Draft(name.replace("_", ".", 1), name.partition("_")[0], "q", name, data) for name, data in told.items()
        )
        seen = self.ecs.seen
        binding = {name: seen[name] for name in ("deployment", "task_definition", "desired_count")}
        return Reading(drafts, binding=binding)


@cache
def readers(kind: str) -> tuple[str, ...]:
    """The functions whose rule lets this type of fact through."""
    return tuple(name for name, manifest in MANIFESTS.items() if kind in reference.consumed(manifest))


def pointer(entry: Entry) -> Message:
    """What the bus carries."""
    return Message(entry.incident_id, entry.id, entry.hash, entry.fact.type)


def one_by_one(jobs: Sequence[Job], _seconds: float) -> list[Reading]:
    """Every read, and what follows from it, in one thread."""
    readings, waiting = list[Reading](), list(jobs)
    while waiting:
        readings.append(waiting.pop(0).read())
        waiting += readings[-1].then
    return readings


# What liars send


def event(name: str, service: str, state: str, at: datetime, threshold: float = 0) -> dict[str, Any]:
    """CloudWatch's event about an alarm of that name on a metric of that service."""
    dimensions = {"ClusterName": "shop", "ServiceName": service} if service else {}
    metric = {"namespace": "AWS/ApplicationELB", "name": "RequestCount", "dimensions": dimensions}
    reason = f"Threshold Crossed: 3 out of the last 3 datapoints were greater than the threshold ({threshold})."
    return {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": [ARN + name],
        "detail": {
            "alarmName": name,
            "state": {"value": state, "timestamp": as_text(at), "reason": reason},
            "previousState": {"value": "ALARM", "timestamp": as_text(at - timedelta(hours=2))},
            "configuration": {"metrics": [{"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}}]},
        },
    }


def notification(name: str, service: str, state: str, at: datetime) -> dict[str, Any]:
    """The same as an alarm publishes it to SNS."""
    dimensions = [{"name": "ClusterName", "value": "shop"}, {"name": "ServiceName", "value": service}]
    return {
        "AlarmName": name,
        "AlarmArn": ARN + name,
        "AWSAccountId": "123456789012",
        "NewStateValue": state,
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": as_text(at),
        "Trigger": {
            "MetricName": "RequestCount",
            "Namespace": "AWS/ApplicationELB",
            "Statistic": "SUM",
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0.0,
            "Dimensions": dimensions if service else [],
        },
    }


def failure(service: str, at: datetime) -> dict[str, Any]:
    """ECS's event about a deployment that failed."""
    return {
        "source": "aws.ecs",
        "detail-type": "ECS Deployment State Change",
        "account": "123456789012",
        "region": "eu-west-1",
        "resources": [f"arn:aws:ecs:eu-west-1:123456789012:service/shop/{service or 'x'}"],
        "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED", "eventType": "ERROR", "updatedAt": as_text(at)},
    }


def group(dice: random.Random, fingerprints: Sequence[str], name: str, service: str, state: str, at: datetime) -> Any:
    """A webhook of Grafana or Alertmanager."""
    labels = {"alertname": name, "ecs_cluster": "shop", "ecs_service": service, "account_id": "123456789012"}
    named = dice.choice([labels, {"alertname": name, "service_name": service}, {"alertname": name}])
    return {
        "status": "firing",
        "alerts": [
            {
                "status": {"OK": "resolved"}.get(state, "firing"),
                "labels": {**named, "severity": dice.choice(["critical", "low"]), "aws_region": "eu-west-1"},
                "startsAt": as_text(at),
                "endsAt": as_text(at),
                "fingerprint": dice.choice(fingerprints),
            }
        ],
    }


def plain(dice: random.Random, fingerprints: Sequence[str], name: str, service: str, state: str, at: datetime) -> Any:
    """An alert in the generic form."""
    detail = {"service_name": service, "summary": name, "state": state, "time": as_text(at), "severity": "critical"}
    cluster = dice.choice([{"cluster_name": "shop"}, {}])
    reference = dice.choice([ARN + name, *fingerprints, f"{dice.random()}"])
    return {"incident_id": reference, "account": "123456789012", "region": "eu-west-1", "detail": {**detail, **cluster}}


def lies(dice: random.Random, now: datetime, fingerprints: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """One lie, or a flood of them: (way, payload)."""
    aimed = dice.random() < 1 / 2
    name, service = (dice.choice(AIMED), "orders") if aimed else (dice.choice(NAMES), dice.choice(SERVICES))
    state = dice.choice(["ALARM", "ALARM", "OK", "OK", "INSUFFICIENT_DATA"])
    at = now + dice.choice([timedelta(), timedelta(minutes=9), timedelta(hours=1), timedelta(days=-365)])
    known = [*fingerprints, "f1", f"{dice.getrandbits(64):x}"]
    said: dict[str, Callable[[], Any]] = {
        "grafana": partial(group, dice, known, name, service, state, at),
        "alertmanager": partial(group, dice, known, name, service, state, at),
        "generic": partial(plain, dice, known, name, service, state, at),
        "cloudwatch": lambda: dice.choice([event(name, service, state, at), failure(service, at)]),
        "topic": lambda: dice.choice(
            [event(name, service, state, at), notification(name, service, state, at), failure(service, at)]
        ),
        "queue": lambda: dice.choice(
            [
                notification(name, service, state, at),
                {"Records": [{"body": json.dumps(event(name, service, state, at))}]},
            ]
        ),
    }
    way = dice.choice(["cloudwatch", "topic"] if aimed else list(said))
    yield way, said[way]()
    if dice.random() < 1 / 8:
        about = dice.choice(SERVICES)
        for number in range(dice.randint(10, 40)):
            yield "generic", plain(dice, [f"flood-{number}"], f"flood {number}", about, "ALARM", now)
            yield "topic", event(f"flood-{number}", about, "ALARM", now)


# One night


def night(dice: random.Random | None, *, honest: bool, targets: str = SEARCH) -> Ship:
    """Two hours with or without liars, and with or without an alarm that is true."""
    ship = Ship("orders", config=config(targets))
    rings, clears = partial(ship.bus, "ALARM"), partial(ship.bus, "OK")
    steps: list[Callable[[], None] | None] = [rings, None, None, None, clears, *[None] * 5]
    for number, step in enumerate(steps):
        _interrupt(ship, dice)
        if step and honest:
            step()
        if dice and dice.random() < 1 / 2:
            _interrupt(ship, dice)  # before anybody looked
        ship.settle()
        _interrupt(ship, dice)
        ship.settle()
        ship.wait(minutes=1 if number < FAST else 8)
    ship.wait(minutes=45)
    return ship


def _interrupt(ship: Ship, dice: random.Random | None) -> None:
    if dice is None or dice.random() < 1 / 3:
        return
    known = [fingerprint for each in ship.store.timelines for fingerprint in ship.store.read(each).incident.alarms]
    for way, payload in lies(dice, ship.clock.now, known):
        ship.lie(way, payload)


def honest_course(ship: Ship) -> list[tuple[str, datetime]]:
    """What happened in the incident of the honest alarm, and when; not who was told of it."""
    for incident_id in ship.store.timelines:
        history = ship.store.read(incident_id)
        if history.incident.target and history.incident.target.short == "ecs:shop/orders":
            return [(each.fact.type, each.at) for each in history.entries if not isinstance(each.fact, TOLD)]
    return []


@cache
def undisturbed() -> tuple[list[tuple[str, datetime]], list[str]]:
    """The course that the honest incident takes without any lie, and what is done then."""
    ship = night(None, honest=True)
    return honest_course(ship), list(ship.ecs.updates)


def broken(ship: Ship, *, honest: bool, targets: str = SEARCH) -> list[str]:
    """What the liars achieved."""
    wrong = [
        *ship.lost_words,
        *(_disturbed(ship, honest=honest) if targets == SEARCH else _silenced(ship, honest=honest)),
    ]
    for incident_id in ship.store.timelines:
        incident = ship.store.read(incident_id).incident
        rings = any(alarm.state == "firing" for alarm in incident.alarms.values())
        if rings and not incident.escalated_at and incident.status == "open":
            wrong.append(f"{incident_id} rings, and nobody was called")
    try:
        ship.check_promises()
    except AssertionError as error:
        wrong.append(f"a promise does not hold: {error}")
    return wrong


def _silenced(ship: Ship, *, honest: bool) -> list[str]:
    """Whoever may speak of a target can have people called to it, and no more: nothing done, nothing cleared."""
    if not honest:
        return [f"done: {ship.ecs.updates}"] if ship.ecs.updates else []
    wrong = [f"done: {ship.ecs.updates}"] if ship.ecs.updates not in ([], ["restart"]) else []
    for incident_id in ship.store.timelines:
        history = ship.store.read(incident_id)
        true = [each for each, alarm in history.incident.alarms.items() if alarm.alert.origin == "default-bus"]
        for entry in history.entries if true else ():
            cleared = isinstance(entry.fact, facts.AlertResolved) and entry.fact.fingerprint in true
            over = cleared or isinstance(entry.fact, facts.IncidentResolved)
            if over and (ship.cleared_at is None or entry.at < ship.cleared_at):
                wrong.append(f"{entry.fact.type} while the honest alarm rang")
        if true and not (history.incident.escalated_at or history.incident.recovered_at):
            wrong.append("nobody saw to the honest alarm")
    return wrong


def _disturbed(ship: Ship, *, honest: bool) -> list[str]:
    """Whoever may not speak of a target changes nothing at all about it."""
    wrong = []
    course, updates = undisturbed() if honest else ([], [])
    if honest_course(ship) != course:
        wrong.append(f"the honest incident went another way: {[kind for kind, _ in honest_course(ship)]}")
    if ship.ecs.updates != updates:
        wrong.append(f"done: {ship.ecs.updates}, and without lies {updates}")
    for incident_id in ship.store.timelines:
        history = ship.store.read(incident_id)
        incident = history.incident
        theirs = {alarm.alert.origin for alarm in incident.alarms.values()} != {"default-bus"}
        target = incident.target.short if incident.target else ""
        if theirs and any(isinstance(each.fact, facts.ActionApproved) for each in history.entries):
            wrong.append(f"{incident_id} about {target}: an action was let go")
        if theirs and target not in {"", "ecs:shop/search"}:
            wrong.append(f"{incident_id} is about {target}, of which they may not speak")
    return wrong


def run(size: int, seed: int) -> list[Row]:
    """`size` nights of lies: with and without an honest alarm, by sources that may not and that may speak of it."""
    rows = []
    for what, honest, targets in KINDS:
        started, violations, remark, told = time.perf_counter(), 0, "", 0
        for number in range(size // len(KINDS)):
            ship = night(random.Random(f"{seed}/{honest}/{number}"), honest=honest, targets=targets)
            told += sum(len(ship.store.read(each).incident.alarms) for each in ship.store.timelines)
            if wrong := broken(ship, honest=honest, targets=targets):
                violations += 1
                remark = remark or f"{seed}/{honest}/{number}/{targets}: {'; '.join(wrong)[:300]}"
        row = Row(
            what, size // len(KINDS), violations, time.perf_counter() - started, remark or f"{told} alerts in incidents"
        )
        rows.append(row)
    return rows


if __name__ == "__main__":
    by_itself(run, __doc__, size=200, of="nights")
