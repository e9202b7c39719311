"""An incident that an alarm of the demo's world opened, and the evidence that real boto3 clients find about it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from functions.investigation.investigate import Aws, investigate, on_aws
from local.world.scenarios import ACCOUNT, REGION
from local.world.stage import Stage
from shared.alerts.parse import parse
from shared.config import Config
from shared.configuration import load, located, service_of
from shared.facts import EvidenceCollected
from shared.history import History
from shared.incident import Incident
from shared.redaction import redact
from tests.builders import INCIDENT, opened
from tests.fakes.store import MemoryStore


def the_config() -> Config:
    """The configuration that ships."""
    return load(Path("config"))


def rang(stage: Stage, service: str) -> dict[str, Any]:
    """The first alarm event about a service, waited for."""

    def about() -> list[dict[str, Any]]:
        return [
            event
            for event in stage.events
            if event["detail"]["alarmName"].startswith(service) and event["detail"]["state"]["value"] == "ALARM"
        ]

    stage.until(about)
    return about()[0]


def incident_of(event: dict[str, Any], config: Config) -> Incident:
    """The incident that intake opens for an alarm event."""
    (read,) = parse(event, "cloudwatch", datetime.now(UTC)).alerts
    alert = located(config, read)
    service = service_of(config, alert)
    fact = opened(alert=alert, service=service.name if service else "")
    store = MemoryStore()
    return store.append(
        History(INCIDENT), [fact], actor="alert_intake", caused_by="alert", now=alert.starts_at
    ).incident


def aws(stage: Stage, **changes: Any) -> Aws:
    """Clients of the world, whatever the region."""
    ecs, cloudwatch, logs = (stage.client(name) for name in ("ecs", "cloudwatch", "logs"))
    return Aws(
        lambda _: ecs, lambda _: cloudwatch, lambda _: logs, **({"region": REGION, "account": ACCOUNT} | changes)
    )


def evidence_of(
    stage: Stage, incident: Incident, *, config: Config | None = None, seconds: float = 5.0, **changes: Any
) -> EvidenceCollected:
    plan = on_aws(aws(stage, **changes), config or the_config())
    return investigate(incident, 1, plan, redact, seconds, datetime.now(UTC))
