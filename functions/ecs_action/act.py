"""Restarts, rolls back or scales an ECS service: once, and only while everything that allowed it still holds."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import facts, keys
from shared.config import Config, Service
from shared.configuration import service_for_target
from shared.entry import Entry
from shared.errors import Refused
from shared.facts import Fact
from shared.incident import Incident
from shared.integrations.ecs import EcsServices
from shared.perform import Seen
from shared.ports import Seals, State
from shared.proposal import Proposal
from shared.seal import approval, why_unproved
from shared.switch import stopped
from shared.writes import Spend


@dataclass(frozen=True, slots=True)
class EcsEffect:
    """The one effect of this function, with the rules that are checked right before it (see `perform.Effect`)."""

    services: EcsServices
    state: State
    config: Config
    approval_holds: timedelta
    look_again: timedelta

    def observe(self, proposal: Proposal) -> Seen:
        """The service's state now."""
        return self.services.read(proposal.target)

    def objection(self, incident: Incident, approved: Entry, seen: Seen, now: datetime) -> Fact | None:
        """Why not now: the switch, the rules, then the state of the service."""
        proposal = approval(approved).proposal
        if stopped := _stopped(self.state):
            return facts.ActionRefused(proposal_id=proposal.id, why=stopped)
        if stale := _stale(approved, self.config, self.approval_holds, now):
            return facts.ActionRefused(proposal_id=proposal.id, why=stale, again=True)
        if why := objection(incident, approved, seen, self.config, now):
            return facts.ActionRefused(proposal_id=proposal.id, why=why)
        if seen["rollout"] == "IN_PROGRESS" or seen["deployments"] > 1:
            why = f"a deployment of {proposal.target.name} is in progress"
            return facts.ActionHeld(proposal_id=proposal.id, why=why, look_again_at=now + self.look_again)
        return None

    def act(self, proposal: Proposal) -> Seen:
        """One call to UpdateService."""
        match proposal.action:
            case "restart_service":
                return self.services.restart(proposal.target)
            case "rollback_service":
                return self.services.roll_back(proposal.target, str(proposal.inputs["task_definition"]))
            case "scale_service":
                return self.services.scale(proposal.target, int(proposal.inputs["desired_count"]))
        raise Refused(f"{proposal.action} is nothing that can be done to an ECS service")

    def happened(self, proposal: Proposal, before: Seen, seen: Seen) -> bool:
        """Whether the service shows this action.

        A new PRIMARY deployment of the same task definition is a restart; one of another task definition is somebody
        else's deployment, which proves nothing about ours.
        """
        match proposal.action:
            case "restart_service":
                unchanged = bool(seen["task_definition"] == before["task_definition"])
                return unchanged and bool(seen["deployment"] != before["deployment"])
            case "rollback_service":
                return bool(seen["task_definition"] == proposal.inputs["task_definition"])
            case "scale_service":
                return bool(seen["desired_count"] == proposal.inputs["desired_count"])
        return False


def unproved(incident: Incident, approved: Entry, seals: Seals, told: Callable[[], None]) -> str:
    """Why it is not proved that this was approved, empty if it is; `told` hears of what is not."""
    if why := why_unproved(incident, approved, seals):
        told()
    return why


def objection(incident: Incident, approved: Entry, seen: Seen, config: Config, now: datetime) -> str:
    """Why this approved action must not run on what is seen now; empty if nothing speaks against it. Pure."""
    fact = approval(approved)
    proposal = fact.proposal
    work = incident.work.get(proposal.id)
    service = service_for_target(config, proposal.target)
    if proposal.hash != fact.proposal_hash:
        return "the proposal is not the one that was approved"
    if work is None or incident.current != proposal.id or work.standing not in {"approved", "started"}:
        return f"the proposal does not stand any more ({work.standing if work else 'unknown'})"
    if incident.acknowledged_by and not fact.approved_by:
        return f"{incident.acknowledged_by} took the incident, and nobody approved this"
    if incident.strange:
        return "the timeline holds facts of a newer release, which may forbid this"
    if now >= proposal.expires_at:
        return "the proposal has expired"
    if not incident.firing:
        return "the alarm has cleared"
    if service is None or incident.target is None or incident.target.key != proposal.target.key:
        return f"{proposal.target.short} is not in the inventory, or not what this incident is about"
    if proposal.action not in service.actions:
        return f"{proposal.action} is not among the actions that {service.name} allows"
    if service.mode != "auto" and not fact.approved_by:
        return f"{service.name} is in mode {service.mode}, and nobody approved this"
    if moved := _moved(proposal.binding, seen):
        return moved
    return _bad_inputs(proposal, service, seen)


def budgets(
    proposal: Proposal,
    now: datetime,
    *,
    in_all: int,
    per_target: int,
    per_source: int | None = None,
    reserved: int = 0,
    critical: Collection[str] = (),
) -> tuple[Spend, ...]:
    """What an action takes from the hour's budgets, in the transaction of its intent.

    Targets that are `critical` (their keys) may use what is `reserved` for them, whatever their source has used up.
    """
    until = now + timedelta(hours=2)
    free = proposal.target.key in critical
    spends = [
        Spend(keys.budget("actions", now), in_all if free else in_all - reserved, until),
        Spend(keys.budget(f"actions#{proposal.target.key}", now), per_target, until),
    ]
    if per_source is not None and not free:
        spends.append(Spend(keys.budget(f"actions@{proposal.source}", now), per_source, until))
    return tuple(spends)


def _stopped(state: State) -> str:
    """Who stopped everything and why; empty when nobody did. An unreadable switch raises Unavailable: nothing runs."""
    item = state.get(keys.KILL_SWITCH)
    if item is None or not stopped(item):
        return ""
    why = f": {item.value['reason']}" if item.value.get("reason") else ""
    return f"everything is stopped by {item.value.get('person', 'somebody')}{why}"


def _stale(approved: Entry, config: Config, holds: timedelta, now: datetime) -> str:
    if approval(approved).config_digest != config.digest:
        return "it was approved under another configuration"
    if now - approved.at > holds:
        return f"the policy's answer is older than {holds.total_seconds():.0f} s"
    return ""


def _moved(binding: Mapping[str, object], seen: Seen) -> str:
    """Which bound field changed since the proposal was made; empty if none did."""
    for name, value in binding.items():
        if name not in seen or seen[name] != value:
            return f"the service changed since: {name.replace('_', ' ')} was {value}, is {seen.get(name, 'unknown')}"
    return ""


def _bad_inputs(proposal: Proposal, service: Service, seen: Seen) -> str:
    match proposal.action:
        case "rollback_service":
            revision = proposal.inputs.get("task_definition")
            if not isinstance(revision, str) or ":task-definition/" not in revision or not revision[-1].isdigit():
                return "a rollback needs the ARN of one revision"
            if revision == seen["task_definition"]:
                return "the service runs that revision already"
        case "scale_service":
            count = proposal.inputs.get("desired_count")
            if service.scale is None:
                return f"{service.name} has no bounds for scaling"
            if type(count) is not int or not service.scale.least <= count <= service.scale.most:
                return f"{count} tasks is outside {service.scale.least} to {service.scale.most}"
    return ""
