"""The HTTP API speaks payload format 2.0."""

from __future__ import annotations

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import Client

from local.aws.http_api import HttpApi
from tests.local.aws.conftest import Rig


def ask(rig: Rig, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(urlsplit(rig.aws.api_url).netloc)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = json.loads(response.read())
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, content


def test_a_request_becomes_an_event_of_format_two(rig: Rig) -> None:
    status, headers, event = ask(
        rig, "GET", "/incidents/a%20b?x=1&x=2&y=", Cookie="c=1; d=2", X_Mixed="V", User_Agent="ua"
    )
    assert status == 201
    assert headers["content-type"] == "application/json"
    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "GET /incidents/{id}"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/incidents/a b"
    assert event["rawQueryString"] == "x=1&x=2&y="
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["pathParameters"] == {"id": "a b"}
    assert event["cookies"] == ["c=1", "d=2"]
    assert event["headers"]["x-mixed"] == "V"
    assert "cookie" not in event["headers"]
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["http"]["userAgent"] == "ua"
    assert event["isBase64Encoded"] is False


def test_the_most_specific_route_answers(rig: Rig) -> None:
    assert ask(rig, "GET", "/incidents/open")[2]["routeKey"] == "GET /incidents/open"
    assert ask(rig, "GET", "/incidents/1/timeline")[2]["routeKey"] == "GET /incidents/{id}/timeline"


def test_json_and_text_come_as_they_are_and_everything_else_in_base_64(rig: Rig) -> None:
    *_, text = ask(rig, "POST", "/echo", '{"a": "é"}'.encode(), Content_Type="application/json; charset=utf-8")
    assert (text["body"], text["isBase64Encoded"]) == ('{"a": "é"}', False)
    for content_type, body in (("application/x-www-form-urlencoded", b"a=1"), ("application/json", b"\xff\xfe")):
        *_, event = ask(rig, "POST", "/echo", body, Content_Type=content_type)
        assert event["isBase64Encoded"] is True
        assert base64.b64decode(event["body"]) == body


def test_a_result_without_status_is_the_body(rig: Rig) -> None:
    status, headers, content = ask(rig, "GET", "/plain")
    assert (status, headers["content-type"], content) == (200, "application/json", {"no": "status"})


def test_a_failed_function_is_a_500_that_says_nothing(rig: Rig) -> None:
    status, _, content = ask(rig, "GET", "/fail")
    assert (status, content) == (500, {"message": "Internal Server Error"})


def test_no_route_is_a_404(rig: Rig) -> None:
    assert ask(rig, "DELETE", "/echo")[0] == ask(rig, "GET", "/nope")[0] == 404


def test_what_is_too_large_is_a_413(rig: Rig) -> None:
    status, _, content = ask(rig, "POST", "/echo", b"x" * (10 * 1024 * 1024 + 1), Content_Type="text/plain")
    assert (status, content) == (413, {"message": "Request Entity Too Large"})
    assert ask(rig, "POST", "/echo", b"x" * (7 * 1024 * 1024), Content_Type="text/plain")[0] == 413


def test_a_time_out_of_the_function_is_a_500_after_its_time(rig: Rig) -> None:
    began = time.monotonic()
    assert ask(rig, "GET", "/slow")[0] == 500
    assert time.monotonic() - began < 4


def test_cookies_are_set_one_by_one(rig: Rig) -> None:
    connection = http.client.HTTPConnection(urlsplit(rig.aws.api_url).netloc)
    connection.request("GET", "/incidents/1")
    response = connection.getresponse()
    response.read()
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    connection.request("GET", "/incidents/2")
    assert connection.getresponse().status == 201
    connection.close()


def test_after_the_longest_time_the_caller_is_told_though_the_function_works_on(rig: Rig) -> None:
    api = Client(HttpApi([rig.aws.functions["web"]], longest=0.3))
    began = time.monotonic()
    response = api.get("/slow")
    assert (response.status_code, response.json) == (504, {"message": "Endpoint request timed out"})
    assert time.monotonic() - began < 1
