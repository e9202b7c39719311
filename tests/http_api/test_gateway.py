"""The API behind API Gateway, in its payload format 2.0."""

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import pytest
from mangum import Mangum
from mangum.types import LambdaContext

from functions.http_api.app import create_app
from tests.http_api.conftest import World, body_of, ringing, signing

BODY = body_of(ringing("Größe über Grenze"))


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """Mangum runs on the thread's event loop, and makes one that nobody closes where there is none."""
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        yield


def call(
    world: World, method: str, path: str, headers: dict[str, str], body: bytes | str = b"", **context: object
) -> dict[str, Any]:
    encoded = isinstance(body, bytes)
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {name.lower(): value for name, value in headers.items()},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t"},
            "stage": "$default",
            "domainName": "api.example",
            **context,
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": encoded,
    }
    types = ["text/", "application/json", "application/problem+json"]
    return Mangum(create_app(world.deps()), lifespan="off", text_mime_types=types)(event, cast("LambdaContext", None))


@pytest.mark.parametrize("body", [BODY, BODY.decode()])
def test_the_signature_is_over_the_bytes_that_were_sent_however_the_gateway_carries_them(
    world: World, body: bytes | str
) -> None:
    response = call(world, "POST", "/alert", signing(BODY), body)
    assert response["statusCode"] == 202
    assert json.loads(response["body"])["incident_ids"]


def test_a_header_that_came_twice_arrives_joined_and_is_refused(world: World) -> None:
    headers = signing(BODY)
    headers["X-Middlewatch-Signature"] += "," + headers["X-Middlewatch-Signature"]
    assert call(world, "POST", "/alert", headers, BODY)["statusCode"] == 401


def test_whoever_the_gateway_let_through_by_a_token_needs_no_key_and_a_token_that_it_did_not_check_is_none(
    world: World,
) -> None:
    token = {"Authorization": "Bearer eyJ.eyJ.c2ln"}
    checked: dict[str, Any] = {"authorizer": {"jwt": {"claims": {"sub": "U1"}, "scopes": None}}}
    assert call(world, "GET", "/incidents", token, **checked)["statusCode"] == 200
    assert call(world, "GET", "/incidents", token)["statusCode"] == 401
    assert (
        call(world, "GET", "/incidents", token, authorizer={"lambda": {"claims": {"sub": "U1"}}})["statusCode"] == 401
    )
    assert call(world, "POST", "/alert", token, BODY, **checked)["statusCode"] == 401


def test_a_problem_is_readable_text(world: World) -> None:
    response = call(world, "GET", "/incidents", {})
    assert (response["statusCode"], response["isBase64Encoded"]) == (401, False)
    assert json.loads(response["body"])["title"] == "Unauthorized"


def test_a_bug_is_a_500_that_tells_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.store.timelines["INC-1"] = [cast("Any", "not an entry")]
    headers = {"X-Api-Key": "reader-1"}
    with caplog.at_level(logging.ERROR):
        response = call(world, "GET", "/incidents/INC-1", headers)
    assert response["statusCode"] == 500
    assert json.loads(response["body"])["detail"] == "this is a bug of ours; it was logged"
    assert "Traceback" in caplog.text
