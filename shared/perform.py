"""The driver of stages that change the world or speak: claim, do it once, record the outcome.

A claim without an outcome is never repeated blindly: the world is read first, then given time until the first attempt
must be dead, and read again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from shared import facts
from shared.alert import as_text
from shared.decide import ATTEMPTS, Message, pointed_at
from shared.entry import Entry
from shared.errors import Conflict, Exhausted, Refused, Taken, Unavailable, Unclear
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident
from shared.ports import Clock, State, Timeline
from shared.proposal import Proposal
from shared.seal import approval
from shared.writes import Claim, Put, Release, Spend

SOON = 2.0
"""Seconds until another attempt where one took the message over in this moment."""
Seen = Mapping[str, Any]
"""What was read of the target: plain JSON, stored as `before` and `after`."""


class Effect(Protocol):
    """One backend's way to look, to object, to act once, and to recognise its own act."""

    def observe(self, proposal: Proposal) -> Seen:
        """The target's state now; raises Unavailable or Refused."""
        ...

    def objection(self, incident: Incident, approved: Entry, seen: Seen, now: datetime) -> Fact | None:
        """Why not now (`ActionRefused`, `ActionHeld`), or None; raises Unavailable where it cannot be known."""
        ...

    def act(self, proposal: Proposal) -> Seen:
        """Changes the target in one attempt; raises Refused or Unavailable if nothing changed, Unclear if unknown."""
        ...

    def happened(self, proposal: Proposal, before: Seen, seen: Seen) -> bool:
        """Whether the target shows that this action was carried out since `before`."""
        ...


@dataclass(frozen=True, slots=True)
class Acting:
    """What `perform` needs beside the effect; `dead_after` is the function's time-out and a margin.

    `unproved` says why it is not proved that the entry was approved by those who alone may; empty where it is.
    """

    name: str
    effect: Effect
    unproved: Callable[[Incident, Entry], str]
    timeline: Timeline
    clock: Clock
    dead_after: timedelta
    check_after: timedelta
    budgets: Callable[[Proposal, datetime], tuple[Spend, ...]]


def perform(message: Message, acting: Acting) -> History:
    """Carries out the action that the entry approves, at most once, and records its outcome."""
    for _ in range(ATTEMPTS):
        history = acting.timeline.read(message.incident_id)
        cause = pointed_at(history, message)
        proposal = approval(cause).proposal
        intent = _intent(history, proposal.id)
        if intent is not None:
            return _reconcile(history, intent, proposal, acting)
        if history.answered(cause.id, by=acting.name):
            return history
        try:
            return _begin(history, cause, proposal, acting)
        except Exhausted as spent:
            refused = facts.ActionRefused(proposal_id=proposal.id, why=f"the hour's budget {spent.key} is spent")
        except Conflict:
            continue
        try:
            return acting.timeline.append(history, [refused], actor=acting.name, caused_by=cause.id, now=acting.clock())
        except Conflict:
            continue  # another attempt may have had the budget, so look again before refusing
    reason = f"{message.incident_id} changed {ATTEMPTS} times before {acting.name} could act"
    raise Unavailable(reason)


def _begin(history: History, cause: Entry, proposal: Proposal, acting: Acting) -> History:
    now = acting.clock()
    if why := acting.unproved(history.incident, cause):
        refused = facts.ActionRefused(proposal_id=proposal.id, why=why)
        return acting.timeline.append(history, [refused], actor=acting.name, caused_by=cause.id, now=now)
    try:
        before = acting.effect.observe(proposal)
        objection = acting.effect.objection(history.incident, cause, before, now)
    except Refused as refusal:
        objection = facts.ActionRefused(proposal_id=proposal.id, why=str(refusal))
    if objection is not None:
        return acting.timeline.append(history, [objection], actor=acting.name, caused_by=cause.id, now=now)
    started = facts.ActionStarted(
        proposal_id=proposal.id,
        proposal_hash=proposal.hash,
        action=proposal.action,
        target=proposal.target,
        inputs=proposal.inputs,
        before=dict(before),
    )
    history = acting.timeline.append(
        history, [started], actor=acting.name, caused_by=cause.id, now=now, also=acting.budgets(proposal, now)
    )
    return _act(history, cause, proposal, acting)


def _act(history: History, cause: Entry, proposal: Proposal, acting: Acting) -> History:
    """The intent stands; look once more at all that may have changed meanwhile, then do it, once."""
    try:
        seen = acting.effect.observe(proposal)
        fresh = acting.timeline.read(history.incident_id)
        objection = acting.effect.objection(fresh.incident, cause, seen, acting.clock())
        if objection is not None:
            return _record(history, cause, _not_done(objection), acting)
        after = acting.effect.act(proposal)
    except Unclear as unclear:
        raise Unavailable(str(unclear), retry_after=acting.dead_after.total_seconds()) from unclear
    except (Refused, Unavailable) as error:
        return _record(history, cause, facts.ActionFailed(proposal_id=proposal.id, why=str(error)), acting)
    return _record(history, cause, _completed(proposal, after, acting, reconciled=False), acting)


