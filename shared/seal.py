"""What only one function may say carries a seal, so that writing to the tables is not enough to say it.

A seal is a code that KMS makes under a key of its own for that function alone, and checks for those that rely on it:
an HMAC-SHA-256 in base64, 32 bytes. KMS knows no context for such codes (as it does for ciphertexts) and takes messages
of at most 4,096 bytes; so there is a key for each kind of seal, and what is sealed is the SHA-256 of canonical JSON
(RFC 8785) that names the kind and holds all that the seal binds. Times are RFC 3339 in UTC, with milliseconds.

`approval-seal`, made by the door through which a person came in (`slack_api`), over

    {"sealed": "approval-seal", "incident": ID, "proposal": HASH, "person": ID, "channel": "slack", "reason": TEXT,
     "at": TIME}

where `proposal` is the hash that the pressed button carried, and thereby the exact action, its target, its inputs and
its expiry, and `at` when the door heard of it.

`decision-seal`, made by `policy_gate`, over

    {"sealed": "decision-seal", "incident": ID, "after": HASH, "at": TIME, "fact": ActionApproved without its seal}

where `after` is the hash of the entry before, and thereby all of the timeline that the decision followed from, and `at`
the time of its entry.

A seal says who spoke, not that what they had been told was true.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from json import loads
from typing import Any

import rfc8785

from shared.alert import as_text
from shared.entry import Entry
from shared.errors import Refused
from shared.facts import ActionApproved, ApprovalGiven
from shared.incident import Incident
from shared.ports import SealKey, Seals

APPROVAL: SealKey = "approval-seal"
DECISION: SealKey = "decision-seal"


@dataclass(frozen=True, slots=True)
class Yes:
    """That a person agreed to a proposal (its hash), through which channel, in which words, and when."""

    incident: str
    proposal: str
    person: str
    channel: str
    reason: str
    at: datetime

    def message(self) -> bytes:
        """What is sealed of it: 32 bytes."""
        return _message(
            {
                "sealed": APPROVAL,
                "incident": self.incident,
                "proposal": self.proposal,
                "person": self.person,
                "channel": self.channel,
                "reason": self.reason,
                "at": as_text(self.at),
            }
        )


def sealed(yes: Yes, seals: Seals) -> str:
    """The seal of a yes, which only a door for people may make; raises Unavailable where it cannot be made now."""
    return seals.make(APPROVAL, yes.message())


def is_genuine(incident_id: str, given: ApprovalGiven, seals: Seals) -> bool:
    """Whether a door for people made this approval, for this incident; raises Unavailable where that is not known."""
    if given.given_at is None or not given.seal:
        return False
    yes = Yes(incident_id, given.proposal_hash, given.person, given.channel, given.reason, given.given_at)
    return seals.holds(APPROVAL, yes.message(), given.seal)


def sealed_decision(fact: ActionApproved, incident: Incident, now: datetime, seals: Seals) -> ActionApproved:
    """The decision with its seal, good for the entry right behind the incident's last one and for no other."""
    content = fact.model_dump(mode="json")
    at = max(now, incident.last.at)  # the time that its entry will have
    seal = seals.make(DECISION, _decision(incident.id, content, incident.last.hash, at))
    return fact.model_copy(update={"seal": seal})


def approval(entry: Entry) -> ActionApproved:
    """What the entry approves; raises Refused where it is no approval."""
    if not isinstance(entry.fact, ActionApproved):
        raise Refused(f"{entry.fact.type} approves nothing")
    return entry.fact


def why_unproved(incident: Incident, approved: Entry, seals: Seals) -> str:
    """Why it is not proved that the policy let this go, and that the people whom it names agreed; empty if it is.

    Raises Unavailable where that is not known, Refused where the entry approves nothing.
    """
    fact = approval(approved)
    # As it was written, so that a field which a newer release added is bound as well.
    message = _decision(approved.incident_id, loads(approved.body)["fact"], approved.prev, approved.at)
    if not (fact.seal and seals.holds(DECISION, message, fact.seal)):
        return "it is not proved that the policy said this"
    work = incident.work.get(fact.proposal.id)
    agreed = {
        given.person
        for given in (work.approvals if work else ())
        if (given.person in fact.approved_by and given.proposal_hash == fact.proposal_hash)
        and is_genuine(incident.id, given, seals)
    }
    if missing := sorted(set(fact.approved_by) - agreed):
        return f"it is not proved that {', '.join(missing)} approved this"
    if work and work.request and len(agreed) < work.request.quorum:
        return f"of {work.request.quorum} people who had to approve this, {len(agreed)} are proved to have done so"
    return ""


def doubts(given: Iterable[ApprovalGiven]) -> str:
    """Whose approvals are not genuine, in words for people."""
    people = ", ".join(sorted({each.person for each in given}))
    return f"it is not proved that {people} approved this: it is older than this release, or somebody made it up"


def _decision(incident_id: str, content: Mapping[str, Any], after: str, at: datetime) -> bytes:
    fact = {name: value for name, value in content.items() if name != "seal"}
    return _message({"sealed": DECISION, "incident": incident_id, "after": after, "at": as_text(at), "fact": fact})


def _message(content: dict[str, Any]) -> bytes:
    return sha256(rfc8785.dumps(content)).digest()
