"""What was found, and what it means."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from shared.model import Frozen

Decision = Literal["SAFE", "ESCALATE"]
ActionName = Literal["restart_service", "rollback_service", "scale_service", "notify_team", "ignore"]
Grade = Literal["low", "medium", "high"]


class EvidenceItem(Frozen):
    """One thing that was read: where, with which query, over which window, and what was found (redacted, bounded).

    `kind` is what rules match on (`ecs.service`, `ecs.deployments`, `ecs.events`, `ecs.stopped_tasks`,
    `ecs.task_definition`, `cloudwatch.metric`, `cloudwatch.alarm`, `logs.lines`); `data` its machine-readable form.
    """

    id: str
    kind: str
    source: str
    query: str
    window: tuple[AwareDatetime, AwareDatetime] | None = None
    found: str
    data: dict[str, Any] = {}
    link: str = ""
    digest: str


class Gap(Frozen):
    """Something that could not be read, and why: `denied`, `slow`, `absent` or `failed`."""

    source: str
    query: str
    reason: Literal["denied", "slow", "absent", "failed"]
    detail: str = ""


class Claim(Frozen):
    """One sentence of the diagnosis with the ids of the evidence that it rests on."""

    text: str
    evidence: tuple[str, ...]


class Assessment(Frozen):
    """SAFE or ESCALATE, at most one action, and why."""

    decision: Decision
    action: ActionName
    inputs: dict[str, Any] = {}
    message: str = Field(max_length=200)
    diagnosis: str = Field(default="", max_length=4000)
    claims: tuple[Claim, ...] = ()
    confidence: float = Field(ge=0, le=1)
    risk: Grade = "medium"
    suggested_fixes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    info_needed: tuple[str, ...] = ()
    assessor: str


def as_prose(claims: Iterable[Claim]) -> str:
    """The claims one after the other, each ending in a full stop: a diagnosis that adds nothing to them."""
    return " ".join(claim.text if claim.text.endswith((".", "!", "?", "…")) else f"{claim.text}." for claim in claims)
