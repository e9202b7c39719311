"""Alerts come in over HTTP."""

from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from shared import facts
from shared.alerts.parse import parse
from tests.builders import T0
from tests.http_api.conftest import BrokenStore, Post, World, body_of, ids, ringing, signing

SAMPLES = Path(__file__).parents[2] / "events" / "alerts"


def test_an_accepted_alert_is_on_its_timeline_before_the_answer(world: World, post: Post) -> None:
    response = post(ringing())
    assert response.status_code == 202
    (incident_id,) = ids(response)
    (entry,) = world.store.read(incident_id).entries
    assert isinstance(entry.fact, facts.IncidentOpened)
    assert response.json()["alerts"] == [
        {
            "title": "orders-5xx",
            "state": "firing",
            "target": "ecs:shop/orders",
            "external_id": "orders-5xx",
            "incident_id": incident_id,
            "outcome": "opened",
            "note": "",
        }
    ]


def test_every_alert_of_a_group_counts(post: Post) -> None:
    response = post(ringing("a"), ringing("b"), ringing("c", "ecs:shop/search"))
    assert [each["outcome"] for each in response.json()["alerts"]] == ["opened", "joined", "opened"]
    assert len(ids(response)) == 2


def test_a_payload_that_is_no_alert_is_accepted_with_a_word_on_why(client: TestClient) -> None:
    headers = {"X-Api-Key": "grafana-key"}
    response = client.post("/alerts/grafana", json={"alerts": [], "note": "a test of the webhook"}, headers=headers)
    assert response.status_code == 202
    assert response.json() == {"incident_ids": [], "alerts": [], "note": "a test of the webhook"}


def test_a_signed_delivery_is_counted_once_and_answered_alike(world: World, client: TestClient) -> None:
    body = body_of(ringing())
    first = client.post("/alert", content=body, headers=signing(body))
    world.now += timedelta(minutes=2)
    again = client.post("/alerts/generic", content=body, headers=signing(body, at=world.now))
    assert (first.status_code, again.status_code) == (202, 202)
    assert ids(first) == ids(again)
    assert len(world.store.read(ids(first)[0]).entries) == 1
    assert again.json()["note"] == "this delivery was accepted before"


def test_a_delivery_that_broke_off_before_it_was_remembered_counts_once(world: World, client: TestClient) -> None:
    body = body_of(ringing())
    first = client.post("/alert", content=body, headers=signing(body))
    del world.store.items["delivery#http/generic/d-1"]
    again = client.post("/alert", content=body, headers=signing(body))
    assert ids(first) == ids(again)
    assert again.json()["alerts"][0]["outcome"] == "duplicate"


def test_a_delivery_id_is_good_for_one_body(client: TestClient) -> None:
    body, other = body_of(ringing()), body_of(ringing("other"))
    client.post("/alert", content=body, headers=signing(body))
    response = client.post("/alert", content=other, headers=signing(other))
    assert response.status_code == 409


def test_what_a_source_says_of_a_target_that_is_not_its_own_is_heard_and_is_about_nothing(
    world: World, post: Post
) -> None:
    response = post(ringing(target="ecs:bank/ledger"), ringing())
    assert response.status_code == 202
    beyond, own = response.json()["alerts"]
    assert (beyond["outcome"], beyond["target"]) == ("opened", "ecs:bank/ledger")
    assert beyond["note"] == "Says so of ecs:bank/ledger, which it was not given (grafana)."
    assert world.store.read(beyond["incident_id"]).incident.target is None
    assert world.store.read(own["incident_id"]).incident.identity.endswith("shop/orders")


def test_an_alert_without_a_target_can_be_told_by_anyone(post: Post) -> None:
    assert post(ringing(target="")).status_code == 202


