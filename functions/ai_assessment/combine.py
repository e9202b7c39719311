"""The rules' answer and a second assessor's: together never bolder than the facts allow.

ESCALATE of either always wins, with one exception that is none: where no rule was sure, nothing that the rules know
forbids an action (every rule that forbids one is sure), so a second assessor that is sure, and rests on what AWS says
rather than on what was logged, may call a restart SAFE. The policy decides after that, as it does on the rules.
"""

from dataclasses import dataclass

from functions.ai_assessment.findings import Findings
from functions.ai_assessment.rules import CHANGING, UNSURE, careful, shortened
from shared.assessment import Assessment, Claim

ENOUGH = 0.8
"""A second assessor less sure than this decides nothing."""
SOLID = ("ecs.", "cloudwatch.")
"""Kinds of evidence that AWS itself states; alerts and log lines are what anybody may have written."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The second assessor gave no usable answer, and why not."""

    assessor: str
    why: str


Opinion = Assessment | Failed


def combined(ours: Assessment, theirs: Opinion, findings: Findings) -> Assessment:
    """One assessment of two; a failed second assessor means ESCALATE."""
    if isinstance(theirs, Failed):
        return _asks_people(ours, f"{theirs.why} {ours.message}", theirs.assessor)
    if ours.decision == theirs.decision == "SAFE":
        if ours.action == theirs.action:
            return _with_words(ours, theirs)
        why = f"The rules say {ours.action}, the model {theirs.action}. {ours.message}"
        return _asks_people(ours, why, theirs.assessor)
    if ours.assessor != UNSURE:
        return _with_words(_asks_people(ours, ours.message, ""), theirs, ours_first=True)
    if _may_be_trusted(theirs, findings):
        return careful(theirs, findings)
    if theirs.action in CHANGING:
        return careful(theirs.model_copy(update={"decision": "ESCALATE"}), findings)
    return theirs.model_copy(update={"decision": "ESCALATE", "action": "notify_team", "inputs": {}})


def _may_be_trusted(theirs: Assessment, findings: Findings) -> bool:
    """Whether a SAFE of theirs may stand where no rule was sure."""
    solid = {item.id for item in findings.evidence.items if item.kind.startswith(SOLID)}
    return (
        theirs.decision == "SAFE"
        and theirs.action == "restart_service"
        and theirs.confidence >= ENOUGH
        and any(solid.intersection(claim.evidence) for claim in theirs.claims)
    )


def _asks_people(ours: Assessment, message: str, assessor: str) -> Assessment:
    """Ours as something for people to decide: an action is still proposed, and `ignore` becomes telling."""
    changes: dict[str, object] = {"decision": "ESCALATE", "message": shortened(message)}
    if ours.action not in CHANGING:
        changes["action"] = "notify_team"
    if assessor:
        changes["assessor"] = f"{ours.assessor}+{assessor}"
    return ours.model_copy(update=changes)


def _with_words(ours: Assessment, theirs: Assessment, *, ours_first: bool = False) -> Assessment:
    """Our decision and action, with what the second assessor adds to explain them; the less sure of two counts."""
    claims = tuple(Claim(text=f"model: {claim.text}", evidence=claim.evidence) for claim in theirs.claims)
    return ours.model_copy(
        update={
            "message": ours.message if ours_first else theirs.message,
            "diagnosis": shortened(f"{ours.diagnosis}\nmodel: {theirs.diagnosis}", 4000),
            "claims": (*ours.claims, *claims),
            "confidence": min(ours.confidence, theirs.confidence),
            "suggested_fixes": (*ours.suggested_fixes, *theirs.suggested_fixes),
            "links": theirs.links,
            "info_needed": (*ours.info_needed, *theirs.info_needed),
            "assessor": f"{ours.assessor}+{theirs.assessor}",
        }
    )
