"""An escalation gets a ticket, once; what follows is commented on it, and moves it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from functions.ticketing.describe import comment, description, label, summary
from shared import facts, keys
from shared.config import Config, Jira
from shared.configuration import service_named
from shared.decide import Message, pointed_at, settle
from shared.entry import Entry
from shared.errors import Refused, Unavailable
from shared.facts import Fact
from shared.history import History
from shared.perform import Delivery, deliver
from shared.ports import Clock, State, Tickets, Timeline

NAME = "ticketing"
MOST_UPDATES = 50
"""Comments and moves of one ticket; whoever wants to know more reads the timeline."""
SOON = 2.0
"""Seconds until we look again whether another attempt has created the ticket."""
_MOVES: dict[type[Fact], str] = {
    facts.ActionStarted: "In Progress",
    facts.IncidentAcknowledged: "In Progress",
    facts.IncidentReopened: "In Progress",
    facts.IncidentResolved: "Done",
}
"""To which state a fact moves the ticket: the name of a transition, or of where one leads."""


@dataclass(frozen=True, slots=True)
class Ticketing:
    """What ticketing needs; `tickets` is None where no Jira is configured, `dead_after` the time-out and a margin."""

    config: Config
    timeline: Timeline
    state: State
    clock: Clock
    dead_after: timedelta
    tickets: Tickets | None
    note: Callable[[str], None]


def ticket(message: Message, ticketing: Ticketing) -> History:
    """Creates the incident's ticket if it was escalated and has none; then says on it what the entry says."""
    history = ticketing.timeline.read(message.incident_id)
    entry = pointed_at(history, message)
    escalation = next((e for e in history.entries if isinstance(e.fact, facts.IncidentEscalated)), None)
    if history.incident.test or escalation is None or escalation.seq > entry.seq:
        return history
    project = _project(history, ticketing.config)
    if ticketing.tickets is None or project is None:
        ticketing.note(f"{history.incident_id} gets no ticket: no JIRA_URL, or no project in config/services.yaml")
        return history
    if history.incident.ticket is None and not history.answered(escalation.id, by=NAME):
        history = _create(history, escalation, project, ticketing.tickets, ticketing)
    made = history.incident.ticket
    if made is None or entry == escalation or history.answered(entry.id, by=NAME):
        return history
    if sum(isinstance(e.fact, facts.TicketUpdated) for e in history.entries) >= MOST_UPDATES:
        return history
    return _update(history, entry, made.key, ticketing.tickets, ticketing)


def _create(history: History, escalation: Entry, project: Jira, tickets: Tickets, ticketing: Ticketing) -> History:
    incident, mark = history.incident, label(history.incident_id)
    service = service_named(ticketing.config, incident.service)
    text = description(incident, service.runbook if service else "")
    key = keys.sent(incident.id, "jira", "ticket")
    held = ticketing.state.get(key)
    delivery = Delivery(
        key,
        lambda: tickets.create(project.project, project.type, summary(incident), text, mark),
        lambda: tickets.find(project.project, mark),
    )
    outcome: Fact
    try:
        number, _ = deliver(delivery, ticketing.state, ticketing.clock, dead_after=ticketing.dead_after)
        outcome = facts.TicketCreated(key=number, url=tickets.url(number)) if number else _failed(escalation, "")
    except Refused as refusal:
        outcome = _failed(escalation, str(refusal))
    except Unavailable as error:
        raise Unavailable(str(error), retry_after=SOON if held else error.retry_after) from error
    return _record(history, escalation, [outcome], ticketing)


def _update(history: History, entry: Entry, number: str, tickets: Tickets, ticketing: Ticketing) -> History:
    key = keys.sent(history.incident_id, "jira", str(entry.seq))
    delivery = Delivery(
        key,
        lambda: tickets.comment(number, comment(entry), entry.id),
        lambda: tickets.commented(number, entry.id),
    )
    about = entry.fact.type
    changes: list[Fact] = []
    try:
        said, _ = deliver(delivery, ticketing.state, ticketing.clock, dead_after=ticketing.dead_after)
        if said:
            changes.append(facts.TicketUpdated(key=number, about=about, change="commented"))
        name = _MOVES.get(type(entry.fact), "")
        if name and tickets.move(number, name):
            changes.append(facts.TicketUpdated(key=number, about=about, change=f"moved to {name}"))
        elif name:
            ticketing.note(f"{number} cannot be moved to {name} from where it is")
    except Refused as refusal:
        changes.append(_failed(entry, str(refusal)))
    return _record(history, entry, changes, ticketing)


def _failed(entry: Entry, why: str) -> facts.MessageFailed:
    return facts.MessageFailed(channel="jira", about=entry.id, why=why or "it was refused before")


def _record(history: History, cause: Entry, outcome: Sequence[Fact], ticketing: Ticketing) -> History:
    return settle(
        history.incident_id,
        lambda _, __: outcome,
        ticketing.timeline,
        ticketing.clock,
        actor=NAME,
        caused_by=cause.id,
    )


def _project(history: History, config: Config) -> Jira | None:
    service = service_named(config, history.incident.service)
    return (service.jira if service else None) or config.default_jira
