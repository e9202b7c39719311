"""An API Gateway HTTP API: requests become events of payload format 2.0, results become responses."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from uuid import uuid4

from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.wrappers import Response

from local.aws.sandbox import LARGEST_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from local.aws.function import Function, Outcome

LARGEST_REQUEST = 10 * 1024 * 1024
"""Bytes of a request's body; API Gateway's own limit."""
LONGEST_SECONDS = 30.0
"""Seconds that a request may take; an HTTP API's own limit."""

_TEXT = re.compile(r"text/|application/(?:[\w.-]+\+)?(?:json|xml)|application/javascript", re.IGNORECASE)


@dataclass(frozen=True)
class Route:
    """A route key such as `GET /incidents/{id}` and the function behind it."""

    key: str
    method: str
    pattern: re.Pattern[str]
    function: Function

    @classmethod
    def of(cls, key: str, function: Function) -> Route:
        """Read a route key. Raises ValueError when it is none."""
        method, _, path = key.partition(" ")
        if not path.startswith("/"):
            msg = f"{key!r} of {function.wired.name} is no route; one looks like 'POST /alert'"
            raise ValueError(msg)
        pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        pattern = re.sub(r"\{(\w+)\\\+\}", r"(?P<\1>.+)", pattern)
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
        return cls(key, method.upper(), re.compile(pattern), function)

    def rank(self) -> tuple[int, bool]:
        """Order routes so that the most specific one comes first."""
        return self.pattern.groups, self.method == "ANY"


def event_of(environ: WSGIEnvironment, body: bytes, route: Route, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Write a request as API Gateway does in payload format 2.0."""
    headers: dict[str, str] = {}
    for name, value in EnvironHeaders(environ):
        headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    cookies = [cookie.strip() for cookie in headers.pop("cookie", "").split(";") if cookie.strip()]
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    query = environ.get("QUERY_STRING", "")
    queried: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        queried[name] = f"{queried[name]},{value}" if name in queried else value
    now = datetime.now(UTC)
    domain = environ.get("HTTP_HOST", "127.0.0.1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": route.function.account,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split(".")[0],
            "http": {
                "method": environ["REQUEST_METHOD"],
                "path": path,
                "protocol": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
                "sourceIp": environ.get("REMOTE_ADDR", ""),
                "userAgent": environ.get("HTTP_USER_AGENT", ""),
            },
            "requestId": str(uuid4()),
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if queried:
        event["queryStringParameters"] = queried
    if parameters:
        event["pathParameters"] = dict(parameters)
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, headers.get("content-type", "text/plain"))
    return event


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Text as it is, everything else in base 64; a form (Slack's clicks) is not text to an HTTP API."""
    try:
        if _TEXT.match(content_type):
            return body.decode("utf-8"), False
    except UnicodeDecodeError:
        pass
    return base64.b64encode(body).decode("ascii"), True


def response_of(outcome: Outcome) -> Response:
    """Write a function's outcome as API Gateway does in payload format 2.0."""
    if outcome.failed:
        return _message(500, "Internal Server Error")
    result = outcome.result()
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(json.dumps(result), 200, content_type="application/json")
    try:
        headers = Headers([(name, str(value)) for name, value in (result.get("headers") or {}).items()])
        for cookie in result.get("cookies") or []:
            headers.add("Set-Cookie", cookie)
        body = result.get("body") or ""
        content = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
        headers.pop("Content-Length", None)
        return Response(
            content,
            int(result["statusCode"]),
            headers,
            content_type=headers.get("Content-Type", "text/plain;charset=UTF-8"),
        )
    except (ValueError, TypeError, AttributeError):
        return _message(500, "Internal Server Error")


def _message(status: int, message: str) -> Response:
    return Response(json.dumps({"message": message}), status, content_type="application/json")


class HttpApi:
    """The WSGI application of the routes of all functions."""

    def __init__(self, functions: Iterable[Function] = (), longest: float = LONGEST_SECONDS) -> None:
        """Take the routes from the functions; a request may take `longest` seconds."""
        self._longest = longest
        self.route_to(functions)

    def route_to(self, functions: Iterable[Function]) -> None:
        """Answer for these functions from now on, and for no others."""
        self._routes = sorted((Route.of(key, f) for f in functions for key in f.wired.routes), key=Route.rank)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > LARGEST_REQUEST:
            self._drain(environ, length)
            return _message(413, "Request Entity Too Large")
        body = (
            environ["wsgi.input"].read(length)
            if length or not environ.get("wsgi.input_terminated")
            else environ["wsgi.input"].read()
        )
        for route in self._routes:
            match = route.pattern.fullmatch(environ["PATH_INFO"])
            if match and route.method in {environ["REQUEST_METHOD"], "ANY"}:
                event = event_of(environ, body, route, match.groupdict())
                if len(json.dumps(event)) > LARGEST_PAYLOAD:
                    return _message(413, "Request Entity Too Large")
                return self._invoke(route.function, event)
        return _message(404, "Not Found")

    def _invoke(self, function: Function, event: dict[str, Any]) -> Response:
        if function.wired.timeout < self._longest:
            return response_of(function.invoke(event))
        outcomes: list[Outcome] = []
        work = threading.Thread(target=lambda: outcomes.append(function.invoke(event)), daemon=True)
        work.start()
        work.join(self._longest)
        return response_of(outcomes[0]) if outcomes else _message(504, "Endpoint request timed out")

    @staticmethod
    def _drain(environ: WSGIEnvironment, length: int) -> None:
        deadline = time.monotonic() + 5
        while length > 0 and time.monotonic() < deadline and (chunk := environ["wsgi.input"].read(min(length, 65536))):
            length -= len(chunk)
