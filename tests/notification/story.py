"""Story 2: `payments`, a critical service, at three in the morning."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from shared import facts
from shared.alert import Breach
from shared.assessment import Claim, EvidenceItem, Gap
from shared.decide import Message
from shared.entry import Entry
from shared.facts import Fact
from shared.history import History
from shared.target import Target
from tests.builders import (
    INCIDENT,
    T0,
    a_config,
    a_person,
    a_proposal,
    a_service,
    an_alert,
    an_assessment,
    opened,
    requested,
)
from tests.fakes.store import MemoryStore

PAYMENTS = Target(kind="ecs", account="123456789012", region="eu-west-1", name="shop/payments")
RUNBOOK = "https://runbooks.shop.example/payments"
CONFIG = a_config(
    services=(
        a_service(
            name="payments", target=PAYMENTS, tier="critical", mode="approve", mention="<!subteam^S0PAYMENTS>",
            runbook=RUNBOOK,
        ),
    ),
    people=(a_person(), a_person(id="bo", name="Bo", slack=({"user": "U0BO", "team": "T0SHOP"},))),
    slack_app="A0MIDDLEWATCH",
)  # fmt: skip
ALERT = an_alert(
    title="payments-5xx",
    target=PAYMENTS,
    severity="critical",
    starts_at=T0,
    breach=Breach(threshold=5, comparison="GreaterThanThreshold", values=(31.0,)),
)
PROPOSAL = a_proposal(target=PAYMENTS)


def an_item(number: int, kind: str, found: str, **changes: Any) -> EvidenceItem:
    given: dict[str, Any] = {"id": f"e{number}", "kind": kind, "source": kind, "query": "q", "found": found}
    return EvidenceItem(**(given | {"digest": "d" * 64} | changes))


EVIDENCE = facts.EvidenceCollected(
    round=1,
    items=(
        an_item(1, "cloudwatch.metric", "HTTPCode_Target_5XX_Count rose from 0 to 31 a minute at 02:57"),
        an_item(
            2, "ecs.service", "4 of 4 tasks run, 2 of 4 are healthy", link="https://console.aws.example/ecs?a=1&b=2"
        ),
        an_item(
            3,
            "ecs.deployments",
            "PRIMARY payments:42: COMPLETED, made 3 d ago.",
            data={
                "deployments": [
                    {
                        "status": "PRIMARY",
                        "task_definition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/payments:42",
                        "created_at": "2026-11-18T10:00:00.000Z",
                    }
                ]
            },
        ),
        an_item(4, "ecs.stopped_tasks", "No task stopped in the last hour"),
    ),
    gaps=(Gap(source="logs /ecs/shop/payments", query="q", reason="slow", detail="no answer within 20 s"),),
    digest="e" * 64,
)
VERDICT = facts.AssessmentMade(
    round=1,
    assessment=an_assessment(
        decision="ESCALATE",
        message="Two of four targets hang on a steady release; a restart is the known cure, but payments is critical.",
        claims=(
            Claim(text="Half of the targets fail their health checks", evidence=("e2",)),
            Claim(text="The release has been steady for 3 days, so it is not the deploy", evidence=("e3",)),
        ),
    ),
    evidence_digest="e" * 64,
    proposes=True,
)
MEASURES = (facts.Measure(name="server errors", before=31, after=0, bound="below 2", ok=True),)


def moments(*, refused: bool = False) -> Iterator[tuple[str, list[Fact]]]:
    """Who appends what, in order; what one names together is one transaction."""
    yield "alert_intake", [opened(alert=ALERT, service="payments")]
    yield "investigation", [EVIDENCE]
    proposed = facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash)
    yield "ai_assessment", [VERDICT, proposed]
    escalated = facts.IncidentEscalated(reason="payments is critical: a person has to say yes")
    yield "policy_gate", [requested(proposal=PROPOSAL, reasons=("critical service",)), escalated]
    yield "ticketing", [facts.TicketCreated(key="OPS-1", url="https://jira.shop.example/browse/OPS-1")]
    if refused:
        no = facts.ApprovalRefused(proposal_id=PROPOSAL.id, person="ana", channel="slack", reason="a deploy is coming")
        yield "approval", [no]
        return
    yield "approval", [_yes()]
    approved = facts.ActionApproved(
        proposal=PROPOSAL,
        proposal_hash=PROPOSAL.hash,
        reasons=("approved",),
        approved_by=("ana",),
        config_digest="c" * 64,
    )
    yield "policy_gate", [approved]
    started = facts.ActionStarted(
        proposal_id=PROPOSAL.id, proposal_hash=PROPOSAL.hash, action="restart_service", target=PAYMENTS, before={}
    )
    yield "ecs_action", [started]
    yield "ecs_action", [facts.ActionCompleted(proposal_id=PROPOSAL.id, after={}, check_at=T0 + timedelta(minutes=10))]
    cleared = T0 + timedelta(minutes=8)
    yield (
        "alert_intake",
        [
            facts.AlertResolved(
                fingerprint="f1", title="payments-5xx", cleared_at=cleared, hold_until=cleared + timedelta(minutes=15)
            )
        ],
    )
    yield (
        "verification",
        [
            facts.RecoveryVerified(
                proposal_id=PROPOSAL.id,
                measures=MEASURES,
                seen="the rollout finished, the alarm reads OK, server errors 31 → 0 for 3 min",
            )
        ],
    )
    yield (
        "lifecycle",
        [
            facts.IncidentResolved(
                reason="the action helped, and every alarm stayed clear", close_at=T0 + timedelta(minutes=60)
            )
        ],
    )


def _yes() -> facts.ApprovalGiven:
    return facts.ApprovalGiven(proposal_id=PROPOSAL.id, proposal_hash=PROPOSAL.hash, person="ana", channel="slack")


def append(store: MemoryStore, actor: str, happened: list[Fact], caused_by: str = "") -> tuple[Entry, ...]:
    """These facts on the timeline, a minute after the last, because of the newest entry that no notification wrote."""
    history = store.read(INCIDENT)
    at = history.entries[-1].at + timedelta(minutes=1) if history.entries else T0 + timedelta(minutes=4)
    told = [entry for entry in history.entries if not entry.actor.startswith("notification")]
    cause = caused_by or (told[-1].id if told else "alert")
    grown = store.append(history, happened, actor=actor, caused_by=cause, now=at)
    return grown.entries[len(history.entries) :]


def pointer(entry: Entry) -> Message:
    return Message(entry.incident_id, entry.id, entry.hash, entry.fact.type)


def newest(store: MemoryStore) -> History:
    return store.read(INCIDENT)


def heard_by(function: str) -> frozenset[str]:
    """The facts that the bus sends to this function."""
    said = yaml.safe_load((Path(__file__).parents[2] / "functions" / function / "function.yaml").read_text("utf-8"))
    return frozenset(said["trigger"]["queue"]["facts"])
