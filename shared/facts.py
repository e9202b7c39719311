"""The facts of an incident: the only things that a timeline holds.

A fact is named in the past tense, says what happened, and carries the dates that it sets in motion. A reader tolerates
fields that it does not know; a type that it does not know becomes an `UnknownFact`, which changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import AwareDatetime, Field

from shared.alert import Alert, AlertState, Severity
from shared.assessment import Assessment, EvidenceItem, Gap
from shared.model import Frozen
from shared.proposal import Proposal
from shared.target import Target


class IncidentOpened(Frozen):
    """An alert rang and no incident was open for its target (or for itself, if it names none).

    `test` marks Middlewatch's test of itself: nobody is woken, nothing is done. `unattended` says why nothing looks
    into it (its source opened too many); people are told so, and a later alert may still have it looked into.
    """

    type: Literal["IncidentOpened"] = "IncidentOpened"
    alert: Alert
    identity: str
    target: Target | None
    service: str
    title: str
    severity: Severity
    config_digest: str
    test: bool = False
    unattended: str = ""


class AlertJoined(Frozen):
    """An alert rang for a target that has an open incident; `again` when the incident knew it and it had cleared.

    `unattended` says why nothing looks into it (its source had too many looked into this hour).
    """

    type: Literal["AlertJoined"] = "AlertJoined"
    alert: Alert
    again: bool = False
    unattended: str = ""


class AlertRepeated(Frozen):
    """An alert rang again, at `changed_at`, without having cleared (recorded now and then, counted always)."""

    type: Literal["AlertRepeated"] = "AlertRepeated"
    fingerprint: str
    title: str
    count: int
    changed_at: AwareDatetime | None = None
    reason: str = ""


class AlertResolved(Frozen):
    """The source that raised an alert says it cleared. `hold_until` is set when no joined alert fires any more."""

    type: Literal["AlertResolved"] = "AlertResolved"
    fingerprint: str
    title: str
    cleared_at: AwareDatetime
    hold_until: AwareDatetime | None = None


class AlertLapsed(Frozen):
    """An alert that had cleared gives no data any more: it is not well for that, and is looked at again later."""

    type: Literal["AlertLapsed"] = "AlertLapsed"
    fingerprint: str
    title: str
    since: AwareDatetime
    look_again_at: AwareDatetime


class AlertFlapped(Frozen):
    """An alert changed its state so often that its changes are counted from now on, no longer recorded."""

    type: Literal["AlertFlapped"] = "AlertFlapped"
    fingerprint: str
    title: str
    state: AlertState
    changed_at: AwareDatetime
    changes: int
    look_again_at: AwareDatetime


class InvestigationRequested(Frozen):
    """Another round of evidence is wanted, because of what `origin` told us."""

    type: Literal["InvestigationRequested"] = "InvestigationRequested"
    round: int
    reason: str
    origin: str = ""


class EvidenceCollected(Frozen):
    """What could be read, and what could not. `binding` is the target's state that a proposal may be bound to."""

    type: Literal["EvidenceCollected"] = "EvidenceCollected"
    round: int
    items: tuple[EvidenceItem, ...]
    gaps: tuple[Gap, ...]
    binding: dict[str, Any] = {}
    breach_confirmed: bool | None = None
    digest: str


class AssessmentMade(Frozen):
    """SAFE or ESCALATE; `proposes` says that an `ActionProposed` stands right behind it.

    At `look_again_at` people are called if nothing was to be done and an alert still fires.
    """

    type: Literal["AssessmentMade"] = "AssessmentMade"
    round: int
    assessment: Assessment
    evidence_digest: str
    proposes: bool
    look_again_at: AwareDatetime | None = None


class ActionProposed(Frozen):
    """Somebody (the assessment, or a person) proposes one action."""

    type: Literal["ActionProposed"] = "ActionProposed"
    proposal: Proposal
    proposal_hash: str


class ActionDenied(Frozen):
    """The policy says no."""

    type: Literal["ActionDenied"] = "ActionDenied"
    proposal_id: str
    reasons: tuple[str, ...]
    config_digest: str


class ApprovalRequested(Frozen):
    """The policy wants people to agree: how many, who may, until when. No approvers means nobody may."""

    type: Literal["ApprovalRequested"] = "ApprovalRequested"
    proposal_id: str
    proposal_hash: str
    reasons: tuple[str, ...]
    quorum: int = Field(ge=1)
    approvers: tuple[str, ...]
    verification: Literal["auto", "human", "both"] = "auto"
    config_digest: str
    remind_at: AwareDatetime | None = None
    expires_at: AwareDatetime


class ApprovalReminded(Frozen):
    """Nobody answered yet, and half of the time is gone."""

    type: Literal["ApprovalReminded"] = "ApprovalReminded"
    proposal_id: str


