"""The demo's world, and an incident that one of its alarms opened, for whoever wants evidence of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
from botocore.config import Config as ClientConfig

from functions.investigation.investigate import Aws, investigate, on_aws
from local.standins.serving import serving
from local.world.app import build
from local.world.model import Pace, World
from shared.alert import Alert, Breach, Metric
from shared.config import Config
from shared.facts import EvidenceCollected
from shared.history import History
from shared.incident import Incident
from shared.redaction import redact
from shared.target import Target
from tests.builders import INCIDENT, a_config, a_service, an_alert, opened
from tests.fakes.store import MemoryStore

REGION = "us-east-1"
ACCOUNT = "123456789012"


@dataclass
class Demo:
    """A world that runs four times faster, and what its alarms said."""

    url: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=ClientConfig(retries={"total_max_attempts": 1}, read_timeout=5),
        )

    def aws(self, **changes: Any) -> Aws:
        ecs, cloudwatch, logs = (self.client(name) for name in ("ecs", "cloudwatch", "logs"))
        given = {"region": REGION, "account": ACCOUNT} | changes
        return Aws(lambda _: ecs, lambda _: cloudwatch, lambda _: logs, **given)

    def break_(self, service: str, fault: str | None = None) -> None:
        httpx.post(f"{self.url}/_world/break", json={"service": service, "fault": fault}).raise_for_status()

    def outage(self, service: str, mode: str) -> None:
        httpx.post(f"{self.url}/_world/outage", json={"service": service, "mode": mode}).raise_for_status()

    def rang(self, service: str, seconds: float = 8.0) -> dict[str, Any]:
        """The first alarm event about a service, waited for."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for event in self.events:
                detail = event["detail"]
                if detail["alarmName"].startswith(service) and detail["state"]["value"] == "ALARM":
                    return event
            time.sleep(0.02)
        message = f"no alarm about {service} in {seconds} s"
        raise TimeoutError(message)

    def evidence(self, incident: Incident, config: Config, *, seconds: float = 5.0, **aws: Any) -> EvidenceCollected:
        plan = on_aws(self.aws(**aws), config)
        return investigate(incident, 1, plan, redact, seconds, datetime.now(UTC))


@contextmanager
def demo() -> Iterator[Demo]:
    events: list[dict[str, Any]] = []
    with serving(build(World(time.time(), pace=Pace.at(4.0)), time.time, events.append)) as url:
        yield Demo(url, events)


def target(service: str) -> Target:
    return Target(kind="ecs", account=ACCOUNT, region=REGION, name=f"shop/{service}")


def config(service: str, **changes: Any) -> Config:
    return a_config(services=(a_service(name=service, target=target(service), **changes),))


def alert_of(event: dict[str, Any], service: str) -> Alert:
    """What intake makes of an alarm event, as far as investigation reads it."""
    detail = event["detail"]
    at = datetime.fromisoformat(detail["state"]["timestamp"].replace("+0000", "+00:00"))
    metrics = tuple(
        Metric(
            id=each["id"],
            namespace=(stat := each.get("metricStat", {})).get("metric", {}).get("namespace", ""),
            name=stat.get("metric", {}).get("name", ""),
            dimensions=stat.get("metric", {}).get("dimensions", {}),
            stat=stat.get("stat", ""),
            period=stat.get("period", 10),
            expression=each.get("expression", ""),
            label=each.get("label", ""),
            returns=each["returnData"],
        )
        for each in detail["configuration"]["metrics"]
    )
    return an_alert(
        title=detail["alarmName"],
        summary=detail["configuration"]["description"],
        target=target(service),
        account=ACCOUNT,
        region=REGION,
        starts_at=at,
        changed_at=at,
        external_id=event["resources"][0],
        fingerprint=detail["alarmName"],
        metrics=metrics,
        breach=Breach(),
    )


def incident_of(alert: Alert, service: str) -> Incident:
    history = MemoryStore().append(
        History(INCIDENT), [opened(alert=alert, service=service)], actor="test", caused_by="test", now=alert.starts_at
    )
    return history.incident
