"""Slack's door with the real signature check and parsing, called as API Gateway calls it, or as a bare ASGI server."""

import asyncio
import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import urlencode

from aws_lambda_powertools import Logger
from mangum import Mangum
from mangum.types import LambdaContext

from functions.slack_api.app import Needs, create_app
from shared.click import SHOWN
from shared.gateway import plainly
from shared.integrations.slack import signature
from tests.builders import INCIDENT, T0, Clock, a_config, a_person, a_proposal
from tests.fakes.chat import MemoryChat, MemoryClicks
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore

SECRET = "signing-secret"
APP, TEAM = "A0MIDDLEWATCH", "T0SHOP"
STAMP = str(int(T0.timestamp()))
STAMPED, SIGNED = "x-slack-request-timestamp", "x-slack-signature"
SEALS = MemorySeals()
ASKED = f"{INCIDENT}/3"
"""The question of a timeline that opens, proposes and asks."""
YES = f"{ASKED}{SHOWN}{a_proposal().hash}"
FORM = "application/x-www-form-urlencoded"
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent: to which path, with which headers (a name may come twice), and the bytes of the body."""

    path: str
    headers: Headers
    body: bytes

    @property
    def signed(self) -> tuple[tuple[str, ...], tuple[str, ...], bytes]:
        """All that the signature speaks of, and the signature."""
        return self.values(STAMPED), self.values(SIGNED), self.body

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of a header, in the order in which they came."""
        return tuple(value for each, value in self.headers if each.lower() == name)

    def changed(self, **changes: Any) -> "Request":
        """The same with something else in it."""
        return replace(self, **changes)


def request(path: str, body: bytes, *, stamp: str = STAMP, secret: str = SECRET) -> Request:
    """A request as Slack signs it."""
    headers = (("content-type", FORM), (STAMPED, stamp), (SIGNED, signature(stamp, body, secret)))
    return Request(path, headers, body)


def pressed(action: str = "approve", value: str = YES, **changes: Any) -> dict[str, Any]:
    """The payload of a press of a button."""
    payload = {
        "type": "block_actions",
        "api_app_id": APP,
        "team": {"id": TEAM, "domain": "shop"},
        "user": {"id": "U0ANA", "team_id": TEAM, "username": "ana"},
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
        "response_url": "https://hooks.slack.example/actions/T0SHOP/1/abc",
        "channel": {"id": "C0INCIDENTS", "name": "incidents"},
        "container": {"type": "message", "message_ts": "1.0", "channel_id": "C0INCIDENTS"},
        "actions": [{"action_id": action, "value": value, "action_ts": "1700000000.1", "type": "button"}],
    }
    return payload | changes


def submitted(reason: str = "a deploy is running", **changes: Any) -> dict[str, Any]:
    """The payload of the dialog that asks for a reason."""
    kept = {"value": ASKED, "channel": "C0INCIDENTS", "message_ts": "1.0"}
    view = {
        "id": "V1",
        "type": "modal",
        "callback_id": "rejection",
        "private_metadata": json.dumps(kept),
        "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
    }
    return {**pressed(), "type": "view_submission", "view": view} | changes


def form_of(payload: Any) -> bytes:
    """A payload as Slack posts it."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def command(words: str = "open", **changes: str) -> bytes:
    """The form of a slash command."""
    fields = {
        "token": "gIkuvaNzQIHg97ATvDxqgjtO",
        "team_id": TEAM,
        "api_app_id": APP,
        "user_id": "U0ANA",
        "user_name": "ana",
        "command": "/middlewatch",
        "text": words,
        "response_url": "https://hooks.slack.example/commands/1/2",
        "trigger_id": "13345224609.738474920.8088930838d88f008e0",
    }
    return urlencode(fields | changes).encode()


def valid() -> Sequence[Request]:
    """One of each kind that Slack sends."""
    actions = "/slack/actions"
    return (
        request(actions, form_of(pressed("approve"))),
        request(actions, form_of(pressed("reject", ASKED))),
        request(actions, form_of(pressed("take", f"{INCIDENT}/1"))),
        request(actions, form_of(pressed("timeline", f"{INCIDENT}/1"))),
        request(actions, form_of(submitted())),
        request(actions, form_of(submitted("Größe · 日本 \U0001f600"))),
        request(actions, form_of({"type": "shortcut", "api_app_id": APP})),
        request("/slack/commands", command()),
        request("/slack/commands", command("stop a deploy is running")),
        request("/slack/commands", command("Größe 日本")),
    )


@dataclass
class Edge:
    """The API over a table, a chat and a queue in memory; its clock stands still."""

    loop: asyncio.AbstractEventLoop
    logger: Logger = field(default_factory=lambda: Logger(service="hostile", level="CRITICAL"))
    clicks: MemoryClicks = field(default_factory=MemoryClicks)
    chat: MemoryChat = field(default_factory=MemoryChat)
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        config = a_config(slack_app=APP, slack_team=TEAM, people=(a_person(),))
        needs = Needs(
            config, lambda _: SECRET, self.clicks, self.chat, self.store, self.store, self.clock, self.logger, SEALS
        )
        self.app = create_app(needs)
        self.lambda_handler = Mangum(self.app, lifespan="off")

    def by_gateway(self, sent: Request, *, encoded: bool) -> int:
        """The status that a Lambda invocation answers; what came twice arrives joined by a comma, as on AWS."""
        headers: dict[str, str] = {}
        spelled: dict[str, str] = {}
        for sent_name, value in sent.headers:
            name = spelled.setdefault(sent_name.lower(), sent_name)
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        body = base64.b64encode(sent.body).decode() if encoded else sent.body.decode()
        event = {
            "version": "2.0",
            "routeKey": f"POST {sent.path}",
            "rawPath": sent.path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "http": {"method": "POST", "path": sent.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
                "stage": "$default",
            },
            "body": body,
            "isBase64Encoded": encoded,
        }
        answer = self.lambda_handler(plainly(event), cast("LambdaContext", None))
        return int(answer["statusCode"])

    def by_server(self, sent: Request) -> int:
        """The status that a bare ASGI server would send, with every header as it came."""
        return self.loop.run_until_complete(self._served(sent))

    async def _served(self, sent: Request) -> int:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "https",
            "path": sent.path,
            "raw_path": sent.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), _raw(value)) for name, value in sent.headers],
            "client": ("192.0.2.1", 0),
            "server": ("api", 443),
        }
        half = len(sent.body) // 2
        chunks = [{"body": sent.body[:half], "more_body": True}, {"body": sent.body[half:], "more_body": False}]
        answered: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", **chunks.pop(0)} if chunks else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered.append(int(message["status"]))

        await self.app(scope, receive, send)
        return answered[0]


def _raw(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


@contextmanager
def edge(**changes: Any) -> Iterator[Edge]:
    """An edge with an event loop of its own."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield Edge(loop, **changes)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)
