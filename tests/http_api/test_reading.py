"""Incidents go out over HTTP."""

from json import dumps
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import keys
from shared.entry import GENESIS
from shared.facts import Fact, IncidentClosed, IncidentEscalated, IncidentResolved, NoteAdded
from shared.history import History
from shared.writes import Put
from tests.builders import T0, a_history, an_alert, every_fact, opened
from tests.fakes.store import MemoryStore
from tests.http_api.conftest import READER, BrokenStore, Post, World, ids, ringing


def pages(client: TestClient, path: str, **query: Any) -> list[dict[str, Any]]:
    found, cursor = [], ""
    while True:
        page = client.get(path, params={**query, "cursor": cursor}, headers=READER).json()
        found.append(page)
        cursor = page["next"]
        if not cursor:
            return found


def test_it_says_what_it_is(client: TestClient) -> None:
    assert client.get("/").json()["name"] == "Middlewatch"


def test_health_says_what_answers_and_whether_everything_is_stopped(world: World, client: TestClient) -> None:
    healthy = client.get("/health")
    assert healthy.status_code == 200
    assert healthy.json() == {
        "status": "ok",
        "checks": [{"name": "timeline", "ok": True, "detail": ""}, {"name": "state", "ok": True, "detail": ""}],
        "stopped": False,
        "config_digest": "c" * 64,
        "environment": "test",
    }
    world.store.write(Put(keys.KILL_SWITCH, {"stopped": True, "person": "ada", "reason": "drill", "at": "now"}))
    assert client.get("/health").json()["stopped"] is True


def test_health_is_a_503_that_names_what_does_not_answer() -> None:
    response = World(BrokenStore()).client().get("/health")
    assert response.status_code == 503
    assert [(check["name"], check["ok"]) for check in response.json()["checks"]] == [
        ("timeline", False),
        ("state", False),
    ]
    assert response.json()["stopped"] is None
    assert "no answer about" not in response.text, "anybody may ask, so only the log says what AWS said"


def test_incidents_are_listed_newest_first_page_by_page_each_once(world: World, client: TestClient, post: Post) -> None:
    expected = []
    for number in range(23):
        world.now = world.now.replace(minute=number)
        expected.append(ids(post(ringing(str(number), f"ecs:shop/s{number}")))[0])
    found = pages(client, "/incidents", limit=5)
    assert [len(page["incidents"]) for page in found] == [5, 5, 5, 5, 3]
    assert [each["incident_id"] for page in found for each in page["incidents"]] == expected[::-1]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_incidents_that_opened_in_the_same_moment_are_each_listed_once(
    post: Post, client: TestClient, limit: int
) -> None:
    expected = {ids(post(ringing(str(number), f"ecs:shop/s{number}")))[0] for number in range(12)}
    found = [each["incident_id"] for page in pages(client, "/incidents", limit=limit) for each in page["incidents"]]
    assert len(found) == 12
    assert set(found) == expected


def test_incidents_that_came_to_their_end_stay_on_the_list(world: World, client: TestClient) -> None:
    resolved, closed = IncidentResolved(reason="quiet", close_at=T0), IncidentClosed(reason="quiet")
    a_history(store=world.store, incident_id="INC-1")
    ends: list[list[Fact]] = [[resolved], [resolved, closed]]
    for number, happened in enumerate(ends, start=2):
        begun = [opened(an_alert(target=None, fingerprint=f"f{number}")), *happened]
        world.store.append(History(f"INC-{number}"), begun, actor="a", caused_by="b", now=T0)

    found = client.get("/incidents", headers=READER).json()["incidents"]

    listed = {each["incident_id"]: each["status"] for each in found}
    assert listed == {"INC-1": "open", "INC-2": "resolved", "INC-3": "closed"}


def test_only_those_of_the_status_that_was_asked_for(client: TestClient, post: Post) -> None:
    post(ringing())
    assert len(client.get("/incidents?status=open", headers=READER).json()["incidents"]) == 1
    assert client.get("/incidents?status=closed", headers=READER).json() == {"incidents": [], "next": ""}


@pytest.mark.parametrize(
    ("query", "field"), [("status=ajar", "status"), ("limit=0", "limit"), ("limit=1000", "limit"), ("limit=x", "limit")]
)
def test_a_wrong_question_is_told_which_part_is_wrong(client: TestClient, query: str, field: str) -> None:
    response = client.get(f"/incidents?{query}", headers=READER)
    assert (response.status_code, response.json()["field"]) == (422, field)


