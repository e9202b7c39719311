"""What carries the functions' requests: to moto, to the world, to the stand-ins for Slack and Jira; in this process.

boto3 is hooked by botocore's own events, slack_sdk by urllib's installed opener, the jira client by requests' adapter.
"""

import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from email.message import Message as Headers
from http.client import RemoteDisconnected
from typing import Any, cast
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPHandler, Request, build_opener, install_opener
from urllib.response import addinfourl

import boto3
import requests
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.session import Session
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from local.world import wire
from tests.reliability.sweep.calls import Fault, Tape

App = Callable[[dict[str, Any], Any, Any], Any]
"""An ASGI application."""
Answer = tuple[int, Mapping[str, str], bytes]
Aws = Callable[[str, AWSPreparedRequest], Answer]
"""Answers a request to that service, as AWS would."""
THROTTLED = {"dynamodb": "ProvisionedThroughputExceededException", "ses": "Throttling", "cloudwatch": "Throttling"}
FAILED = {"dynamodb": "InternalServerError", "ecs": "ServerException"}
LOST = "lost in the sweep"


def hook_boto3(tape: Tape, answer: Aws) -> None:
    """Has the clients that boto3 makes from now on ask `answer`, each call first noted on the tape."""
    current = threading.local()

    def begins(model: Any, **_: Any) -> None:
        current.model, current.attempt = model, 0
        current.fault = tape.note(model.name)

    def sends(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        model, fault = current.model, current.fault
        service = str(model.service_model.service_name)
        current.attempt += 1
        name = model.name if current.attempt == 1 else "repeated by the SDK"
        found = tape.carry(
            fault, name, lambda: answer(service, request), lambda how: _aws_failure(how, model, request.url)
        )
        return _aws_response(request.url, found)

    session: Any = Session()
    session.register("before-call", begins)
    session.register("before-send", sends)
    boto3.setup_default_session(botocore_session=session)


def operators(answer: Aws) -> Any:
    """A session of clients that nobody watches."""
    session: Any = Session()
    models = threading.local()

    def begins(model: Any, **_: Any) -> None:
        models.service = str(model.service_model.service_name)

    session.register("before-call", begins)
    session.register("before-send", lambda request, **_: _aws_response(request.url, answer(models.service, request)))
    return boto3.Session(botocore_session=session)


def hook_slack(tape: Tape, app: App) -> None:
    """Has slack_sdk ask `app`."""

    class Handler(HTTPHandler):
        def http_open(self, req: Request) -> Any:
            name = urlsplit(req.full_url).path.rpartition("/")[2]
            data = req.data if isinstance(req.data, bytes) else b""
            headers = {**req.headers, **req.unredirected_hdrs}

            def ask() -> Answer:
                return ask_app(app, req.get_method(), req.full_url, headers, data)

            status, told, body = tape.carry(tape.note(name), name, ask, _urllib_failure)
            heads = Headers()
            for key, value in told.items():
                heads[key] = value
            found: Any = addinfourl(io.BytesIO(body), heads, req.full_url, status)
            found.msg = str(status)
            return found

    install_opener(build_opener(Handler))


def hook_jira(tape: Tape, app: App) -> None:
    """Has requests ask `app`."""

    def send(_: HTTPAdapter, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        url, body = str(request.url), request.body or b""
        data = body.encode() if isinstance(body, str) else bytes(cast("bytes", body))
        path = re.sub(r"[A-Z]+-\d+", "{key}", urlsplit(url).path.partition("/rest/api/")[2].partition("/")[2])
        name = f"{request.method} /{path}"

        def ask() -> Answer:
            return ask_app(app, str(request.method), url, {**request.headers}, data)

        status, told, content = tape.carry(
            tape.note(name), JIRA_NAMES.get(name, name), ask, lambda how: _requests_failure(how, request)
        )
        response = requests.Response()
        response.status_code, response.url, response.request = status, url, request
        response.headers.update(told)
        response._content = content  # noqa: SLF001 - as requests' own adapter leaves it to be read
        return response

    vars(requests.adapters)["HTTPAdapter"].send = send


JIRA_NAMES = {"POST /issue": "issue.create", "POST /issue/{key}/comment": "issue.comment"}


def ask_app(app: App, method: str, url: str, headers: Mapping[str, Any], body: bytes) -> Answer:
    """The answer of an ASGI application that waits for nothing."""
    parts = urlsplit(url)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), str(value).encode()) for name, value in headers.items()],
        "scheme": "http",
        "server": (parts.hostname, 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    told: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        told["body"] += message.get("body", b"")
        if message["type"] == "http.response.start":
            told["status"] = message["status"]
            told["headers"] = {name.decode(): value.decode() for name, value in message["headers"]}

    done(app(scope, receive, send))
    return told["status"], told["headers"], told["body"]


def done(coroutine: Any) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits for something")


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(65_536):
            yield chunk


def _aws_response(url: str, answer: Answer) -> AWSResponse:
    status, headers, body = answer
    made: Any = AWSResponse
    found: AWSResponse = made(url, status, {name.lower(): value for name, value in headers.items()}, _Raw(body))
    return found


def _aws_failure(fault: Fault, model: Any, url: str) -> Answer:
    service, protocol = str(model.service_model.service_name), str(model.service_model.resolved_protocol)
    match fault:
        case "request lost":
            raise EndpointConnectionError(endpoint_url=url, error=LOST)
        case "reply lost":
            raise ConnectionClosedError(endpoint_url=url)
        case "time-out":
            raise ReadTimeoutError(endpoint_url=url)
    slow = fault == "throttle"
    code = THROTTLED.get(service, "ThrottlingException") if slow else FAILED.get(service, "InternalFailure")
    status = 400 if slow else 500
    if protocol == wire.CBOR:
        call = wire.Call(service, model.name, {}, protocol)
        answer = wire.write_error(call, wire.AwsError(code, LOST, status), "0")
        return answer.status, answer.headers, answer.body
    if protocol in {"query", "rest-xml"}:
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{LOST}</Message></Error>"
        text = error if protocol == "rest-xml" else f"<ErrorResponse>{error}</ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, text.encode()
    body = json.dumps({"__type": code, "message": LOST}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}, body


def _urllib_failure(fault: Fault) -> Answer:
    match fault:
        case "request lost":
            raise URLError(ConnectionRefusedError(LOST))
        case "reply lost":
            raise RemoteDisconnected(LOST)
        case "time-out":
            raise TimeoutError(LOST)
        case "throttle":
            body = json.dumps({"ok": False, "error": "ratelimited"}).encode()
            return 429, {"Retry-After": "2", "Content-Type": "application/json"}, body
    return 500, {"Content-Type": "text/plain"}, b"something failed"


def _requests_failure(fault: Fault, request: requests.PreparedRequest) -> Answer:
    match fault:
        case "request lost":
            pool: Any = HTTPConnectionPool("jira")
            refused = MaxRetryError(pool, str(request.url), NewConnectionError(pool, LOST))
            raise requests.ConnectionError(refused, request=request)
        case "reply lost":
            broken = ProtocolError("Connection aborted.", RemoteDisconnected(LOST))
            raise requests.ConnectionError(broken, request=request)
        case "time-out":
            raise requests.ReadTimeout(LOST, request=request)
        case "throttle":
            return 429, {"Retry-After": "2"}, b"{}"
    return 500, {"Content-Type": "text/plain"}, b"something failed"
