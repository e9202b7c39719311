"""What the policy is told: the proposal, the service, the alerts, the assessment, and what was done here before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Literal

from functions.policy_gate.fleet import Fleet, Look, nobody_ill
from shared import keys
from shared.alert import as_text
from shared.config import Config
from shared.configuration import entitled, service_for_target
from shared.entry import Entry
from shared.facts import ActionProposed, ActionRefused, ApprovalGiven, AssessmentMade, HoldElapsed
from shared.incident import Incident, Work
from shared.ports import Clock, Item, Seals, State
from shared.proposal import Proposal
from shared.seal import is_genuine
from shared.target import Target

NOBODYS = Target(kind="host", name="middlewatch-test")
"""What a test asks the policy about: nothing that anybody has, or that any action is for."""
Switch = Literal["running", "stopped", "unreadable"]


@dataclass(frozen=True, slots=True)
class Past:
    """One action on the target, in this incident or another, and what became of it."""

    incident_id: str
    action: str
    standing: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """What the state table knows of the target: past actions (newest first), this hour's budgets, the kill switch.

    `genuine` and `forged` are the approvals of the proposal that carry the seal of a door for people, and the others;
    one that is in neither was not looked at, because it came later.
    """

    past: tuple[Past, ...]
    this_hour: int
    this_hour_on_target: int
    this_hour_of_source: int
    switch: Switch
    fleet: Fleet = field(default_factory=Fleet)
    genuine: frozenset[ApprovalGiven] = frozenset()
    forged: frozenset[ApprovalGiven] = frozenset()


def recall(
    state: State,
    clock: Clock,
    seals: Seals,
    most: float = inf,
    spent: Callable[[], None] = lambda: None,
    unproved: Callable[[], None] = lambda: None,
    fleet: Look = nobody_ill,
) -> Callable[[Incident, Entry], Memory | None]:
    """Reads the memory of the target that the cause's proposal is about; None where no decision is due.

    Raises Unavailable where that cannot be read now: then nothing is decided, and so nothing is done.
    `spent` is told where the hour's `most` actions in all are used up, `unproved` where an approval is not genuine.
    """

    def read(incident: Incident, cause: Entry) -> Memory | None:
        work = due(incident, cause)
        if work is None:
            return None
        target, now = work.proposal.target.key, clock()
        genuine = frozenset(given for given in work.approvals if is_genuine(incident.id, given, seals))
        memory = Memory(
            past=tuple(_past(item) for item in state.listed(keys.actions(target)).items),
            this_hour=_count(state.get(keys.budget("actions", now))),
            this_hour_on_target=_count(state.get(keys.budget(f"actions#{target}", now))),
            this_hour_of_source=_count(state.get(keys.budget(f"actions@{work.proposal.source}", now))),
            switch=_switch(state.get(keys.KILL_SWITCH)),
            fleet=fleet(cause, now),
            genuine=genuine,
            forged=frozenset(work.approvals) - genuine,
        )
        if memory.this_hour >= most:
            spent()
        if memory.forged:
            unproved()
        return memory

    return read


def due(incident: Incident, cause: Entry) -> Work | None:
    """The proposal that the cause asks a decision on, if it still stands where the cause left it."""
    match cause.fact:
        case AssessmentMade() if incident.test:
            return _rehearsal(incident, cause)
        case ActionProposed(proposal=proposal):
            proposal_id, standing = proposal.id, "proposed"
        case ApprovalGiven(proposal_id=proposal_id):
            standing = "awaiting"
        case ActionRefused(proposal_id=proposal_id, again=True):
            standing = "proposed"
        case HoldElapsed(of="action"):
            proposal_id, standing = incident.current, "held"
        case _:
            return None
    work = incident.work.get(proposal_id)
    stands = work is not None and work.standing == standing and incident.current == proposal_id
    return work if stands and incident.status == "open" else None


def _rehearsal(incident: Incident, cause: Entry) -> Work:
    """What a test asks about; it never stands on a timeline, so that nothing can come of it."""
    proposal = Proposal(
        id=f"{incident.id}-test",
        author="policy_gate",
        action="restart_service",
        target=NOBODYS,
        binding={"deployment": "none"},
        effect="nothing",
        evidence_digest=incident.evidence.digest if incident.evidence else "",
        config_digest="",
        expires_at=cause.at + timedelta(hours=1),
    )
    return Work(proposal)


def document(incident: Incident, work: Work, memory: Memory, config: Config, now: datetime) -> dict[str, Any]:
    """The policy's input, plain JSON. What is not known is left out, so that the policy denies."""
    proposal = work.proposal
    service = service_for_target(config, proposal.target)
    told: dict[str, Any] = {
        "target": incident.target.key if incident.target else "",
        "severity": incident.severity,
        "acknowledged": bool(incident.acknowledged_by),
        "flapping": incident.flapping,
        "strange": incident.strange,
        "switch": memory.switch,
        "fleet": {"stopped": memory.fleet.stopped, "words": memory.fleet.words},
        "proposal": {
            "id": proposal.id,
            "hash": proposal.hash,
            "author": proposal.author,
            "by_person": any(person.id == proposal.author for person in config.people),
            "action": proposal.action,
            "target": proposal.target.key,
            "inputs": proposal.inputs,
            "expires_in_seconds": (proposal.expires_at - now).total_seconds(),
        },
        "service": None,
        "alerts": [
            {"title": alarm.alert.title, "state": alarm.state, "severity": alarm.alert.severity}
            for alarm in incident.alarms.values()
        ],
        "history": {
            "actions": [
                {
                    "action": past.action,
                    "standing": past.standing,
                    "hours_ago": (now - past.at).total_seconds() / 3600,
                }
                for past in _others(incident, work, memory)
            ],
            "actions_this_hour": memory.this_hour,
            "actions_this_hour_on_target": memory.this_hour_on_target,
            "actions_this_hour_of_source": memory.this_hour_of_source,
        },
        "approvals": [
            {"person": approval.person, "proposal_hash": approval.proposal_hash} for approval in work.approvals
        ],
        "time": {"at": as_text(now), "hour": now.astimezone(UTC).hour, "weekday": now.astimezone(UTC).isoweekday()},
    }
    if service:
        told["service"] = {
            "name": service.name,
            "target": service.target.key,
            "tier": service.tier,
            "owner": service.owner,
            "mode": service.mode,
            "approvers": list(service.approvers),
            "able": sorted(entitled(config, service.approvers)),
            "actions": list(service.actions),
            "scale": service.scale.model_dump() if service.scale else None,
        }
    if incident.evidence:
        told["breach_confirmed"] = incident.evidence.breach_confirmed
    if incident.evidence and incident.assessment:
        assessment = incident.assessment.assessment
        told["assessment"] = {
            "decision": assessment.decision,
            "confidence": assessment.confidence,
            "risk": assessment.risk,
            "gaps": len(incident.evidence.gaps),
        }
    return told


def _others(incident: Incident, work: Work, memory: Memory) -> list[Past]:
    """Past actions on the target other than this one; this incident's own by its timeline, since a list lags behind."""
    own = [
        Past(incident.id, other.proposal.action, other.standing, other.started_at)
        for other in incident.work.values()
        if other.started_at and other.proposal.id != work.proposal.id and other.proposal.target == work.proposal.target
    ]
    return own + [past for past in memory.past if past.incident_id != incident.id]


def _past(item: Item) -> Past:
    value = item.value
    at = datetime.fromisoformat(value["at"])
    return Past(value["incident_id"], value["action"], value["standing"], at)


def _count(item: Item | None) -> int:
    return item.count if item else 0


def _switch(item: Item | None) -> Switch:
    stopped = item.value.get("stopped") if item else False
    if not isinstance(stopped, bool):
        return "unreadable"
    return "stopped" if stopped else "running"
