"""What follows for the incident as a whole: it closes, reopens, is looked into again, or is handed to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from shared import facts, keys
from shared.alert import SEVERITIES, as_text
from shared.decide import Stage
from shared.entry import Entry
from shared.facts import Fact
from shared.incident import STANDS, TEST_HOLD, TIMERS, Alarm, Incident
from shared.ports import Item, State
from shared.writes import Put, Write

ROUNDS = 3
"""Investigations per incident and source that speaks of it; after that people have to look."""

AT_ONCE = 40
"""Flapping alerts that end in one turn: each is two writes, and DynamoDB takes 100 in one transaction."""


@dataclass(frozen=True, slots=True)
class Course:
    """The times of an incident's course."""

    hold: timedelta
    reopen: timedelta


Flapping = Mapping[str, Item]
"""The item of each flapping alert by fingerprint: its changes are counted there, beside the timeline."""


def lifecycle(course: Course, state: State) -> Stage[Flapping]:
    """The stage; what it read of an alert that flaps has to hold when it says that it cleared."""
    return Stage("lifecycle", partial(follow, course=course), partial(flapping_alerts, state=state), _unchanged)


def flapping_alerts(incident: Incident, _cause: Entry, *, state: State) -> Flapping:
    """What the state table knows of the alerts whose changes are no longer recorded."""
    flapping = (each for each, alarm in incident.alarms.items() if alarm.flapping)
    items = ((each, state.get(keys.alarm(incident.id, each))) for each in flapping)
    return {each: item for each, item in items if item}


def _unchanged(flapping: Flapping, told: Sequence[Fact]) -> Sequence[Write]:
    cleared = (flapping.get(fact.fingerprint) for fact in told if isinstance(fact, facts.AlertResolved))
    return [Put(item.key, item.value, when=item.value) for item in cleared if item]


def follow(incident: Incident, cause: Entry, flapping: Flapping, now: datetime, *, course: Course) -> Sequence[Fact]:
    """The facts that follow from `cause` for an incident in this state."""
    match cause.fact:
        case facts.AlertJoined() as joined:
            return _joined(incident, joined, cause)
        case facts.AlertResolved() if not incident.firing:
            return _withdrawn(incident, f"the alarm cleared at {as_text(cause.fact.cleared_at)}")
        case facts.AlertFlapped() as flapped:
            return _flapped(incident, flapped)
        case facts.RecoveryFailed(seen=seen):
            return [facts.IncidentEscalated(reason=f"the action did not help: {seen}")]
        case facts.RecoveryInconclusive(seen=seen):
            return [facts.IncidentEscalated(reason=f"recovery cannot be proved: {seen}")]
        case facts.ActionFailed(why=why):
            return [facts.IncidentEscalated(reason=f"the action failed: {why}")]
        case facts.ActionOutcomeUnknown(why=why):
            return [facts.IncidentEscalated(reason=f"look at the service, we cannot tell what happened: {why}")]
        case facts.ActionRefused(again=False, proposal_id=proposal_id, why=why) if incident.firing:
            refused = incident.work[proposal_id].standing == "refused"  # or it had been withdrawn before
            return [facts.IncidentEscalated(reason=f"not done: {why}")] if refused else []
        case facts.ApprovalExpired():
            return [facts.IncidentEscalated(reason="the request for approval was not decided in time")]
        case facts.ApprovalRefused(person=person, reason=reason):
            return _once(incident, f"{person} refused the proposed action{f': {reason}' if reason else ''}")
        case facts.IncidentStalled(times=times) if times > 1 and incident.status != "closed" and not incident.test:
            return _once(incident, "nothing moves: a part of Middlewatch does not answer")
        case facts.HoldElapsed(of=of) if TIMERS[of] in incident.timers:
            return []  # it was set anew, and this is the end of an earlier one
        case facts.HoldElapsed(of="look") if incident.left_ringing:
            return [facts.IncidentEscalated(reason=_left_ringing(incident))]
        case facts.HoldElapsed(of="clear"):
            return _held_clear(incident, flapping, now, course)
        case facts.HoldElapsed(of="reopen") if incident.status == "resolved" and not incident.firing:
            return [facts.IncidentClosed(reason="it stayed quiet")]
    return []


def _flapped(incident: Incident, flapped: facts.AlertFlapped) -> Sequence[Fact]:
    reason = f"flapping: {flapped.title} changed {flapped.changes} times"
    if incident.status == "resolved" and incident.alarms[flapped.fingerprint].state != "resolved":
        again = facts.IncidentReopened(reason=f"{flapped.title} rang again")
        return [again, facts.IncidentEscalated(reason=reason)]
    return [*_withdrawn(incident, "the alarm flaps"), *_once(incident, reason)]


