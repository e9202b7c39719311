"""From an assessment to exactly one action on exactly one target, or to none."""

from datetime import datetime, timedelta
from typing import Any

from functions.ai_assessment.findings import Findings
from shared.assessment import ActionName, Assessment
from shared.config import Config, Scale
from shared.proposal import Proposal

BOUND: dict[ActionName, tuple[str, ...]] = {
    "restart_service": ("deployment", "task_definition"),
    "rollback_service": ("deployment", "task_definition"),
    "scale_service": ("deployment", "task_definition", "desired_count"),
}
"""What must not have changed when the action runs. An autoscaler's step does not void a restart; a deployment does."""


def propose(
    assessment: Assessment, findings: Findings, config: Config, now: datetime, lifetime: timedelta
) -> Proposal | None:
    """The proposal that the assessment calls for, on the inventory's target; None where there is nothing to propose.

    None as well where the inventory does not know the target or does not list the action, where the evidence does not
    hold what the proposal must be bound to, and where the inputs are not absolute and within bounds.
    """
    service, target = findings.service, findings.incident.target
    bound = BOUND.get(assessment.action)
    if bound is None or service is None or target is None or service.target.key != target.key:
        return None
    binding = {name: findings.evidence.binding.get(name) for name in bound}
    inputs = _inputs(assessment, findings, service.scale)
    if assessment.action not in service.actions or None in binding.values() or inputs is None:
        return None
    incident = findings.incident
    return Proposal(
        id=f"{incident.id}-p{findings.evidence.round}",
        supersedes=incident.current,
        author=assessment.assessor,
        source=findings.source,
        action=assessment.action,
        target=service.target,
        inputs=inputs,
        binding=binding,
        undo=_undo(assessment.action, findings),
        effect=_effect(assessment.action, inputs, findings),
        evidence_digest=findings.evidence.digest,
        config_digest=config.digest,
        expires_at=now + lifetime,
    )


def _inputs(assessment: Assessment, findings: Findings, scale: Scale | None) -> dict[str, Any] | None:
    """Absolute amounts only, out of the evidence and the inventory; None where they are not usable."""
    match assessment.action:
        case "rollback_service":
            return {"task_definition": findings.last_steady} if findings.last_steady else None
        case "scale_service":
            count = assessment.inputs.get("desired_count")
            if scale is None or type(count) is not int or count == findings.desired:
                return None
            return {"desired_count": count} if scale.least <= count <= scale.most else None
    return {}


def _effect(action: ActionName, inputs: dict[str, Any], findings: Findings) -> str:
    """One phrase that says to a person what would happen."""
    tasks = f"{findings.desired} task{'' if findings.desired == 1 else 's'}"
    seconds = findings.rollout_seconds
    about = f", about {max(1, round(seconds / 60))} min" if seconds else ""
    match action:
        case "rollback_service":
            there = str(inputs["task_definition"]).rpartition("/")[2]
            here = str(findings.evidence.binding["task_definition"]).rpartition("/")[2]
            return f"replaces {tasks} with {there} (now {here}), rolling{about}"
        case "scale_service":
            return f"runs {inputs['desired_count']} tasks instead of {findings.desired}"
    return f"replaces {tasks}, rolling{about}"


def _undo(action: ActionName, findings: Findings) -> str:
    binding = findings.evidence.binding
    match action:
        case "rollback_service":
            return f"deploy {binding['task_definition']} again"
        case "scale_service":
            return f"set the number of tasks to {binding['desired_count']} again"
    return "nothing to take back: the same task definition keeps running"
