import json
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest

from shared.errors import Refused, Unavailable, Unclear
from shared.integrations.slack import SlackChat, signature, verified
from shared.mrkdwn import section
from shared.ports import Post
from tests.builders import T0
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


@pytest.mark.parametrize("sent", ["", "v0=", "v0=\ud800", "v0=ä"])
def test_a_signature_that_is_none_is_not_slacks(sent: str) -> None:
    headers = [("X-Slack-Request-Timestamp", str(int(T0.timestamp()))), ("X-Slack-Signature", sent)]
    assert not verified(headers, b"", "secret", T0)


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


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"upstream connect error"),
        (429, b"slow down"),
        (200, b'{"ok": false, "error": "ratelimited"}'),
        (200, b'{"ok": false, "error": "rate_limited"}'),
        (200, b'{"ok": false, "error": "service_unavailable"}'),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}])
def test_a_busy_slack_that_says_no_time_is_asked_again_all_the_same(
    slack: Wire, status: int, body: bytes, headers: dict[str, str]
) -> None:
    slack.status, slack.body, slack.headers = status, body, headers
    with pytest.raises(Unavailable) as error:
        post(slack)
    assert type(error.value) is Unavailable
    assert error.value.retry_after is None


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_error_of_the_server_may_have_been_said(slack: Wire, status: int) -> None:
    slack.status, slack.body = status, b'{"ok": false, "error": "something_new"}'
    with pytest.raises(Unclear):
        post(slack)
    assert slack.asked == 1


def test_a_connection_that_breaks_after_the_request_is_unclear_and_the_sdk_does_not_say_it_again(slack: Wire) -> None:
    slack.status = 0
    with pytest.raises(Unclear):
        post(slack)
    assert slack.asked == 1


def test_a_connection_that_speaks_no_tls_may_have_taken_the_request(slack: Wire) -> None:
    with pytest.raises(Unclear, match="did not answer"):
        SlackChat(lambda: "t", f"{slack.url.replace('http:', 'https:')}/").post("C0INCIDENTS", POST, "key")


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


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"[1]",
        b'{"ok": true}',
        b'{"ok": true, "ts": "1.2"}',
        b'{"ok": true, "channel": "C", "ts": ""}',
    ],
)
def test_an_answer_that_cannot_be_read_is_unclear(slack: Wire, body: bytes) -> None:
    slack.body = body
    with pytest.raises(Unclear):
        post(slack)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("invalid_auth", "the bot token is wrong"),
        ("not_authed", "there is no bot token"),
        ("token_revoked", "the bot token was revoked"),
        ("token_expired", "the bot token expired"),
        ("account_inactive", "the bot's account was removed"),
        ("channel_not_found", "invite the bot"),
        ("not_in_channel", "invite it there"),
        ("is_archived", "this channel is archived"),
        ("missing_scope", "add the scope"),
        ("invalid_blocks", "does not accept the layout"),
        ("msg_too_long", "the message is too long"),
        ("user_not_in_channel", "this person is not in the channel"),
        ("expired_trigger_id", "click again"),
        ("message_not_found", "the message was deleted"),
        ("something_new", "docs.slack.dev"),
    ],
)
def test_a_refusal_says_how_to_fix_it(slack: Wire, code: str, fix: str) -> None:
    slack.body = json.dumps({"ok": False, "error": code}).encode()
    with pytest.raises(Refused, match=rf"^Slack, C0INCIDENTS: .*{fix}.* \({code}\)$"):
        post(slack)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"response_metadata": {"messages": ["no [/blocks/0]", "no [/blocks/1]"]}}, "no [/blocks/0]; no [/blocks/1]"),
        ({"needed": "chat:write"}, "chat:write"),
    ],
)
def test_a_refusal_carries_what_slack_says_of_it(slack: Wire, more: dict[str, Any], said: str) -> None:
    slack.body = json.dumps({"ok": False, "error": "something_new", **more}).encode()
    with pytest.raises(Refused) as error:
        post(slack)
    assert str(error.value) == f"Slack, C0INCIDENTS: see docs.slack.dev for this error (something_new: {said})"


