"""What a test's timeline lacks; pure."""

from collections.abc import Callable

from shared import facts
from shared.entry import broken_link
from shared.facts import Fact
from shared.history import History

_ANSWERS: tuple[tuple[str, Callable[[Fact], bool]], ...] = (
    ("alert_intake", lambda fact: isinstance(fact, facts.IncidentOpened)),
    (
        "investigation",
        lambda fact: (
            isinstance(fact, facts.EvidenceCollected) and any(item.kind == "cloudwatch.alarm" for item in fact.items)
        ),
    ),
    ("ai_assessment", lambda fact: isinstance(fact, facts.AssessmentMade)),
    ("policy_gate", lambda fact: isinstance(fact, facts.DryRunCompleted) and fact.stage == "policy_gate"),
    (
        "notification",
        lambda fact: (
            isinstance(fact, facts.MessageSent)
            or (isinstance(fact, facts.DryRunCompleted) and fact.stage == "notification")
        ),
    ),
    ("alert_intake (all-clear)", lambda fact: isinstance(fact, facts.AlertResolved)),
    ("timekeeper", lambda fact: isinstance(fact, facts.HoldElapsed)),
    ("lifecycle", lambda fact: isinstance(fact, facts.IncidentClosed)),
)
"""Which fact shows that a stage did its part. Between any two of them, the relay, the bus and the queues did theirs."""


def missing(history: History) -> list[str]:
    """The stages that did not answer, in their order: it got stuck before the first. Empty if all did."""
    if broken := broken_link(history.entries):
        return [f"timeline ({broken})"]
    return [stage for stage, shows in _ANSWERS if not any(shows(entry.fact) for entry in history.entries)]
