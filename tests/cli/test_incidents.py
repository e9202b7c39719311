"""`middlewatch incidents`, against tables."""

import json

import boto3
import pytest

from shared.entry import chain
from shared.integrations.dynamodb import DynamoStore
from tests.builders import T0, TARGET, an_alert, every_fact, opened
from tests.cli.conftest import Command


def incident(store: DynamoStore, incident_id: str = "INC-1", service: str = "orders") -> None:
    alert = an_alert(target=TARGET.model_copy(update={"name": f"shop/{service}"}))
    history = store.append(
        store.read(incident_id), [opened(alert)], actor="alert_intake", caused_by=alert.delivery, now=T0
    )
    every = every_fact()
    told = [every[name] for name in ("EvidenceCollected", "AssessmentMade", "NoteAdded")]
    store.append(history, told, actor="test", caused_by=f"{incident_id}/1", now=T0)


def test_incidents_are_listed_for_people_and_for_scripts(store: DynamoStore, command: Command) -> None:
    incident(store)
    incident(store, "INC-2", "search")
    people = command("incidents", "list")
    assert people.exit_code == 0, people.stderr
    assert "INC-1" in people.stdout
    assert "INC-2" in people.stdout
    script = json.loads(command("incidents", "list", "--json", "--limit", "1").stdout)
    assert len(script["incidents"]) == 1
    rest = json.loads(command("incidents", "list", "--json", "--cursor", script["next"]).stdout)
    assert {each["incident_id"] for page in (script, rest) for each in page["incidents"]} == {"INC-1", "INC-2"}
    assert json.loads(command("incidents", "list", "--json", "--status", "closed").stdout)["incidents"] == []


def test_tests_are_listed_on_demand_only(store: DynamoStore, command: Command) -> None:
    incident(store)
    canary = opened(an_alert(target=None, title="middlewatch-canary")).model_copy(update={"test": True})
    store.append(store.read("INC-T"), [canary], actor="alert_intake", caused_by="canary", now=T0)
    assert "INC-T" not in command("incidents", "list").stdout
    assert "INC-T" in command("incidents", "list", "--tests").stdout
    assert "2 of 2 timelines are whole" in command("incidents", "verify").stdout


def test_one_incident_and_its_timeline_are_told(store: DynamoStore, command: Command) -> None:
    incident(store)
    assert "SAFE: Targets fail" in command("incidents", "show", "INC-1").stdout
    assert json.loads(command("incidents", "show", "INC-1", "--json").stdout)["decision"] == "SAFE"
    people = command("incidents", "timeline", "INC-1").stdout
    assert "Opened about ecs:shop/orders" in people
    assert "ana noted: saw the same last week" in people
    lines = [json.loads(line) for line in command("incidents", "timeline", "INC-1", "--json").stdout.splitlines()]
    assert [line["type"] for line in lines] == ["IncidentOpened", "EvidenceCollected", "AssessmentMade", "NoteAdded"]


def test_a_title_is_shown_as_it_is_never_as_markup(store: DynamoStore, command: Command) -> None:
    alert = an_alert(title="[red]boom[/red] \x1b[2J")
    store.append(store.read("INC-1"), [opened(alert)], actor="alert_intake", caused_by="x", now=T0)
    shown = command("incidents", "list").stdout
    assert "[red]boom[/red]" in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize("what", ["show", "timeline", "verify"])
@pytest.mark.usefixtures("store")
def test_an_unknown_incident_is_one_line(command: Command, what: str) -> None:
    result = command("incidents", what, "INC-9")
    assert (result.exit_code, result.stderr) == (2, "middlewatch: there is no incident INC-9\n")


def test_whole_timelines_are_whole(store: DynamoStore, command: Command) -> None:
    incident(store)
    incident(store, "INC-2", "search")
    result = command("incidents", "verify")
    assert (result.exit_code, result.stdout.strip()) == (0, "2 of 2 timelines are whole")


@pytest.mark.parametrize("tampered", ["changed", "removed", "cut", "rewritten", "garbled"])
def test_a_timeline_that_was_touched_is_broken(store: DynamoStore, command: Command, tampered: str) -> None:
    incident(store)
    client = boto3.client("dynamodb")
    last = store.read("INC-1").entries[-1]
    key = {"incident_id": {"S": "INC-1"}, "seq": {"N": "2" if tampered == "removed" else "4"}}
    client.delete_item(TableName=store.timeline_table, Key=key)
    if tampered in {"changed", "garbled"}:
        body = last.body.replace("saw the same", "did nothing") if tampered == "changed" else "{"
        item = {**key, "entry": {"S": body}, "hash": {"S": last.hash}}
        client.put_item(TableName=store.timeline_table, Item=item)
    if tampered == "rewritten":
        # A whole chain of its own, yet not the one that the head remembers.
        short = store.read("INC-1")
        (other,) = chain(
            "INC-1", [every_fact()["TicketCreated"]], after=short.last, actor="x", caused_by="INC-1/1", now=T0
        )
        item = {**key, "entry": {"S": other.body}, "hash": {"S": other.hash}}
        client.put_item(TableName=store.timeline_table, Item=item)
    result = command("incidents", "verify", "INC-1")
    assert result.exit_code == 1
    assert result.stdout.startswith("BROKEN INC-1: ")
    assert list(json.loads(command("incidents", "verify", "--json").stdout)["broken"]) == ["INC-1"]
