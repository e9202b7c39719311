"""The incident: what its timeline says it is, and nothing more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Literal, TypeVar

from shared import facts
from shared.alert import SEVERITIES, Alert, AlertState, Severity
from shared.entry import Entry
from shared.facts import Fact
from shared.proposal import Proposal
from shared.target import Target

if TYPE_CHECKING:
    from dataclasses import replace
else:
    Whole = TypeVar("Whole")

    def replace(whole: Whole, **changes: object) -> Whole:
        """What `dataclasses.replace` does, for the classes below, in a fraction of its time: no field is set anew.

        A replay copies an incident of forty fields some two times an entry, and every stage begins with a replay.
        """
        copy = object.__new__(type(whole))
        vars(copy).update(vars(whole), **changes)
        return copy


Status = Literal["open", "resolved", "closed"]
Phase = Literal["investigating", "awaiting approval", "acting", "verifying", "held", "waiting", "resolved", "closed"]
Standing = Literal[
    "proposed", "awaiting", "approved", "started", "completed", "held",
    "denied", "rejected", "expired", "voided", "refused", "failed", "unknown", "verified", "unproved",
]  # fmt: skip
Recovery = facts.RecoveryVerified | facts.RecoveryFailed | facts.RecoveryInconclusive

TOLD = (facts.MessageSent, facts.MessageFailed, facts.TicketCreated, facts.TicketUpdated)
"""That somebody was told of an entry does not mean that the stage which has to answer it did."""
TEST_HOLD = timedelta(minutes=2)
"""A test waits so long at most to resolve, and again to close, so that the next one has an incident of its own."""
TIMERS = {"clear": "hold", "reopen": "reopen", "action": "action", "look": "look"}
"""The timer of each `HoldElapsed.of`."""
STANDS: frozenset[Standing] = frozenset({"proposed", "awaiting", "approved", "held"})
"""A proposal that may still lead to an action."""


@dataclass(frozen=True)
class Alarm:
    """One joined alert as the timeline knows it: its latest state, since when, and how often it changed."""

    alert: Alert
    state: AlertState
    since: datetime
    changes: int = 1
    flapping: bool = False


@dataclass(frozen=True)
class Work:
    """One proposal, how far it came, and who spoke of it."""

    proposal: Proposal
    standing: Standing = "proposed"
    request: facts.ApprovalRequested | None = None
    approvals: tuple[facts.ApprovalGiven, ...] = ()
    approved_at: datetime | None = None
    verification: Literal["auto", "human", "both"] = "auto"
    started: facts.ActionStarted | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    checks: int = 0
    refusals: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Timer:
    """A fact whose time has not come."""

    due_at: datetime
    fact: Fact


@dataclass(frozen=True)
class Incident:
    """The state of one incident after `last`, replayed from its timeline; pure, no clock and no I/O.

    Numbers of entries: `answered` is the newest that a stage of ours answered, `stalled` the newest `IncidentStalled`
    (`stalls` counts those since anything moved), `unasked` the question that no channel has told yet, and `unheard`
    the escalations that none has, each with what it follows from; `told` is what a channel did tell of. `owed`: people
    have to be called for what went wrong. `looked`: what was left alone has been looked at again. `rounds` counts
    investigations by the origin that caused them. `strange`: a fact of another release stands on the timeline.
    """

    id: str
    identity: str
    target: Target | None
    service: str
    title: str
    severity: Severity
    opened_at: datetime
    last: Entry
    test: bool = False
    status: Status = "open"
    alarms: Mapping[str, Alarm] = field(default_factory=dict)
    round: int = 1
    rounds: Mapping[str, int] = field(default_factory=dict)
    evidence: facts.EvidenceCollected | None = None
    assessment: facts.AssessmentMade | None = None
    work: Mapping[str, Work] = field(default_factory=dict)
    current: str = ""
    escalated_at: datetime | None = None
    escalations: tuple[str, ...] = ()
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    recovery: Recovery | None = None
    recovered_at: datetime | None = None
    hold_until: datetime | None = None
    resolved_at: datetime | None = None
    ticket: facts.TicketCreated | None = None
    declined_clicks: int = 0
    stalls: int = 0
    stalled: int = 0
    owed: bool = False
    looked: bool = False
    told: frozenset[str] = frozenset()
    unheard: Mapping[int, str] = field(default_factory=dict)
    unasked: int = 0
    answered: int = 1
    timers: Mapping[str, Timer] = field(default_factory=dict)
    strange: bool = False

    @classmethod
    def replay(cls, entries: Iterable[Entry]) -> "Incident":
        """The incident after all of `entries`; raises ValueError where they do not begin with `IncidentOpened`."""
        first, *rest = entries
        if not isinstance(first.fact, facts.IncidentOpened):
            message = f"a timeline starts with IncidentOpened, not {first.fact.type}"
            raise ValueError(message)  # noqa: TRY004 - the order is wrong, not a type
        opened = first.fact
        alarm = Alarm(opened.alert, opened.alert.state, opened.alert.changed_at)
        start = cls(
            id=first.incident_id,
            identity=opened.identity,
            target=opened.target,
            service=opened.service,
            title=opened.title,
            severity=opened.severity,
            opened_at=first.at,
            last=first,
            test=opened.test,
            alarms={opened.alert.fingerprint: alarm},
            round=0 if opened.unattended else 1,
            rounds={} if opened.unattended else {opened.alert.origin: 1},
        )
        return reduce(Incident.after, rest, start)

    @property
    def proposal(self) -> Work | None:
        """The latest proposal, whatever became of it."""
        return self.work.get(self.current)

    @property
    def firing(self) -> tuple[Alarm, ...]:
        """The joined alerts that have not cleared (one whose state nobody knows has not)."""
        return tuple(alarm for alarm in self.alarms.values() if alarm.state != "resolved")

    @property
    def flapping(self) -> bool:
        """Whether any joined alert changes its state too often to be followed."""
        return any(alarm.flapping for alarm in self.alarms.values())

    @property
    def phase(self) -> Phase:
        """What is going on, in the words of the design."""
        if self.status != "open":
            return self.status
        standing = self.proposal.standing if self.proposal else None
        match standing:
            case "proposed" | "approved" | "started":
                return "acting"
            case "awaiting":
                return "awaiting approval"
            case "held":
                return "held"
            case "completed":
                return "verifying"
        assessed = self.assessment.round if self.assessment else len(self.work)
        return "waiting" if assessed >= self.round else "investigating"

    @property
    def loud(self) -> bool:
        """Whether an alert fires; those that flap are not followed here, the hold asks what became of them."""
        return any(not alarm.flapping for alarm in self.firing)

    @property
    def busy(self) -> bool:
        """Whether an action is on its way or being judged, so that the incident cannot come to its end."""
        return self.phase in {"acting", "verifying"}

    @property
    def left_ringing(self) -> bool:
        """Whether an alert fires, and neither a stage of ours nor a person is on it."""
        return self.phase == "waiting" and self.loud and not self.acknowledged_by and not self.test

    @property
    def calls(self) -> tuple[int, ...]:
        """The numbers of the entries that call for people, and that no channel has told yet."""
        asked = (self.unasked,) if self.unasked and self.phase == "awaiting approval" else ()
        return () if self.test else (*self.unheard, *asked)

    @property
    def our_move(self) -> bool:
        """Whether a stage of ours, rather than a person, a timer or the alarm, has to move next.

        A timer that rang is no timer any more: what it said still has to be answered.
        """
        if self.calls and self.status != "closed":
            return True
        match self.phase:
            case "investigating" | "acting":
                return True
            case "verifying":
                return "check" not in self.timers
            case "held":
                return "action" not in self.timers
            case "resolved":
                return bool(self.firing) or "reopen" not in self.timers
            case "closed":
                return False
        left = self.looked and self.left_ringing
        return self.owed or left or not (self.loud or "hold" in self.timers)

    def after(self, entry: Entry) -> "Incident":
        """The incident once `entry` stands on its timeline."""
        answers = entry.caused_by.startswith(f"{self.id}/") and not isinstance(entry.fact, TOLD)
        cause = int(entry.caused_by.rpartition("/")[2]) if answers else 0
        moved = cause not in {0, self.stalled}
        before = replace(self, last=entry, answered=max(self.answered, cause), stalls=0 if moved else self.stalls)
        after = _calling(_owing(_apply(before, entry), entry.fact), entry)
        return _held_anew(after) if self.busy and not after.busy else after

    def silent(self, *names: str) -> dict[str, Timer]:
        """The timers without those of these names."""
        return {name: timer for name, timer in self.timers.items() if name not in names}

    def armed(self, name: str, due_at: datetime, fact: Fact) -> dict[str, Timer]:
        """The timers with this one set (in place of one of the same name)."""
        return {**self.timers, name: Timer(due_at, fact)}


def more_severe(one: Severity, other: Severity) -> Severity:
    """The graver of two severities."""
    return max(one, other, key=SEVERITIES.index)


def _apply(incident: Incident, entry: Entry) -> Incident:
    """What each fact changes. A fact that is not named here changes nothing but the timeline's length."""
    match entry.fact:
        case (
            facts.AlertJoined() | facts.AlertRepeated() | facts.AlertResolved() | facts.AlertLapsed()
            | facts.AlertFlapped()
        ) as fact:  # fmt: skip
            return _alert(incident, fact)
        case facts.ActionProposed(proposal=proposal):
            work = {**incident.work, proposal.id: Work(proposal)}
            return replace(incident, work=work, current=proposal.id)
        case (
            facts.ActionDenied() | facts.ApprovalRequested() | facts.ApprovalGiven() | facts.ApprovalRefused()
            | facts.ApprovalExpired() | facts.ApprovalReminded() | facts.ProposalVoided()
        ) as fact:  # fmt: skip
            return _approval(incident, fact)
        case (
            facts.ActionApproved() | facts.ActionStarted() | facts.ActionCompleted() | facts.ActionFailed()
            | facts.ActionRefused() | facts.ActionHeld() | facts.ActionOutcomeUnknown()
        ) as fact:  # fmt: skip
            return _action(incident, fact, entry.at)
        case facts.CheckDue() | facts.RecoveryChecked():
            return _check(incident, entry.fact)
        case facts.RecoveryVerified() | facts.RecoveryFailed() | facts.RecoveryInconclusive() as fact:
            return _recovery(incident, fact, entry.at)
        case facts.InvestigationRequested(round=number, origin=origin):
            rounds = {**incident.rounds, origin: incident.rounds.get(origin, 0) + 1}
            return replace(incident, round=number, rounds=rounds)
        case facts.EvidenceCollected() as evidence:
            return replace(incident, evidence=evidence)
        case facts.AssessmentMade() as assessment:
            return _looked_at(replace(incident, assessment=assessment), assessment.look_again_at)
        case facts.ClickDeclined():
            return replace(incident, declined_clicks=incident.declined_clicks + 1)
        case facts.TicketCreated() as ticket:
            return replace(incident, ticket=ticket)
        case facts.IncidentStalled():
            return replace(incident, stalls=incident.stalls + 1, stalled=entry.seq)
        case facts.UnknownFact():
            return replace(incident, strange=True)
    return _course(incident, entry)


