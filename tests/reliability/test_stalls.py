"""Nothing stalls, and nothing that arrives is dropped: the real stages on fakes, with a clock that jumps."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from shared import facts
from shared.entry import MAX_BYTES, broken_link
from shared.facts import UnknownFact
from shared.history import History
from tests.builders import T0
from tests.reliability.storm.house import Fleet, House, event_of
from tests.reliability.storm.store import FileStore
from tests.reliability.storm.weather import alarm_event, fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.facts import Fact

STAGES = ("investigation", "ai_assessment", "policy_gate", "ecs_action", "verification", "lifecycle", "notification")
QUEUES = (*STAGES, "ticketing", "alert_intake", "approval")
OUTAGE = timedelta(hours=3)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Two services: s0000 is critical and asks, s0001 is restarted alone, which helps."""
    store = FileStore(tmp_path / "store.sqlite")
    yield House(fleet(2), store, fleet=Fleet(heals=lambda _: True))
    store.close()


def ring(house: House, service: str = "s0001", state: str = "ALARM") -> None:
    house.send("alert_intake", alarm_event(service, "5xx", state, (house.clock.now - T0).total_seconds()))
    house.wait(seconds=1)


def only(house: House) -> History:
    (history,) = house.histories()
    assert isinstance(history, History)
    assert broken_link(history.entries) == ""
    return history


def of(history: History, kind: type[Fact]) -> list[Any]:
    return [entry.fact for entry in history.entries if isinstance(entry.fact, kind)]


def heard(history: History) -> bool:
    """Whether no call for people is lost, and somebody was told of the incident at all."""
    return not history.incident.calls and bool(of(history, facts.MessageSent))


def test_without_any_fault_the_story_ends_by_itself(house: House) -> None:
    ring(house)
    house.wait(minutes=10)
    ring(house, state="OK")
    house.wait(hours=2)

    assert only(house).incident.status == "closed"
    assert house.fleet.updates == {"shop/s0001": 1}
    assert house.log.wrong == []
    assert of(only(house), facts.IncidentStalled) == []


@pytest.mark.parametrize("hours", [0.2, 1, 5, 26, 50])
def test_a_relay_that_was_down_even_longer_than_the_stream_remembers_costs_no_incident(
    house: House, hours: float
) -> None:
    house.dead.add("relay")
    ring(house)
    house.wait(hours=hours)
    assert house.chat.messages == []
    house.mend("relay")
    house.wait(hours=1 + hours)

    history = only(house)
    assert heard(history)
    assert history.incident.status != "open" or history.incident.escalated_at
    assert sum(house.fleet.updates.values()) <= 1


@pytest.mark.parametrize("minutes", [10, 60, 200])
def test_a_relay_that_loses_everything_for_a_while_is_made_good(house: House, minutes: int) -> None:
    until = T0 + timedelta(minutes=minutes)
    house.loses = lambda entry, _function: entry.at < until
    ring(house)
    house.wait(minutes=minutes)
    house.wait(minutes=2 * minutes + 10)  # a stall timer doubles, so that it takes as long again at most

    history = only(house)
    assert heard(history)
    assert history.incident.status != "open" or history.incident.escalated_at or of(history, facts.RecoveryVerified)


@pytest.mark.parametrize("function", STAGES)
@pytest.mark.parametrize("service", ["s0000", "s0001"])
def test_a_function_that_was_dead_for_hours_keeps_no_incident_for_good(
    house: House, function: str, service: str
) -> None:
    house.dead.add(function)
    ring(house, service)
    house.run(T0 + OUTAGE)
    history = only(house)
    moves_on = function in {"lifecycle", "notification"} or not house.letters.get(function)
    told = any(fact.about for fact in of(history, facts.MessageSent))
    assert told or function == "notification"
    assert moves_on or history.incident.escalated_at, f"{function} failed for hours and nobody was called"
    house.mend(function)
    house.wait(hours=8)

    history = only(house)
    assert heard(history)
    assert history.incident.escalated_at or history.incident.status != "open" or of(history, facts.RecoveryVerified)
    assert sum(house.fleet.updates.values()) <= 1


@pytest.mark.parametrize("function", STAGES)
def test_dead_letters_that_are_sent_again_do_nothing_twice(house: House, function: str) -> None:
    house.dead.add(function)
    ring(house)
    house.run(T0 + OUTAGE)
    house.mend(function)
    house.wait(hours=4)
    said, done = len(house.chat.messages), sum(house.fleet.updates.values())
    house.redrive(function)
    house.wait(minutes=5)

    assert sum(house.fleet.updates.values()) == done
    assert len({shown.key for shown in house.chat.messages}) == len(house.chat.messages)
    assert len(house.chat.messages) <= said + 1
    assert house.log.wrong == []