@pytest.mark.parametrize(("status", "body"), [(400, b"{}"), (404, b"{}"), (403, b'{"ok": false}')])
def test_a_refusal_without_a_word_is_told_by_its_status(slack: Wire, status: int, body: bytes) -> None:
    slack.status, slack.body = status, body
    with pytest.raises(Refused, match=rf"see docs.slack.dev for this error \({status}\)"):
        post(slack)


def test_of_a_page_that_answers_in_slacks_place_the_beginning_is_told(slack: Wire) -> None:
    slack.status, slack.body = 403, b"<html>\n" + b"<p>not from here</p>\n" * 10_000
    with pytest.raises(Refused) as error:
        post(slack)
    assert len(str(error.value)) < 300
    assert "\n" not in str(error.value)


def test_the_token_is_in_no_error(slack: Wire) -> None:
    slack.body = b'{"ok": false, "error": "invalid_auth"}'
    with pytest.raises(Refused) as error:
        SlackChat(lambda: "xoxb-canary", f"{slack.url}/").post("C0INCIDENTS", POST, "key")
    assert "canary" not in str(error.value)


def asked(slack: Wire) -> list[tuple[str, dict[str, Any]]]:
    """The method and the arguments of each request."""
    return [(line.removeprefix("POST /"), _arguments(headers, body)) for line, headers, body in slack.heard]


def _arguments(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if headers["Content-Type"].startswith("application/json"):
        given: dict[str, Any] = json.loads(body)
        return given
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


BLOCKS = (section(["words"]),)
KEYED = {"event_type": "middlewatch", "event_payload": {"key": "key"}}
SAID = {"text": "words", "metadata": KEYED, "unfurl_links": False, "unfurl_media": False}
VIEW = {"type": "modal"}
LOOKED = {"include_all_metadata": "1", "limit": "200"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda chat: chat.post("#incidents", Post("words", BLOCKS), "key"),
            ("chat.postMessage", {**SAID, "channel": "#incidents", "blocks": list(BLOCKS)}),
        ),
        (
            lambda chat: chat.post("C0INCIDENTS", POST, "key", "C0INCIDENTS/9.9"),
            ("chat.postMessage", {**SAID, "channel": "C0INCIDENTS", "thread_ts": "9.9"}),
        ),
        (
            lambda chat: chat.find("C0INCIDENTS", "key"),
            ("conversations.history", {**LOOKED, "channel": "C0INCIDENTS"}),
        ),
        (
            lambda chat: chat.find("#incidents", "key", "C0INCIDENTS/9.9"),
            ("conversations.replies", {**LOOKED, "channel": "C0INCIDENTS", "ts": "9.9"}),
        ),
        (
            lambda chat: chat.update("C0INCIDENTS/1.2", Post("words", BLOCKS)),
            ("chat.update", {"channel": "C0INCIDENTS", "ts": "1.2", "text": "words", "blocks": list(BLOCKS)}),
        ),
        (
            lambda chat: chat.whisper("C0INCIDENTS", "U0ANA", "one\ntwo"),
            (
                "chat.postEphemeral",
                {
                    "channel": "C0INCIDENTS",
                    "user": "U0ANA",
                    "text": "one\ntwo",
                    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "one\ntwo", "verbatim": True}}],
                },
            ),
        ),
        (lambda chat: chat.open_view("T", VIEW), ("views.open", {"trigger_id": "T", "view": VIEW})),
        (lambda chat: chat.update_view("V", VIEW), ("views.update", {"view_id": "V", "view": VIEW})),
    ],
)
def test_slack_is_asked_for_exactly_this(
    slack: Wire, call: Callable[[SlackChat], object], said: tuple[str, dict[str, Any]]
) -> None:
    slack.body = b'{"ok": true, "channel": "C0INCIDENTS", "ts": "1.2", "messages": [], "view": {"id": "V"}}'
    call(chat(slack))
    assert asked(slack) == [said]
    assert {headers["Authorization"] for _, headers, _ in slack.heard} == {"Bearer xoxb-token"}