def _looked_at(incident: Incident, again_at: datetime | None) -> Incident:
    """What is left alone while an alert fires is not forgotten."""
    timers = incident.silent("look")
    if again_at and incident.loud and not incident.test:
        timers["look"] = Timer(again_at, facts.HoldElapsed(of="look"))
    return replace(incident, timers=timers, looked=False)


def _alert(
    incident: Incident,
    fact: facts.AlertJoined | facts.AlertRepeated | facts.AlertResolved | facts.AlertLapsed | facts.AlertFlapped,
) -> Incident:
    match fact:
        case facts.AlertRepeated():
            alarm = incident.alarms[fact.fingerprint]
            again = replace(alarm, since=max(alarm.since, fact.changed_at or alarm.since))
            return replace(incident, alarms={**incident.alarms, fact.fingerprint: again})
        case facts.AlertJoined(alert=alert):
            known = incident.alarms.get(alert.fingerprint)
            alarm = Alarm(alert, alert.state, alert.changed_at, known.changes + 1 if known else 1)
            return replace(
                incident,
                alarms={**incident.alarms, alert.fingerprint: alarm},
                severity=more_severe(incident.severity, alert.severity),
                hold_until=None,
                timers=incident.silent("hold"),
            )
        case facts.AlertResolved():
            alarm = incident.alarms[fact.fingerprint]
            changes = 1 if alarm.flapping else alarm.changes + 1  # it was quiet so long that it flaps no more
            cleared = replace(alarm, state="resolved", since=fact.cleared_at, changes=changes, flapping=False)
            incident = replace(incident, alarms={**incident.alarms, fact.fingerprint: cleared})
            if fact.hold_until is None:
                return incident
            incident = _looked_at(incident, None)
            timers = incident.armed("hold", fact.hold_until, facts.HoldElapsed(of="clear"))
            return replace(incident, hold_until=fact.hold_until, timers=timers)
        case facts.AlertLapsed():
            alarm = incident.alarms[fact.fingerprint]
            lapsed = replace(alarm, state="unknown", since=fact.since, changes=alarm.changes + 1)
            incident = replace(incident, alarms={**incident.alarms, fact.fingerprint: lapsed}, hold_until=None)
            return _looked_at(replace(incident, timers=incident.silent("hold")), fact.look_again_at)
        case facts.AlertFlapped():
            alarm = replace(
                incident.alarms[fact.fingerprint],
                state=fact.state,
                since=fact.changed_at,
                flapping=True,
                changes=fact.changes,
            )
            return replace(
                incident,
                alarms={**incident.alarms, fact.fingerprint: alarm},
                timers=incident.armed("hold", fact.look_again_at, facts.HoldElapsed(of="clear")),
            )