def _joined(incident: Incident, joined: facts.AlertJoined, cause: Entry) -> Sequence[Fact]:
    if incident.status == "closed" or incident.alarms[joined.alert.fingerprint].state == "resolved":
        return []  # it cleared before anybody came to look
    reopened: list[Fact] = []
    if incident.status == "resolved":
        reopened = [facts.IncidentReopened(reason=f"{joined.alert.title} rang again")]
    elif incident.phase in {"investigating", "acting", "verifying"}:
        return []  # what runs now will see this alert too, or its outcome will be judged by it
    called = incident.escalated_at or cause.at
    again = bool(reopened) or (joined.again and called < cause.at)
    if joined.unattended:
        return [*reopened, *_once(incident, f"{joined.alert.title} rang, and {joined.unattended}", bool(reopened))]
    if any(work.started for work in incident.work.values()):
        why = f"{joined.alert.title} rang after an action here; no second one without a person"
        return [*reopened, *_once(incident, why, again)]
    if not reopened and not _worth_a_round(incident, joined):
        return []
    if incident.rounds.get(joined.alert.origin, 0) + incident.rounds.get("", 0) >= ROUNDS:
        return [*reopened, *_once(incident, f"{joined.alert.title} rang after {ROUNDS} investigations", again)]
    reason = f"{joined.alert.title} joined"
    withdrawn = _withdrawn(incident, f"{reason}; it is being looked into again")
    return [*reopened, *withdrawn, _another(incident, joined, reason)]


def _another(incident: Incident, joined: facts.AlertJoined, reason: str) -> Fact:
    return facts.InvestigationRequested(round=incident.round + 1, reason=reason, origin=joined.alert.origin)


def _left_ringing(incident: Incident) -> str:
    """What was left alone for a while and did not end by itself."""
    mute = [alarm.alert.title for alarm in incident.firing if alarm.state == "unknown"]
    rings = [alarm.alert.title for alarm in incident.firing if alarm.state == "firing"]
    told = [f"{' and '.join(rings[:3])} still fires, and nothing is done about it"] if rings else []
    told += [f"{' and '.join(mute[:3])} gives no data, so nobody can say that it is well"] if mute else []
    return "; ".join(told)


def _worth_a_round(incident: Incident, joined: facts.AlertJoined) -> bool:
    """A new alert, or one graver than all before it, changes the picture; one that came back does too."""
    others = [alarm.alert.severity for alarm in incident.alarms.values() if alarm.alert != joined.alert]
    graver = all(SEVERITIES.index(joined.alert.severity) > SEVERITIES.index(other) for other in others)
    return graver or joined.again or incident.alarms[joined.alert.fingerprint].changes == 1


def _withdrawn(incident: Incident, why: str) -> list[Fact]:
    work = incident.proposal
    if work is None or work.standing not in STANDS:
        return []
    return [facts.ProposalVoided(proposal_id=work.proposal.id, why=why)]


def _once(incident: Incident, reason: str, again: bool = False) -> list[Fact]:  # noqa: FBT001, FBT002 - one word more
    """Escalates unless people know already; `again` tells them in any case."""
    return [] if incident.escalated_at and not again else [facts.IncidentEscalated(reason=reason)]


def _held_clear(incident: Incident, flapping: Flapping, now: datetime, course: Course) -> Sequence[Fact]:
    if incident.status != "open" or incident.busy:
        return []  # the action's own outcome comes first, and sets the hold anew
    loud = [alarm for alarm in incident.alarms.values() if not _is_quiet(incident, alarm, flapping, now, course)]
    if not loud:
        cleared = [
            facts.AlertResolved(fingerprint=each, title=incident.alarms[each].alert.title, cleared_at=_since(item))
            for each, item in list(flapping.items())[:AT_ONCE]
        ]
        if len(cleared) < len(flapping):  # the others when this hold rings once more
            return [*cleared[:-1], cleared[-1].model_copy(update={"hold_until": now})]
        resolved = facts.IncidentResolved(reason=_why_resolved(incident), close_at=now + _reopens(incident, course))
        return [*_withdrawn(incident, "the alarm cleared"), *cleared, resolved]
    return [
        facts.AlertFlapped(
            fingerprint=alarm.alert.fingerprint,
            title=alarm.alert.title,
            state="resolved" if flapping[alarm.alert.fingerprint].value["state"] == "resolved" else "firing",
            changed_at=_since(flapping[alarm.alert.fingerprint]),
            changes=alarm.changes,
            look_again_at=now + course.hold,
        )
        for alarm in loud
        if alarm.alert.fingerprint in flapping
    ][:1]


def _reopens(incident: Incident, course: Course) -> timedelta:
    return min(course.reopen, TEST_HOLD) if incident.test else course.reopen


def _is_quiet(incident: Incident, alarm: Alarm, flapping: Flapping, now: datetime, course: Course) -> bool:
    if not alarm.flapping:
        return alarm.state == "resolved"
    item = flapping.get(alarm.alert.fingerprint)
    flood = alarm.alert.fingerprint == incident.identity  # it only ever says when it came last
    return bool(item and (flood or item.value["state"] == "resolved") and now - _since(item) >= course.hold)


def _since(item: Item) -> datetime:
    return datetime.fromisoformat(item.value["since"])


def _why_resolved(incident: Incident) -> str:
    if isinstance(incident.recovery, facts.RecoveryVerified):
        return "the action helped, and every alarm stayed clear"
    if any(work.started for work in incident.work.values()):
        return "every alarm stayed clear, though we could not prove that our action was why"
    return "every alarm stayed clear without an action of ours"
