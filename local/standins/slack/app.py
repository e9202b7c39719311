"""The stand-in over HTTP: Slack's Web API, the page, and `/_standin/...` for demo and tests."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import yaml
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from local.standins.outage import Outage
from local.standins.slack.methods import METHODS
from local.standins.slack.mrkdwn import render, render_plain
from local.standins.slack.workspace import SlackError

if TYPE_CHECKING:
    from starlette.requests import Request

    from local.standins.slack.clicks import Clicks
    from local.standins.slack.workspace import Workspace

Json = dict[str, Any]
NOTICE_LIFE = 12.0
APP = Path(__file__).parents[3] / "infra" / "slack-app.yaml"
"""The app that is installed here."""


async def _given(request: Request) -> Json:
    """Return a call's arguments from query, form or JSON; in forms, what is structured is JSON in a string."""
    given: Json = dict(request.query_params)
    body = await request.body()
    if request.headers.get("content-type", "").startswith("application/json"):
        parsed = json.loads(body or b"{}")
        return given | (parsed if isinstance(parsed, dict) else {})
    given |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    for name in ("blocks", "view", "metadata", "attachments"):
        if isinstance(given.get(name), str):
            try:
                given[name] = json.loads(given[name])
            except ValueError:
                raise SlackError("invalid_blocks_format" if name == "blocks" else "invalid_arguments") from None
    return given


class Page:
    """Renders the channel as one person sees it."""

    def __init__(self, space: Workspace) -> None:
        self.space = space
        self.templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
        self.templates.filters["clock"] = lambda ts: time.strftime("%H:%M", time.localtime(float(ts)))
        self.templates.filters["day"] = lambda ts: time.strftime("%A, %B %-d", time.localtime(float(ts)))

    def context(self, who: str, channel: str) -> Json:
        """Return what the templates show: threads under their messages, the person's own whispers and modal."""
        space = self.space
        person = next((p for p in space.people if who in {p.id, p.name}), space.people[0])
        place = channel if channel in space.channels else next(iter(space.channels))
        every = sorted(
            [
                *space.messages.get(place, []),
                *(m for m in space.ephemerals if m["to"] == person.id and m["channel"] == place),
            ],
            key=lambda message: float(message["ts"]),
        )
        roots = [m for m in every if m.get("thread_ts", m["ts"]) == m["ts"]]
        threads = {m["ts"]: [r for r in every if r.get("thread_ts") == m["ts"] != r["ts"]] for m in roots}
        modal = next((v for v in reversed(list(space.views.values())) if v["to"] == person.id), None)
        notices = [n for n in space.notices if n["to"] == person.id and n["at"] > time.time() - NOTICE_LIFE]
        names = space.names()

        def text(item: Json) -> str:
            return render(item["text"], names, person.id) if item["type"] == "mrkdwn" else render_plain(item["text"])

        return {
            "space": space,
            "me": person,
            "channel": place,
            "roots": roots,
            "threads": threads,
            "modal": modal,
            "notices": notices,
            "names": names,
            "text": text,
            "mrkdwn": lambda value: render(value, names, person.id),
            "revision": space.revision,
        }

    def render(self, name: str, who: str, channel: str) -> str:
        """Return a template's HTML."""
        return self.templates.get_template(name).render(self.context(who, channel))