def _owing(incident: Incident, fact: Fact) -> Incident:
    """Keeps whether people have to be told of what went wrong, and were not yet."""
    match fact:
        case facts.AssessmentMade(assessment=assessment, proposes=False):
            return replace(incident, owed=assessment.decision == "ESCALATE" or assessment.action == "notify_team")
        case (
            facts.RecoveryFailed() | facts.RecoveryInconclusive() | facts.ActionFailed()
            | facts.ActionOutcomeUnknown() | facts.ApprovalExpired()
        ):  # fmt: skip
            return replace(incident, owed=True)
        case facts.ActionRefused(again=False, proposal_id=proposal_id):
            refused = incident.work[proposal_id].standing == "refused"
            return replace(incident, owed=incident.owed or (refused and bool(incident.firing)))
        case facts.ApprovalRefused():
            return replace(incident, owed=incident.owed or incident.escalated_at is None)
        case facts.AlertResolved() if not incident.firing and incident.proposal:
            return replace(incident, owed=incident.owed and incident.proposal.standing != "refused")
        case facts.IncidentEscalated() | facts.IncidentResolved():
            return replace(incident, owed=False)
    return incident


def _calling(incident: Incident, entry: Entry) -> Incident:
    """Keeps which escalations and which question no channel took: as long as one is lost, nobody knows of it.

    A message about the question that comes with an escalation, or about what it follows from, tells of it as well.
    """
    match entry.fact:
        case facts.IncidentEscalated() if entry.caused_by not in incident.told:
            return replace(incident, unheard={**incident.unheard, entry.seq: entry.caused_by})
        case facts.ApprovalRequested():
            along = {seq: entry.id if why == entry.caused_by else why for seq, why in incident.unheard.items()}
            return replace(incident, unheard=along, unasked=entry.seq)
        case facts.MessageSent(about=about):
            spoken = {about, entry.caused_by}
            asked = f"{incident.id}/{incident.unasked}" == about
            left = {seq: why for seq, why in incident.unheard.items() if not spoken & {f"{incident.id}/{seq}", why}}
            told, unasked = incident.told | {about}, 0 if asked else incident.unasked
            return replace(incident, told=told, unheard=left, unasked=unasked)
    return incident


