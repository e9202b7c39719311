import json
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from jira import JIRAError
from requests import ConnectionError as NoConnection
from requests import ConnectTimeout, ReadTimeout

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
    jira.heard.clear()
    return tickets


def create(tickets: JiraTickets) -> str:
    return tickets.create("OPS", "Task", "summary", "description", "label")


@pytest.mark.parametrize("environment", [{}, {"JIRA_URL": ""}, {"JIRA_URL": " / "}])
def test_without_a_site_there_is_no_jira(environment: dict[str, str]) -> None:
    assert JiraTickets.of(lambda _: "", environment) is None


def test_a_ticket_is_read_at_the_site_that_the_environment_names() -> None:
    tickets = JiraTickets.of(lambda _: "", {"JIRA_URL": " https://shop.example/X/ "})
    assert tickets
    assert tickets.url("OPS-1") == "https://shop.example/X/browse/OPS-1"


@pytest.mark.parametrize(
    ("user", "sent"), [("bot", f"Basic {b64encode(b'bot:canary').decode()}"), ("", "Bearer canary")]
)
def test_a_token_without_a_user_is_a_personal_access_token(jira: Wire, user: str, sent: str) -> None:
    tickets = JiraTickets(jira.url, {"jira_user": user, "jira_token": "canary"}.__getitem__)
    jira.bodies = [INFO, b'{"key": "OPS-1"}']
    create(tickets)
    _, headers, _ = jira.heard[-1]
    assert {name.lower(): value for name, value in headers.items()}["authorization"] == sent


def test_jira_is_asked_once_and_not_waited_for_for_ever(jira: Wire) -> None:
    session: Any = connected(jira).client._session  # noqa: SLF001 - what it is told of the SDK's own waiting
    assert (session.max_retries, session.timeout) == (0, (3.0, 10.0))


def asked(jira: Wire) -> list[tuple[str, Any]]:
    """Method, path and arguments of each request."""
    told = []
    for line, _, body in jira.heard:
        url = urlsplit(line)
        given = json.loads(body) if body else {name: values[0] for name, values in parse_qs(url.query).items()}
        told.append((url.path.replace("/rest/api/2", ""), given))
    return told


SEARCH = 'project = "OPS" AND labels = "a \\"label\\"" ORDER BY created ASC'
STATES = [
    {"id": "11", "name": "Start", "to": {"name": "In Progress"}},
    {"id": "21", "name": "Finish", "to": {"name": "Done"}},
    {"id": "31", "name": "Done again", "to": {"name": "Done"}},
]


def test_a_ticket_is_created_with_what_fits_into_it(jira: Wire) -> None:
    tickets = connected(jira)
    jira.bodies = [b'{"key": "OPS-1"}']
    assert tickets.create("OPS", "Task", "s" * 300 + "\n", "d" * 40_000, "label") == "OPS-1"
    fields = {
        "project": {"key": "OPS"},
        "issuetype": {"name": "Task"},
        "summary": "s" * 254 + "…",
        "description": "d" * 30_000,
        "labels": ["label"],
    }
    assert asked(jira) == [("POST /issue", {"fields": fields})]


@pytest.mark.parametrize(("issues", "found"), [([{"id": "7", "key": "OPS-7"}], "OPS-7"), ([], None)])
@pytest.mark.parametrize(
    ("kind", "path", "more"),
    [("Cloud", "GET /search/jql", {}), ("Server", "GET /search", {"startAt": "0", "validateQuery": "True"})],
)
def test_the_oldest_ticket_with_a_label_is_looked_for(
    jira: Wire, issues: list[dict[str, str]], found: str | None, kind: str, path: str, more: dict[str, str]
) -> None:
    jira.body = json.dumps({"versionNumbers": [9, 0, 0], "deploymentType": kind}).encode()
    tickets = connected(jira)
    jira.bodies = [b"[]", json.dumps({"issues": issues, "isLast": True, "total": len(issues)}).encode()]
    assert tickets.find("OPS", 'a "label"') == found
    assert asked(jira)[-1] == (path, {"jql": SEARCH, "fields": "key", "maxResults": "1", **more})


def test_a_comment_ends_in_its_mark_however_long_it_is(jira: Wire) -> None:
    tickets = connected(jira)
    jira.bodies = [b'{"id": 7}']
    assert tickets.comment("OPS-1", "t" * 40_000, "INC-1/7") == "7"
    assert asked(jira) == [("POST /issue/OPS-1/comment", {"body": "t" * 30_000 + "\nINC-1/7"})]


