"""A world beside a test, or one that runs elsewhere, with the levers that a director needs."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config

from local.standins.serving import serving
from local.world.alarms import Alarms
from local.world.app import Host, build
from local.world.model import Pace, World
from local.world.scenarios import REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Stage:
    """A world's URL and, where it runs beside us, the alarm events that it sent."""

    url: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: Any) -> Any:  # noqa: ANN401  # boto3 makes the client's type from its name
        """Return a real client of ecs, cloudwatch or logs that makes one attempt a call."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  # the world takes any
            config=Config(retries={"total_max_attempts": 1}),
        )

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the world answers to its director; `ValueError` when it refuses."""
        answer = urllib3.request(method, self.url + path, json=body, timeout=5.0)
        told: dict[str, Any] = json.loads(answer.data)
        if answer.status != 200:  # noqa: PLR2004
            raise ValueError(f"{path}: {told}")
        return told

    def break_(self, service: str, fault: str | None = None) -> dict[str, Any]:
        """Break a service, by default in the way that it is known for; returns the fault's name and story."""
        return self.ask("POST", "/_world/break", {"service": service, "fault": fault})

    def heal(self, service: str) -> None:
        """Repair the cause of what is wrong with a service."""
        self.ask("POST", "/_world/heal", {"service": service})

    def outage(self, service: str, mode: str) -> None:
        """Let ecs, cloudwatch or logs be ok, denied, throttled or down."""
        self.ask("POST", "/_world/outage", {"service": service, "mode": mode})

    def state(self) -> dict[str, Any]:
        """Return services, alarms and the counts of calls."""
        return self.ask("GET", "/_world/state")

    def until(self, true: Callable[[], object], seconds: float = 8.0) -> None:
        """Wait until something is true; `TimeoutError` with the state otherwise."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(json.dumps(self.state()))
            time.sleep(0.03)


@contextlib.contextmanager
def staged(speed: float = 4.0) -> Iterator[Stage]:
    """Serve a world of its own on loopback for as long as the block runs."""
    events: list[dict[str, Any]] = []
    with serving(build(Host(Alarms(World(time.time(), pace=Pace.at(speed))), time.time, events.append))) as url:
        yield Stage(url, events)
