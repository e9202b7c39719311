"""IncidentEscalated and what follows it -> TicketCreated | TicketUpdated."""

import os
from functools import partial

from functions.ticketing.ticket import Ticketing, ticket
from shared.configuration import load
from shared.integrations.jira import JiraTickets
from shared.secrets import Secrets
from shared.wiring import Wiring

wiring = Wiring.of("ticketing", os.environ)
ticketing = Ticketing(
    config=load(wiring.settings.config_dir),
    timeline=wiring.store,
    state=wiring.store,
    clock=wiring.clock,
    dead_after=wiring.settings.span("dead_after"),
    tickets=JiraTickets.of(Secrets.of(os.environ, wiring.settings), os.environ),
    note=wiring.logger.info,
)
handler = wiring.consumer(partial(ticket, ticketing=ticketing))