def test_only_the_last_line_of_a_comment_is_its_mark(jira: Wire) -> None:
    tickets = connected(jira)
    comments = [{"id": 1, "body": "see\nINC-1/7\nabove"}, {"id": 2, "body": "a\nb\nINC-1/7"}]
    jira.body = json.dumps({"comments": comments}).encode()
    assert (tickets.commented("OPS-1", "INC-1/7"), tickets.commented("OPS-1", "INC-1/8")) == ("2", None)
    assert {path for path, _ in asked(jira)} == {"GET /issue/OPS-1/comment"}


@pytest.mark.parametrize(
    ("name", "number"), [("start", 11), ("IN PROGRESS", 11), ("done", 21), ("Done again", 31), ("Cancelled", None)]
)
def test_a_ticket_is_moved_by_the_first_transition_of_the_name_or_to_the_state(
    jira: Wire, name: str, number: int | None
) -> None:
    tickets = connected(jira)
    jira.bodies = [json.dumps({"transitions": STATES}).encode()]
    assert tickets.move("OPS-1", name) is (number is not None)
    moved = [given["transition"] for path, given in asked(jira) if path == "POST /issue/OPS-1/transitions"]
    assert moved == ([{"id": number}] if number else [])


@pytest.mark.parametrize(("status", "headers"), [(503, {}), (429, {"Retry-After": "soon"})])
def test_a_busy_jira_that_says_no_time_is_asked_again_all_the_same(
    jira: Wire, status: int, headers: dict[str, str]
) -> None:
    tickets = connected(jira)
    jira.status, jira.headers = status, headers
    with pytest.raises(Unavailable) as error:
        create(tickets)
    assert (type(error.value), error.value.retry_after) == (Unavailable, None)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ConnectTimeout("too slow"), Unavailable),
        (NoConnection(), Unclear),
        (NoConnection("reset"), Unclear),
        (ReadTimeout("too slow"), Unclear),
        (JIRAError("of the SDK's own"), Unclear),
        (JIRAError("busy", status_code=429), Unavailable),
    ],
    ids=repr,
)
def test_what_failed_before_a_connection_stood_did_nothing(
    jira: Wire, monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[Exception]
) -> None:
    tickets = connected(jira)

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(tickets.client._session, "request", fail)  # noqa: SLF001 - no wire is slow enough
    with pytest.raises(kind) as error:
        create(tickets)
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("call", "about"),
    [
        (create, "project OPS"),
        (lambda tickets: tickets.find("OPS", "label"), "project OPS"),
        (lambda tickets: tickets.comment("OPS-1", "text", "mark"), "OPS-1"),
        (lambda tickets: tickets.commented("OPS-1", "mark"), "OPS-1"),
        (lambda tickets: tickets.move("OPS-1", "Done"), "OPS-1"),
    ],
)
def test_a_refusal_names_what_it_is_about_and_what_jira_said(
    jira: Wire, call: Callable[[JiraTickets], object], about: str
) -> None:
    tickets = connected(jira)
    jira.status, jira.body = 400, b'{"errorMessages": ["no\\nway"]}'
    with pytest.raises(Refused) as error:
        call(tickets)
    assert str(error.value) == f"Jira, {about}: Jira does not accept it (400: no way)"


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


def test_an_answer_that_is_no_json_may_have_created_it(jira: Wire) -> None:
    tickets = connected(jira)
    jira.body = b"<html>welcome</html>"
    with pytest.raises(Unclear):
        create(tickets)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"[7]", b'"welcome"'])
@pytest.mark.parametrize(
    "ask",
    [
        create,
        lambda tickets: tickets.comment("OPS-1", "text", "INC-1/7"),
        lambda tickets: tickets.commented("OPS-1", "INC-1/7"),
        lambda tickets: tickets.move("OPS-1", "Done"),
    ],
    ids=["create", "comment", "commented", "move"],
)
def test_json_that_is_not_jiras_is_no_answer_and_never_a_refusal(
    jira: Wire, ask: Callable[[JiraTickets], object], body: bytes
) -> None:
    tickets = connected(jira)
    jira.body = body
    with pytest.raises(Unclear):
        ask(tickets)


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
