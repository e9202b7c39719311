"""The same as an e-mail: plain text, and the same lines as minimal HTML."""

from dataclasses import dataclass
from html import escape

from functions.notification.render import Scene
from shared import facts
from shared.alert import as_text
from shared.entry import Entry
from shared.sentences import plain, sentence


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject (one line), text and HTML that say the same."""

    subject: str
    text: str
    html: str


def letter(scene: Scene, entry: Entry) -> Letter:
    """What an escalation, or the end of an escalated incident, says by e-mail."""
    incident = scene.incident
    resolved = isinstance(entry.fact, facts.IncidentResolved)
    state = "resolved" if resolved else "needs a person"
    what = incident.service or (incident.target.short if incident.target else incident.title)
    lines = [
        plain(f"{what}, severity {incident.severity}: {state}"),
        sentence(entry.fact),
        plain(f"Alarm: {incident.title}, since {as_text(incident.opened_at)}"),
    ]
    if incident.assessment:
        lines.append(plain(incident.assessment.assessment.message))
    if incident.proposal and not resolved:
        proposal, standing = incident.proposal.proposal, incident.proposal.standing
        stands = "waits for a yes in Slack" if standing == "awaiting" else f"now {standing}"
        lines.append(plain(f"Action: {proposal.action} on {proposal.target.short} ({proposal.effect}), {stands}"))
    if incident.ticket:
        lines.append(plain(f"Ticket: {incident.ticket.key} {incident.ticket.url}"))
    if scene.service and scene.service.runbook:
        lines.append(plain(f"Runbook: {scene.service.runbook}"))
    lines.append(f"Incident {incident.id}; answer in Slack, this mailbox is not read.")
    html = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return Letter(plain(f"[{incident.id}] {what} {state}", 150), "\n".join(lines) + "\n", html)
