"""A day on which everything happens that makes a function call AWS."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import urllib3

from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP, signature
from local import reference
from local.stack import STANDIN_SECRETS
from shared import facts
from tests.agreement.permissions import Used, used
from tests.reliability.theatre import Screen, until

if TYPE_CHECKING:
    from local.aws.moto_server import Fault
    from tests.reliability.moments import Asked
    from tests.reliability.theatre import Story, Theatre

SAMPLES = reference.ROOT / "events" / "alerts"
CHANGES = 24
"""Changes of state of one alert, which are more than are recorded one by one."""


class Day:
    """Plays scene after scene, and keeps who called what."""

    def __init__(self, theatre: Theatre) -> None:
        self.theatre = theatre
        self._callers: dict[str, set[str]] = defaultdict(set)

    def play(self) -> dict[str, Used]:
        """What each function used of AWS on this day."""
        scenes = (
            self.approved,
            self.automatic,
            self.rolled_back,
            self.rejected,
            self.expired,
            self.unheard,
            self.alerts,
        )
        for scene in scenes:
            scene()
            for key, operations in self.theatre.world.state()["callers"].items():
                self._callers[key] |= set(operations)
        return used(self.theatre.stack.aws.calls, self._callers, self.theatre.functions)

    def approved(self) -> None:
        """A person agrees, after others who may not; meanwhile everything is read and stopped and started again."""
        with self.theatre.story() as story:
            self._stalls()
            story.until_asked()
            question = Screen(self.theatre)
            self.theatre.press("U0EVE", "approve")
            self.theatre.press("U0ANA", "timeline")
            for who, words in (
                ("U0ANA", "open"),
                ("U0ANA", "stop for a test"),
                ("U0ANA", "resume"),
                ("U0BO", "resume"),
            ):
                self.theatre.act("command", user=who, text=f"/middlewatch {words}")
            self.theatre.press("U0ANA", "approve")
            question.press("U0CY", "approve")
            self._reads(story)
            story.until(facts.RecoveryVerified)
            story.end()

    def automatic(self) -> None:
        """Nobody is asked, the restart does not help, and Jira is away just when it is needed."""
        with self.theatre.story("search") as story:
            self.theatre.outage(self.theatre.stack.jira_url, "down")
            story.until(facts.IncidentEscalated)
            time.sleep(1)
            self.theatre.outage(self.theatre.stack.jira_url, "ok")
            story.until(facts.TicketCreated)
            self.theatre.world.heal("search")
            story.end()

    def rolled_back(self) -> None:
        """A new release crashes at its start."""
        with self.theatre.story("orders", "crash_loop") as story:
            story.until(facts.EvidenceCollected)
            self.theatre.world.heal("orders")
            story.end()

    def rejected(self) -> None:
        """Somebody says no, and somebody takes it."""
        with self.theatre.story() as story:
            story.until_asked()
            Screen(self.theatre).press("U0ANA", "reject")
            story.until(facts.ApprovalRefused)
            self.theatre.press("U0CY", "take")
            self.theatre.world.heal("payments")
            story.end()

    def expired(self) -> None:
        """Nobody answers."""
        with self.theatre.story() as story:
            story.until(facts.ApprovalExpired)
            self.theatre.world.heal("payments")
            story.end()

    def unheard(self) -> None:
        """No alarm event arrives: the sweep learns from CloudWatch itself that an alarm rings, and that it cleared."""
        events, rule = self.theatre.stack.aws.client("events"), "middlewatch-alert_intake-1"
        targets = events.list_targets_by_rule(Rule=rule)["Targets"]
        events.remove_targets(Rule=rule, Ids=[target["Id"] for target in targets])
        with self.theatre.story("orders") as story:
            story.until(facts.IncidentOpened)
            self.theatre.world.heal("orders")
            story.until(facts.AlertResolved)
            events.put_targets(Rule=rule, Targets=targets)
            story.end()

    def alerts(self) -> None:
        """Alerts of every source ring, repeat, clear, ring again and flap."""
        events = self.theatre.stack.aws.client("events")
        began = datetime.now(UTC) - timedelta(minutes=5)
        overtaken = -10
        changes = (("ALARM", 0), ("ALARM", 1), ("ALARM", overtaken), ("OK", 2), ("ALARM", 3), ("OK", 4))
        for state, second in changes:
            event = json.loads((SAMPLES / "cloudwatch_metric_alarm.json").read_text("utf-8"))
            event["detail"]["state"] |= {"value": state, "timestamp": (began + timedelta(seconds=second)).isoformat()}
            entry = {
                "Source": "aws.cloudwatch",
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
            }
            events.put_events(Entries=[entry | {"Resources": event["resources"]}])
            if state == "OK":
                continue  # it rings again at once, within the hold
            until(lambda: not self.theatre.left() or None, lambda: f"messages are left: {self.theatre.left()}")
        for number in range(CHANGES):
            if number == 2:
                self._alertmanager("firing", began + timedelta(seconds=overtaken))
            self._alertmanager(
                "firing" if number in {0, 1} or number % 2 else "resolved", began + timedelta(seconds=number)
            )
        self._generic()
        url = f"{self.theatre.stack.api_url}/alerts/cloudwatch"
        confirmation = (SAMPLES / "cloudwatch_sns_subscription_confirmation.json").read_bytes()
        urllib3.request("POST", url, body=confirmation, timeout=20.0)
        time.sleep(3)
        until(lambda: not self.theatre.left() or None, lambda: f"messages are left: {self.theatre.left()}")

    def _stalls(self) -> None:
        """The assessment dies, and takes longer to come back than anybody waits."""
        deaths: list[str] = []

        def die(asked: Asked) -> Fault | None:
            if "AssessmentMade" not in asked.moments or len(deaths) == 2:
                return None
            deaths.append(asked.function)
            self.theatre.kill(asked.function)
            return "lost request"

        self.theatre.watch.answer = die

    def _reads(self, story: Story) -> None:
        paths = (
            "/",
            "/health",
            "/incidents",
            f"/incidents/{story.incident_id}",
            f"/incidents/{story.incident_id}/timeline",
        )
        for path in paths:
            self._ask("GET", path, {"X-Api-Key": STANDIN_SECRETS["HTTP_API_KEYS"]})

    def _alertmanager(self, status: str, at: datetime) -> None:
        group: dict[str, Any] = json.loads((SAMPLES / "alertmanager_instance_down.json").read_text("utf-8"))
        alert = group["alerts"][0]
        alert["status"] = group["status"] = status
        alert["labels"] |= {"ecs_cluster": "shop", "ecs_service": "billing"}
        alert["startsAt"] = at.isoformat()
        alert["endsAt"] = at.isoformat() if status == "resolved" else alert["endsAt"]
        key = {"X-Api-Key": STANDIN_SECRETS["SOURCE_ALERTMANAGER"]}
        self._ask("POST", "/alerts/alertmanager", key, json.dumps(group).encode())

    def _generic(self) -> None:
        body = (SAMPLES / "generic_service_and_cluster.json").read_bytes()
        stamp, delivery = str(int(time.time())), "delivery-1"
        signed = signature(STANDIN_SECRETS["SOURCE_GENERIC"].encode(), stamp, delivery, body)
        self._ask("POST", "/alert", {TIMESTAMP: stamp, DELIVERY: delivery, SIGNATURE: signed}, body)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        sent = headers | ({"Content-Type": "application/json"} if body else {})
        answer = urllib3.request(
            method, self.theatre.stack.api_url + path, headers=sent, body=body or None, timeout=20.0
        )
        assert answer.status in {200, 202}, (path, answer.status, answer.data)
