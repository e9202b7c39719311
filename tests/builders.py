"""Small builders: each makes a valid thing, and takes as keywords only what the test is about."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from shared import facts
from shared.alert import DEFAULT_BUS, Alert
from shared.assessment import Assessment
from shared.config import Config, Person, Service, Slack
from shared.facts import Fact, read_fact
from shared.history import History
from shared.intake import Intake
from shared.proposal import Proposal
from shared.seal import Yes, sealed, sealed_decision
from shared.target import Target
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore

EVENTS = Path(__file__).parents[1] / "events"
T0 = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
"""Three in the morning."""
INCIDENT = "INC-261121-K7Q2M4"
TARGET = Target(kind="ecs", account="123456789012", region="eu-west-1", name="shop/orders")
ALARM = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders-5xx"
SEEN: dict[str, Any] = {
    "deployment": "ecs-svc/1",
    "task_definition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/orders:7",
    "desired_count": 4,
    "running_count": 4,
    "pending_count": 0,
    "rollout": "COMPLETED",
    "rollout_since": "2026-11-18T10:00:00+00:00",
    "deployments": 1,
    "failed_tasks": 0,
}
BINDING = {"deployment": SEEN["deployment"], "task_definition": SEEN["task_definition"]}


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = T0) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **spans: float) -> datetime:
        self.now += timedelta(**spans)
        return self.now


def an_alert(**changes: Any) -> Alert:
    given: dict[str, Any] = {
        "source": "cloudwatch",
        "state": "firing",
        "title": "orders-5xx",
        "summary": "5xx above 5 for 3 datapoints",
        "severity": "high",
        "target": TARGET,
        "starts_at": T0,
        "changed_at": T0,
        "external_id": ALARM,
        "fingerprint": "f1",
        "origin": DEFAULT_BUS,
    }
    return Alert(**(given | changes))


def an_assessment(**changes: Any) -> Assessment:
    given: dict[str, Any] = {
        "decision": "SAFE",
        "action": "restart_service",
        "message": "Stuck workers on a steady release; a restart is the known cure.",
        "diagnosis": "Targets fail their health checks while the release has been steady for days.",
        "confidence": 0.9,
        "risk": "low",
        "assessor": "rules",
    }
    return Assessment(**(given | changes))


def a_proposal(**changes: Any) -> Proposal:
    given: dict[str, Any] = {
        "id": f"{INCIDENT}-p1",
        "author": "rules",
        "action": "restart_service",
        "target": TARGET,
        "binding": BINDING,
        "undo": "nothing to undo",
        "effect": "replaces 4 tasks, rolling, about 3 min",
        "evidence_digest": "e" * 64,
        "config_digest": "c" * 64,
        "expires_at": T0 + timedelta(minutes=30),
    }
    return Proposal(**(given | changes))


def a_service(**changes: Any) -> Service:
    given: dict[str, Any] = {
        "name": "orders",
        "target": TARGET,
        "owner": "shop",
        "mode": "auto",
        "approvers": ("on-call",),
        "channel": "C0INCIDENTS",
    }
    return Service(**(given | changes))


def a_person(**changes: Any) -> Person:
    given: dict[str, Any] = {
        "id": "ana",
        "name": "Ana",
        "email": "ana@shop.example",
        "slack": (Slack(user="U0ANA", team="T0SHOP"),),
        "groups": ("on-call",),
    }
    return Person(**(given | changes))


def a_config(**changes: Any) -> Config:
    given: dict[str, Any] = {
        "services": (a_service(),),
        "people": (a_person(),),
        "default_channel": "C0INCIDENTS",
        "slack_team": "T0SHOP",
        "policy": {},
        "digest": "c" * 64,
    }
    return Config(**(given | changes))


def every_fact() -> dict[str, Fact]:
    """The sample of each fact in `events/facts`, by its type."""
    samples = (read_fact(json.loads(path.read_text("utf-8"))) for path in sorted((EVENTS / "facts").glob("*.json")))
    return {fact.type: fact for fact in samples}


def an_intake(store: MemoryStore, **changes: Any) -> Intake:
    """An intake into `store`, whose incidents are numbered from INC-1 on."""
    numbers = count(1)
    given: dict[str, Any] = {
        "timeline": store,
        "state": store,
        "config": a_config(),
        "clock": Clock(),
        "new_id": lambda _now: f"INC-{next(numbers)}",
        "actor": "alert_intake",
        "hold": timedelta(minutes=15),
        "retell": timedelta(minutes=30),
        "account": "123456789012",
        "region": "eu-west-1",
    }
    return Intake(**(given | changes))


def opened(alert: Alert | None = None, **changes: Any) -> facts.IncidentOpened:
    alert = alert or an_alert()
    given: dict[str, Any] = {
        "alert": alert,
        "identity": alert.identity,
        "target": alert.target,
        "service": "orders",
        "title": alert.title,
        "severity": alert.severity,
        "config_digest": "c" * 64,
    }
    return facts.IncidentOpened(**(given | changes))


def proposed(**changes: Any) -> facts.ActionProposed:
    proposal = a_proposal(**changes)
    return facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash)


def approved(**changes: Any) -> facts.ActionApproved:
    proposal = changes.pop("proposal", a_proposal())
    given: dict[str, Any] = {
        "proposal": proposal,
        "proposal_hash": proposal.hash,
        "reasons": ("auto",),
        "approved_by": (),
        "config_digest": "c" * 64,
    }
    return facts.ActionApproved(**(given | changes))


def requested(**changes: Any) -> facts.ApprovalRequested:
    proposal = changes.pop("proposal", a_proposal())
    given: dict[str, Any] = {
        "proposal_id": proposal.id,
        "proposal_hash": proposal.hash,
        "reasons": ("critical service",),
        "quorum": 1,
        "approvers": ("on-call",),
        "config_digest": "c" * 64,
        "remind_at": T0 + timedelta(minutes=15),
        "expires_at": T0 + timedelta(minutes=30),
    }
    return facts.ApprovalRequested(**(given | changes))


def an_approval(seals: MemorySeals | None = None, incident_id: str = INCIDENT, **changes: Any) -> facts.ApprovalGiven:
    """A yes with the seal of the door through which it came."""
    proposal = a_proposal()
    content: dict[str, Any] = {
        "proposal_id": proposal.id,
        "proposal_hash": proposal.hash,
        "person": "ana",
        "channel": "slack",
        "given_at": T0 + timedelta(minutes=1),
    }
    given = facts.ApprovalGiven(**(content | changes))
    if given.seal or given.given_at is None:
        return given
    yes = Yes(incident_id, given.proposal_hash, given.person, given.channel, given.reason, given.given_at)
    return given.model_copy(update={"seal": sealed(yes, seals or MemorySeals())})


def let_go(history: History, seals: MemorySeals | None = None, **changes: Any) -> facts.ActionApproved:
    """What the policy says right behind this history, one second later, with its seal (see `more`)."""
    fact = approved(**changes)
    at = history.entries[-1].at + timedelta(seconds=1)
    return sealed_decision(fact, history.incident, at, seals or MemorySeals())


def resolved(**changes: Any) -> facts.AlertResolved:
    given: dict[str, Any] = {
        "fingerprint": "f1",
        "title": "orders-5xx",
        "cleared_at": T0 + timedelta(minutes=5),
        "hold_until": T0 + timedelta(minutes=20),
    }
    return facts.AlertResolved(**(given | changes))


def a_history(
    *happened: Fact, store: MemoryStore | None = None, incident_id: str = INCIDENT, at: datetime = T0
) -> History:
    """The history of an incident in which `happened` followed its opening, one entry a second, by `test`."""
    timeline = store or MemoryStore()
    history = timeline.append(History(incident_id), [opened()], actor="alert_intake", caused_by="alert", now=at)
    return more(history, *happened, store=timeline)


def more(history: History, *happened: Fact, store: MemoryStore, actor: str = "test") -> History:
    """The same history after `happened`."""
    for number, fact in enumerate(happened, start=1):
        at = history.entries[-1].at + timedelta(seconds=1)
        history = store.append(history, [fact], actor=actor, caused_by=f"test/{number}", now=at)
    return history


def types(history: History) -> Sequence[str]:
    """The timeline as a list of words."""
    return [entry.fact.type for entry in history.entries]
