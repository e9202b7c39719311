import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from json import loads
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from functions.relay.publish import ENTRIES_PER_CALL, Relay, relay
from shared import facts
from shared.entry import Entry
from shared.facts import Fact
from shared.history import History
from tests.builders import a_history, proposed


class Bus:
    """A bus that refuses the entries at the given places of each of its calls."""

    def __init__(self, *refusals: Sequence[bool], down: int = 0) -> None:
        self.refusals = list(refusals)
        self.down = down
        self.calls: list[int] = []
        self.taken: list[dict[str, Any]] = []

    def put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        if self.down:
            self.down -= 1
            raise EndpointConnectionError(endpoint_url="http://bus")
        self.calls.append(len(Entries))
        mask = self.refusals.pop(0) if self.refusals else ()
        results: list[dict[str, str]] = []
        for place, entry in enumerate(Entries):
            if place < len(mask) and mask[place]:
                results.append({"ErrorCode": "ThrottlingException"})
            else:
                self.taken.append(entry)
                results.append({"EventId": "e"})
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in each for each in results)}


def record(entry: Entry, name: str = "INSERT") -> dict[str, Any]:
    image = {"entry": {"S": entry.body}, "hash": {"S": entry.hash}}
    return {
        "eventName": name,
        "dynamodb": {
            "Keys": {"incident_id": {"S": entry.incident_id}, "seq": {"N": str(entry.seq)}},
            "SequenceNumber": str(1000 + entry.seq),
            **({"NewImage": image} if name != "REMOVE" else {}),
            **({"OldImage": image} if name != "INSERT" else {}),
        },
    }


def wired(bus: Bus, entries: Sequence[Entry] = (), alarms: list[str] | None = None) -> Relay:
    rung = [] if alarms is None else alarms
    history = a_history(*[entry.fact for entry in entries[1:]])
    return Relay(
        events=bus,  # type: ignore[arg-type]
        bus="middlewatch",
        read=lambda _id: history,
        logger=Logger(service="relay"),
        tampered=lambda: rung.append("rung"),
    )


ENTRIES = a_history(proposed(), *[facts.NoteAdded(person="ana", text=str(number)) for number in range(23)]).entries


def test_every_entry_reaches_the_bus_as_it_was_stored_with_its_hash() -> None:
    bus = Bus()

    reply = relay({"Records": [record(entry) for entry in ENTRIES]}, wired(bus))

    assert reply == {"batchItemFailures": []}
    assert max(bus.calls) == ENTRIES_PER_CALL
    assert [event["DetailType"] for event in bus.taken] == [entry.fact.type for entry in ENTRIES]
    for event, entry in zip(bus.taken, ENTRIES, strict=True):
        assert loads(event["Detail"]) == {**loads(entry.body), "hash": entry.hash}


@given(st.lists(st.booleans(), min_size=10, max_size=10))
def test_what_the_bus_refused_is_sent_again_and_only_that(mask: list[bool]) -> None:
    bus = Bus(mask)

    reply = relay({"Records": [record(entry) for entry in ENTRIES[:10]]}, wired(bus))

    assert reply == {"batchItemFailures": []}
    assert len(bus.taken) == 10
    assert sum(bus.calls) == 10 + sum(mask)


def test_what_the_bus_keeps_refusing_comes_back_from_the_first_one_on() -> None:
    bus = Bus([False, False, True, False, True], [True, True])

    reply = relay({"Records": [record(entry) for entry in ENTRIES[:5]]}, wired(bus))

    assert reply == {"batchItemFailures": [{"itemIdentifier": "1003"}]}


def test_a_bus_that_is_down_loses_nothing() -> None:
    reply = relay({"Records": [record(entry) for entry in ENTRIES[:5]]}, wired(Bus(down=2)))

    assert reply == {"batchItemFailures": [{"itemIdentifier": "1001"}]}


def test_large_entries_travel_in_calls_of_their_own() -> None:
    big: list[Fact] = [facts.NoteAdded(person="ana", text="x" * 4000)]
    big += [facts.IncidentEscalated(reason="y" * 150_000) for _ in range(3)]
    bus = Bus()

    relay({"Records": [record(entry) for entry in a_history(*big).entries]}, wired(bus))

    assert bus.calls == [3, 1, 1]


@pytest.mark.parametrize("change", ["MODIFY", "REMOVE"])
@pytest.mark.parametrize("place", range(len(ENTRIES)))
def test_a_changed_or_removed_entry_raises_the_alarm_and_holds_nothing_up(change: str, place: int) -> None:
    bus, alarms = Bus(), list[str]()
    records = [record(entry) for entry in ENTRIES]
    records[place] = record(ENTRIES[place], change)

    reply = relay({"Records": records}, wired(bus, alarms=alarms))

    assert reply == {"batchItemFailures": []}
    assert alarms == ["rung"]
    assert [event["Detail"] for event in bus.taken] == [
        f'{entry.body[:-1]},"hash":"{entry.hash}"}}' for entry in ENTRIES if entry is not ENTRIES[place]
    ]


