"""What a turn is worth telling: one canonical log line, and the metrics that follow from the facts it appended.

Also the metrics that mean Middlewatch itself is failing, each of which has an alarm (infra/terraform/app/alarms.tf).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from shared import facts
from shared.entry import Entry
from shared.history import History

Failing = Literal[
    "BudgetSpent", "CanaryLost", "NobodyTold", "Quarantined", "StillFailing", "TimelineTampered", "TimersLate",
    "Unproved",
]  # fmt: skip
"""What is counted when it happens, and never in a quiet hour, so that it costs nothing until then."""
COUNTED = {
    facts.IncidentEscalated: "Escalations",
    facts.AssessmentMade: "Assessments",
    facts.ActionApproved: "ActionsApproved",
    facts.ActionDenied: "ActionsDenied",
    facts.ActionCompleted: "ActionsCompleted",
    facts.ActionFailed: "ActionsFailed",
    facts.ActionOutcomeUnknown: "ActionOutcomesUnknown",
    facts.RecoveryVerified: "RecoveriesVerified",
    facts.RecoveryFailed: "RecoveriesFailed",
    facts.MessageFailed: "MessagesFailed",
    facts.IncidentStalled: "IncidentsStalled",
}


def meter(deployment: str) -> Metrics:
    """The metrics of a deployment, in a namespace of its name.

    They have no dimension: each is one metric, with one price and one alarm, whichever function counts it.
    """
    return Metrics(namespace=deployment, service="")


def count(metrics: Metrics, name: Failing) -> None:
    """Counts one now, whatever becomes of the turn."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


def measured(entries: Sequence[Entry], opened_at: datetime) -> Iterator[tuple[str, MetricUnit, float]]:
    """Name, unit and value of each metric that these new entries stand for; times in seconds since the opening."""
    for entry in entries:
        if name := COUNTED.get(type(entry.fact)):
            yield name, MetricUnit.Count, 1
        seconds = (entry.at - opened_at).total_seconds()
        match entry.fact:
            case facts.EvidenceCollected(round=1):  # whichever way the alert came in
                yield "IncidentsInvestigated", MetricUnit.Count, 1
            case facts.IncidentAcknowledged() | facts.ApprovalGiven() | facts.ApprovalRefused():
                yield "TimeToAcknowledge", MetricUnit.Seconds, seconds
            case facts.RecoveryVerified():
                yield "TimeToRecover", MetricUnit.Seconds, seconds


def tell(history: History, cause: str, logger: Logger, metrics: Metrics) -> None:
    """Writes the turn's canonical line and its metrics (CloudWatch embedded metric format, on stdout)."""
    fresh = history.fresh
    logger.info(
        "turn",
        extra={
            "incident_id": history.incident_id,
            "cause": cause,
            "appended": [entry.fact.type for entry in fresh],
            "version": len(history.entries),
        },
    )
    worth = [] if not fresh or history.incident.test else list(measured(fresh, history.entries[0].at))
    for name, unit, value in worth:
        metrics.add_metric(name=name, unit=unit, value=value)
    if worth:
        metrics.flush_metrics()
