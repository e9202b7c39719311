"""A few ECS services: deployments that take their time and may fail, health that follows from them, and alarms.

An alarm changes its state a minute or two after the service's health did, if that lasted, and for no other reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from json import dumps
from typing import Any

from tests.reliability.simulator.loop import START, Loop
from tests.reliability.simulator.stories import Breaks, Deploys, NoData, Rollouts, Scales

ACCOUNT, REGION, CLUSTER = "123456789012", "eu-west-1", "shop"
TO_RING, TO_CLEAR = 125.0, 65.0
"""Seconds that a service must have been ill, or well, before its alarm says so."""
DRAINING = 30.0
"""Seconds that the old tasks take to stop once the new ones run."""
TASKS = 4
TEST_ALARM, RINGS = "middlewatch-canary", 60.0
"""The alarm by which Middlewatch tests itself, and for how long it rings."""
DATA_EVERY = 60.0


@dataclass
class Deployment:
    """One deployment of a service; times in seconds of the loop."""

    id: str
    definition: str
    made_at: float
    changed_at: float
    rollout: str = "IN_PROGRESS"
    status: str = "PRIMARY"


@dataclass(frozen=True, slots=True)
class Effect:
    """A change that an attempt made to a service by ECS's API: when, when it had begun, and on what entry's account.

    `rows` is how many rows all timelines had by then; `primary` is the deployment that the attempt could see when it
    began, and `into` says that it was going on.
    """

    at: float
    began: float
    service: str
    change: str
    about: str
    rows: int
    primary: str
    into: bool


@dataclass
class Alarm:
    """One alarm of a service; `late` is how many seconds after the first one it says the same.

    `said` is when it changed by CloudWatch's own clock, `known` what it said when it had data last.
    """

    name: str
    metric: str
    late: float = 0.0
    state: str = "OK"
    since: float = -86_400.0
    said: datetime | None = None
    known: str = "OK"

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{self.name}"


@dataclass
class Service:
    """One service and how it is."""

    name: str
    deployments: list[Deployment]
    alarms: list[Alarm]
    fault: Breaks | None = None
    health: list[tuple[float, bool]] = field(default_factory=lambda: [(-1e9, True)])
    made: int = 0
    rollouts: int = 0
    seconds: float = 90.0
    ends: dict[int, str] = field(default_factory=dict)
    released: list[tuple[str, float]] = field(default_factory=list)
    blind: bool = False

    @property
    def primary(self) -> Deployment:
        return next(each for each in self.deployments if each.status == "PRIMARY")

    @property
    def well(self) -> bool:
        return self.health[-1][1]

    def was_well(self, at: float) -> bool:
        return next(well for since, well in reversed(self.health) if since <= at)

    def arn_of(self, number: int) -> str:
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{CLUSTER}-{self.name}:{number}"


class World:
    """The services of a story; `rang` hears each event that CloudWatch would put on the default bus."""

    def __init__(self, loop: Loop, names: tuple[str, ...], rang: Callable[[Service, Alarm, str], None]) -> None:
        self.loop, self.rang = loop, rang
        self.services = {name: self._service(name) for name in names}
        self.effects: list[Effect] = []
        self.canary = Service("middlewatch", [], [Alarm(TEST_ALARM, "Invocations")])

    def _service(self, name: str) -> Service:
        days = -3 * 86_400.0
        service = Service(name, [], [Alarm(f"{name}-5xx", "HTTPCode_Target_5XX_Count")])
        definition = service.arn_of(7)
        service.deployments.append(Deployment("ecs-svc/1", definition, days, days + 90, "COMPLETED"))
        service.released = [(definition, days + 90), (service.arn_of(6), 3 * days)]
        service.made = 1
        return service

    @property
    def watched(self) -> tuple[Service, ...]:
        """All that has alarms."""
        return (*self.services.values(), self.canary)

    def rehearse(self, at: float) -> None:
        """Puts a test on the clock."""
        (alarm,) = self.canary.alarms
        self.loop.at(at, lambda: self._change(self.canary, alarm, "ALARM"))
        self.loop.at(at + RINGS, lambda: self._change(self.canary, alarm, "OK"))

    def begin(self, step: Breaks | Deploys | Rollouts | NoData | Scales) -> None:
        """Puts a step of the story on the clock."""
        service = self.services[step.service]
        match step:
            case Breaks():
                self.loop.at(step.at, lambda: self._break(service, step))
            case NoData(seconds=seconds):
                self.loop.at(step.at, lambda: self._blind(service, blind=True))
                self.loop.at(step.at + seconds, lambda: self._blind(service, blind=False))
            case Scales(seconds=seconds):
                self.loop.at(step.at, lambda: self._scale(service, seconds))
            case Deploys(release=release):
                self.loop.at(step.at, lambda: self._deploy(service, release=release))
            case Rollouts(seconds=seconds, number=number, ends=ends):
                service.seconds = seconds
                service.ends[number] = ends

    def change(self, service: Service, change: str, definition: str, rows: int) -> None:
        """What UpdateService does, noted."""
        running = self.loop.running
        began, about = (running.began, running.about) if running is not None else (self.loop.now, "")
        seen = next(each for each in service.deployments if each.made_at <= began)
        self.effects.append(
            Effect(self.loop.now, began, service.name, change, about, rows, seen.id, seen.rollout == "IN_PROGRESS")
        )
        self._start(service, definition)

    def _break(self, service: Service, fault: Breaks) -> None:
        service.fault = fault
        self._feel(service, well=False)
        if fault.passes:
            self.loop.after(fault.passes, lambda: self._heal(service, fault))

    def _heal(self, service: Service, fault: Breaks) -> None:
        if service.fault is fault:
            service.fault = None
            self._feel(service, well=True)

    def _deploy(self, service: Service, *, release: bool) -> None:
        number = int(service.primary.definition.rpartition(":")[2]) + release
        self._start(service, service.arn_of(number))

    def _scale(self, service: Service, seconds: float) -> None:
        scaled = service.primary
        if scaled.rollout == "COMPLETED":
            self.loop.applied["scaled by others"] += 1
            scaled.rollout = "IN_PROGRESS"
            self.loop.after(seconds, lambda: self._scaled(scaled))

    def _scaled(self, deployment: Deployment) -> None:
        if deployment.rollout == "IN_PROGRESS":
            deployment.rollout, deployment.changed_at = "COMPLETED", self.loop.now

    def _start(self, service: Service, definition: str) -> Deployment:
        for each in service.deployments:
            each.status = "ACTIVE"
            each.rollout = "COMPLETED" if each.rollout == "IN_PROGRESS" else each.rollout
        service.made += 1
        service.rollouts += 1
        made = Deployment(f"ecs-svc/{service.made}", definition, self.loop.now, self.loop.now)
        service.deployments.insert(0, made)
        end = service.ends.get(service.rollouts, "completed")
        self.loop.after(service.seconds, lambda: self._rolled_out(service, made, end))
        return made

    def _rolled_out(self, service: Service, made: Deployment, end: str) -> None:
        if made.status != "PRIMARY":
            return
        made.changed_at = self.loop.now
        if end == "completed":
            made.rollout = "COMPLETED"
            if made.definition != service.released[0][0]:
                service.released.insert(0, (made.definition, self.loop.now))
            self.loop.after(DRAINING, lambda: self._drained(service, made))
            self._cured(service, made)
            return
        made.rollout = "FAILED"
        if end == "rolled back":
            self._start(service, service.released[0][0])

    def _drained(self, service: Service, made: Deployment) -> None:
        if made.status == "PRIMARY":
            service.deployments = [made]

    def _cured(self, service: Service, made: Deployment) -> None:
        fault = service.fault
        back = fault is not None and fault.cure == "rollback" and made.definition == service.arn_of(7)
        if fault and (fault.cure == "restart" or back) and made.made_at >= fault.at:
            self._heal(service, fault)

    def _feel(self, service: Service, *, well: bool) -> None:
        if service.well == well:
            return
        now = self.loop.now
        service.health.append((now, well))
        for alarm in service.alarms:
            wait = (TO_CLEAR if well else TO_RING) + alarm.late
            self.loop.after(wait, partial(self._say, service, alarm, now))

    def _say(self, service: Service, alarm: Alarm, since: float) -> None:
        lasted = max(at for at, _ in service.health if at <= self.loop.now - alarm.late) == since
        state = "OK" if service.was_well(since) else "ALARM"
        if lasted and not service.blind:
            self._change(service, alarm, state)

    def _blind(self, service: Service, *, blind: bool) -> None:
        """Its alarms have no data, and say so, or have some again, and say what is true."""
        service.blind = blind
        self.loop.applied["no data"] += blind
        for alarm in service.alarms:
            settled = self.loop.now - alarm.late - (TO_CLEAR if service.well else TO_RING)
            known = service.was_well(settled) if service.health[-1][0] <= settled else alarm.known == "OK"
            self._change(service, alarm, "INSUFFICIENT_DATA" if blind else "OK" if known else "ALARM")

    def _change(self, service: Service, alarm: Alarm, state: str) -> None:
        if alarm.state == state:
            return
        previous, alarm.state, alarm.since = (alarm.state, alarm.since), state, self.loop.now
        alarm.known = alarm.known if state == "INSUFFICIENT_DATA" else state
        self.rang(service, alarm, dumps(self.event(service, alarm, previous)))

    def event(self, service: Service, alarm: Alarm, previous: tuple[str, float]) -> dict[str, Any]:
        """`CloudWatch Alarm State Change`, as EventBridge has it; its times are by CloudWatch's own clock."""
        at = self.loop.time("cloudwatch")
        alarm.said = at
        dimensions = {"ClusterName": CLUSTER, "ServiceName": service.name}
        metric = {"namespace": "Shop", "name": alarm.metric, "dimensions": dimensions}
        return {
            "version": "0",
            "id": f"{alarm.name}-{self.loop.now}",
            "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch",
            "account": ACCOUNT,
            "time": at.isoformat(),
            "region": REGION,
            "resources": [alarm.arn],
            "detail": {
                "alarmName": alarm.name,
                "state": {
                    "value": alarm.state,
                    "reason": "Threshold Crossed: 40 was greater than 5",
                    "timestamp": at.isoformat(),
                },
                "previousState": {
                    "value": previous[0],
                    "reason": "",
                    "timestamp": (at + timedelta(seconds=previous[1] - self.loop.now)).isoformat(),
                },
                "configuration": {
                    "description": "severity=high",
                    "metrics": [
                        {"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}, "returnData": True}
                    ],
                },
            },
        }

    def values(self, service: Service, metric: str, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
        """One value a minute, as its health makes it."""
        first, last = (start - START).total_seconds(), (end - START).total_seconds()
        at = (first // DATA_EVERY + 1) * DATA_EVERY
        found = []
        while at < min(last, self.loop.now):
            found.append((START + timedelta(seconds=at), _value(metric, well=service.was_well(at))))
            at += DATA_EVERY
        return found


def _value(metric: str, *, well: bool) -> float:
    match metric:
        case "HealthyHostCount":
            return 9.0 if well else 0.0
        case "TargetResponseTime":
            return 0.05 if well else 9.0
    return 0.0 if well else 40.0
