"""The stand-in over HTTP: Jira's REST API (2 and 3), two pages, and `/_standin/...` for demo and tests."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from local.standins.jira import wiki
from local.standins.jira.jql import JqlError, search
from local.standins.jira.tickets import PRIORITIES, JiraRefusal, Site
from local.standins.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

Json = dict[str, Any]
REMOVED = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."


async def _body(request: Request) -> Json:
    raw = await request.body()
    try:
        given = json.loads(raw or b"{}")
    except ValueError:
        raise JiraRefusal(400, "Unexpected character in the request's JSON") from None
    if not isinstance(given, dict):
        raise JiraRefusal(400, "An object is wanted")
    return given


def _allowed(request: Request, site: Site, token: str) -> None:
    scheme, _, offered = request.headers.get("authorization", "").partition(" ")
    wanted = base64.b64encode(f"{site.user}:{token}".encode()).decode()
    if scheme != "Basic" or offered != wanted:
        raise JiraRefusal(401, "Client must be authenticated to access this resource.")


def _only(issue: Json, wanted: str) -> Json:
    names = {name.strip() for name in wanted.split(",") if name.strip()} or {"*all"}
    if names & {"*all", "*navigable"}:
        return issue
    return issue | {"fields": {name: value for name, value in issue["fields"].items() if name in names}}


def build(site: Site, token: str) -> Starlette:  # noqa: PLR0915  # one small function a route
    """Return the application; only the site's user with this token may call the API."""
    outage = Outage()
    calls: dict[str, int] = {}
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    templates.filters["wiki"] = wiki.render

    def guarded(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if failure := await outage.strike():
                return failure
            name = f"{request.method} {request.scope['route'].path.split('}', 1)[-1]}"
            calls[name] = calls.get(name, 0) + 1
            try:
                _allowed(request, site, token)
                return await answer(request)
            except JiraRefusal as refusal:
                told = {"errorMessages": refusal.messages, "errors": refusal.errors}
                return JSONResponse(told, refusal.status)
            except JqlError as error:
                return JSONResponse({"errorMessages": [str(error)], "errors": {}}, 400)

        return endpoint

    async def server_info(_: Request) -> Response:
        return JSONResponse(
            {
                "baseUrl": site.url,
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
                "buildNumber": 100290,
                "serverTitle": "Jira",
            }
        )

    async def myself(_: Request) -> Response:
        return JSONResponse(site.me())

    async def projects(_: Request) -> Response:
        return JSONResponse([site.project(key) for key in site.projects])

    async def project(request: Request) -> Response:
        return JSONResponse(site.project(request.path_params["key"]))

    async def issue_types(_: Request) -> Response:
        return JSONResponse(site.types())

    async def project_statuses(request: Request) -> Response:
        site.project(request.path_params["key"])
        statuses = [site.status(place) for place in range(3)]
        return JSONResponse([kind | {"statuses": statuses} for kind in site.types()])

    async def create_meta(request: Request) -> Response:
        wanted = [key for key in request.query_params.get("projectKeys", "").split(",") if key]
        known = [key for key in site.projects if not wanted or key in wanted]
        return JSONResponse({"projects": [site.project(key) | {"issuetypes": site.types()} for key in known]})

    async def meta_types(request: Request) -> Response:
        site.project(request.path_params["key"])
        kinds = site.types()
        paging = {"startAt": 0, "maxResults": 50, "total": len(kinds), "isLast": True}
        return JSONResponse(paging | {"issueTypes": kinds, "values": kinds})

    async def fields(_: Request) -> Response:
        names = ("summary", "description", "labels", "status", "project", "issuetype", "priority", "comment")
        return JSONResponse([{"id": n, "name": n.title(), "custom": False, "clauseNames": [n]} for n in names])

    async def priorities(_: Request) -> Response:
        return JSONResponse([{"id": ident, "name": name} for ident, name in PRIORITIES])

    async def create(request: Request) -> Response:
        return JSONResponse(site.create(await _body(request)), 201)

    async def issue(request: Request) -> Response:
        key = request.path_params["key"]
        if request.method == "PUT":
            site.edit(key, await _body(request))
            return Response(status_code=204)
        return JSONResponse(_only(site.issue(key), request.query_params.get("fields", "")))

    async def comments(request: Request) -> Response:
        key = request.path_params["key"]
        if request.method == "POST":
            return JSONResponse(site.comment(key, await _body(request)), 201)
        return JSONResponse(site.issue(key)["fields"]["comment"])

    async def transitions(request: Request) -> Response:
        key = request.path_params["key"]
        if request.method == "POST":
            site.transition(key, await _body(request))
            return Response(status_code=204)
        site.issue(key)
        return JSONResponse({"expand": "transitions", "transitions": site.transitions()})

    async def found(request: Request) -> Response:
        given = dict(request.query_params) if request.method == "GET" else await _body(request)
        jql = str(given.get("jql") or "").strip()
        if not jql:
            raise JiraRefusal(400, "Unbounded JQL queries are not allowed here. Please add a search restriction.")
        again = request.query_params.getlist("reconcileIssues") or given.get("reconcileIssues", [])
        matches = search(site.searchable({str(ident) for ident in again}), jql)
        wanted = given.get("fields") or "id"
        names = ",".join(request.query_params.getlist("fields")) or (
            wanted if isinstance(wanted, str) else ",".join(wanted)
        )
        try:
            start, size = int(given.get("nextPageToken") or 0), int(given.get("maxResults") or 50)
        except ValueError:
            raise JiraRefusal(400, "The provided next page token or maximum is invalid.") from None
        answer: Json = {"issues": [_only(one, names) for one in matches[start : start + size]]}
        answer["isLast"] = start + size >= len(matches)
        if not answer["isLast"]:
            answer["nextPageToken"] = str(start + size)
        return JSONResponse(answer)

    async def removed(_: Request) -> Response:
        raise JiraRefusal(410, REMOVED)

    async def home(_: Request) -> Response:
        issues = sorted(site.issues.values(), key=lambda one: -int(one["id"]))
        return HTMLResponse(templates.get_template("page.html").render(site=site, issues=issues, one=None))

    async def browse(request: Request) -> Response:
        try:
            one = site.issue(request.path_params["key"])
        except JiraRefusal as refusal:
            return HTMLResponse(
                templates.get_template("page.html").render(site=site, issues=[], one=None), refusal.status
            )
        return HTMLResponse(templates.get_template("page.html").render(site=site, issues=[], one=one))

    async def tickets(_: Request) -> Response:
        return JSONResponse({"issues": list(site.issues.values()), "calls": calls})

    async def fail(request: Request) -> Response:
        try:
            asked = await _body(request)
            site.lag = float(asked.get("lag", site.lag))
            return outage.set({"mode": "ok"} | asked)
        except (JiraRefusal, ValueError) as error:
            return JSONResponse({"error": str(error)}, 422)

    base = "/rest/api/{version}"
    routes = [
        Route(base + path, guarded(answer), methods=methods)
        for path, answer, methods in (
            ("/serverInfo", server_info, ["GET"]),
            ("/myself", myself, ["GET"]),
            ("/project", projects, ["GET"]),
            ("/project/{key}", project, ["GET"]),
            ("/project/{key}/statuses", project_statuses, ["GET"]),
            ("/issuetype", issue_types, ["GET"]),
            ("/field", fields, ["GET"]),
            ("/priority", priorities, ["GET"]),
            ("/issue/createmeta", create_meta, ["GET"]),
            ("/issue/createmeta/{key}/issuetypes", meta_types, ["GET"]),
            ("/issue", create, ["POST"]),
            ("/issue/{key}", issue, ["GET", "PUT"]),
            ("/issue/{key}/comment", comments, ["GET", "POST"]),
            ("/issue/{key}/transitions", transitions, ["GET", "POST"]),
            ("/search/jql", found, ["GET", "POST"]),
            ("/search", removed, ["GET", "POST"]),
        )
    ]
    pages = [
        Route("/", home),
        Route("/browse/{key}", browse),
        Route("/_standin/tickets", tickets),
        Route("/_standin/outage", fail, methods=["POST"]),
    ]
    return Starlette(routes=[*routes, *pages])
