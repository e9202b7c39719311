"""EventBridge as moto has it, delivering the envelope that AWS delivers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from moto.core.utils import unix_time
from moto.events.models import EventsBackend
from moto.events.responses import EventsHandler
from moto.sqs.models import sqs_backends

if TYPE_CHECKING:
    from moto.events.models import Rule


class Answers(EventsHandler):
    """moto's answers to EventBridge requests, with the key of an archive, which moto forgets."""

    def create_archive(self) -> tuple[str, dict[str, Any]]:
        """Create an archive."""
        answer: tuple[str, dict[str, Any]] = super().create_archive()
        archive = self.events_backend.archives[self._get_param("ArchiveName")]
        vars(archive)["kms_key_identifier"] = self._get_param("KmsKeyIdentifier")
        return answer

    def describe_archive(self) -> tuple[str, dict[str, Any]]:
        """Describe an archive."""
        text, headers = super().describe_archive()
        key = vars(self.events_backend.archives[self._get_param("ArchiveName")]).get("kms_key_identifier")
        return json.dumps(json.loads(text) | ({"KmsKeyIdentifier": key} if key else {})), headers


class Buses(EventsBackend):
    """All buses of one account and region."""

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Judge the entries as moto does and send each good one to the matching, enabled rules.

        moto's own delivery leaves out `account`, adds `ingestion-time` and sends to disabled rules.
        """
        rules = {name: bus.rules for name, bus in self.event_buses.items()}
        for bus in self.event_buses.values():
            bus.rules = {}
        try:
            outcomes = super().put_events(events)
        finally:
            for name, bus in self.event_buses.items():
                bus.rules = rules[name]
        for event, outcome in zip(events, outcomes, strict=True):
            if "EventId" in outcome:
                bus = self.event_buses[self._normalize_event_bus_arn(event.get("EventBusName"))]
                for rule in bus.rules.values():
                    self._deliver(rule, self._envelope(event, outcome["EventId"]))
        return outcomes

    def _envelope(self, event: dict[str, Any], event_id: str) -> dict[str, Any]:
        at = datetime.fromtimestamp(float(event.get("Time") or unix_time()), UTC)
        return {
            "version": "0",
            "id": event_id or str(uuid4()),
            "detail-type": event["DetailType"],
            "source": event["Source"],
            "account": self.account_id,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.region_name,
            "resources": event.get("Resources", []),
            "detail": json.loads(event["Detail"]),
        }

    def _deliver(self, rule: Rule, event: dict[str, Any]) -> None:
        pattern = rule.event_pattern
        if rule.state != "ENABLED" or not pattern.get_pattern() or not pattern.matches_event(event):  # type: ignore[arg-type]
            return
        for target in rule.targets:
            *_, service, _region, _account, name = target["Arn"].split(":", 5)
            if service == "events" and not name.strip(":"):
                continue  # an archive keeps events; nothing is called
            if service != "sqs":
                msg = f"the embedded bus delivers to queues only, not to {target['Arn']}"
                raise NotImplementedError(msg)
            sqs_backends[self.account_id][self.region_name].send_message(name, json.dumps(event))