@settings(max_examples=60, deadline=None)
@given(
    st.text(min_size=1, max_size=80)
    | st.sampled_from(["bnVsbA", "e30", "W10", "eyJvcGVuIzAiOjF9", "eyJvcGVuIzAiOiJ4In0"])
)
def test_a_made_up_cursor_is_refused_or_empty_never_an_error(cursor: str) -> None:
    response = World(MemoryStore()).client().get("/incidents", params={"cursor": cursor}, headers=READER)
    assert response.status_code in {200, 422}


def test_one_incident_says_where_it_stands(world: World, client: TestClient, post: Post) -> None:
    (incident_id,) = ids(post(ringing()))
    every = every_fact()
    history = world.store.read(incident_id)
    told = [every[name] for name in ("EvidenceCollected", "AssessmentMade", "ActionProposed", "TicketCreated")]
    world.store.append(history, told, actor="test", caused_by="", now=world.now)
    seen = client.get(f"/incidents/{incident_id}", headers=READER).json()
    assert seen["decision"] == "SAFE"
    assert seen["proposals"][0]["action"] == "restart_service"
    assert seen["proposals"][0]["standing"] == "proposed"
    assert seen["alerts"][0]["state"] == "firing"
    assert seen["ticket"] == "https://shop.atlassian.net/browse/OPS-17"
    assert seen["version"] == 5


def test_a_timeline_is_read_page_by_page_and_its_chain_is_checked(world: World, client: TestClient) -> None:
    alert = an_alert()
    history = world.store.append(
        world.store.read("INC-1"), [opened(alert)], actor="alert_intake", caused_by=alert.delivery, now=world.now
    )
    notes = [every_fact()["NoteAdded"]] * 6
    world.store.append(history, notes, actor="slack", caused_by="INC-1/1", now=world.now)
    first = client.get("/incidents/INC-1/timeline?limit=4", headers=READER).json()
    assert [line["seq"] for line in first["entries"]] == [1, 2, 3, 4]
    assert (first["entries"][0]["prev"], first["broken_link"], first["next"]) == (GENESIS, "", 4)
    assert first["entries"][1]["sentence"] == "ana noted: saw the same last week"
    rest = client.get(f"/incidents/INC-1/timeline?limit=4&after={first['next']}", headers=READER).json()
    assert [line["seq"] for line in rest["entries"]] == [5, 6, 7]
    assert rest["next"] == 0
    del world.store.timelines["INC-1"][2]
    assert client.get("/incidents/INC-1/timeline", headers=READER).json()["broken_link"] == "entry 3 is missing"


def test_the_entries_behind_a_missing_one_are_all_still_shown(world: World, client: TestClient, post: Post) -> None:
    """Nobody looks closer at a timeline than whoever was told that its chain is broken."""
    (incident_id,) = ids(post(ringing()))
    notes = [NoteAdded(person="ada", text="looked")] * 6
    world.store.append(world.store.read(incident_id), notes, actor="slack", caused_by="x", now=world.now)
    del world.store.timelines[incident_id][2]
    shown: list[int] = []
    after = 0
    while True:
        page = client.get(f"/incidents/{incident_id}/timeline?limit=2&after={after}", headers=READER).json()
        shown += [line["seq"] for line in page["entries"]]
        if not (after := page["next"]):
            break
    assert shown == [1, 2, 4, 5, 6, 7]


def test_a_page_of_large_entries_is_shorter_so_that_lambda_can_answer_it(
    world: World, client: TestClient, post: Post
) -> None:
    (incident_id,) = ids(post(ringing()))
    long = [IncidentEscalated(reason="ä" * 50_000)] * 60
    world.store.append(world.store.read(incident_id), long, actor="slack", caused_by="x", now=world.now)
    shown: list[int] = []
    after = 0
    while True:
        answer = client.get(f"/incidents/{incident_id}/timeline?limit=200&after={after}", headers=READER)
        assert len(dumps(answer.text)) < 6_000_000
        shown += [line["seq"] for line in answer.json()["entries"]]
        if not (after := answer.json()["next"]):
            break
    assert shown == list(range(1, 62))


@pytest.mark.parametrize("path", ["INC-9", "INC-9/timeline", "%00", "ü", "a" * 500, "INC-1%20"])
def test_an_unknown_incident_is_not_found(client: TestClient, path: str) -> None:
    response = client.get(f"/incidents/{path}", headers=READER)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_there_are_no_pages_of_documentation_in_production(world: World) -> None:
    client = world.client(environment="production")
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404