GARBLED: dict[str, Any] = {
    "nothing": {},
    "no text": {"entry": {"N": "1"}, "hash": {"S": "x"}},
    "no JSON": {"entry": {"S": "{"}, "hash": {"S": sha256(b"{").hexdigest()}},
    "no entry": {"entry": {"S": "[]"}, "hash": {"S": sha256(b"[]").hexdigest()}},
    "another hash": {"entry": {"S": ENTRIES[1].body}, "hash": {"S": "0" * 64}},
    "another place": {"entry": {"S": ENTRIES[2].body}, "hash": {"S": ENTRIES[2].hash}},
    "another's": {
        "entry": {"S": a_history(proposed(), incident_id="INC-9").entries[1].body},
        "hash": {"S": a_history(proposed(), incident_id="INC-9").entries[1].hash},
    },
}


@pytest.mark.parametrize("name", ["INSERT", "MODIFY", "REMOVE"])
@pytest.mark.parametrize("image", GARBLED)
def test_what_is_put_on_a_timeline_and_is_no_entry_of_it_raises_the_alarm_and_is_not_published(
    name: str, image: str
) -> None:
    bus, alarms = Bus(), list[str]()
    forged = record(ENTRIES[1], name)
    for which in {"NewImage", "OldImage"} & set(forged["dynamodb"]):
        forged["dynamodb"][which] = GARBLED[image]

    reply = relay({"Records": [record(ENTRIES[0]), forged, record(ENTRIES[2])]}, wired(bus, alarms=alarms))

    assert reply == {"batchItemFailures": []}
    assert alarms == ["rung"]
    assert [event["DetailType"] for event in bus.taken] == [ENTRIES[0].fact.type, ENTRIES[2].fact.type]


def test_a_fact_that_a_newer_release_writes_is_published_all_the_same() -> None:
    bus, alarms = Bus(), list[str]()
    body = ENTRIES[0].body.replace('"IncidentOpened"', '"IncidentMerged"')
    newer = record(ENTRIES[0])
    newer["dynamodb"]["NewImage"] = {"entry": {"S": body}, "hash": {"S": sha256(body.encode()).hexdigest()}}

    relay({"Records": [newer]}, wired(bus, alarms=alarms))

    assert (alarms, [event["DetailType"] for event in bus.taken]) == ([], ["IncidentMerged"])


def test_a_stalled_incident_is_published_again_from_the_last_answered_entry() -> None:
    happened: list[Fact] = [
        proposed(),
        facts.NoteAdded(person="ana", text="x"),
        facts.IncidentStalled(since=2, times=1),
    ]
    entries = a_history(*happened).entries
    bus = Bus()

    relay({"Records": [record(entries[-1])]}, wired(bus, entries))

    assert [event["DetailType"] for event in bus.taken] == ["ActionProposed", "NoteAdded", "IncidentStalled"]


def test_a_timeline_that_cannot_be_read_again_holds_no_other_up_and_raises_the_alarm() -> None:
    def unreadable(_incident_id: str) -> History:
        raise ValueError("no entry")

    stalled = a_history(facts.IncidentStalled(since=1, times=1)).entries[-1]
    bus, alarms = Bus(), list[str]()
    relaying = replace(wired(bus, alarms=alarms), read=unreadable)

    assert relay({"Records": [record(stalled), record(ENTRIES[1])]}, relaying) == {"batchItemFailures": []}
    assert [event["DetailType"] for event in bus.taken] == ["IncidentStalled", "ActionProposed"]
    assert alarms == ["rung"]


@pytest.mark.parametrize("field", ["actor", "at", "seq"])
def test_a_stall_that_is_written_wrongly_holds_nothing_up_and_raises_the_alarm(field: str) -> None:
    stalled = a_history(facts.IncidentStalled(since=1, times=1)).entries[-1]
    body = json.dumps({name: value for name, value in json.loads(stalled.body).items() if name != field})
    broken = record(replace(stalled, body=body, hash=sha256(body.encode()).hexdigest()))
    bus, alarms = Bus(), list[str]()

    assert relay({"Records": [broken, record(ENTRIES[2])]}, wired(bus, alarms=alarms)) == {"batchItemFailures": []}
    assert [event["DetailType"] for event in bus.taken] == ["IncidentStalled", ENTRIES[2].fact.type]
    assert alarms == ["rung"]
