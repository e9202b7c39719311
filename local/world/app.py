"""The world over HTTP: the AWS APIs at `/`, and `/_world/...` for whoever directs the demo."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any

from botocore.parsers import ResponseParserError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.world import cloudwatch, ecs, logs, wire
from local.world.clock import digest
from local.world.model import NoSuchServiceError
from local.world.scenarios import FAULTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from local.world.alarms import Alarms

BEAT = 0.1
RETRY = 0.5
SERVICES = ("ecs", "cloudwatch", "logs")


class Host:
    """A world that moves with the wall clock, its alarms, and where their events go."""

    def __init__(
        self,
        alarms: Alarms,
        now: Callable[[], float],
        emit: Callable[[dict[str, Any]], None],
        keep: Callable[[Alarms, list[dict[str, Any]]], None] = lambda _alarms, _unsent: None,
    ) -> None:
        """Hold the world; `emit` may block and may raise `OSError`, whereupon the event is sent again later."""
        self.alarms, self.world, self.now, self.emit, self.keep = alarms, alarms.world, now, emit, keep
        self.unsent: list[dict[str, Any]] = []
        self.calls: dict[str, int] = {}
        self.callers: dict[str, dict[str, int]] = {}
        self.metrics_read = 0
        self.outages: dict[str, str] = {}
        self.emitted = 0

    def advance(self) -> None:
        """Move the world to now and note what its alarms say."""
        self.unsent += self.alarms.advance(self.now())

    async def beat(self) -> None:
        """Move the world for as long as it stands, and keep it every tenth time."""
        for count in itertools.count():
            self.advance()
            if count % 10 == 0:
                self.keep(self.alarms, self.unsent)
            await asyncio.sleep(BEAT)

    async def send(self) -> None:
        """Send each event in order, again and again until the bus takes it."""
        while True:
            if not self.unsent:
                await asyncio.sleep(BEAT / 2)
                continue
            try:
                await asyncio.to_thread(self.emit, self.unsent[0])
            except OSError:
                await asyncio.sleep(RETRY)
                continue
            del self.unsent[0]
            self.emitted += 1
            self.keep(self.alarms, self.unsent)

    def answer(self, call: wire.Call) -> dict[str, Any]:
        """Return what the API answers to a call."""
        self.advance()
        key = f"{call.service}:{call.operation}"
        self.calls[key] = self.calls.get(key, 0) + 1
        if outage := self.outages.get(call.service):
            codes = {"denied": ("AccessDeniedException", 400), "throttled": ("ThrottlingException", 400)}
            code, status = codes.get(outage, ("ServiceUnavailable", 503))
            raise wire.AwsError(code, f"The world was told that {call.service} is {outage}", status)
        if call.service == "ecs" and (ask := ecs.OPERATIONS.get(call.operation)):
            answer = ask(self.world, call.parameters)
            if call.operation == "UpdateService":
                self.keep(self.alarms, self.unsent)
            return answer
        if call.service == "logs" and (ask := logs.OPERATIONS.get(call.operation)):
            return ask(self.world, call.parameters)
        if call.service == "cloudwatch" and (read := cloudwatch.OPERATIONS.get(call.operation)):
            return read(self.alarms, call.parameters)
        code = "UnknownOperationException"
        raise wire.AwsError(code, f"This world does not answer {call.operation}")

    def remember(self, authorization: str, call: wire.Call) -> None:
        """Count a call for the access key that signed it."""
        key = authorization.partition("Credential=")[2].partition("/")[0]
        counted = self.callers.setdefault(key, {})
        name = f"{call.service}:{call.operation}"
        counted[name] = counted.get(name, 0) + 1
        self.metrics_read += sum("MetricStat" in query for query in call.parameters.get("MetricDataQueries", ()))

    def state(self) -> dict[str, Any]:
        """Return what a director wants to know of every service."""
        return {
            "services": {
                name: {
                    "cluster": service.spec.cluster,
                    "tier": service.spec.tier,
                    "fault": service.fault.name if service.fault else None,
                    "desired": service.desired,
                    "running": len(service.running()),
                    "afflicted": sum(task.afflicted for task in service.running()) if service.fault else 0,
                    "deployment": service.primary.id,
                    "rollout": service.primary.state,
                    "task_definition": f"{service.family}:{service.primary.revision}",
                    "updates": len(service.updates),
                    "update_calls": [
                        {"at": update.at, "what": update.what, "deployment": update.deployment}
                        for update in service.updates
                    ],
                }
                for name, service in self.world.services.items()
            },
            "alarms": {
                name: {
                    "state": alarm.state.value,
                    "since": alarm.state.at,
                    "service": alarm.service.name if alarm.service else "",
                }
                for name, alarm in self.alarms.all.items()
            },
            "faults": {fault.name: fault.story for fault in FAULTS.values()},
            "calls": self.calls,
            "callers": self.callers,
            "metrics_read": self.metrics_read,
            "events_sent": self.emitted,
        }


def _asked(body: bytes) -> dict[str, Any]:
    asked = json.loads(body or b"{}")
    if not isinstance(asked, dict):
        raise ValueError("an object is wanted")  # noqa: TRY004 - as for whatever else is no such JSON
    return asked


def build(host: Host) -> Starlette:
    """Return the application of a host."""

    async def aws(request: Request) -> Response:
        call, request_id = None, digest(id(request), host.now())[:32]
        try:
            call = wire.read(request.url.path, request.headers, await request.body())
            host.remember(request.headers.get("authorization", ""), call)
            answer = wire.write(call, host.answer(call), request_id)
        except wire.AwsError as error:
            answer = wire.write_error(call, error, request_id)
        except (ResponseParserError, KeyError) as error:
            bad = wire.AwsError("SerializationException", f"{type(error).__name__}: {error}")
            answer = wire.write_error(call, bad, request_id)
        return Response(answer.body, answer.status, answer.headers)

    async def change(request: Request) -> Response:
        try:
            asked = _asked(await request.body())
            name = str(asked["service"])
            host.advance()
            if request.url.path.endswith("/break"):
                fault = host.world.break_(name, asked.get("fault"))
                host.keep(host.alarms, host.unsent)
                return JSONResponse({"service": name, "fault": fault.name, "story": fault.story})
            host.world.heal(name)
            host.keep(host.alarms, host.unsent)
            return JSONResponse({"service": name, "fault": None})
        except NoSuchServiceError as error:
            return JSONResponse({"error": f"no service {error}"}, 404)
        except (KeyError, ValueError) as error:
            return JSONResponse({"error": f"unknown or missing: {error}"}, 422)

    async def outage(request: Request) -> Response:
        try:
            asked = _asked(await request.body())
        except ValueError as error:
            return JSONResponse({"error": f"unknown or missing: {error}"}, 422)
        service, mode = str(asked.get("service")), str(asked.get("mode"))
        if service not in SERVICES or mode not in {"ok", "denied", "throttled", "down"}:
            return JSONResponse({"error": "service: ecs|cloudwatch|logs, mode: ok|denied|throttled|down"}, 422)
        host.outages.pop(service, None)
        if mode != "ok":
            host.outages[service] = mode
        return JSONResponse({"outages": host.outages})

    async def state(_: Request) -> Response:
        host.advance()
        return JSONResponse(host.state())

    @contextlib.asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        jobs = [asyncio.create_task(host.beat()), asyncio.create_task(host.send())]
        yield
        for job in jobs:
            job.cancel()

    routes = [
        Route("/_world/break", change, methods=["POST"]),
        Route("/_world/heal", change, methods=["POST"]),
        Route("/_world/outage", outage, methods=["POST"]),
        Route("/_world/state", state),
        Route("/{path:path}", aws, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=living)
