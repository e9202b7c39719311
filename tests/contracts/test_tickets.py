"""The port Tickets, held against the fake and, through the real jira client, against the stand-in for Jira."""

from collections.abc import Iterator

import pytest

from local.standins.jira.app import build
from local.standins.jira.tickets import Site
from local.standins.serving import listen, serving, url_of
from shared.errors import Refused
from shared.integrations.jira import JiraTickets
from shared.ports import Tickets
from tests.fakes.tickets import MemoryTickets

LABEL = "middlewatch-INC-1"


@pytest.fixture(params=["memory", "jira"])
def tickets(request: pytest.FixtureRequest) -> Iterator[Tickets]:
    if request.param == "memory":
        yield MemoryTickets()
        return
    listener = listen()
    site = Site.load(url_of(listener), "bot@shop.example", {"OPS": "Operations"}, None)
    secrets = {"jira_user": "bot@shop.example", "jira_token": "token"}
    with serving(build(site, "token"), listener) as url:
        yield JiraTickets(url, secrets.__getitem__)


def a_ticket(tickets: Tickets) -> str:
    return tickets.create("OPS", "Incident", "payments needs a person", "why\nand how", LABEL)


def test_a_ticket_is_found_by_its_label(tickets: Tickets) -> None:
    key = a_ticket(tickets)
    assert tickets.find("OPS", LABEL) == key
    assert tickets.find("OPS", "middlewatch-INC-2") is None


def test_of_two_tickets_with_one_label_the_older_is_found(tickets: Tickets) -> None:
    key = a_ticket(tickets)
    a_ticket(tickets)
    assert tickets.find("OPS", LABEL) == key


def test_a_comment_is_found_by_its_mark(tickets: Tickets) -> None:
    key = a_ticket(tickets)
    tickets.comment(key, "it helped", "INC-1/7")
    made = tickets.comment(key, "it is over", "INC-1/8")
    assert tickets.commented(key, "INC-1/8") == made
    assert tickets.commented(key, "INC-1/9") is None


def test_a_ticket_is_moved_by_name_wherever_the_name_stands(tickets: Tickets) -> None:
    key = a_ticket(tickets)
    assert tickets.move(key, "In Progress")
    assert tickets.move(key, "Done")
    assert not tickets.move(key, "Cancelled")


def test_people_read_it_where_the_link_leads(tickets: Tickets) -> None:
    assert tickets.url("OPS-1").endswith("/browse/OPS-1")


def test_an_unknown_project_is_refused(tickets: Tickets) -> None:
    with pytest.raises(Refused):
        tickets.create("NOPE", "Incident", "s", "d", LABEL)


def test_an_unknown_ticket_is_refused(tickets: Tickets) -> None:
    with pytest.raises(Refused):
        tickets.comment("OPS-99", "text", "mark")