class ApprovalExpired(Frozen):
    """Nobody answered in time."""

    type: Literal["ApprovalExpired"] = "ApprovalExpired"
    proposal_id: str


class ApprovalGiven(Frozen):
    """An entitled person agreed to exactly this proposal; `seal` proves it (see shared/seal.py)."""

    type: Literal["ApprovalGiven"] = "ApprovalGiven"
    proposal_id: str
    proposal_hash: str
    person: str
    channel: str
    reason: str = ""
    given_at: AwareDatetime | None = None
    seal: str = ""


class ApprovalRefused(Frozen):
    """An entitled person said no; the proposal is dead."""

    type: Literal["ApprovalRefused"] = "ApprovalRefused"
    proposal_id: str
    person: str
    channel: str
    reason: str = ""


class ClickDeclined(Frozen):
    """A click that changed nothing, who made it, and why it changed nothing."""

    type: Literal["ClickDeclined"] = "ClickDeclined"
    person: str
    button: str
    why: str


class ActionApproved(Frozen):
    """The policy lets the action go; only `policy_gate` says this, which `seal` proves (see shared/seal.py)."""

    type: Literal["ActionApproved"] = "ActionApproved"
    proposal: Proposal
    proposal_hash: str
    reasons: tuple[str, ...]
    approved_by: tuple[str, ...]
    verification: Literal["auto", "human", "both"] = "auto"
    config_digest: str
    seal: str = ""


class ActionStarted(Frozen):
    """The intent: written before the effect, with the state seen before."""

    type: Literal["ActionStarted"] = "ActionStarted"
    proposal_id: str
    proposal_hash: str
    action: str
    target: Target
    inputs: dict[str, Any] = {}
    before: dict[str, Any]


class ActionCompleted(Frozen):
    """The effect is there; `reconciled` when that was learned by reading the world after a lost reply."""

    type: Literal["ActionCompleted"] = "ActionCompleted"
    proposal_id: str
    after: dict[str, Any]
    reconciled: bool = False
    check_at: AwareDatetime


class ActionFailed(Frozen):
    """The backend said no; nothing was changed."""

    type: Literal["ActionFailed"] = "ActionFailed"
    proposal_id: str
    why: str


class ActionRefused(Frozen):
    """We did not act: something that the approval relied on no longer holds. `again` asks the policy once more."""

    type: Literal["ActionRefused"] = "ActionRefused"
    proposal_id: str
    why: str
    again: bool = False


class ActionHeld(Frozen):
    """Something is going on at the target (a deployment); we look again later and never act into it."""

    type: Literal["ActionHeld"] = "ActionHeld"
    proposal_id: str
    why: str
    look_again_at: AwareDatetime


class ActionOutcomeUnknown(Frozen):
    """There is an intent, its attempt must be dead, and the effect cannot be seen: a person's turn."""

    type: Literal["ActionOutcomeUnknown"] = "ActionOutcomeUnknown"
    proposal_id: str
    why: str


class CheckDue(Frozen):
    """It is time to look whether the service recovered."""

    type: Literal["CheckDue"] = "CheckDue"
    proposal_id: str
    number: int


class Measure(Frozen):
    """One measure of the service's health: before the action, after it, and whether it is inside its bound now.

    `ok` is None while it cannot be told (no data and missing data means nothing); `positive` marks a measure that
    shows health by being present rather than trouble by being absent.
    """

    name: str
    before: float | None = None
    after: float | None = None
    bound: str
    ok: bool | None
    positive: bool = False
    detail: str = ""


class RecoveryChecked(Frozen):
    """Looked; too early to tell. The next look is due at `check_at`."""

    type: Literal["RecoveryChecked"] = "RecoveryChecked"
    proposal_id: str
    number: int
    seen: str
    check_at: AwareDatetime


class RecoveryVerified(Frozen):
    """The rollout finished, the alarm reads clear, and every measure stayed inside its bound for a whole window.

    At `look_again_at` people are called if nobody told us that the alert cleared.
    """

    type: Literal["RecoveryVerified"] = "RecoveryVerified"
    proposal_id: str
    measures: tuple[Measure, ...]
    seen: str
    look_again_at: AwareDatetime | None = None


class RecoveryFailed(Frozen):
    """It did not help."""

    type: Literal["RecoveryFailed"] = "RecoveryFailed"
    proposal_id: str
    measures: tuple[Measure, ...]
    seen: str


class RecoveryInconclusive(Frozen):
    """It cannot be told whether it helped, which is not the same as that it did."""

    type: Literal["RecoveryInconclusive"] = "RecoveryInconclusive"
    proposal_id: str
    measures: tuple[Measure, ...]
    seen: str


