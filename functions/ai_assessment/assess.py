"""SAFE or ESCALATE, and at most one proposed action."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from functions.ai_assessment.combine import Opinion, combined
from functions.ai_assessment.findings import Findings
from functions.ai_assessment.propose import propose
from functions.ai_assessment.rules import CHANGING, assess, shortened
from shared.config import Config
from shared.configuration import service_for_target
from shared.decide import Stage
from shared.entry import Entry
from shared.errors import Refused
from shared.facts import ActionProposed, AssessmentMade, EvidenceCollected, Fact
from shared.incident import Incident

SecondOpinion = Callable[[Findings], Opinion]
"""Another assessor's answer to the same findings; a failure is an answer too."""


def stage(config: Config, lifetime: timedelta, second: SecondOpinion | None = None) -> Stage[Opinion | None]:
    """The stage `ai_assessment`; a second assessor (a model) is asked once per attempt, the rules each time."""

    def prepare(incident: Incident, cause: Entry) -> Opinion | None:
        found = findings_of(incident, cause, config)
        return second(found) if second and wanted(found) and not incident.test else None

    def conclude(incident: Incident, cause: Entry, opinion: Opinion | None, now: datetime) -> Sequence[Fact]:
        found = findings_of(incident, cause, config)
        return concluded(found, opinion, config, now, lifetime) if wanted(found) else []

    return Stage("ai_assessment", conclude=conclude, prepare=prepare)


def findings_of(incident: Incident, cause: Entry, config: Config) -> Findings:
    """The evidence that `cause` brought, as rules ask it; raises Refused for any other fact."""
    if not isinstance(cause.fact, EvidenceCollected):
        raise Refused(f"{cause.fact.type} is no evidence")
    service = service_for_target(config, incident.target) if incident.target else None
    return Findings(incident, service, cause.fact)


def wanted(findings: Findings) -> bool:
    """Whether anybody still waits for this: the incident is open, and no later round was asked for."""
    return findings.incident.status == "open" and findings.evidence.round == findings.incident.round


def concluded(
    findings: Findings, opinion: Opinion | None, config: Config, now: datetime, lifetime: timedelta
) -> list[Fact]:
    """The assessment, and behind it the proposal if it calls for one; what cannot be proposed is never SAFE."""
    ours = assess(findings)
    assessment = combined(ours, opinion, findings) if opinion else ours
    proposal = propose(assessment, findings, config, now, lifetime)
    if proposal is None and assessment.action in CHANGING:
        why = f"{assessment.action} cannot be proposed here. {assessment.message}"
        lower = {"decision": "ESCALATE", "action": "notify_team", "inputs": {}, "message": shortened(why)}
        assessment = assessment.model_copy(update=lower)
    made = AssessmentMade(
        round=findings.evidence.round,
        assessment=assessment,
        evidence_digest=findings.evidence.digest,
        proposes=proposal is not None,
        look_again_at=now + lifetime if proposal is None and assessment.decision == "SAFE" else None,
    )
    return [made, ActionProposed(proposal=proposal, proposal_hash=proposal.hash)] if proposal else [made]
