"""`/middlewatch show ID`: one incident for the person who asked, with its buttons where it waits for a yes or a no."""

from collections.abc import Iterator, Sequence

from shared import facts
from shared.buttons import take, timeline, yes_or_no
from shared.entry import Entry
from shared.history import History
from shared.incident import Work
from shared.mrkdwn import actions, moment, safe, section
from shared.ports import Post
from shared.sentences import sentence

NEWEST = 5
"""Lines of the timeline that are shown; the button leads to all of it."""
EVIDENCE = 4


def shown(history: History) -> Post:
    """What is known of the incident, what would be done, and the buttons that are still good for something."""
    incident = history.incident
    stands = incident.status if incident.status != "open" else incident.phase
    since = f"since {moment(incident.opened_at, day=True)}"
    name = safe(incident.service or incident.title, 60)
    lines = [f"*{name}* {stands} (severity {incident.severity}), {since}", *_known(history)]
    asked = _asked(history)
    buttons = [timeline(incident), *take(incident)]
    if asked:
        work, entry = asked
        lines += _question(work)
        buttons = [*yes_or_no(_what(work), work, entry), *buttons]
    return Post(f"{incident.id}: {incident.phase}", (section(lines), *actions(buttons)))


def _known(history: History) -> Iterator[str]:
    incident = history.incident
    for alarm in incident.firing[:3]:
        yield f"{safe(alarm.alert.title, 80)} since {moment(alarm.since)}: {safe(alarm.alert.summary, 140)}"
    if incident.assessment:
        yield safe(incident.assessment.assessment.message)
    items = incident.evidence.items if incident.evidence else ()
    yield from (f"• {safe(item.found, 140)}" for item in items[:EVIDENCE])
    told = [entry for entry in history.entries if not isinstance(entry.fact, facts.MessageSent | facts.MessageFailed)]
    yield from (f"{moment(entry.at)} {safe(sentence(entry.fact), 140)}" for entry in told[-NEWEST:])


def _asked(history: History) -> tuple[Work, Entry] | None:
    """The question that waits for an answer, if one does."""
    incident = history.incident
    work = incident.proposal
    if incident.status != "open" or work is None or work.standing != "awaiting" or work.request is None:
        return None
    asked = (entry for entry in reversed(history.entries) if entry.fact == work.request)
    return work, next(asked)


def _question(work: Work) -> Sequence[str]:
    request = work.request
    until = f", until {moment(request.expires_at)}" if request else ""
    why = f"Asked because: {safe('; '.join(request.reasons), 200)}" if request else ""
    return (f"*{_what(work)}: {safe(work.proposal.effect, 160)}*", f"Waits for a yes or a no{until}. {why}")


def _what(work: Work) -> str:
    return f"{work.proposal.action.replace('_', ' ')} {safe(work.proposal.target.name, 80)}"
