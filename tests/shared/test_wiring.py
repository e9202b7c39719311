"""What a queue-fed function is wired with, and what its handler does with what the queue brings."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from shared.decide import Message, Stage
from shared.entry import Entry
from shared.facts import Fact, IncidentEscalated
from shared.history import History
from shared.incident import Incident
from shared.wiring import Wiring, utc_now
from tests.builders import Clock, a_history, types
from tests.fakes.store import MemoryStore

ENVIRONMENT = {
    "TIMELINE_TABLE": "timeline",
    "STATE_TABLE": "state",
    "BUS_NAME": "watch",
    "QUEUE_URL": "https://sqs.eu-north-1.amazonaws.com/123456789012/lifecycle",
    "AWS_REGION": "eu-north-1",
    "STALL_SECONDS": "7",
}


def wired() -> tuple[Wiring, MemoryStore]:
    """A function over memory."""
    wiring, store = Wiring.of("lifecycle", ENVIRONMENT), MemoryStore()
    memory: Any = store
    return replace(wiring, store=memory, clock=Clock(), queue=replace(wiring.queue, state=store)), store


def event(*details: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{place}",
                "receiptHandle": "r",
                "body": json.dumps({"detail": detail}),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for place, detail in enumerate(details)
        ]
    }


def pointer(history: History) -> dict[str, Any]:
    entry = history.entries[-1]
    return {
        "incident_id": entry.incident_id,
        "id": entry.id,
        "hash": entry.hash,
        "fact": {"type": entry.fact.type},
    }


def test_a_function_is_wired_as_its_environment_says() -> None:
    wiring = Wiring.of("lifecycle", ENVIRONMENT)

    assert (wiring.name, wiring.queue.function, wiring.logger.service) == ("lifecycle", "lifecycle", "lifecycle")
    assert (wiring.settings.bus_name, wiring.metrics.namespace) == ("watch", "watch")
    assert (wiring.store.timeline_table, wiring.store.stall) == ("timeline", timedelta(seconds=7))
    assert wiring.queue.url == ENVIRONMENT["QUEUE_URL"]
    assert wiring.queue.sqs.meta.region_name == "eu-north-1"
    assert wiring.queue.state is wiring.store
    assert (wiring.queue.clock, wiring.clock, wiring.queue.logger) == (utc_now, utc_now, wiring.logger)


def test_a_function_that_misses_a_setting_does_not_start() -> None:
    with pytest.raises(ValueError, match="STATE_TABLE"):
        Wiring.of("lifecycle", {"TIMELINE_TABLE": "t"})


def test_what_is_kept_aside_and_what_fails_again_and_again_are_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    queue = Wiring.of("lifecycle", ENVIRONMENT).queue

    queue.quarantined()
    queue.failing()

    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each.get("Quarantined"), each.get("StillFailing")) for each in written] == [([1.0], None), (None, [1.0])]


def test_each_entry_that_the_queue_points_at_is_given_to_the_turn_and_told() -> None:
    written = io.StringIO()
    wiring, store = wired()
    wiring = replace(wiring, logger=Logger(service="wiring", stream=written))
    history = a_history(store=store)
    turned: list[Message] = []

    def turn(message: Message) -> History:
        turned.append(message)
        return history

    assert wiring.consumer(turn)(event(pointer(history)), None) == {"batchItemFailures": []}

    entry = history.entries[0]
    assert turned == [Message(entry.incident_id, entry.id, entry.hash, "IncidentOpened")]
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert (line["message"], line["cause"]) == ("turn", entry.id)


def test_what_points_at_nothing_is_kept_aside(capsys: pytest.CaptureFixture[str]) -> None:
    wiring, store = wired()

    assert wiring.decider(STAGE)(event({"id": "x"}), None) == {"batchItemFailures": []}

    assert [key for key in store.items if key.startswith("quarantine#lifecycle#")]
    assert "Quarantined" in capsys.readouterr().out


def escalate(incident: Incident, _cause: Entry, _prepared: None, _now: datetime) -> Sequence[Fact]:
    return [IncidentEscalated(reason=incident.title)]


STAGE = Stage("lifecycle", escalate, prepare=lambda _incident, _cause: None)


def test_a_stage_decides_about_each_entry_that_the_queue_points_at() -> None:
    wiring, store = wired()
    history = a_history(store=store)

    assert wiring.decider(STAGE)(event(pointer(history)), None) == {"batchItemFailures": []}

    read = store.read(history.incident_id)
    assert types(read) == ["IncidentOpened", "IncidentEscalated"]
    assert read.entries[-1].at == Clock().now


def test_the_time_is_told_in_utc() -> None:
    assert utc_now().tzinfo is UTC
