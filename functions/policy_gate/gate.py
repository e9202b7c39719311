"""From an assessment, a proposal or an approval to what happens next. Pure; the policy is an argument."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions.policy_gate.input import Memory, document, due
from functions.policy_gate.verdict import Unanswered, Verdict
from shared import facts
from shared.config import Config
from shared.configuration import entitled, service_for_target
from shared.entry import Entry
from shared.errors import Unavailable
from shared.facts import Fact
from shared.incident import Incident, Work
from shared.ports import Seals
from shared.seal import doubts, sealed_decision
from shared.sentences import plain

Conclude = Callable[[Incident, Entry, Memory | None, datetime], Sequence[Fact]]
MOST_REFUSALS = 2
"""How often an action that could not run is decided again; after that, people are told."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate of one configuration: `ask` is its policy, `patience` the longest that a request may stand."""

    config: Config
    ask: Callable[[Mapping[str, Any]], Verdict]
    patience: timedelta

    def conclude(self, incident: Incident, cause: Entry, memory: Memory | None, now: datetime) -> Sequence[Fact]:
        """What follows from the cause; nothing where it came too late, or is for others to say.

        Raises Unavailable where a test gets no answer out of the policy.
        """
        concluded = self._concluded(incident, cause, memory, now)
        if memory is None or not memory.fleet.began or not concluded:
            return concluded
        return [*concluded, facts.IncidentEscalated(reason=memory.fleet.words)]

    def _concluded(self, incident: Incident, cause: Entry, memory: Memory | None, now: datetime) -> Sequence[Fact]:
        if isinstance(cause.fact, facts.AssessmentMade) and incident.test:
            return self._rehearsed(incident, cause, memory, now)
        if isinstance(cause.fact, facts.AssessmentMade):
            return _told(incident, cause.fact)
        work = due(incident, cause)
        if work is None or memory is None:
            return ()
        if forged := [given for given in work.approvals if given in memory.forged]:
            return self._denied(work, (doubts(forged),))
        work = replace(work, approvals=tuple(given for given in work.approvals if given in memory.genuine))
        clicked = isinstance(cause.fact, facts.ApprovalGiven)
        if isinstance(cause.fact, facts.ApprovalGiven) and not self._counts(work, cause.fact, now):
            return ()
        if work.refusals > MOST_REFUSALS:
            return self._denied(work, (f"it could not be done {work.refusals} times, at last because {work.why}",))
        verdict = self.ask(document(incident, work, memory, self.config, now))
        reasons = (*verdict.reasons, *self._moved(work))
        if verdict.verdict == "deny":
            return self._denied(work, reasons)
        agreed = self._agreed(work, verdict)
        enough = work.request is None or len(agreed) >= max(work.request.quorum, verdict.quorum)
        if verdict.verdict == "go" and enough:
            return [self._approved(work, verdict, reasons, agreed)]
        return () if clicked else self._asked(incident, work, verdict, reasons, now)

    def _rehearsed(self, incident: Incident, cause: Entry, memory: Memory | None, now: datetime) -> Sequence[Fact]:
        """The policy's answer to a question that is only asked to hear whether it answers."""
        work = due(incident, cause)
        if work is None or memory is None:
            return ()
        verdict = self.ask(document(incident, work, memory, self.config, now))
        why = "; ".join(verdict.reasons)
        if isinstance(verdict, Unanswered):
            raise Unavailable(why)
        return [facts.DryRunCompleted(stage="policy_gate", would=plain(f"said {verdict.verdict}: {why}", 1000))]

    def _approved(
        self, work: Work, verdict: Verdict, reasons: tuple[str, ...], agreed: tuple[str, ...]
    ) -> facts.ActionApproved:
        return facts.ActionApproved(
            proposal=work.proposal,
            proposal_hash=work.proposal.hash,
            reasons=reasons,
            approved_by=agreed,
            verification=verdict.verification,
            config_digest=self.config.digest,
        )

    def _asked(
        self, incident: Incident, work: Work, verdict: Verdict, reasons: tuple[str, ...], now: datetime
    ) -> Sequence[Fact]:
        approvers = self._approvers(work, verdict.approvers)
        if len(self._able(work, approvers)) < verdict.quorum:
            return self._denied(work, (*reasons, "too few people may approve this"))
        stands = min(timedelta(seconds=verdict.expires_seconds), self.patience, work.proposal.expires_at - now)
        remind = min(timedelta(seconds=verdict.remind_seconds), stands / 2)
        request = facts.ApprovalRequested(
            proposal_id=work.proposal.id,
            proposal_hash=work.proposal.hash,
            reasons=reasons,
            quorum=verdict.quorum,
            approvers=approvers,
            verification=verdict.verification,
            config_digest=self.config.digest,
            remind_at=now + remind if remind else None,
            expires_at=now + stands,
        )
        assessment = incident.assessment.assessment if incident.assessment else None
        if assessment and assessment.decision == "ESCALATE" and incident.escalated_at is None:
            return [facts.IncidentEscalated(reason=assessment.message), request]
        return [request]

    def _denied(self, work: Work, reasons: tuple[str, ...]) -> Sequence[Fact]:
        """Nobody will do it, so people have to know."""
        return [
            facts.ActionDenied(proposal_id=work.proposal.id, reasons=reasons, config_digest=self.config.digest),
            facts.IncidentEscalated(reason=f"{work.proposal.action} is not allowed: {'; '.join(reasons)}"),
        ]

    def _counts(self, work: Work, given: facts.ApprovalGiven, now: datetime) -> bool:
        """Whether this approval is for what was asked, in time, and by somebody who may give it now."""
        request = work.request
        return (
            request is not None
            and given.proposal_hash == request.proposal_hash == work.proposal.hash
            and now < request.expires_at
            and given.person in self._able(work, self._approvers(work, request.approvers))
        )

    def _agreed(self, work: Work, verdict: Verdict) -> tuple[str, ...]:
        """The different people whose approvals count both for what was asked then and by what holds now."""
        if work.request is None:
            return ()
        names = tuple(name for name in work.request.approvers if name in verdict.approvers)
        able = self._able(work, self._approvers(work, names))
        given = {each.person for each in work.approvals if each.proposal_hash == work.proposal.hash}
        return tuple(sorted(given & able))

    def _approvers(self, work: Work, names: Sequence[str]) -> tuple[str, ...]:
        """Those of `names` whom the service lists as its approvers today."""
        service = service_for_target(self.config, work.proposal.target)
        return tuple(name for name in names if service and name in service.approvers)

    def _able(self, work: Work, approvers: Sequence[str]) -> frozenset[str]:
        """The people behind these names; nobody approves their own proposal."""
        return entitled(self.config, approvers) - {work.proposal.author}

    def _moved(self, work: Work) -> tuple[str, ...]:
        """That the configuration changed since the proposal was made: it is decided by the new one, and says so."""
        made = work.proposal.config_digest
        if made == self.config.digest:
            return ()
        return (f"decided by configuration {self.config.digest[:8]}, proposed under {made[:8]}",)


def _told(incident: Incident, made: facts.AssessmentMade) -> Sequence[Fact]:
    """An assessment that proposes nothing: people are needed, or nothing is (they hear of every incident anyway)."""
    assessment = made.assessment
    if made.proposes or incident.status != "open":
        return ()
    if assessment.decision == "ESCALATE" or assessment.action == "notify_team":
        return [facts.IncidentEscalated(reason=assessment.message)]
    return ()


def sealing(conclude: Conclude, seals: Seals) -> Conclude:
    """The same conclusions, with a seal on what lets an action go; raises Unavailable where none can be made now."""

    def sealed(incident: Incident, cause: Entry, memory: Memory | None, now: datetime) -> Sequence[Fact]:
        return [
            sealed_decision(fact, incident, now, seals) if isinstance(fact, facts.ActionApproved) else fact
            for fact in conclude(incident, cause, memory, now)
        ]

    return sealed
