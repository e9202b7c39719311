"""What a click means for the incident as it is now: who is it, may they, is it still the same proposal; pure."""

from datetime import datetime

from shared import facts
from shared.click import CHANNEL, Click
from shared.config import Config, Person
from shared.configuration import entitled, name_of
from shared.errors import Refused
from shared.history import History
from shared.incident import Work
from shared.mrkdwn import safe

MOST_DECLINED = 20
"""Clicks that changed nothing are recorded so often per incident, so that nobody can fill a timeline by clicking."""

Answer = facts.ApprovalGiven | facts.ApprovalRefused | facts.IncidentAcknowledged | facts.ClickDeclined


def answer(click: Click, person: Person | None, history: History, config: Config, now: datetime) -> Answer:
    """The fact that this click makes; a `ClickDeclined` says why it changed nothing, in words for the clicker."""
    if person is None:
        return _declined(click, f"slack:{click.team}/{click.user}", "you are not in config/people.yaml")
    if click.button == "take":
        why = _not_taken(person, history, config)
        return (
            _declined(click, person.id, why) if why else facts.IncidentAcknowledged(person=person.id, channel=CHANNEL)
        )
    try:
        request, work = _asked(click, history)
    except Refused as refusal:
        return _declined(click, person.id, str(refusal))
    why = _objection(click, person, request, work, history, config, now)
    if why:
        return _declined(click, person.id, why)
    proposal = work.proposal.id
    if click.button == "reject":
        return facts.ApprovalRefused(proposal_id=proposal, person=person.id, channel=CHANNEL, reason=click.reason)
    return facts.ApprovalGiven(
        proposal_id=proposal,
        proposal_hash=request.proposal_hash,
        person=person.id,
        channel=CHANNEL,
        reason=click.reason,
        given_at=click.clicked_at,
        seal=click.seal,
    )


def reply(fact: facts.Fact, history: History) -> str:
    """What the clicker is told, as Slack markup."""
    match fact:
        case facts.ApprovalGiven(proposal_id=proposal_id):
            work = history.incident.work[proposal_id]
            given, needed = len(work.approvals), work.request.quorum if work.request else 1
            what = f"{work.proposal.action} on {safe(work.proposal.target.name, 80)}"
            if given < needed:
                return f"Your yes to {what} counts: {given} of {needed}; {needed - given} more needed."
            return f"Your yes to {what} counts. The policy has the last word, then it starts; watch the thread."
        case facts.ApprovalRefused(proposal_id=proposal_id):
            proposal = history.incident.work[proposal_id].proposal
            return f"Your no counts: {proposal.action} on {safe(proposal.target.name, 80)} will not run."
        case facts.IncidentAcknowledged():
            return "It is yours: nobody else is paged for this incident, and nothing runs here without a person."
        case facts.ClickDeclined(why=why):
            return f"Nothing was changed: {safe(why, 400)}."
    return "This click was answered before."


def _declined(click: Click, person: str, why: str) -> facts.ClickDeclined:
    return facts.ClickDeclined(person=person, button=click.button, why=why)


def _not_taken(person: Person, history: History, config: Config) -> str:
    incident = history.incident
    if incident.status != "open":
        return f"the incident is {incident.status} already"
    if incident.acknowledged_by == person.id:
        return "you have it already"
    if incident.acknowledged_by:
        return f"{name_of(config, incident.acknowledged_by)} has it{_at(incident.acknowledged_at)}"
    return ""


def _asked(click: Click, history: History) -> tuple[facts.ApprovalRequested, Work]:
    entry = history.entry(click.value)
    if not isinstance(entry.fact, facts.ApprovalRequested):
        raise Refused("this button belongs to no question")
    return entry.fact, history.incident.work[entry.fact.proposal_id]


def _objection(
    click: Click,
    person: Person,
    request: facts.ApprovalRequested,
    work: Work,
    history: History,
    config: Config,
    now: datetime,
) -> str:
    """Why this click changes nothing; empty where it counts."""
    if person.id not in entitled(config, request.approvers):
        who = ", ".join(name_of(config, each) for each in request.approvers) or "nobody, as no approver is named"
        return f"you may not decide this; may decide: {who}"
    if work.proposal.author == person.id and click.button == "approve":
        return "you proposed this yourself, so another person has to approve it"
    if any(given.person == person.id for given in work.approvals) and click.button == "approve":
        return f"you already approved this{_when_given(history, work, person.id)}"
    if history.incident.current != work.proposal.id:
        return _replaced(history)
    if work.standing != "awaiting":
        return _settled(work, history, config)
    if request != work.request or request.proposal_hash != work.proposal.hash:
        return "what was proposed has changed since this question; answer the newer one"
    until = min(request.expires_at, work.proposal.expires_at)
    if click.clicked_at >= until or now >= until:
        return f"it expired at {_clock(until)}; nothing will be done"
    if len(work.approvals) >= request.quorum and click.button == "approve":
        return _approved_by(work, history, config)
    if click.button == "approve" and not click.seal:
        return "this question is older than the release that runs now, and can only be rejected; look at the service"
    if click.button == "approve" and click.proposal_hash != request.proposal_hash:
        return "what you were shown is not what was asked; look at the timeline"
    return ""


def _settled(work: Work, history: History, config: Config) -> str:
    match work.standing:
        case "voided":
            return f"the proposal was withdrawn: {work.why}"
        case "expired":
            until = f" at {_clock(work.request.expires_at)}" if work.request else ""
            return f"it expired{until}; nothing will be done"
        case "rejected":
            return _rejected_by(work, history, config)
        case "denied":
            return f"the policy says no: {work.why}"
        case "refused" | "failed" | "unknown":
            return f"it is over: {work.why}"
        case "proposed":
            return "the policy is deciding about it again; wait for its question"
        case "verified" | "unproved" | "completed" | "started" | "approved" | "held":
            return _approved_by(work, history, config)
    return "it waits for nobody"


def _approved_by(work: Work, history: History, config: Config) -> str:
    if not work.approvals:
        return "the policy let it go without a person"
    last = work.approvals[-1].person
    return f"already approved by {name_of(config, last)}{_when_given(history, work, last)}"


def _rejected_by(work: Work, history: History, config: Config) -> str:
    for entry in reversed(history.entries):
        if isinstance(entry.fact, facts.ApprovalRefused) and entry.fact.proposal_id == work.proposal.id:
            because = f": {entry.fact.reason}" if entry.fact.reason else ""
            return f"{name_of(config, entry.fact.person)} said no{_at(entry.at)}{because}"
    return f"it was rejected: {work.why}"


def _replaced(history: History) -> str:
    newest = history.incident.proposal
    if newest is None:
        return "it was replaced"
    proposal = newest.proposal
    return f"replaced by revision {proposal.revision}: {proposal.action} on {proposal.target.short}, {proposal.effect}"


def _when_given(history: History, work: Work, person: str) -> str:
    for entry in history.entries:
        fact = entry.fact
        if isinstance(fact, facts.ApprovalGiven) and (fact.proposal_id, fact.person) == (work.proposal.id, person):
            return _at(entry.at)
    return ""


def _at(at: datetime | None) -> str:
    return f" at {_clock(at)}" if at else ""


def _clock(at: datetime) -> str:
    return f"{at:%H:%M} UTC"