def build(space: Workspace, clicks: Clicks, token: str) -> Starlette:  # noqa: PLR0915  # one small function a route
    """Return the application; only `token` may call the Web API."""
    outage, page = Outage(), Page(space)
    granted = {"X-OAuth-Scopes": ",".join(yaml.safe_load(APP.read_text("utf-8"))["oauth_config"]["scopes"]["bot"])}
    calls: dict[str, int] = {}

    def _called(name: str, given: Json, request: Request) -> Json:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        offered = bearer if scheme == "Bearer" else str(given.get("token", ""))
        if not offered:
            raise SlackError("not_authed")
        if offered != token:
            raise SlackError("invalid_auth")
        if name not in METHODS:
            raise SlackError("unknown_method")
        return METHODS[name](space, given)

    async def api(request: Request) -> Response:
        if failure := await outage.strike():
            return failure
        name = request.path_params["method"]
        calls[name] = calls.get(name, 0) + 1
        try:
            given = await _given(request)
            return JSONResponse({"ok": True} | _called(name, given, request), headers=granted)
        except SlackError as error:
            answer: Json = {"ok": False, "error": error.error}
            if error.messages:
                answer["errors"] = error.messages
                answer["response_metadata"] = {"messages": error.messages}
            return JSONResponse(answer)
        except ValueError:
            return JSONResponse({"ok": False, "error": "invalid_json"})

    async def respond(request: Request) -> Response:
        if failure := await outage.strike():
            return failure
        try:
            known = space.answered(request.path_params["ident"])
            clicks.answer(known["channel"], known["user"], known["ts"], await _given(request))
        except SlackError as error:
            return PlainTextResponse(error.error, 404 if error.error.endswith("_url") else 400)
        return PlainTextResponse("ok")

    def seen_by(request: Request) -> tuple[str, str]:
        return request.query_params.get("who", ""), request.query_params.get("channel", "")

    async def home(request: Request) -> Response:
        return HTMLResponse(page.render("page.html", *seen_by(request)))

    async def feed(request: Request) -> Response:
        return HTMLResponse(page.render("feed.html", *seen_by(request)))

    async def revision(request: Request) -> Response:
        del request
        old = any(n["at"] > time.time() - NOTICE_LIFE - 2 for n in space.notices)
        return JSONResponse({"revision": space.revision, "notices": old})

    async def act(request: Request) -> Response:
        try:
            asked = json.loads(await request.body() or b"{}")
            what, user = request.path_params["what"], str(asked.get("user", ""))
            if what == "click":
                told = await clicks.click(user, asked)
            elif what == "submit":
                told, shown = await clicks.submit(user, str(asked["view_id"]), asked.get("values", {}))
                return JSONResponse({"status": told.status, "took": round(told.took, 3)} | shown)
            elif what == "command":
                told = await clicks.command(
                    user, str(asked.get("channel") or next(iter(space.channels))), asked["text"]
                )
            elif what == "close":
                space.close_view(str(asked["view_id"]))
                return JSONResponse({"open": False})
            elif what == "configure":
                clicks.interactivity_url = asked.get("interactivity_url", clicks.interactivity_url)
                clicks.commands_url = asked.get("commands_url", clicks.commands_url)
                return JSONResponse(
                    {"interactivity_url": clicks.interactivity_url, "commands_url": clicks.commands_url}
                )
            elif what == "outage":
                return outage.set(asked)
            else:
                return JSONResponse({"error": f"no such act: {what}"}, 404)
        except SlackError as error:
            return JSONResponse({"error": error.error, "messages": error.messages}, 404)
        except (KeyError, ValueError) as error:
            return JSONResponse({"error": f"missing or wrong: {error}"}, 422)
        answer = {"status": told.status, "took": round(told.took, 3), "body": told.body.decode(errors="replace")}
        return JSONResponse(answer)

    async def messages(request: Request) -> Response:
        del request
        return JSONResponse(
            {
                "channels": space.channels,
                "messages": space.messages,
                "ephemerals": space.ephemerals,
                "views": space.views,
                "notices": space.notices,
                "people": [asdict(person) for person in space.people],
                "calls": calls,
                "revision": space.revision,
            }
        )

    routes = [
        Route("/api/{method}", api, methods=["GET", "POST"]),
        Route("/actions/{ident:path}", respond, methods=["POST"]),
        Route("/_standin/messages", messages),
        Route("/_standin/feed", feed),
        Route("/_standin/revision", revision),
        Route("/_standin/{what}", act, methods=["POST"]),
        Route("/", home),
    ]
    return Starlette(routes=routes)
