"""The promises of design section 8, each asked of a state from which nothing can happen any more."""

from collections import Counter
from collections.abc import Iterator

from shared import facts
from shared.config import Limits
from shared.configuration import entitled, person_by_slack, service_for_target
from shared.entry import broken_link
from shared.history import History
from shared.incident import Incident
from tests.reliability.smallmodel.model import State, setting

OUTCOMES = (facts.ActionCompleted, facts.ActionFailed, facts.ActionRefused, facts.ActionOutcomeUnknown)
WITHDRAWN = (facts.ProposalVoided, facts.ApprovalRefused, facts.ApprovalExpired, facts.ActionDenied)


def broken(state: State) -> Iterator[str]:
    """A line for every way in which a promise is broken."""
    histories = state.tables.histories
    if state.refused:
        yield state.refused
    for history in histories.values():
        if why := broken_link(history.entries):
            yield f"I4: {why}"
    if dict(state.world.alarms) and not histories:
        yield "I1: an alarm rang, and there is no incident"
    yield from _answered(state)
    for history in histories.values():
        yield from _intents(history, state)
        yield from _told(history)
    yield from _effects(state)


def _answered(state: State) -> Iterator[str]:
    for history in state.tables.histories.values():
        incident = history.incident
        if incident.status == "open" and not (incident.escalated_at or incident.acknowledged_by):
            yield f"I1: {incident.id} is open ({incident.phase}), and nobody was called"
    is_open = [each.incident for each in state.tables.histories.values() if each.incident.status == "open"]
    if state.world.rings and not is_open:
        yield "I1: an alarm rings, and no incident is open"
    if is_open and not state.world.rings:
        yield f"I1: {is_open[0].id} is open, and every alarm is clear"
    for name, ring in state.world.alarms:
        known = [each.alarms[name].state for each in is_open if name in each.alarms]
        if ring == "firing" and known != ["firing"]:
            yield f"I1: {name} rings, and the incident knows {known}"


def _intents(history: History, state: State) -> Iterator[str]:
    started = Counter(each.fact.proposal_id for each in history.entries if isinstance(each.fact, facts.ActionStarted))
    done = Counter(
        about.fact.proposal.id
        for effect in state.world.effects
        if effect.about.startswith(f"{history.incident_id}/")
        and isinstance((about := history.entry(effect.about)).fact, facts.ActionApproved)
    )
    yield from (f"I5: {proposal} has {n} intents" for proposal, n in started.items() if n > 1)
    yield from (f"I2: {proposal} was carried out {n} times" for proposal, n in done.items() if n > 1)
    for proposal in started:
        place = next(e.seq for e in history.entries if getattr(e.fact, "proposal_id", "") == proposal)
        said = [
            entry.fact
            for entry in history.entries[place:]
            if isinstance(entry.fact, OUTCOMES) and entry.fact.proposal_id == proposal
        ]
        after = [each for each in said if not isinstance(each, facts.ActionRefused) or not each.again]
        if len(after) != 1:
            yield f"I5: {proposal} was started, and has the outcomes {[each.type for each in said]}"
        elif done[proposal] and isinstance(after[0], facts.ActionFailed | facts.ActionRefused):
            yield f"I5: {proposal} was carried out, and its outcome is {after[0].type}"
        elif not done[proposal] and isinstance(after[0], facts.ActionCompleted):
            yield f"I5: {proposal} was never carried out, and its outcome is {after[0].type}"


def _told(history: History) -> Iterator[str]:
    told = {entry.fact.about for entry in history.entries if isinstance(entry.fact, facts.MessageSent)}
    for entry in history.entries:
        if isinstance(entry.fact, facts.IncidentEscalated):
            about = {e.id for e in history.entries if entry.caused_by in {e.caused_by, e.id}}
            if not about & told:
                yield f"I6: nobody heard of {entry.id}"


def _effects(state: State) -> Iterator[str]:
    config, _, _ = setting(state.bounds.configuration)
    limits = Limits.model_validate(config.policy_data["limits"])
    for effect in state.world.effects:
        history = state.tables.read(effect.about.rpartition("/")[0])
        approved = history.entry(effect.about).fact
        if not isinstance(approved, facts.ActionApproved):
            yield "I3: an effect without an approval"
            continue
        before, proposal = history.entries[: effect.rows], approved.proposal
        intent = [e for e in before if isinstance(e.fact, facts.ActionStarted) and e.fact.proposal_id == proposal.id]
        if not intent:
            yield f"I5: {proposal.id} was carried out without an intent"
            continue
        since = before[history.entry(effect.about).seq : intent[0].seq]
        gone = [e.fact.type for e in since if isinstance(e.fact, WITHDRAWN) and e.fact.proposal_id == proposal.id]
        if gone:
            yield f"I3: {proposal.id} was carried out after {gone[0]}"
        if intent[0].at >= proposal.expires_at:
            yield f"I3: {proposal.id} was carried out after it had expired"
        if effect.into:
            yield f"I3: {proposal.id} was carried out into a deployment"
        if not Incident.replay(history.entries[: intent[0].seq]).firing:
            yield f"I3: {proposal.id} was started when every alarm had cleared"
        service = service_for_target(config, proposal.target)
        may = entitled(config, service.approvers) if service else frozenset()
        given = {
            e.fact.person: e.caused_by
            for e in before[: intent[0].seq]
            if isinstance(e.fact, facts.ApprovalGiven) and e.fact.proposal_hash == proposal.hash
        }
        pressed = {
            person.id
            for user, button, _ in state.pressed
            if button == "approve" and (person := person_by_slack(config, "T0SHOP", user))
        }
        needed = limits.quorum[service.tier] if service else 99
        if len(set(given) & pressed & may) < needed:
            yield f"I3: {proposal.id} was carried out with {sorted(given)}, where {needed} must agree"
    for key, stored in state.tables.items.items():
        if key.startswith("budget#actions#"):
            most = (
                limits.actions_per_hour if key.startswith("budget#actions#20") else limits.actions_per_target_per_hour
            )
            if (stored.count or 0) > most:
                yield f"I7: {stored.count} taken from {key}"