def test_no_source_clears_what_another_raised(world: World, client: TestClient, post: Post) -> None:
    (incident_id,) = ids(post(ringing(at=T0.isoformat())))
    cleared = body_of(ringing(state="resolved", at=(T0 + timedelta(minutes=1)).isoformat()))
    other = client.post("/alerts/cloudwatch", content=cleared, headers={"X-Api-Key": "cloudwatch-key"})
    assert other.json()["alerts"][0]["outcome"] == "ignored"
    assert len(world.store.read(incident_id).incident.firing) == 1
    own = client.post("/alerts/grafana", content=cleared, headers={"X-Api-Key": "grafana-key"})
    assert own.json()["alerts"][0]["outcome"] == "resolved"
    assert not world.store.read(incident_id).incident.firing


def test_an_unknown_source_is_not_found(post: Post) -> None:
    response = post(ringing(), source="nagios")
    assert response.status_code == 404
    assert response.json()["field"] == "source"


def test_a_body_that_is_too_large_is_refused_before_it_is_read_to_the_end(client: TestClient) -> None:
    response = client.post("/alerts/grafana", content=b"x" * 300_000, headers={"X-Api-Key": "grafana-key"})
    assert response.status_code == 413


def test_more_alerts_than_can_be_kept_in_time_are_refused_as_a_whole(world: World, post: Post) -> None:
    response = post(*(ringing(str(number)) for number in range(501)))
    assert response.status_code == 413
    assert not world.store.timelines


def test_what_cannot_be_read_is_refused_with_the_reason(client: TestClient) -> None:
    headers = {"X-Api-Key": "grafana-key"}
    broken = client.post("/alerts/grafana", content=b"{", headers=headers)
    assert (broken.status_code, broken.headers["content-type"]) == (422, "application/problem+json")
    assert client.post("/alerts/grafana", content=b"{}", headers=headers).json()["detail"] == "alerts: is missing"


def test_a_table_that_does_not_answer_is_a_503_that_says_when_to_come_back() -> None:
    client = World(BrokenStore()).client()
    response = client.post("/alerts/grafana", content=body_of(ringing()), headers={"X-Api-Key": "grafana-key"})
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "8"
    assert "no answer" not in response.text


def test_a_secret_that_cannot_be_read_lets_nobody_in(post: Post) -> None:
    assert post(ringing(), source="forgotten", key="").status_code == 503


@pytest.mark.parametrize(
    ("sample", "source", "key"),
    [
        ("cloudwatch_lambda_action", "cloudwatch", "cloudwatch-key"),
        ("ecs_deployment_failed", "cloudwatch", "cloudwatch-key"),
        ("alertmanager_blackbox_probe", "grafana", "grafana-key"),
    ],
)
def test_what_the_tools_really_send_opens_an_incident(world: World, sample: str, source: str, key: str) -> None:
    body = (SAMPLES / f"{sample}.json").read_bytes()
    client = world.client(parse=parse)
    response = client.post(f"/alerts/{source}", content=body, headers={"X-Api-Key": key})
    assert (response.status_code, response.json()["alerts"][0]["outcome"]) == (202, "opened")


@pytest.mark.parametrize("body", [b"", b"\xff", b"NaN", b'{"a":1,"a":1}', b"[" * 90_000, b'"\\ud800"', b"[]", b"7"])
@pytest.mark.parametrize("source", ["grafana", "cloudwatch"])
def test_what_is_no_sound_json_is_a_422_whoever_sends_it(world: World, source: str, body: bytes) -> None:
    client = world.client(parse=parse)
    response = client.post(f"/alerts/{source}", content=body, headers={"X-Api-Key": f"{source}-key"})
    assert response.status_code == 422
    assert not world.store.items


def test_no_sender_can_pass_for_the_canary_and_be_told_quietly(world: World) -> None:
    body = (SAMPLES / "cloudwatch_canary.json").read_bytes()
    response = world.client(parse=parse).post(
        "/alerts/cloudwatch", content=body, headers={"X-Api-Key": "cloudwatch-key"}
    )
    (incident_id,) = ids(response)
    assert not world.store.read(incident_id).incident.test
