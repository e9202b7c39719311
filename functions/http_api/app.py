"""The HTTP API: alerts in, incidents out."""

from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.exceptions import HTTPException

from functions.http_api.accept import Deps, Rejected, accept
from functions.http_api.authentication import SIGNATURE, Unauthenticated, keyed, keys_of, let_through
from functions.http_api.describe import ANY_BODY, GENERIC_BODY, SIGNATURE_HEADERS, SIGNED, SUMMARY, problems
from functions.http_api.views import (
    About,
    Accepted,
    Check,
    Health,
    IncidentLine,
    IncidentPage,
    IncidentView,
    Problem,
    TimelinePage,
    incident_view,
    timeline_page,
)
from shared import keys, switch
from shared.alerts.safe_json import TooLarge
from shared.errors import Refused, Unavailable
from shared.history import History
from shared.incident import Status
from shared.listing import STATUSES, incidents

LARGEST = 256 * 1024
"""Bytes of a request's body; what SQS and EventBridge take, and more than any alerting tool sends for 500 alerts."""
RETRY_AFTER = 5
"""Seconds that a caller is asked to wait when what did not answer named no time of its own."""
READERS = "http_api_keys"
"""The secret with the keys of those who may read."""

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="A key, as `Authorization: Bearer <key>`.")
_api_key = APIKeyHeader(name="X-Api-Key", auto_error=False, scheme_name="api_key", description="The same key.")
_signature = APIKeyHeader(name=SIGNATURE, auto_error=False, scheme_name="signature", description=SIGNED)
_READ = [Security(_bearer), Security(_api_key)]
_SEND = [Security(_signature), Security(_bearer), Security(_api_key)]


def create_app(deps: Deps) -> FastAPI:
    """The API over `deps`; its pages of documentation are there everywhere but in production."""
    documented = deps.environment != "production"
    app = FastAPI(
        title="Middlewatch",
        summary=SUMMARY,
        version=_version(),
        docs_url="/docs" if documented else None,
        redoc_url=None,
        openapi_url="/openapi.json" if documented else None,
        separate_input_output_schemas=False,
    )
    app.state.deps = deps
    app.include_router(about)
    app.include_router(sending)
    app.include_router(reading)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    return app


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


