"""A timeline for people: what each fact says, in one plain sentence."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from shared import facts
from shared.alert import Alert, as_text
from shared.entry import Entry
from shared.facts import Fact

LONGEST = 200
"""Characters of a sentence at most; what is longer ends in an ellipsis."""

_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")

_ADDRESS = re.compile(r"://|\bwww\.|\b(?:mailto|file|news|tel|sms|skype|callto):", re.IGNORECASE)
_DOUBLED = re.compile(r"([.!?…])\.$")


@lru_cache(maxsize=1024)
def plain(text: str, longest: int = LONGEST) -> str:
    """`text` on one line of at most `longest` characters, without control, invisible or direction characters."""
    usual = text.isascii() and text.isprintable()
    line = " ".join(text.split()) if usual else _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def unlinked(text: str) -> str:
    """`text` in which a program that makes links of addresses by itself finds none: an invisible mark breaks each.

    A bare name of a host stays as it is; some mail programs make a link of that as well.
    """
    return _ADDRESS.sub(lambda found: f"{found[0][0]}\u2060{found[0][1:]}", text)


def figure(value: float) -> str:
    """A number as people say it: three significant digits, whole from a thousand on (`0.203`, `12.7`, `12,300`)."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"  # noqa: PLR2004 - where .3g turns to exponents


def when(at: datetime) -> str:
    """A date and time to the second: `21 Nov 2026 03:00:12 UTC`."""
    return f"{at.astimezone(UTC):%-d %b %Y %H:%M:%S} UTC"


def foremost(listed: str, most: int = 2) -> str:
    """The first few of what is listed with `; ` between, and how many more there are."""
    every = listed.split("; ")
    return "; ".join(every[:most]) + (f"; and {len(every) - most} more" if len(every) > most else "")


def sentence(fact: Fact) -> str:
    """What `fact` says, as one plain sentence of at most 200 characters without markup of any kind."""
    return _DOUBLED.sub(r"\1", plain(_said(fact)))


def told(entry: Entry) -> dict[str, str]:
    """One entry for a reader: `at` (RFC 3339), `actor`, `type` and the `sentence`."""
    return {
        "at": as_text(entry.at),
        "actor": entry.actor,
        "type": entry.fact.type,
        "sentence": sentence(entry.fact),
    }


def _said(fact: Fact) -> str:
    match fact:
        case (
            facts.IncidentOpened() | facts.AlertJoined() | facts.AlertRepeated() | facts.AlertResolved()
            | facts.AlertLapsed() | facts.AlertFlapped()
        ):  # fmt: skip
            return _alert(fact)
        case facts.InvestigationRequested():
            return f"Round {fact.round} of the investigation was asked for: {fact.reason}."
        case facts.EvidenceCollected():
            return _evidence(fact)
        case facts.AssessmentMade(assessment=verdict):
            return f"{verdict.decision} ({verdict.confidence:.0%} sure, by {verdict.assessor}): {verdict.message}"
        case (
            facts.ActionProposed() | facts.ActionDenied() | facts.ApprovalRequested() | facts.ApprovalReminded()
            | facts.ApprovalExpired() | facts.ApprovalGiven() | facts.ApprovalRefused() | facts.ClickDeclined()
            | facts.ProposalVoided()
        ):  # fmt: skip
            return _approval(fact)
        case (
            facts.ActionApproved() | facts.ActionStarted() | facts.ActionCompleted() | facts.ActionFailed()
            | facts.ActionRefused() | facts.ActionHeld() | facts.ActionOutcomeUnknown()
        ):  # fmt: skip
            return _action(fact)
        case (
            facts.CheckDue() | facts.RecoveryChecked() | facts.RecoveryVerified() | facts.RecoveryFailed()
            | facts.RecoveryInconclusive()
        ):  # fmt: skip
            return _recovery(fact)
        case facts.MessageSent() | facts.MessageFailed() | facts.TicketCreated() | facts.TicketUpdated():
            return _message(fact)
        case facts.DryRunCompleted():
            return f"Only a test, so {fact.stage} did not go on; it would have: {fact.would}."
        case facts.NoteAdded():
            return f"{fact.person} noted: {fact.text}"
        case facts.UnknownFact():
            return f"{fact.type}: a newer release wrote this; nothing is done here until it is understood."
        case _:
            return _course(fact)