def test_a_message_and_a_dialog_are_known_by_what_slack_calls_them(slack: Wire) -> None:
    slack.body = b'{"ok": true, "channel": "C0OTHER", "ts": "1.2", "view": {"id": "V1"}}'
    assert (post(slack), chat(slack).open_view("T", VIEW)) == ("C0OTHER/1.2", "V1")


def test_only_a_message_of_ours_is_found_by_its_key(slack: Wire) -> None:
    messages: list[dict[str, Any]] = [
        {"ts": "1"},
        {"ts": "2", "metadata": None},
        {"ts": "3", "metadata": {"event_type": "another", "event_payload": {"key": "key"}}},
        {"ts": "4", "metadata": {"event_type": "middlewatch"}},
        {"ts": "5", "metadata": {"event_type": "middlewatch", "event_payload": {"key": "other"}}},
        {"ts": "6", "metadata": KEYED},
        {"ts": "7", "metadata": KEYED},
    ]
    slack.body = json.dumps({"ok": True, "messages": messages}).encode()
    assert chat(slack).find("C0INCIDENTS", "key") == "C0INCIDENTS/6"
    assert chat(slack).find("C0INCIDENTS", "key", "C0PLACE/9.9") == "C0PLACE/6"
    assert chat(slack).find("C0INCIDENTS", "nobody's") is None


def test_a_channels_name_is_looked_up_page_by_page(slack: Wire) -> None:
    pages: list[dict[str, Any]] = [
        {"channels": [{"id": "C0OTHER", "name": "other"}], "response_metadata": {"next_cursor": "more"}},
        {"channels": [{"id": "C0FOUND", "name": "incidents"}], "response_metadata": {"next_cursor": "and more"}},
        {"messages": [{"ts": "6", "metadata": KEYED}]},
    ]
    slack.bodies = [json.dumps({"ok": True, **page}).encode() for page in pages]
    assert chat(slack).find("#incidents", "key") == "C0FOUND/6"
    listing = {"types": "public_channel,private_channel", "exclude_archived": "1", "limit": "1000"}
    assert asked(slack) == [
        ("conversations.list", listing),
        ("conversations.list", {**listing, "cursor": "more"}),
        ("conversations.history", {**LOOKED, "channel": "C0FOUND"}),
    ]


@pytest.mark.parametrize("end", [{}, {"response_metadata": None}, {"response_metadata": {"next_cursor": ""}}])
def test_a_channel_that_is_on_no_page_is_refused(slack: Wire, end: dict[str, Any]) -> None:
    slack.body = json.dumps({"ok": True, "channels": [], **end}).encode()
    with pytest.raises(Refused, match=r"^Slack, incidents: the bot does not see this channel"):
        chat(slack).find("incidents", "key")
    assert slack.asked == 1


@pytest.mark.parametrize(
    ("call", "about"),
    [
        (lambda chat: chat.find("C0INCIDENTS", "key"), "C0INCIDENTS"),
        (lambda chat: chat.update("C0INCIDENTS/1.2", POST), "C0INCIDENTS"),
        (lambda chat: chat.whisper("C0INCIDENTS", "U0ANA", "words"), "C0INCIDENTS"),
        (lambda chat: chat.open_view("T", VIEW), "the dialog"),
        (lambda chat: chat.update_view("V", VIEW), "the dialog"),
    ],
)
def test_a_refusal_names_what_it_is_about(slack: Wire, call: Callable[[SlackChat], object], about: str) -> None:
    slack.body = b'{"ok": false, "error": "something_new"}'
    with pytest.raises(Refused, match=rf"^Slack, {about}: "):
        call(chat(slack))


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({}, "https://slack.com/api/"),
        ({"SLACK_API_URL": ""}, "https://slack.com/api/"),
        ({"SLACK_API_URL": "http://127.0.0.1:1/X//"}, "http://127.0.0.1:1/X/"),
    ],
)
def test_slack_is_where_the_environment_says_with_the_bots_token(environment: dict[str, str], where: str) -> None:
    client = SlackChat.of({"slack_bot_token": "xoxb-token"}.__getitem__, environment).client
    assert (client.base_url, client.token, client.timeout) == (where, "xoxb-token", 5)
    assert client.retry_handlers == []