def _reconcile(history: History, intent: Entry, proposal: Proposal, acting: Acting) -> History:
    """There is an intent: either its outcome stands, or the world says what became of it."""
    work = history.incident.work[proposal.id]
    if work.standing != "started" or work.started is None:
        return history
    try:
        seen, why = acting.effect.observe(proposal), ""
    except Refused as refusal:
        seen, why = {}, f", and cannot be read: {refusal}"
    if seen and acting.effect.happened(proposal, work.started.before, seen):
        return _record(history, intent, _completed(proposal, seen, acting, reconciled=True), acting)
    remaining = (intent.at + acting.dead_after - acting.clock()).total_seconds()
    if remaining > 0:
        waits = f"{proposal.action} on {proposal.target.short} was started and cannot be seen yet{why}"
        raise Unavailable(waits, retry_after=remaining)
    started_at = as_text(intent.at)
    why = f"{proposal.action} was started at {started_at}; {proposal.target.short} does not show whether it ran{why}"
    return _record(history, intent, facts.ActionOutcomeUnknown(proposal_id=proposal.id, why=why), acting)


def _record(history: History, cause: Entry, outcome: Fact, acting: Acting) -> History:
    """Appends the outcome, behind whatever was appended meanwhile, unless another attempt recorded one first."""
    for attempt in range(ATTEMPTS):
        if attempt:
            history = acting.timeline.read(history.incident_id)
            proposal_id = getattr(outcome, "proposal_id", "")
            if history.incident.work[proposal_id].standing not in {"approved", "started"}:
                return history
        try:
            return acting.timeline.append(history, [outcome], actor=acting.name, caused_by=cause.id, now=acting.clock())
        except Conflict:
            continue
    reason = f"the outcome of {cause.id} could not be recorded {ATTEMPTS} times"
    raise Unavailable(reason)


def _intent(history: History, proposal_id: str) -> Entry | None:
    """The one `ActionStarted` of this proposal, whichever approval it followed."""
    for entry in history.entries:
        if isinstance(entry.fact, facts.ActionStarted) and entry.fact.proposal_id == proposal_id:
            return entry
    return None


def _not_done(objection: Fact) -> Fact:
    """After an intent nothing can be held or asked again: one intent, one outcome."""
    match objection:
        case facts.ActionHeld() | facts.ActionRefused():
            return facts.ActionRefused(proposal_id=objection.proposal_id, why=objection.why)
    return objection


def _completed(proposal: Proposal, after: Seen, acting: Acting, *, reconciled: bool) -> facts.ActionCompleted:
    return facts.ActionCompleted(
        proposal_id=proposal.id,
        after=dict(after),
        reconciled=reconciled,
        check_at=acting.clock() + acting.check_after,
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message or ticket: its key, how to say it, and how to find out whether it was said.

    `send` returns the id that the other side gave it; it raises Refused (never), Unavailable
    (not said, try again) or Unclear (perhaps said). `find` looks for it by key.
    """

    key: str
    send: Callable[[], str]
    find: Callable[[], str | None]


def deliver(
    delivery: Delivery, state: State, clock: Clock, *, dead_after: timedelta, spend: Sequence[Spend] = ()
) -> tuple[str, bool]:
    """Says it once and returns its id there, and whether this call said it; at worst, after a crash, it is said twice.

    Each attempt to say it takes `spend` with the claim, whatever comes of it. Raises Exhausted where that is not there,
    Unavailable while an earlier attempt may still be speaking, and whatever `send` raises.
    """
    claim = {"claimed_at": as_text(clock())}
    try:
        state.write(Claim(delivery.key, claim), *spend)
    except Taken:
        held = state.get(delivery.key)
        if held is None:
            reason = f"{delivery.key} was just released"
            raise Unavailable(reason) from None
        if "external_id" in held.value:
            return str(held.value["external_id"]), False
        if (found := delivery.find()) is not None:
            state.write(Put(delivery.key, {"external_id": found}))
            return found, False
        remaining = (datetime.fromisoformat(held.value["claimed_at"]) + dead_after - clock()).total_seconds()
        if remaining > 0:
            reason = f"{delivery.key} is being said by another attempt"
            raise Unavailable(reason, retry_after=remaining) from None
        try:
            state.write(Put(delivery.key, claim, when=held.value), *spend)
        except Taken as taken:
            reason = f"{delivery.key} was just taken over by another attempt"
            raise Unavailable(reason, retry_after=SOON) from taken
    try:
        external_id = delivery.send()
    except Unclear:
        raise
    except Unavailable:
        _release(state, delivery.key, claim)
        raise
    except Refused as refusal:
        state.write(Put(delivery.key, {"external_id": "", "refused": str(refusal)}))
        raise
    state.write(Put(delivery.key, {"external_id": external_id}))
    return external_id, True


def _release(state: State, key: str, claim: Mapping[str, Any]) -> None:
    """Gives up exactly this claim; one that another attempt took over meanwhile stays."""
    try:
        state.write(Release(key, when=claim))
    except Taken:
        return