class ProposalVoided(Frozen):
    """A proposal no longer stands, and why; a click on it does nothing."""

    type: Literal["ProposalVoided"] = "ProposalVoided"
    proposal_id: str
    why: str


class IncidentEscalated(Frozen):
    """People are needed, and why."""

    type: Literal["IncidentEscalated"] = "IncidentEscalated"
    reason: str


class IncidentAcknowledged(Frozen):
    """A person took it: paging stops, and nothing runs here without a person."""

    type: Literal["IncidentAcknowledged"] = "IncidentAcknowledged"
    person: str
    channel: str


class HoldElapsed(Frozen):
    """A waiting time is over.

    `clear`: alarms stayed clear; `reopen`: it may close; `action`: look at a held action; `look`: does it still ring?
    """

    type: Literal["HoldElapsed"] = "HoldElapsed"
    of: Literal["clear", "reopen", "action", "look"]


class IncidentResolved(Frozen):
    """Every joined alarm stayed clear for the hold time, or a person said it is over; closes at `close_at`."""

    type: Literal["IncidentResolved"] = "IncidentResolved"
    reason: str
    close_at: AwareDatetime


class IncidentReopened(Frozen):
    """It rang again before the incident was closed."""

    type: Literal["IncidentReopened"] = "IncidentReopened"
    reason: str


class IncidentClosed(Frozen):
    """The end: the next alarm on this target opens a new incident."""

    type: Literal["IncidentClosed"] = "IncidentClosed"
    reason: str


class IncidentStalled(Frozen):
    """Nothing moved when something should have; the relay publishes again from entry number `since`."""

    type: Literal["IncidentStalled"] = "IncidentStalled"
    since: int
    times: int


class MessageSent(Frozen):
    """A new message reached a channel (updates of a message are not told, but for that of the tests).

    `together`: so many incidents are named by that one message, as in a storm; 0 where it is about this one alone.
    """

    type: Literal["MessageSent"] = "MessageSent"
    channel: str
    about: str
    external_id: str
    summary: str
    together: int = 0


class MessageFailed(Frozen):
    """A channel did not take a message, and will not."""

    type: Literal["MessageFailed"] = "MessageFailed"
    channel: str
    about: str
    why: str


class TicketCreated(Frozen):
    """The escalation has a ticket."""

    type: Literal["TicketCreated"] = "TicketCreated"
    key: str
    url: str


class TicketUpdated(Frozen):
    """The ticket was commented or moved."""

    type: Literal["TicketUpdated"] = "TicketUpdated"
    key: str
    about: str
    change: str


class DryRunCompleted(Frozen):
    """In a test a stage did its part up to the effect; `would` is what it would have said or done for real."""

    type: Literal["DryRunCompleted"] = "DryRunCompleted"
    stage: str
    would: str = Field(max_length=1000)


class NoteAdded(Frozen):
    """A person's remark."""

    type: Literal["NoteAdded"] = "NoteAdded"
    person: str
    text: str = Field(max_length=4000)


class UnknownFact(Frozen):
    """A fact of a newer release: kept, shown, and blocking effects, because we cannot know what it means."""

    type: str
    content: dict[str, Any]


Fact = (
    IncidentOpened | AlertJoined | AlertRepeated | AlertResolved | AlertLapsed | AlertFlapped
    | InvestigationRequested | EvidenceCollected | AssessmentMade
    | ActionProposed | ActionDenied | ApprovalRequested | ApprovalReminded | ApprovalExpired | ApprovalGiven
    | ApprovalRefused | ClickDeclined | ProposalVoided
    | ActionApproved | ActionStarted | ActionCompleted | ActionFailed | ActionRefused | ActionHeld
    | ActionOutcomeUnknown
    | CheckDue | RecoveryChecked | RecoveryVerified | RecoveryFailed | RecoveryInconclusive
    | IncidentEscalated | IncidentAcknowledged | HoldElapsed | IncidentResolved | IncidentReopened | IncidentClosed
    | IncidentStalled | MessageSent | MessageFailed | TicketCreated | TicketUpdated | DryRunCompleted | NoteAdded
    | UnknownFact
)  # fmt: skip

BY_TYPE: dict[str, type[Fact]] = {
    kind.model_fields["type"].default: kind for kind in get_args(Fact) if kind is not UnknownFact
}
"""Every type of fact that this release knows."""


def read_fact(content: Mapping[str, Any]) -> Fact:
    """The fact that `content` (a JSON object with a `type`) says; raises ValidationError if it is malformed."""
    kind = BY_TYPE.get(str(content["type"]))
    if kind is None:
        return UnknownFact(type=str(content["type"]), content=dict(content))
    return kind.model_validate(content)
