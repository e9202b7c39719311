import json
import socket
from collections.abc import Iterator

import pytest

from shared.errors import Refused, Unavailable, Unclear
from shared.integrations.jira import JiraTickets
from tests.shared.integrations.wire import Wire, wire

INFO = json.dumps({"versionNumbers": [1001, 0, 0], "deploymentType": "Cloud"}).encode()


@pytest.fixture
def jira() -> Iterator[Wire]:
    with wire() as told:
        told.body = INFO
        yield told


def connected(jira: Wire) -> JiraTickets:
    tickets = JiraTickets.of({"jira_user": "bot", "jira_token": "canary"}.__getitem__, {"JIRA_URL": jira.url})
    assert tickets
    assert tickets.client
    jira.asked = 0
    return tickets


def create(tickets: JiraTickets) -> str:
    return tickets.create("OPS", "Task", "summary", "description", "label")


def test_without_a_site_there_is_no_jira() -> None:
    assert JiraTickets.of(lambda _: "", {}) is None


def test_a_new_token_is_used_from_the_next_call_on(jira: Wire) -> None:
    held = {"jira_user": "bot", "jira_token": "old"}
    tickets = JiraTickets.of(held.__getitem__, {"JIRA_URL": jira.url})
    assert tickets
    before = tickets.client
    assert tickets.client is before
    held["jira_token"] = "new"
    assert tickets.client is not before
    assert "new" not in repr(tickets)


def test_a_busy_jira_says_when_to_come_back_and_nothing_was_created(jira: Wire) -> None:
    tickets = connected(jira)
    jira.status, jira.headers = 429, {"Retry-After": "17"}
    with pytest.raises(Unavailable) as error:
        create(tickets)
    assert not isinstance(error.value, Unclear)
    assert error.value.retry_after == 17
    assert jira.asked == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_of_the_server_may_have_created_it(jira: Wire, status: int) -> None:
    tickets = connected(jira)
    jira.status, jira.body = status, b"<html>oops</html>"
    with pytest.raises(Unclear):
        create(tickets)
    assert jira.asked == 1


def test_a_connection_that_breaks_after_the_request_is_unclear_and_it_is_not_created_again(jira: Wire) -> None:
    tickets = connected(jira)
    jira.status = 0
    with pytest.raises(Unclear):
        create(tickets)
    assert jira.asked == 1


def test_nobody_listening_means_that_nothing_was_created() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable) as error:
        create(JiraTickets(f"http://127.0.0.1:{port}", lambda _: "x"))
    assert not isinstance(error.value, Unclear)


@pytest.mark.parametrize(("status", "fix"), [(401, "jira_token"), (403, "permission"), (404, "services.yaml")])
def test_a_refusal_says_how_to_fix_it(jira: Wire, status: int, fix: str) -> None:
    tickets = connected(jira)
    jira.status = status
    with pytest.raises(Refused, match=fix) as error:
        create(tickets)
    assert "canary" not in str(error.value)


def test_a_field_that_jira_objects_to_is_named(jira: Wire) -> None:
    tickets = connected(jira)
    jira.status = 400
    jira.body = json.dumps({"errorMessages": [], "errors": {"issuetype": "Specify a valid issue type"}}).encode()
    with pytest.raises(Refused, match="Specify a valid issue type"):
        create(tickets)
