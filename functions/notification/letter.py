"""The same as an e-mail: plain text, and the same lines as minimal HTML."""

from dataclasses import dataclass
from html import escape

from functions.notification.render import Scene
from shared import facts
from shared.entry import Entry
from shared.sentences import plain, sentence, unlinked, when


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
    severity = "" if incident.severity == "unknown" else f", severity {incident.severity}"
    tier = f" ({scene.service.tier} service{severity})" if scene.service else f" (not in the inventory{severity})"
    lines = [
        plain(f"{what}{tier} {state}"),
        sentence(entry.fact),
        plain(f"Alarm: {incident.title}, since {when(incident.opened_at)}"),
    ]
    if incident.assessment and incident.assessment.assessment.message not in lines[1]:
        lines.append(plain(incident.assessment.assessment.message))
    if incident.proposal and not resolved:
        proposal, standing = incident.proposal.proposal, incident.proposal.standing
        request = incident.proposal.request
        until = f" until {when(request.expires_at)}" if request else ""
        stands = f"waits for a yes in Slack{until}" if standing == "awaiting" else f"now {standing}"
        lines.append(plain(f"Action: {proposal.action} on {proposal.target.short} ({proposal.effect}), {stands}"))
    lines = [unlinked(line) for line in lines]
    if incident.ticket:
        lines.append(plain(f"Ticket: {incident.ticket.key} {incident.ticket.url}"))
    if scene.service and scene.service.runbook:
        lines.append(plain(f"Runbook: {scene.service.runbook}"))
    lines.append(f"Incident {incident.id}; answer in Slack, this mailbox is not read.")
    html = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return Letter(plain(f"[{incident.id}] {what} {state}", 150), "\n".join(lines) + "\n", html)