def _with(incident: Incident, work: Work, *silenced: str) -> Incident:
    return replace(incident, work={**incident.work, work.proposal.id: work}, timers=incident.silent(*silenced))


def _approval(
    incident: Incident,
    fact: facts.ActionDenied
    | facts.ApprovalRequested
    | facts.ApprovalGiven
    | facts.ApprovalRefused
    | facts.ApprovalExpired
    | facts.ApprovalReminded
    | facts.ProposalVoided,
) -> Incident:
    work = incident.work[fact.proposal_id]
    match fact:
        case facts.ActionDenied():
            return _with(incident, replace(work, standing="denied", why="; ".join(fact.reasons)), "remind", "expire")
        case facts.ApprovalRequested():
            incident = _with(incident, replace(work, standing="awaiting", request=fact))
            timers = incident.armed("expire", fact.expires_at, facts.ApprovalExpired(proposal_id=fact.proposal_id))
            if fact.remind_at:
                timers["remind"] = Timer(fact.remind_at, facts.ApprovalReminded(proposal_id=fact.proposal_id))
            return replace(incident, timers=timers)
        case facts.ApprovalGiven():
            return _with(incident, replace(work, approvals=(*work.approvals, fact)))
        case facts.ApprovalRefused():
            why = f"{fact.person} said no" + (f": {fact.reason}" if fact.reason else "")
            return _with(incident, replace(work, standing="rejected", why=why), "remind", "expire", "action")
        case facts.ApprovalReminded():
            return _with(incident, work, "remind")
        case facts.ApprovalExpired():
            return _with(incident, replace(work, standing="expired", why="not decided in time"), "remind", "expire")
        case facts.ProposalVoided():
            return _with(incident, replace(work, standing="voided", why=fact.why), "remind", "expire", "action")