async def _body(request: Request) -> bytes:
    """The raw body, no more of it than is allowed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Rejected(413, f"the body is larger than {LARGEST} bytes; send smaller groups")
    return bytes(body)


def _reader(request: Request, deps: Annotated[Deps, Depends(_deps)]) -> None:
    if not let_through(request.scope.get("aws.event", {})):
        keyed(request.headers.getlist, keys_of(deps.secret(READERS)))


def _history(incident_id: str, deps: Annotated[Deps, Depends(_deps)]) -> History:
    known = incident_id.isascii() and incident_id.isprintable() and len(incident_id) <= 100  # noqa: PLR2004 - ours are 30
    history = deps.timeline.read(incident_id) if known else History(incident_id)
    if not history.entries:
        raise Rejected(404, f"there is no incident {incident_id[:100]}", field="incident_id")
    return history


Needs = Annotated[Deps, Depends(_deps)]
Body = Annotated[bytes, Depends(_body)]

about = APIRouter(tags=["about"])
sending = APIRouter(tags=["alerts"], dependencies=_SEND)
reading = APIRouter(tags=["incidents"], dependencies=[*_READ, Depends(_reader)])


@about.get("/", summary="What this is")
def root() -> About:
    """The name, the version, and where to go on."""
    return About(version=_version())


@about.get(
    "/health", summary="What can be reached", responses={503: {"model": Health, "description": "Not all of it."}}
)
def health(deps: Needs, response: Response) -> Health:
    """Asks everything that the API needs, and says what answered."""
    checks = [_check(name, deps) for name in deps.checks]
    ok = all(check.ok for check in checks)
    stopped = _stopped(deps) if ok else None
    response.status_code = 200 if ok else 503
    return Health(
        status="ok" if ok else "failing",
        checks=checks,
        stopped=stopped,
        config_digest=deps.config.digest,
        environment=deps.environment,
    )


@sending.post(
    "/alert",
    summary="An alert in the generic form",
    status_code=202,
    responses=problems(401, 404, 409, 413, 422, 503),
    openapi_extra={**GENERIC_BODY, "parameters": SIGNATURE_HEADERS},
)
def generic(request: Request, body: Body, deps: Needs) -> Accepted:
    """The same as `POST /alerts/generic`."""
    return accept("generic", request.headers.getlist, body, deps)


@sending.post(
    "/alerts/{source}",
    summary="The webhook of one source of alerts",
    status_code=202,
    responses=problems(401, 404, 409, 413, 422, 503),
    openapi_extra={**ANY_BODY, "parameters": SIGNATURE_HEADERS},
)
def alerts(
    source: Annotated[str, Path(description="A source's name in the configuration.", examples=["grafana"])],
    request: Request,
    body: Body,
    deps: Needs,
) -> Accepted:
    """Answers once every alert of the request is durable, with the incidents that they belong to."""
    return accept(source, request.headers.getlist, body, deps)


@reading.get("/incidents", summary="Incidents, newest first", responses=problems(401, 422, 503))
def listed(
    deps: Needs,
    status: Annotated[Status | None, Query(description="Only these; all without it.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str, Query(max_length=4000, description="`next` of the page before.")] = "",
) -> IncidentPage:
    """One page of incidents."""
    page = incidents(deps.state, (status,) if status else STATUSES, limit=limit, cursor=cursor)
    return IncidentPage(incidents=[IncidentLine.model_validate(item.value) for item in page.items], next=page.next)


@reading.get("/incidents/{incident_id}", summary="One incident", responses=problems(401, 404, 422, 503))
def incident(history: Annotated[History, Depends(_history)]) -> IncidentView:
    """What its timeline says that it is, read strongly consistent."""
    return incident_view(history.incident)


@reading.get(
    "/incidents/{incident_id}/timeline", summary="Everything that happened", responses=problems(401, 404, 422, 503)
)
def timeline(
    history: Annotated[History, Depends(_history)],
    after: Annotated[int, Query(ge=0, description="Number of the entry to go on behind.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> TimelinePage:
    """The entries, oldest first, each in a sentence and in full; the hash chain is checked over all of them."""
    return timeline_page(history, after, limit)


def _check(name: str, deps: Deps) -> Check:
    """What AWS said of a failure is for the log: it names our account and roles, and anybody may ask for our health."""
    try:
        deps.checks[name]()
    except Unavailable as error:
        deps.logger.warning("unavailable", extra={"why": str(error), "check": name})
        return Check(name=name, ok=False, detail="it does not answer; the log says why")
    return Check(name=name, ok=True)


def _stopped(deps: Deps) -> bool:
    return switch.stopped(deps.state.get(keys.KILL_SWITCH))


def _version() -> str:
    try:
        return version("middlewatch")
    except PackageNotFoundError:
        return "0"


def _problem(status: int, why: str, *, field: str = "", headers: dict[str, str] | None = None) -> JSONResponse:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=why, field=field)
    return JSONResponse(problem.model_dump(), status, headers, media_type="application/problem+json")


async def _unauthenticated(_: Request, error: Exception) -> Response:
    return _problem(401, str(error), headers={"WWW-Authenticate": 'Bearer realm="middlewatch"'})


async def _rejected(_: Request, error: Any) -> Response:  # noqa: ANN401 - Starlette's type of handler
    return _problem(error.status, error.why, field=error.field)


async def _refused(_: Request, error: Exception) -> Response:
    return _problem(413 if isinstance(error, TooLarge) else 422, str(error))


async def _unavailable(request: Request, error: Any) -> Response:  # noqa: ANN401 - Starlette's type of handler
    request.app.state.deps.logger.warning("unavailable", extra={"why": str(error), "path": request.url.path})
    wait = ceil(error.retry_after or RETRY_AFTER)
    return _problem(503, "something that this needs does not answer; try again", headers={"Retry-After": str(wait)})


async def _invalid(_: Request, error: Any) -> Response:  # noqa: ANN401 - Starlette's type of handler
    first = error.errors()[0]
    return _problem(422, str(first["msg"]), field=".".join(str(part) for part in first["loc"][1:]))


async def _http(_: Request, error: Any) -> Response:  # noqa: ANN401 - Starlette's type of handler
    return _problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def _unexpected(_: Request, __: Exception) -> Response:
    """A bug: the caller learns that there is one, the log (Mangum's) what it is."""
    return _problem(500, "this is a bug of ours; it was logged")