def test_a_timekeeper_that_was_dead_rings_late_and_nothing_is_lost(house: House) -> None:
    house.dead.add("timekeeper")
    ring(house, "s0000")
    house.run(T0 + OUTAGE)
    assert of(only(house), facts.ApprovalExpired) == []
    house.mend("timekeeper")
    house.wait(minutes=10)

    assert of(only(house), facts.ApprovalExpired)
    assert heard(only(house))


def test_an_intake_that_was_dead_takes_in_what_was_sent_again(house: House) -> None:
    house.dead.add("alert_intake")
    ring(house)
    house.run(T0 + OUTAGE)
    assert list(house.histories()) == []
    house.mend("alert_intake")
    assert house.redrive("alert_intake") == 1
    house.wait(minutes=30)

    assert heard(only(house))


# What nobody can read


def bodies() -> dict[str, str]:
    entry = {"id": "INC-1/1", "incident_id": "INC-1", "hash": "0" * 64, "fact": {"type": "IncidentOpened"}}
    return {
        "empty": "",
        "no JSON": "not json {",
        "half": '{"detail": {"id": "INC-1',
        "a list": "[1, 2]",
        "a number": "17",
        "null": "null",
        "NaN": '{"detail": NaN}',
        "infinity": '{"detail": -Infinity}',
        "a key twice": '{"detail": 1, "detail": 2}',
        "nested 1000 deep": '{"detail": ' * 1000 + "1" + "}" * 1000,
        "lists 100000 deep": "[" * 100_000,
        "a null byte": '{"detail": "\x00"}',
        "an escaped null byte": '{"detail": "\\u0000"}',
        "half a character": '{"detail": "\\ud800"}',
        "what was no UTF-8": '{"detail": "\ufffd\ufffd"}',
        "a byte order mark": '\ufeff{"detail": {}}',
        "no detail": "{}",
        "detail is a text": '{"detail": "INC-1/1"}',
        "detail is null": '{"detail": null}',
        "no hash": json.dumps({"detail": {k: v for k, v in entry.items() if k != "hash"}}),
        "a fact of no type": json.dumps({"detail": {**entry, "fact": {}}}),
        "a fact that is a list": json.dumps({"detail": {**entry, "fact": ["IncidentOpened"]}}),
        "a type of a newer release": json.dumps({"detail": {**entry, "fact": {"type": "IncidentForetold"}}}),
        "a type that is a number": json.dumps({"detail": {**entry, "fact": {"type": 5}}}),
        "an incident that is none": json.dumps({"detail": entry}),
        "another incident's entry": json.dumps({"detail": {**entry, "incident_id": "INC-2"}}),
        "a huge number": '{"detail": ' + "9" * 5000 + "}",
        "256 KB": json.dumps({"detail": "x" * 256 * 1024}),
        "256 KB and one byte": json.dumps({"detail": "x" * (256 * 1024 + 1)}),
        "400 KB of wide characters": json.dumps({"detail": "\U0001f525" * 100 * 1024}, ensure_ascii=False),
        "1 MB": json.dumps({"detail": "x" * 1024 * 1024}),
    }


@pytest.mark.parametrize("function", QUEUES)
def test_what_a_queue_cannot_read_is_kept_for_people_and_holds_nobody_up(house: House, function: str) -> None:
    for body in bodies().values():
        house.send(function, body)
    house.wait(minutes=1)

    kept = house.store.listed("quarantine", limit=100).items
    assert len(kept) == len(bodies())
    assert {item.value["function"] for item in kept} == {function}
    assert all(item.value["reason"] for item in kept)
    assert house.log.counts["Quarantined"] == len(bodies())
    assert house.log.wrong == []
    assert house.letters == {}
    ring(house)
    house.wait(minutes=5)
    assert heard(only(house))