def _action(
    incident: Incident,
    fact: facts.ActionApproved
    | facts.ActionStarted
    | facts.ActionCompleted
    | facts.ActionFailed
    | facts.ActionRefused
    | facts.ActionHeld
    | facts.ActionOutcomeUnknown,
    at: datetime,
) -> Incident:
    work = incident.work[fact.proposal.id if isinstance(fact, facts.ActionApproved) else fact.proposal_id]
    match fact:
        case facts.ActionApproved():
            approved = replace(work, standing="approved", approved_at=at, verification=fact.verification)
            return _with(incident, approved, "remind", "expire", "action")
        case facts.ActionStarted():
            return _with(incident, replace(work, standing="started", started=fact, started_at=at))
        case facts.ActionCompleted():
            incident = _with(incident, replace(work, standing="completed", completed_at=at))
            check = facts.CheckDue(proposal_id=fact.proposal_id, number=1)
            return replace(incident, timers=incident.armed("check", fact.check_at, check))
        case facts.ActionFailed():
            return _with(incident, replace(work, standing="failed", why=fact.why))
        case facts.ActionRefused():
            if work.standing not in {"approved", "started"}:
                return incident  # it was withdrawn meanwhile, and nothing brings it back
            standing: Standing = "proposed" if fact.again else "refused"
            return _with(incident, replace(work, standing=standing, why=fact.why, refusals=work.refusals + 1))
        case facts.ActionHeld():
            incident = _with(incident, replace(work, standing="held", why=fact.why))
            timers = incident.armed("action", fact.look_again_at, facts.HoldElapsed(of="action"))
            return replace(incident, timers=timers)
        case facts.ActionOutcomeUnknown():
            return _with(incident, replace(work, standing="unknown", why=fact.why))


def _check(incident: Incident, fact: facts.CheckDue | facts.RecoveryChecked) -> Incident:
    match fact:
        case facts.CheckDue():
            return replace(incident, timers=incident.silent("check"))
        case facts.RecoveryChecked():
            work = replace(incident.work[fact.proposal_id], checks=fact.number)
            incident = _with(incident, work)
            check = facts.CheckDue(proposal_id=fact.proposal_id, number=fact.number + 1)
            return replace(incident, timers=incident.armed("check", fact.check_at, check))


def _recovery(incident: Incident, fact: Recovery, at: datetime) -> Incident:
    verified = isinstance(fact, facts.RecoveryVerified)
    work = replace(incident.work[fact.proposal_id], standing="verified" if verified else "unproved", why=fact.seen)
    judged = replace(_with(incident, work, "check"), recovery=fact, recovered_at=at if verified else None)
    return _looked_at(judged, fact.look_again_at if isinstance(fact, facts.RecoveryVerified) else None)


def _held_anew(incident: Incident) -> Incident:
    """The hold may have run out while the incident was busy; then it has to ring once more."""
    if incident.status != "open" or incident.loud or "hold" in incident.timers:
        return incident
    due_at = max(incident.last.at, incident.hold_until or incident.last.at)
    return replace(incident, timers=incident.armed("hold", due_at, facts.HoldElapsed(of="clear")))


def _course(incident: Incident, entry: Entry) -> Incident:
    """Facts about the incident as a whole."""
    match entry.fact:
        case facts.IncidentEscalated(reason=reason):
            first = incident.escalated_at or entry.at
            called = replace(incident, escalated_at=first, escalations=(*incident.escalations, reason))
            return _looked_at(called, None)
        case facts.IncidentAcknowledged(person=person):
            return replace(
                incident,
                acknowledged_by=person,
                acknowledged_at=incident.acknowledged_at or entry.at,
                timers=incident.silent("remind"),
            )
        case facts.HoldElapsed(of=of):
            return replace(incident, timers=incident.silent(TIMERS[of]), looked=incident.looked or of == "look")
        case facts.IncidentResolved() as fact:
            timers = {"reopen": Timer(fact.close_at, facts.HoldElapsed(of="reopen"))}
            return replace(incident, status="resolved", resolved_at=entry.at, timers=timers)
        case facts.IncidentReopened():
            return replace(incident, status="open", resolved_at=None, timers=incident.silent("reopen"))
        case facts.IncidentClosed():
            return replace(incident, status="closed", timers={})
    return incident
