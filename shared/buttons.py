"""The buttons of an incident, the same wherever they are shown: each carries an opaque id."""

from shared.click import SHOWN
from shared.entry import Entry
from shared.incident import Incident, Work
from shared.mrkdwn import Block, button, confirm


def yes_or_no(what: str, work: Work, asked: Entry) -> list[Block]:
    """Approve, once `what` and its effect are confirmed, and Reject; a yes carries the hash of what was shown."""
    sure = confirm(f"{what}?", work.proposal.effect, "Approve", "Not yet")
    return [
        button("Approve", "approve", f"{asked.id}{SHOWN}{work.proposal.hash}", style="primary", confirm=sure),
        button("Reject", "reject", asked.id, style="danger"),
    ]


def timeline(incident: Incident) -> Block:
    """Opens all that happened."""
    return button("View timeline", "timeline", f"{incident.id}/1")


def take(incident: Incident) -> list[Block]:
    """Takes the incident over, as long as it is open and nobody has."""
    free = incident.status == "open" and not incident.acknowledged_by
    return [button("I'll take it", "take", f"{incident.id}/1")] if free else []
