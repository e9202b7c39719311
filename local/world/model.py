"""What moves the demo's ECS services: they run, break, are restarted and heal.

Times are epoch seconds. Nothing here reads a clock, the network or a random number: `World.advance(now)` moves
everything in ticks of `TICK` seconds, so that the world is the same however often somebody looks at it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.world.clock import chance, digest
from local.world.scenarios import FAULTS, SERVICES, Death, Fault, ServiceSpec
from local.world.service import Deployment, Event, LogLine, Service, Task, Update, Vitals

if TYPE_CHECKING:
    from collections.abc import Iterable


TICK = 0.1
KEPT_STOPPED = 3600.0
DAY = 86400.0


class NoSuchServiceError(LookupError):
    """Nobody deployed a service of that name."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds.

    `lead` is for how long a fault has shown in metrics and logs when it begins: an alarm is always late, and whoever
    reads the periods before it must find what it saw.
    """

    start: float = 0.5
    drain: float = 0.3
    back_off: float = 0.6
    to_alarm: float = 1.0
    to_ok: float = 1.0
    speed: float = 1.0
    lead: float = 20.0

    @classmethod
    def at(cls, speed: float) -> Pace:
        """Return the pace of a world that runs `speed` times faster than the default."""
        return cls(0.5 / speed, 0.3 / speed, 0.6 / speed, 1.0 / speed, 1.0 / speed, speed)


class World:
    """The services and their time; `advance` moves it, `break_`, `heal` and `update` change it."""

    def __init__(
        self, now: float, *, services: Iterable[ServiceSpec] = SERVICES, pace: Pace | None = None, seed: int = 7
    ) -> None:
        """Make a world in which every service has run well since its last release."""
        self.pace = pace or Pace()
        self.seed = seed
        self.began = now
        self.now = now
        self.services = {spec.name: self._settled(spec) for spec in services}

    def _settled(self, spec: ServiceSpec) -> Service:
        released = self.began - spec.release_age_days * DAY
        revisions = {
            spec.revision - 2: released - 21 * DAY,
            spec.revision - 1: released - 8 * DAY,
            spec.revision: released,
        }
        service = Service(spec=spec, desired=spec.desired, created=self.began - 400 * DAY, revisions=revisions)
        for revision, created in sorted(revisions.items()):
            deployment = self._deployment(service, revision, created)
            deployment.state, deployment.finished = "COMPLETED", created + 190.0
            deployment.reason = f"ECS deployment {deployment.id} completed."
            service.past.append(deployment)
        service.deployments = [service.past[-1]]
        for _ in range(spec.desired):
            task = self._task(service, released)
            task.status, task.started = "RUNNING", released + 42.0
        for back in range(20, -1, -1):
            self._say(service, self.began - back * 21600.0 - 60.0, "(service {service}) has reached a steady state.")
        service.vitals.append((service.created, self._vitals(service)))
        for second in range(300, 0, -10):
            self._log_normal(service, self.began - second)
        return service

    # -- what people and faults do

    def service(self, name: str) -> Service:
        """Return a service; `NoSuchServiceError` when there is none of that name."""
        if name not in self.services:
            raise NoSuchServiceError(name)
        return self.services[name]

    def break_(self, name: str, fault: str | None = None) -> Fault:
        """Let a fault begin, by default the one that the service is known for; KeyError for an unknown fault."""
        service = self.service(name)
        chosen = FAULTS[fault or service.spec.fault]
        service.fault, service.broken_at, service.next_event = chosen, self.now, self.now
        if chosen.new_release:
            self._release_at_once(service)
        running = service.running()
        for task in running[: math.floor(len(running) * chosen.loses)]:
            self._stopped(task, "SpotInterruption", "Your Spot Task was interrupted.", 143)
        running = service.running()
        for task in running[: math.ceil(len(running) * chosen.share)]:
            task.afflicted = True
        self._look_back(service, chosen)
        return chosen

    def heal(self, name: str) -> None:
        """End what is wrong with a service, as if somebody had repaired its cause."""
        service = self.service(name)
        service.fault = None
        service.bad_revision = None
        for task in service.tasks:
            task.afflicted = False
        self._note_vitals(service)

    def update(
        self, name: str, *, force: bool = False, revision: int | None = None, desired: int | None = None
    ) -> Service:
        """Do what UpdateService does; only what changes something is counted as an update."""
        service = self.service(name)
        wanted: list[str] = []
        if desired is not None and desired != service.desired:
            service.desired = desired
            service.primary.updated = self.now
            if service.primary.state == "COMPLETED":
                service.primary.state, service.primary.reason = "IN_PROGRESS", "in progress."
            wanted.append(f"desiredCount={desired}")
        moved = revision is not None and revision != service.primary.revision
        deployment = None
        if force or moved:
            chosen = service.primary.revision if revision is None else revision
            deployment = self._deployment(service, chosen, self.now)
            service.deployments.append(deployment)
            service.past.append(deployment)
            service.next_start = self.now
            wanted.append("forceNewDeployment" if not moved else f"taskDefinition={service.family}:{chosen}")
        if wanted:
            service.updates.append(Update(self.now, ", ".join(wanted), deployment.id if deployment else None))
        self._note_vitals(service)
        return service

    # -- time

    def advance(self, now: float) -> None:
        """Move everything to `now`; going back does nothing."""
        while self.now + TICK <= now:
            self.now += TICK
            for service in self.services.values():
                self._tick(service)

    def _tick(self, service: Service) -> None:
        self._fault_goes_on(service)
        for task in service.tasks:
            self._live(service, task)
        self._schedule(service)
        self._note_vitals(service)
        self._log(service)
        if len(service.tasks) > 2 * service.desired:
            service.tasks = [t for t in service.tasks if t.stopped is None or t.stopped > self.now - KEPT_STOPPED]

    def _fault_goes_on(self, service: Service) -> None:
        fault = service.fault
        if fault is None:
            return
        since = (self.now - service.broken_at) * self.pace.speed
        if fault.lasts is not None and since >= fault.lasts:
            self.heal(service.name)
            return
        if fault.flaps is not None:
            bad = int(since / fault.flaps) % 2 == 0
            for task in service.running():
                task.afflicted = bad
        if fault.event and self.now >= service.next_event and (fault.unplaceable or self._sick(service)):
            service.next_event = self.now + 5.0 / self.pace.speed
            self._say(service, self.now, fault.event)

    @staticmethod
    def _sick(service: Service) -> bool:
        return any(task.afflicted for task in service.running())

    def _live(self, service: Service, task: Task) -> None:
        death = service.fault.death if service.fault and task.afflicted else None
        if task.status == "PENDING" and self.now >= task.created + self.pace.start:
            if death and death.at_start:
                self._die(service, task, death)
            else:
                task.status, task.started = "RUNNING", self.now
        elif task.status == "RUNNING" and death and not death.at_start:
            began = max(task.started or 0.0, service.broken_at)
            life = death.after * (1.0 + 0.5 * chance(task.id))
            if self.now >= began + life / self.pace.speed:
                self._die(service, task, death)
        elif task.status == "DEACTIVATING" and task.stopping and self.now >= task.stopping + self.pace.drain:
            self._stopped(task, task.stop_code, task.stopped_reason, 143)

    def _die(self, service: Service, task: Task, death: Death) -> None:
        image = service.image(task.revision)
        self._stopped(task, death.stop_code, death.reason.format(image=image), death.exit_code)
        task.container_reason = death.container_reason.format(image=image)
        service.next_start = self.now + self.pace.back_off
        deployment = service.primary
        if task.deployment == deployment.id and deployment.state == "IN_PROGRESS":
            deployment.failed += 1
            deployment.updated = self.now
            if service.spec.circuit_breaker and deployment.failed >= max(3, math.ceil(service.desired / 2)):
                self._break_circuit(service)

    def _break_circuit(self, service: Service) -> None:
        failed = service.primary
        failed.state, failed.finished = "FAILED", self.now
        failed.reason = "ECS deployment circuit breaker: tasks failed to start."
        good = [old.revision for old in service.past if old.state == "COMPLETED"]
        self._say(
            service, self.now, f"(service {{service}}) (deployment {failed.id}) deployment failed: {failed.reason}"
        )
        if good:
            back = self._deployment(service, good[-1], self.now)
            back.reason = f"ECS deployment circuit breaker: rolling back to deploymentId {back.id}."
            service.deployments.append(back)
            service.past.append(back)
            self._say(service, self.now, f"(service {{service}}) rolling back to deployment {back.id}.")

    def _schedule(self, service: Service) -> None:
        primary, now = service.primary, self.now
        mine = [t for t in service.tasks if t.live and t.deployment == primary.id]
        old = [t for t in service.tasks if t.live and t.deployment != primary.id]
        starting = any(t.status == "PENDING" for t in mine)
        room = len(mine) + len(old) < 2 * max(service.desired, 1)
        room = room and not (service.fault and service.fault.unplaceable)
        if len(mine) < service.desired and not starting and room and now >= service.next_start:
            task = self._task(service, now)
            self._say(service, now, f"(service {{service}}) has started 1 tasks: (task {task.id}).")
        up = [t for t in mine if t.status == "RUNNING"]
        for extra in mine[service.desired :]:
            self._stop(service, extra)
        if old and len(up) + len(old) > service.desired:
            self._stop(service, min(old, key=lambda t: (not t.afflicted, t.id)))
        if primary.state != "IN_PROGRESS":
            return
        dying = service.fault is not None and service.fault.death is not None
        leaving = any(t.status == "DEACTIVATING" for t in service.tasks)
        if not old and not leaving and len(up) == service.desired and not (dying and any(t.afflicted for t in up)):
            primary.state, primary.finished, primary.updated = "COMPLETED", now, now
            primary.reason = f"ECS deployment {primary.id} completed."
            service.deployments = [primary]
            self._say(service, now, f"(service {{service}}) (deployment {primary.id}) deployment completed.")
            self._say(service, now, "(service {service}) has reached a steady state.")

    # -- small parts

    def _release_at_once(self, service: Service) -> None:
        revision = max(service.revisions) + 1
        service.revisions[revision] = self.now - self.pace.lead - 8.0
        service.bad_revision = revision
        deployment = self._deployment(service, revision, self.now - self.pace.lead)
        for task in service.tasks:
            if task.live:
                self._stopped(task, "ServiceSchedulerInitiated", self._scaled(task), 143)
        service.deployments = [deployment]
        service.past.append(deployment)
        service.next_start = self.now

    def _deployment(self, service: Service, revision: int, created: float) -> Deployment:
        number = int(digest(self.seed, service.name, "deployment", len(service.past), created)[:15], 16)
        return Deployment(
            id=f"ecs-svc/{number % 10**19:019d}",
            revision=revision,
            created=created,
            updated=created,
            reason="ECS deployment in progress.",
        )

    def _task(self, service: Service, created: float) -> Task:
        service.serial += 1
        fault, revision = service.fault, (service.deployments or service.past)[-1].revision
        sick = fault is not None and (fault.contagious or (fault.new_release and revision == service.bad_revision))
        task = Task(
            id=digest(self.seed, service.name, "task", service.serial, created)[:32],
            deployment=(service.deployments or service.past)[-1].id,
            revision=revision,
            created=created,
            afflicted=sick,
        )
        service.tasks.append(task)
        return task

    @staticmethod
    def _scaled(task: Task) -> str:
        return f"Scaling activity initiated by (deployment {task.deployment})"

    def _stop(self, service: Service, task: Task) -> None:
        task.status, task.stopping = "DEACTIVATING", self.now
        task.stop_code, task.stopped_reason = "ServiceSchedulerInitiated", self._scaled(task)
        self._say(service, self.now, f"(service {{service}}) has stopped 1 running tasks: (task {task.id}).")

    def _stopped(self, task: Task, code: str, reason: str, exit_code: int | None) -> None:
        task.status, task.stopped, task.stop_code, task.stopped_reason = "STOPPED", self.now, code, reason
        task.stopping = task.stopping or self.now
        task.exit_code = exit_code

    def _say(self, service: Service, at: float, message: str) -> None:
        text = message.format(service=service.name, target_group_arn=service.target_group_arn)
        number = digest(self.seed, service.name, len(service.events), at, text)
        ident = f"{number[:8]}-{number[8:12]}-4{number[13:16]}-8{number[17:20]}-{number[20:32]}"
        service.events.appendleft(Event(ident, at, text))

    def _look_back(self, service: Service, fault: Fault) -> None:
        since = max(self.now - self.pace.lead, service.vitals[-1][0])
        service.vitals.append((since, self._vitals(service)))
        for second in range(int(self.now - since) if fault.lines else 0):
            for task in [task for task in service.running() if task.afflicted]:
                level, text = fault.lines[second % len(fault.lines)]
                self._write(service, task, since + second, level, text)

    def _note_vitals(self, service: Service) -> None:
        vitals = self._vitals(service)
        if vitals != service.vitals[-1][1]:
            service.vitals.append((self.now, vitals))

    @staticmethod
    def _vitals(service: Service) -> Vitals:
        spec, fault, running = service.spec, service.fault, service.running()
        sick = [task for task in running if task.afflicted] if fault else []
        share = len(sick) / len(running) if running else 0.0
        unhealthy = len(sick) if fault and fault.unhealthy else 0

        def mixed(normal: float, bad: float | None) -> float:
            return normal if bad is None else normal + (bad - normal) * share

        return Vitals(
            desired=service.desired,
            running=len(running),
            healthy=len(running) - unhealthy,
            unhealthy=unhealthy,
            requests=spec.requests if running else 0.0,
            error_rate=fault.error_rate * share if fault else 0.0,
            latency=spec.latency * mixed(1.0, fault.latency if fault else None),
            cpu=mixed(spec.cpu, fault.cpu if fault else None),
            memory=mixed(spec.memory, fault.memory if fault else None),
        )

    def _log(self, service: Service) -> None:
        beat = round((self.now - self.began) / TICK)
        fault = service.fault
        if beat % 10 == 0:
            self._log_normal(service, self.now)
        if fault is None or not fault.lines or beat % 3:
            return
        for task in [t for t in service.running() if t.afflicted]:
            level, text = fault.lines[int(chance(task.id, beat) * len(fault.lines))]
            self._write(service, task, self.now, level, text)

    def _log_normal(self, service: Service, at: float) -> None:
        for task in service.running():
            if not task.afflicted:
                took = service.spec.latency * 1000 * (0.6 + chance(task.id, at))
                self._write(service, task, at, "INFO", f"GET /{service.name}/{{order}} 200 {took:.0f} ms")

    @staticmethod
    def _write(service: Service, task: Task, at: float, level: str, text: str) -> None:
        luck = chance(task.id, at, text)
        order = digest(task.id, at)[:8]
        message = text.format(
            order=order,
            worker=int(luck * 16),
            wait=30 + int(luck * 90),
            revision=task.revision,
            email=f"{('maria.lind', 'j.okafor', 'chen.wei')[int(luck * 3)]}@example.com",
        )
        line = {
            "level": level,
            "logger": f"{service.name}.app",
            "message": message,
            "request_id": digest(order)[:16],
        }
        milliseconds = round(at * 1000) + int(chance(task.id, at, 1) * 90)
        ident = f"{milliseconds:019d}{int(digest(task.id, at, text)[:12], 16):018d}"
        service.log.append(LogLine(ident, milliseconds, f"app/app/{task.id}", json.dumps(line, ensure_ascii=False)))
