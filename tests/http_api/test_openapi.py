"""The OpenAPI document says what the API does."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient

from functions.http_api.authentication import SIGNATURE
from tests.http_api.conftest import signing

FUNCTION = Path(__file__).parents[2] / "functions" / "http_api" / "function.yaml"
ALERTS = FUNCTION.parents[2] / "events" / "alerts"
PAGES = {"GET /docs", "GET /openapi.json"}


@pytest.fixture
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_gateway_and_the_api_know_the_same_routes(document: dict[str, Any]) -> None:
    routes = set(yaml.safe_load(FUNCTION.read_text())["trigger"]["http"])
    assert set(operations(document)) == routes - PAGES


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", str(document)):
        assert name in schemas


def test_who_may_call_is_said_of_everything_that_is_not_for_everyone(document: dict[str, Any]) -> None:
    schemes = set(document["components"]["securitySchemes"])
    assert schemes == {"bearer", "api_key", "signature"}
    for name, operation in operations(document).items():
        if operation["tags"] == ["about"]:
            assert "security" not in operation
            continue
        offered = {scheme for each in operation["security"] for scheme in each}
        assert offered == (schemes if name.startswith("POST") else {"bearer", "api_key"})


def test_every_operation_says_how_it_may_fail_and_in_which_form(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        if operation["tags"] == ["about"]:
            continue
        failures = {status: each for status, each in operation["responses"].items() if status[0] in "45"}
        assert {"401", "503"} <= set(failures), name
        for each in failures.values():
            (form,) = each["content"].items()
            assert (form[0], form[1]["schema"]["title"]) == ("application/problem+json", "Problem")
        assert "Retry-After" in failures["503"]["headers"]


def test_an_alert_answers_202_with_the_incidents(document: dict[str, Any]) -> None:
    for path in ("/alert", "/alerts/{source}"):
        operation = document["paths"][path]["post"]
        assert "200" not in operation["responses"]
        assert operation["responses"]["202"]["content"]["application/json"]["schema"]["$ref"].endswith("/Accepted")
        assert operation["requestBody"]["content"]["application/json"]["examples"]


@pytest.mark.parametrize("path", sorted(ALERTS.glob("generic_*.json")), ids=lambda path: path.stem)
def test_the_generic_form_is_described_as_it_is_read(document: dict[str, Any], path: Path) -> None:
    operation = document["paths"]["/alert"]["post"]
    form = operation["requestBody"]["content"]["application/json"]["schema"]
    payload = json.loads(path.read_text())
    assert set(payload) <= set(form["properties"])
    assert set(form["required"]) <= set(payload)
    inside = form["properties"]["detail"]
    assert set(payload["detail"]) <= set(inside["properties"])
    assert set(inside.get("required", ())) <= set(payload["detail"])


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(set(names)) == len(names)


def test_the_signature_is_described_with_the_headers_that_it_covers(document: dict[str, Any]) -> None:
    said = document["components"]["securitySchemes"]["signature"]
    assert said["name"] == SIGNATURE
    assert all(name in said["description"] for name in signing(b"") if name.startswith("X-") and name != said["name"])