@pytest.mark.parametrize("size", [200_000, 256 * 1024, 400_000, 1_000_000])
@pytest.mark.parametrize("letter", ["x", "\u00fc", "\U0001f525"])
def test_an_alert_of_any_size_is_cut_to_an_entry_or_kept_for_people(house: House, size: int, letter: str) -> None:
    event = json.loads(alarm_event("s0001", "5xx", "ALARM", 0))
    event["detail"]["configuration"]["description"] = letter * (size // len(letter.encode()))
    house.send("alert_intake", json.dumps(event, ensure_ascii=False))
    house.wait(minutes=5)

    kept = house.store.listed("quarantine").items
    histories = list(house.histories())
    assert len(kept) + len(histories) == 1
    assert all("large" in item.value["reason"] or "more than" in item.value["reason"] for item in kept)
    assert all(heard(history) for history in histories)
    assert all(len(entry.body.encode()) <= MAX_BYTES for history in histories for entry in history.entries)
    assert house.log.wrong == []
    assert house.letters == {}


def test_a_queue_full_of_poison_keeps_no_incident_from_its_end(house: House) -> None:
    for function in STAGES:
        for number in range(100):
            house.send(function, f'{{"poison": {number}')
    ring(house)
    house.wait(minutes=10)
    ring(house, state="OK")
    house.wait(hours=2)

    assert only(house).incident.status == "closed"
    assert house.log.counts["Quarantined"] == 100 * len(STAGES)


def test_a_message_that_names_another_hash_than_the_timeline_does_nothing(house: House) -> None:
    ring(house)
    house.wait(minutes=2)
    before = len(only(house).entries)
    for entry in only(house).entries:
        forged = json.loads(event_of(entry))
        forged["detail"]["hash"] = "f" * 64
        for function in STAGES:
            house.send(function, json.dumps(forged))
    house.wait(seconds=1)

    assert len(only(house).entries) == before
    assert house.log.wrong == []


def test_messages_sent_again_twice_after_the_end_change_nothing(house: House) -> None:
    house.bodies = []
    ring(house)
    house.wait(minutes=10)
    ring(house, state="OK")
    house.wait(hours=2)
    ended, said, done = only(house), len(house.chat.messages), dict(house.fleet.updates)
    assert ended.incident.status == "closed"
    sent, house.bodies = house.bodies, None
    house.wait(days=13)  # as long as a dead letter is kept
    for _ in range(2):
        for function, body in sent:
            house.send(function, body)
        house.wait(hours=1)

    assert [entry.id for entry in only(house).entries] == [entry.id for entry in ended.entries]
    assert len(house.chat.messages) == said
    assert dict(house.fleet.updates) == done
    assert house.log.wrong == []
    assert house.letters == {}


# Releases side by side


def newer(house: House, fact: dict[str, Any]) -> None:
    """A line that another release wrote."""
    history = only(house)
    unknown = UnknownFact(type=fact["type"], content=fact)
    house.store.append(history, [unknown], actor="tomorrow", caused_by="release", now=house.clock())


def test_a_fact_of_a_newer_release_stops_effects_and_people_hear(house: House) -> None:
    house.dead.add("investigation")
    ring(house)
    newer(house, {"type": "IncidentForetold", "content": {}})
    house.mend("investigation")
    house.wait(hours=3)

    assert sum(house.fleet.updates.values()) == 0
    assert heard(only(house))
    assert only(house).incident.escalated_at


def test_a_fact_with_more_fields_than_we_know_is_read(house: House) -> None:
    """A newer release added a field to a fact that we know."""
    ring(house)
    sample = facts.NoteAdded(person="ana", text="looking")
    read = facts.read_fact({**sample.model_dump(mode="json"), "mood": "calm", "history": {"a": [1]}})

    assert read == sample


def test_what_a_newer_release_wrote_and_we_cannot_read_waits_among_the_dead_letters(house: House) -> None:
    """The line is of a type that we know, in a shape that we do not: no turn succeeds until a release can read it."""
    ring(house)
    house.wait(seconds=30)
    entry = only(house).entries[-1]
    rows = house.store.db.execute("SELECT body FROM timeline WHERE seq = ?", (entry.seq,)).fetchone()
    broken = json.loads(rows[0])
    broken["fact"] = {"type": "NoteAdded", "by": {"id": "ana"}, "words": ["new"]}
    house.store.db.execute("UPDATE timeline SET body = ? WHERE seq = ?", (json.dumps(broken), entry.seq))
    house.store.forget()
    house.send("notification", event_of(entry))
    house.run(T0 + OUTAGE)
    assert len(house.letters["notification"]) >= 1
    assert house.store.count("quarantine#") == 0

    house.store.db.execute("UPDATE timeline SET body = ? WHERE seq = ?", (rows[0], entry.seq))
    house.store.forget()
    house.redrive("notification")
    house.wait(hours=1)
    assert heard(only(house))