def _named(alert: Alert) -> str:
    severity = "" if alert.severity == "unknown" else f", severity {alert.severity}"
    return f"{plain(alert.title, 90)} ({alert.source}{severity})"


def _alert(
    fact: facts.IncidentOpened
    | facts.AlertJoined
    | facts.AlertRepeated
    | facts.AlertResolved
    | facts.AlertLapsed
    | facts.AlertFlapped,
) -> str:
    match fact:
        case facts.IncidentOpened():
            about = f" about {fact.target.short}" if fact.target else " about no target that we know"
            about = " to test Middlewatch itself" if fact.test else about
            return f"Opened{about}: {_named(fact.alert)}."
        case facts.AlertJoined(again=True):
            return f"Rang again after it had cleared: {_named(fact.alert)}."
        case facts.AlertJoined():
            return f"Another alert joined: {_named(fact.alert)}."
        case facts.AlertRepeated():
            return f"{plain(fact.title, 90)} has rung {fact.count} times{_because(fact.reason)}."
        case facts.AlertResolved(hold_until=None):
            return f"{plain(fact.title, 90)} cleared; other alerts are still firing."
        case facts.AlertResolved():
            until = f"{fact.hold_until:%H:%M:%S} UTC"
            return f"{plain(fact.title, 90)} cleared; nothing fires any more, and it has to stay so until {until}."
        case facts.AlertLapsed():
            until = f"{fact.look_again_at:%H:%M:%S} UTC"
            return f"{plain(fact.title, 90)} gives no data any more, which is no health; looked at again at {until}."
        case facts.AlertFlapped():
            return f"{plain(fact.title, 90)} changed {fact.changes} times; from now on its changes are only counted."


def _evidence(fact: facts.EvidenceCollected) -> str:
    breach = {True: "; we see the breach ourselves", False: "; we do not see the breach ourselves", None: ""}
    gaps = [f"{gap.source} ({gap.reason})" for gap in fact.gaps]
    unread = f"; could not read {_listed(gaps, 3)}" if gaps else ""
    return f"Collected {_counted(len(fact.items), 'piece')} of evidence{breach[fact.breach_confirmed]}{unread}."


def _approval(
    fact: facts.ActionProposed
    | facts.ActionDenied
    | facts.ApprovalRequested
    | facts.ApprovalReminded
    | facts.ApprovalExpired
    | facts.ApprovalGiven
    | facts.ApprovalRefused
    | facts.ClickDeclined
    | facts.ProposalVoided,
) -> str:
    match fact:
        case facts.ActionProposed(proposal=proposal):
            what = f"{proposal.action} on {proposal.target.short}"
            by = "Proposes" if proposal.author.startswith("rules/") else f"{proposal.author} proposes"
            return f"{by} {what}: {proposal.effect}."
        case facts.ActionDenied():
            return f"The policy says no: {_listed(fact.reasons, 3)}."
        case facts.ApprovalRequested():
            who = _listed(fact.approvers, 4) if fact.approvers else "nobody (no approver is named)"
            until = f"{fact.expires_at:%H:%M:%S} UTC"
            return f"Needs {_counted(fact.quorum, 'approval')} until {until}; may approve: {who}."
        case facts.ApprovalReminded():
            return "Nobody has answered the request for approval yet; half of the time is gone."
        case facts.ApprovalExpired():
            return "Nobody answered the request for approval in time."
        case facts.ApprovalGiven():
            return f"{fact.person} approved on {fact.channel}{_because(fact.reason)}."
        case facts.ApprovalRefused():
            return f"{fact.person} said no on {fact.channel}{_because(fact.reason)}."
        case facts.ClickDeclined():
            return f"{fact.person} pressed '{fact.button}', which changed nothing: {fact.why}."
        case facts.ProposalVoided():
            return f"The proposal no longer stands: {fact.why}."


