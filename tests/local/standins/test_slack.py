"""The Slack stand-in as the real slack-sdk sees it, and an app as the stand-in sees it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.standins.serving import listen, serving, url_of
from local.standins.slack.app import build
from local.standins.slack.clicks import Clicks
from local.standins.slack.mrkdwn import render
from local.standins.slack.workspace import Workspace

ANA, EVE = "U0ANA", "U0EVE"
CHANNEL = "C0INCIDENTS"
TEXT = {"type": "section", "text": {"type": "mrkdwn", "text": "words"}}


def buttons(*actions: str) -> dict[str, Any]:
    return {
        "type": "actions",
        "block_id": "what",
        "elements": [
            {"type": "button", "action_id": name, "value": f"{name}-1", "text": {"type": "plain_text", "text": name}}
            for name in actions
        ],
    }


def modal(**change: Any) -> dict[str, Any]:
    return {"type": "modal", "title": {"type": "plain_text", "text": "Timeline"}, "blocks": [TEXT]} | change


@dataclass
class App:
    """What an app got, whether the signature was right, and what it answers."""

    forms: list[dict[str, Any]] = field(default_factory=list)
    genuine: list[bool] = field(default_factory=list)
    answer: dict[str, Any] | None = None
    late: float = 0.0
    status: int = 200

    @property
    def payload(self) -> dict[str, Any]:
        return dict(json.loads(self.forms[-1]["payload"]))


@dataclass
class Slack:
    url: str
    client: WebClient
    app: App

    def act(self, what: str, **asked: Any) -> dict[str, Any]:
        return dict(httpx.post(f"{self.url}/_standin/{what}", json=asked, timeout=10).json())

    def held(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/_standin/messages").json())

    def refused(self, method: str, **given: Any) -> str:
        with pytest.raises(SlackApiError) as error:
            self.client.api_call(method, json=given)
        return str(error.value.response["error"])


@pytest.fixture
def slack(tmp_path: Path) -> Iterator[Slack]:
    app, verifier = App(), SignatureVerifier("shh")

    async def receive(request: Request) -> Response:
        body = await request.body()
        app.genuine.append(verifier.is_valid_request(body, dict(request.headers)))
        app.forms.append(dict(httpx.QueryParams(body.decode())))
        if app.late:
            await asyncio.sleep(app.late)
        return JSONResponse(app.answer, app.status) if app.answer else Response(status_code=app.status)

    listener = listen()
    receiver = Starlette(routes=[Route("/{path:path}", receive, methods=["POST"])])
    with serving(receiver) as at:
        space = Workspace.load(tmp_path / "slack.json", None, ["incidents"])
        clicks = Clicks(space, "shh", f"{at}/actions", f"{at}/commands", url_of(listener))
        with serving(build(space, clicks, "xoxb-good"), listener) as url:
            yield Slack(url, WebClient("xoxb-good", base_url=f"{url}/api/"), app)


def test_a_message_is_posted_updated_and_read_back_with_its_metadata(slack: Slack) -> None:
    metadata = {"event_type": "incident", "event_payload": {"key": "i-1/3"}}
    posted = slack.client.chat_postMessage(channel="#incidents", text="first", blocks=[TEXT], metadata=metadata)
    slack.client.chat_update(channel=CHANNEL, ts=posted["ts"], text="second")
    plain = slack.client.conversations_history(channel=CHANNEL)["messages"]
    full = slack.client.conversations_history(channel=CHANNEL, include_all_metadata=True)["messages"]

    assert posted["channel"] == CHANNEL
    assert (full[0]["text"], full[0]["metadata"]) == ("second", metadata)
    assert full[0]["blocks"][0]["text"]["text"] == "words"
    assert "edited" in full[0]
    assert "metadata" not in plain[0]


def test_a_thread_holds_its_replies_apart_from_the_channel(slack: Slack) -> None:
    root = slack.client.chat_postMessage(channel=CHANNEL, text="root")["ts"]
    slack.client.chat_postMessage(channel=CHANNEL, text="detail", thread_ts=root)
    thread = slack.client.conversations_replies(channel=CHANNEL, ts=root)["messages"]

    assert [message["text"] for message in thread] == ["root", "detail"]
    assert thread[0]["reply_count"] == 1
    assert len(slack.client.conversations_history(channel=CHANNEL)["messages"]) == 1


def test_history_comes_in_pages(slack: Slack) -> None:
    for number in range(5):
        slack.client.chat_postMessage(channel=CHANNEL, text=str(number))
    pages = [page["messages"] for page in slack.client.conversations_history(channel=CHANNEL, limit=2)]

    assert [[message["text"] for message in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]


@pytest.mark.parametrize(
    ("method", "given", "error"),
    [
        ("chat.postMessage", {"channel": "#no", "text": "x"}, "channel_not_found"),
        ("chat.postMessage", {"channel": CHANNEL}, "no_text"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": CHANNEL, "text": "x", "thread_ts": "1.2"}, "thread_not_found"),
        ("chat.update", {"channel": CHANNEL, "ts": "1.2", "text": "x"}, "message_not_found"),
        ("chat.postEphemeral", {"channel": CHANNEL, "user": "U9", "text": "x"}, "user_not_in_channel"),
        ("views.open", {"trigger_id": "made.up", "view": modal()}, "invalid_trigger_id"),
        ("views.update", {"view_id": "V1", "view": modal()}, "not_found"),
        ("users.info", {"user": "U9"}, "user_not_found"),
        ("chat.nonsense", {}, "unknown_method"),
    ],
)
def test_errors_are_those_of_slack(slack: Slack, method: str, given: dict[str, Any], error: str) -> None:
    assert slack.refused(method, **given) == error


def test_a_wrong_token_is_not_let_in(slack: Slack) -> None:
    with pytest.raises(SlackApiError) as error:
        WebClient("xoxb-bad", base_url=f"{slack.url}/api/").auth_test()

    assert error.value.response["error"] == "invalid_auth"


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        ([TEXT] * 51, "/blocks"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "/blocks/0/text/text"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "/blocks/0/text/text"),
        ([{"type": "section"}], "/blocks/0"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}], "/blocks/0/fields"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "/blocks/0/text/type"),
        ([{"type": "header", "text": plain("x" * 151)}], "/blocks/0/text/text"),
        ([{"type": "header"}], "/blocks/0/text"),
        ([{"type": "hologram"}], "/blocks/0"),
        ([TEXT | {"colour": "red"}], "/blocks/0/colour"),
        ([TEXT | {"block_id": "x" * 256}], "/blocks/0/block_id"),
        ([TEXT | {"block_id": "a"}, TEXT | {"block_id": "a"}], "/blocks"),
        ([{"type": "actions", "elements": []}], "/blocks/0/elements"),
        (
            [{"type": "actions", "elements": [{"type": "button", "text": plain("x" * 76)}]}],
            "/blocks/0/elements/0/text/text",
        ),
        (
            [{"type": "actions", "elements": [{"type": "button", "text": plain("x"), "value": "x" * 2001}]}],
            "/blocks/0/elements/0/value",
        ),
        (
            [{"type": "actions", "elements": [{"type": "button", "text": plain("x"), "style": "blue"}]}],
            "/blocks/0/elements/0/style",
        ),
        ([buttons("same", "same")], "/blocks/0"),
        ([{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}], "/blocks/0/elements"),
    ],
)
def test_blocks_that_slack_would_refuse_are_refused_here(slack: Slack, blocks: list[Any], pointer: str) -> None:
    with pytest.raises(SlackApiError) as error:
        slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=blocks)

    assert error.value.response["error"] == "invalid_blocks"
    assert any(f"[json-pointer:{pointer}]" in one for one in error.value.response["response_metadata"]["messages"])


@pytest.mark.parametrize(
    "change",
    [
        {"title": plain("x" * 25)},
        {"blocks": [TEXT] * 101},
        {"private_metadata": "x" * 3001},
        {"blocks": [{"type": "input", "label": plain("x"), "element": {"type": "plain_text_input"}}]},
    ],
)
def test_a_view_that_slack_would_refuse_is_refused_here(slack: Slack, change: dict[str, Any]) -> None:
    assert slack.refused("views.open", trigger_id="1.2.3", view=modal(**change)) == "invalid_arguments"


def test_a_click_reaches_the_app_signed_and_shaped_as_by_slack(slack: Slack) -> None:
    ts = slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("approve", "reject")])["ts"]
    told = slack.act("click", user=ANA, action_id="approve")
    payload = slack.app.payload
    action = payload["actions"][0]

    assert told["status"] == 200
    assert slack.app.genuine == [True]
    assert payload["type"] == "block_actions"
    assert payload["user"] == {"id": ANA, "username": "ana", "name": "ana", "team_id": "T0SHOP"}
    assert payload["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": CHANNEL,
        "is_ephemeral": False,
    }
    assert payload["channel"] == {"id": CHANNEL, "name": "incidents"}
    assert payload["team"] == {"id": "T0SHOP", "domain": "shop"}
    assert (payload["enterprise"], payload["is_enterprise_install"]) == (None, False)
    assert payload["message"]["ts"] == ts
    assert payload["state"] == {"values": {}}
    assert (action["action_id"], action["block_id"], action["value"], action["type"]) == (
        "approve",
        "what",
        "approve-1",
        "button",
    )
    assert {"trigger_id", "response_url", "api_app_id", "token"} <= set(payload)


def test_a_stranger_is_told_apart_by_team_and_guest_flag(slack: Slack) -> None:
    slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("approve")])
    slack.act("click", user="eve", action_id="approve")
    told = slack.client.users_info(user=EVE)["user"]

    assert slack.app.payload["user"]["team_id"] == "T0ELSEWHERE"
    assert told["is_restricted"]
    assert told["is_stranger"]


def test_a_trigger_opens_one_modal_which_can_be_updated(slack: Slack) -> None:
    slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("view")])
    slack.act("click", user=ANA, action_id="view")
    trigger = slack.app.payload["trigger_id"]
    view = slack.client.views_open(trigger_id=trigger, view=modal())["view"]
    slack.client.views_update(view_id=view["id"], view=modal(title=plain("Loaded")))

    assert slack.refused("views.open", trigger_id=trigger, view=modal()) == "exchanged_trigger_id"
    assert slack.refused("views.update", view_id=view["id"], hash=view["hash"], view=modal()) == "hash_conflict"
    assert slack.held()["views"][view["id"]]["title"]["text"] == "Loaded"


def test_a_trigger_is_too_old_after_three_seconds(slack: Slack) -> None:
    slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("view")])
    slack.act("click", user=ANA, action_id="view")
    time.sleep(3.1)

    assert slack.refused("views.open", trigger_id=slack.app.payload["trigger_id"], view=modal()) == "expired_trigger_id"


def test_a_submitted_modal_brings_its_values_and_shows_the_apps_errors(slack: Slack) -> None:
    slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("reject")])
    slack.act("click", user=ANA, action_id="reject")
    reason = {"type": "input", "block_id": "why", "label": plain("Why"), "element": {"type": "plain_text_input"}}
    view = slack.client.views_open(
        trigger_id=slack.app.payload["trigger_id"],
        view=modal(blocks=[reason], submit=plain("Send"), private_metadata="p-1", callback_id="reject"),
    )["view"]
    values = {"why": {"reason": {"type": "plain_text_input", "value": "no"}}}
    slack.app.answer = {"response_action": "errors", "errors": {"why": "say more"}}
    refused = slack.act("submit", user=ANA, view_id=view["id"], values=values)
    slack.app.answer = None
    accepted = slack.act("submit", user=ANA, view_id=view["id"], values=values)

    assert (refused["open"], refused["errors"]) == (True, {"why": "say more"})
    assert accepted["open"] is False
    assert slack.app.payload["type"] == "view_submission"
    assert slack.app.payload["view"]["state"]["values"] == values
    assert slack.app.payload["view"]["private_metadata"] == "p-1"
    assert slack.held()["views"] == {}


def test_an_app_that_is_late_is_not_asked_again_and_the_person_is_told(slack: Slack) -> None:
    slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("approve")])
    slack.app.late = 3.3
    told = slack.act("click", user=ANA, action_id="approve")
    time.sleep(0.5)

    assert told["status"] == 0
    assert len(slack.app.forms) == 1
    assert "timed out" in slack.held()["notices"][0]["text"]


def test_a_command_is_sent_as_a_form_and_its_answer_is_shown_to_the_person_alone(slack: Slack) -> None:
    slack.app.answer = {"response_type": "ephemeral", "text": "Stopped."}
    slack.act("command", user=ANA, text="/middlewatch stop now")
    form = slack.app.forms[-1]

    assert (form["command"], form["text"], form["user_id"]) == ("/middlewatch", "stop now", ANA)
    assert slack.app.genuine == [True]
    assert [(one["to"], one["text"]) for one in slack.held()["ephemerals"]] == [(ANA, "Stopped.")]


def test_a_response_url_whispers_or_replaces_five_times_at_most(slack: Slack) -> None:
    slack.client.chat_postMessage(channel=CHANNEL, text="x", blocks=[buttons("approve")])
    slack.act("click", user=ANA, action_id="approve")
    url = slack.app.payload["response_url"]
    answers = [httpx.post(url, json={"text": f"no {number}", "replace_original": False}) for number in range(4)]
    answers.append(httpx.post(url, json={"text": "done", "replace_original": True}))
    answers.append(httpx.post(url, json={"text": "too often"}))
    held = slack.held()

    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert [one["text"] for one in held["ephemerals"]] == ["no 0", "no 1", "no 2", "no 3"]
    assert held["messages"][CHANNEL][0]["text"] == "done"


def test_an_outage_is_a_503_or_a_429_with_its_pause(slack: Slack) -> None:
    slack.act("outage", mode="429", seconds=7)
    with pytest.raises(SlackApiError) as limited:
        slack.client.auth_test()
    slack.act("outage", mode="down")
    with pytest.raises(SlackApiError) as down:
        slack.client.auth_test()
    slack.act("outage", mode="ok")

    assert (limited.value.response.status_code, limited.value.response.headers["Retry-After"]) == (429, "7")
    assert down.value.response.status_code == 503
    assert slack.client.auth_test()["ok"]


def test_a_workspace_is_found_again_in_its_file(slack: Slack, tmp_path: Path) -> None:
    ts = slack.client.chat_postMessage(channel=CHANNEL, text="kept")["ts"]
    again = Workspace.load(tmp_path / "slack.json", None, ["incidents"])

    assert again.message(CHANNEL, ts)["text"] == "kept"
    assert float(again.stamp()) > float(ts)


def test_the_page_shows_each_person_their_own_and_runs_no_ones_script(slack: Slack) -> None:
    text = {
        "type": "mrkdwn",
        "text": f"<@{ANA}> see *this* <script>alert(1)</script> <https://example.com/?a=1&amp;b=2|it>",
    }
    slack.client.chat_postMessage(
        channel=CHANNEL, text="x", blocks=[{"type": "section", "text": text}, buttons("approve")]
    )
    slack.client.chat_postEphemeral(channel=CHANNEL, user=ANA, text="for Ana alone")
    ana, eve = (httpx.get(f"{slack.url}/?who={who}").text for who in (ANA, EVE))

    assert "<b>this</b>" in ana
    assert '<span class="mention me">@Ana</span>' in ana
    assert '<span class="mention">@Ana</span>' in eve
    assert "alert(1)</script>" not in ana
    assert 'href="https://example.com/?a=1&amp;b=2"' in ana
    assert "for Ana alone" in ana
    assert "for Ana alone" not in eve
    assert 'data-act="approve"' in eve


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*b* _i_ ~s~ `c*d*`", "<b>b</b> <i>i</i> <s>s</s> <code>c*d*</code>"),
        ("a*b*c", "a*b*c"),
        ("```x\n*y*```", "<pre>x\n*y*</pre>"),
        ("&lt;b&gt; &amp; <javascript:alert(1)|x>", "&lt;b&gt; &amp; &lt;javascript:alert(1)|x&gt;"),
        (
            '<https://e.x/"onclick="y|l>',
            '<a href="https://e.x/&quot;onclick=&quot;y" target="_blank" rel="noopener noreferrer">l</a>',
        ),
        ("<!here> :fire: :nosuch:", '<span class="mention me">@here</span> 🔥 :nosuch:'),
        ("<!subteam^S0COMMERCE>", '<span class="mention me">@commerce</span>'),
        ("> said\nthen", "<blockquote>said</blockquote>then"),
        ("<!date^99999999999999^{time}|never>", '<span class="mention me">@never</span>'),
    ],
)
def test_mrkdwn_is_marked_up_and_everything_else_is_escaped(text: str, html: str) -> None:
    assert str(render(text, {})) == html
