"""The doors on HTTP: Slack's, and the one for alerts, with real bodies and real signatures."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json import dumps
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

from functions.http_api.accept import Deps, accept
from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP
from functions.http_api.authentication import signature as alert_signature
from functions.slack_api.app import Needs, create_app
from shared.click import Click
from shared.integrations.slack import signature
from tests.reliability.simulator.stories import Presses

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
"""Slack's own example of one."""
CHANNEL = "C0INCIDENTS"


@dataclass(frozen=True, slots=True)
class Clicks:
    """Where the door puts what was clicked."""

    put: Callable[[Click], None]

    def send(self, click: Click) -> None:
        """See functions.slack_api.app.Clicks."""
        self.put(click)


@lru_cache
def _machine() -> tuple[asyncio.Runner, FastAPI]:
    """One event loop and one application for the process; what it needs is set anew for each request."""
    unset: Any = None
    return asyncio.Runner(), create_app(unset)


def pressed(press: Presses, value: str, ts: str, number: int, needs: Needs, *, forged: bool = False) -> int:
    """Slack tells of a press, or somebody who does not know the secret does; the status of the answer."""
    payload = {
        "type": "block_actions",
        "api_app_id": needs.config.slack_app,
        "team": {"id": needs.config.slack_team},
        "user": {"id": press.user, "team_id": press.team},
        "trigger_id": f"trigger-{number}",
        "channel": {"id": CHANNEL},
        "container": {"message_ts": ts},
        "actions": [{"action_id": press.button, "value": value, "action_ts": f"{number}.0"}],
    }
    body = urlencode({"payload": dumps(payload)}).encode()
    stamp = str(int(needs.clock().timestamp()))
    signed = signature(stamp, body, "somebody else's" if forged else SECRET)
    return _post("/slack/actions", body, {"x-slack-request-timestamp": stamp, "x-slack-signature": signed}, needs)


def webhook(alarm: str, service: str, state: str, at: datetime) -> str:
    """An alarm's change of state as a monitoring tool of somebody's own would put it."""
    detail = {"service_name": service, "cluster_name": "shop", "summary": alarm, "state": state, "severity": "high"}
    whole = {"incident_id": alarm, "account": "123456789012", "region": "eu-west-1"}
    return dumps({**whole, "detail": {**detail, "time": at.isoformat()}})


def accepted(body: str, delivery: str, deps: Deps) -> bool:
    """Posts it, signed, as the source `generic`; True once it is durable. What is raised is a 4xx or 5xx."""
    raw, stamp = body.encode(), str(int(deps.clock().timestamp()))
    key = deps.secret("source_generic").encode()
    headers = {TIMESTAMP: stamp, DELIVERY: delivery, SIGNATURE: alert_signature(key, stamp, delivery, raw)}
    accept("generic", lambda name: [headers[name]] if name in headers else [], raw, deps)
    return True


def _post(path: str, body: bytes, headers: dict[str, str], needs: Needs) -> int:
    runner, app = _machine()
    app.state.needs = needs
    given = {"content-type": "application/x-www-form-urlencoded", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("slack.example", 443),
        "client": None,
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    runner.run(app(scope, receive, send))
    return int(sent[0]["status"])
