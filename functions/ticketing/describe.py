"""What a ticket says, in Jira's wiki markup; pure. Nothing from outside can be markup."""

import re
from collections.abc import Iterator

from shared.assessment import as_prose
from shared.entry import Entry
from shared.incident import Incident
from shared.sentences import plain, sentence, unlinked, when

_MARKUP = re.compile(
    r"[\\{}\[\]|!]|(?<!\w)[*_+^~-](?!\s)|\?\?|\((?=(?:[-/x!?+*iyn]|on|off|\*[rgby]|flag|flagoff)\))", re.IGNORECASE
)
"""What opens a macro, mention, link, table, image, phrase (at the edge of a word only) or icon."""


def label(incident_id: str) -> str:
    """What the incident's ticket is found by."""
    return f"middlewatch-{incident_id}"


def escaped(text: str, longest: int = 300) -> str:
    """Text from anywhere as one line that marks up nothing, unless a line begins with it, and links to nothing."""
    return unlinked(_MARKUP.sub(lambda found: f"\\{found[0]}", plain(text, longest)))


def summary(incident: Incident) -> str:
    """The ticket's one line."""
    what = incident.service or (incident.target.short if incident.target else "no known target")
    severity = "" if incident.severity == "unknown" else f"[{incident.severity}] "
    return plain(f"{severity}{what}: {incident.title}", 255)


def description(incident: Incident, runbook: str) -> str:
    """Why it was escalated, what rings, what was found, and what could not be seen."""
    return "\n".join(_lines(incident, runbook))


def comment(entry: Entry) -> str:
    """What happened, when."""
    return f"{when(entry.at)}: {escaped(sentence(entry.fact))}"


def _lines(incident: Incident, runbook: str) -> Iterator[str]:
    yield f"*Needs a person:* {escaped(incident.escalations[-1])}"
    severity = "" if incident.severity == "unknown" else f", severity {incident.severity}"
    yield f"*Alarm:* {escaped(incident.title)}, since {when(incident.opened_at)}{severity}"
    if incident.target:
        yield f"*Target:* {escaped(incident.target.key)}"
    if incident.assessment:
        verdict = incident.assessment.assessment
        yield ""
        yield f"*Assessment:* {verdict.decision}: {escaped(verdict.message)}"
        if verdict.diagnosis not in {"", verdict.message, as_prose(verdict.claims)}:
            yield f"*Diagnosis:* {escaped(verdict.diagnosis, 2000)}"
        for claim in verdict.claims:
            yield f"* {escaped(claim.text)} ({escaped(', '.join(claim.evidence))})"
    if incident.proposal:
        yield ""
        proposal = incident.proposal.proposal
        yield f"*Proposed:* {proposal.action} on {escaped(proposal.target.short)}: {escaped(proposal.effect)}"
    if incident.evidence:
        yield ""
        yield "*Evidence:*"
        for item in incident.evidence.items:
            yield f"* {escaped(item.id)} {escaped(item.source)}: {escaped(item.found)}"
        for gap in incident.evidence.gaps:
            yield f"* not seen: {escaped(gap.source)} ({gap.reason}) {escaped(gap.detail)}"
    yield ""
    if runbook:
        yield f"*Runbook:* {runbook}"
    yield f"Middlewatch incident {incident.id}"