def _action(
    fact: facts.ActionApproved
    | facts.ActionStarted
    | facts.ActionCompleted
    | facts.ActionFailed
    | facts.ActionRefused
    | facts.ActionHeld
    | facts.ActionOutcomeUnknown,
) -> str:
    match fact:
        case facts.ActionApproved():
            by = _listed(fact.approved_by, 3) if fact.approved_by else "the policy alone"
            return f"Approved by {by}: {fact.proposal.action} on {fact.proposal.target.short}."
        case facts.ActionStarted():
            return f"Starting {fact.action} on {fact.target.short}."
        case facts.ActionCompleted(reconciled=True):
            return "The action took effect; its reply was lost, so we read that from the target itself."
        case facts.ActionCompleted():
            return f"The action took effect; whether it helped is checked from {fact.check_at:%H:%M:%S} UTC."
        case facts.ActionFailed():
            return f"The action failed and nothing was changed: {fact.why}."
        case facts.ActionRefused(again=True):
            return f"Did not act: {fact.why}; the policy is asked again."
        case facts.ActionRefused():
            return f"Did not act: {fact.why}."
        case facts.ActionHeld():
            return f"Waiting, and looking again at {fact.look_again_at:%H:%M:%S} UTC: {fact.why}."
        case facts.ActionOutcomeUnknown():
            return f"Whether the action took effect is unknown, a person has to look: {fact.why}."


def _recovery(
    fact: facts.CheckDue
    | facts.RecoveryChecked
    | facts.RecoveryVerified
    | facts.RecoveryFailed
    | facts.RecoveryInconclusive,
) -> str:
    match fact:
        case facts.CheckDue():
            return f"Time for look {fact.number} at whether it recovered."
        case facts.RecoveryChecked():
            return f"Look {fact.number}, too early to tell: {foremost(fact.seen)}."
        case facts.RecoveryVerified():
            return f"Recovered: {fact.seen}."
        case facts.RecoveryFailed():
            return f"It did not help: {fact.seen}."
        case facts.RecoveryInconclusive():
            return f"Cannot tell whether it recovered: {fact.seen}."


def _message(fact: facts.MessageSent | facts.MessageFailed | facts.TicketCreated | facts.TicketUpdated) -> str:
    match fact:
        case facts.MessageSent():
            return f"Told {fact.channel}: {plain(fact.summary.partition(' · ')[0], 120)}."
        case facts.MessageFailed():
            return f"{fact.channel} could not be told about {fact.about}: {fact.why}."
        case facts.TicketCreated():
            return f"Ticket {fact.key} was created."
        case facts.TicketUpdated():
            said = f" ({_words(fact.about)})" if fact.change == "commented" else ""
            return f"Ticket {fact.key}: {fact.change}{said}."


def _course(
    fact: facts.IncidentEscalated
    | facts.IncidentAcknowledged
    | facts.HoldElapsed
    | facts.IncidentResolved
    | facts.IncidentReopened
    | facts.IncidentClosed
    | facts.IncidentStalled,
) -> str:
    match fact:
        case facts.IncidentEscalated():
            return f"Escalated, people are needed: {fact.reason}."
        case facts.IncidentAcknowledged():
            return f"{fact.person} took it on {fact.channel}; nothing runs here any more without a person."
        case facts.HoldElapsed(of="clear"):
            return "The time for which the alarms had to stay clear is over."
        case facts.HoldElapsed(of="reopen"):
            return "The time in which it could reopen is over."
        case facts.HoldElapsed(of="look"):
            return "Time to see whether what was left alone still fires."
        case facts.HoldElapsed():
            return "Time to look at the action that was held."
        case facts.IncidentResolved():
            return f"Resolved: {fact.reason}."
        case facts.IncidentReopened():
            return f"Reopened: {fact.reason}."
        case facts.IncidentClosed():
            return f"Closed: {fact.reason}."
        case facts.IncidentStalled():
            return f"Nothing moved since entry {fact.since}, so it is published again (time {fact.times})."


def _words(name: str) -> str:
    """`approval given` of `ApprovalGiven`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(texts: Iterable[str], most: int) -> str:
    """The first few, and how many more."""
    every: Sequence[str] = tuple(texts)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(plain(text, 60) for text in every[:most]) + more
