import json
import socket
from collections.abc import Iterator

import pytest

from shared.errors import Refused, Unavailable, Unclear
from shared.integrations.slack import SlackChat, signature
from shared.ports import Post
from tests.shared.integrations.wire import Wire, wire

POST = Post("words")
DOCUMENTED = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
"""The example of docs.slack.dev, 'Verifying requests from Slack', whose secret and signature are public."""


def test_a_signature_is_what_slack_documents_that_it_is() -> None:
    signed = signature("1531420618", DOCUMENTED.encode(), "8f742231b10e8888abcd99yyyzzz85a5")

    assert signed == "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


@pytest.fixture
def slack() -> Iterator[Wire]:
    with wire() as told:
        yield told


def chat(slack: Wire) -> SlackChat:
    return SlackChat.of(lambda _: "xoxb-token", {"SLACK_API_URL": slack.url})


def post(slack: Wire) -> str:
    return chat(slack).post("C0INCIDENTS", POST, "key")


def test_a_new_token_is_used_from_the_next_call_on(slack: Wire) -> None:
    tokens = iter(["old", "new"])
    chat = SlackChat.of(lambda _: next(tokens), {"SLACK_API_URL": slack.url})
    assert [chat.client.token, chat.client.token] == ["old", "new"]


def test_a_busy_slack_says_when_to_come_back_and_nothing_was_said(slack: Wire) -> None:
    slack.status, slack.headers = 429, {"Retry-After": "17"}
    slack.body = b'{"ok": false, "error": "ratelimited"}'
    with pytest.raises(Unavailable) as error:
        post(slack)
    assert not isinstance(error.value, Unclear)
    assert error.value.retry_after == 17
    assert slack.asked == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_of_the_server_may_have_been_said(slack: Wire, status: int) -> None:
    slack.status, slack.body = status, b"<html>oops</html>"
    with pytest.raises(Unclear):
        post(slack)
    assert slack.asked == 1


def test_an_overloaded_server_said_nothing(slack: Wire) -> None:
    slack.status, slack.body = 503, b"upstream connect error"
    with pytest.raises(Unavailable) as error:
        post(slack)
    assert not isinstance(error.value, Unclear)


def test_a_connection_that_breaks_after_the_request_is_unclear_and_the_sdk_does_not_say_it_again(slack: Wire) -> None:
    slack.status = 0
    with pytest.raises(Unclear):
        post(slack)
    assert slack.asked == 1


@pytest.mark.parametrize("code", ["internal_error", "fatal_error", "request_timeout"])
def test_what_slack_itself_is_not_sure_of_is_unclear(slack: Wire, code: str) -> None:
    slack.body = json.dumps({"ok": False, "error": code}).encode()
    with pytest.raises(Unclear):
        post(slack)


def test_nobody_listening_means_that_nothing_was_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable) as error:
        SlackChat(lambda: "t", f"http://127.0.0.1:{port}/").post("C0INCIDENTS", POST, "key")
    assert not isinstance(error.value, Unclear)


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"[1]", b'{"ok": true}'])
def test_an_answer_that_cannot_be_read_is_unclear(slack: Wire, body: bytes) -> None:
    slack.body = body
    with pytest.raises(Unclear):
        post(slack)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("invalid_auth", "slack_bot_token"),
        ("channel_not_found", "invite the bot"),
        ("not_in_channel", "invite it there"),
        ("missing_scope", "add the scope"),
        ("something_new", "docs.slack.dev"),
    ],
)
def test_a_refusal_says_how_to_fix_it(slack: Wire, code: str, fix: str) -> None:
    slack.body = json.dumps({"ok": False, "error": code}).encode()
    with pytest.raises(Refused, match=fix):
        post(slack)


def test_a_layout_that_slack_objects_to_is_named(slack: Wire) -> None:
    answer = {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] no [/blocks/0]"]}}
    slack.body = json.dumps(answer).encode()
    with pytest.raises(Refused, match="/blocks/0"):
        post(slack)


def test_the_token_is_in_no_error(slack: Wire) -> None:
    slack.body = b'{"ok": false, "error": "invalid_auth"}'
    with pytest.raises(Refused) as error:
        SlackChat(lambda: "xoxb-canary", f"{slack.url}/").post("C0INCIDENTS", POST, "key")
    assert "canary" not in str(error.value)
