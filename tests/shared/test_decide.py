from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.decide import ATTEMPTS, Message, Stage, decide, settle
from shared.entry import Entry
from shared.errors import Exhausted, Refused, Taken, Unavailable
from shared.facts import Fact, IncidentEscalated, NoteAdded
from shared.history import History
from shared.incident import Incident
from shared.writes import Claim, Put, Spend
from tests.builders import T0, Clock, a_history, more, types
from tests.fakes.store import MemoryStore


def pointer(history: History, place: int = 0) -> Message:
    entry = history.entries[place]
    return Message(entry.incident_id, entry.id, entry.hash, entry.fact.type)


def escalate(incident: Incident, _cause: Entry, _prepared: None, _now: datetime) -> Sequence[Fact]:
    return [IncidentEscalated(reason=incident.title)]


STAGE = Stage("lifecycle", escalate, prepare=lambda _incident, _cause: None)


def test_a_redelivered_message_is_answered_once() -> None:
    store = MemoryStore()
    history = a_history(store=store)

    for _ in range(5):
        decide(pointer(history), STAGE, store, Clock())

    assert types(store.read(history.incident_id)) == ["IncidentOpened", "IncidentEscalated"]


def test_a_message_that_points_at_nothing_is_refused() -> None:
    store = MemoryStore()
    history = a_history(store=store)
    forged = Message(history.incident_id, f"{history.incident_id}/2", "0" * 64, "ActionApproved")

    with pytest.raises(Refused, match="no entry"):
        decide(forged, STAGE, store, Clock())


def test_a_message_with_another_hash_than_the_timeline_is_refused() -> None:
    store = MemoryStore()
    history = a_history(store=store)
    forged = Message(history.incident_id, history.entries[0].id, "0" * 64, "IncidentOpened")

    with pytest.raises(Refused, match="another hash"):
        decide(forged, STAGE, store, Clock())


@pytest.mark.parametrize("field", ["incident_id", "id", "hash", "fact"])
def test_an_envelope_that_points_nowhere_is_refused_with_the_field(field: str) -> None:
    detail = {"incident_id": "INC-1", "id": "INC-1/1", "hash": "0" * 64, "fact": {"type": "IncidentOpened"}}
    assert Message.read({"detail": detail}) == Message("INC-1", "INC-1/1", "0" * 64, "IncidentOpened")
    del detail[field]

    with pytest.raises(Refused, match=f"not a timeline entry: KeyError\\('{field}'\\)"):
        Message.read({"detail": detail})


def test_a_fact_that_this_release_does_not_know_is_refused() -> None:
    detail = {"incident_id": "INC-1", "id": "INC-1/1", "hash": "0" * 64, "fact": {"type": "IncidentSung"}}

    with pytest.raises(Refused, match="'IncidentSung' is not known to this release"):
        Message.read({"detail": detail})


class Racing(MemoryStore):
    """Somebody else appends right after each of the first `races` reads."""

    races = 0

    def read(self, incident_id: str) -> History:
        history = super().read(incident_id)
        if self.races:
            self.races -= 1
            more(history, NoteAdded(person="ana", text="meanwhile"), store=self)
        return history


def test_a_conflict_is_decided_again_on_what_is_now_true_and_costs_no_second_reading() -> None:
    store = Racing()
    history = a_history(store=store)
    store.races = 2
    read: list[str] = []
    seen: list[int] = []

    def prepare(incident: Incident, _cause: Entry) -> str:
        read.append(incident.id)
        return "evidence"

    def conclude(incident: Incident, _cause: Entry, prepared: str, _now: datetime) -> Sequence[Fact]:
        seen.append(incident.last.seq)
        return [IncidentEscalated(reason=prepared)]

    decide(pointer(history), Stage("investigation", conclude, prepare), store, Clock())

    assert len(read) == 1
    assert seen == [1, 2, 3]
    assert types(store.read(history.incident_id))[-1] == "IncidentEscalated"


def test_a_timeline_that_never_rests_is_left_to_the_queue() -> None:
    store = Racing()
    history = a_history(store=store)
    store.races = ATTEMPTS

    with pytest.raises(Unavailable, match="changed 8 times"):
        decide(pointer(history), STAGE, store, Clock())


@pytest.mark.parametrize("missing", ["id", "incident_id", "hash", "fact"])
def test_a_message_without_one_of_its_fields_is_refused_by_name(missing: str) -> None:
    detail = {"id": "INC/1", "incident_id": "INC", "hash": "h", "fact": {"type": "IncidentOpened"}}
    del detail[missing]

    with pytest.raises(Refused, match=missing):
        Message.read({"detail": detail})


def test_a_fact_type_of_a_newer_release_is_not_acted_on() -> None:
    detail = {"id": "INC/1", "incident_id": "INC", "hash": "h", "fact": {"type": "ServerMelted"}}

    with pytest.raises(Refused, match="ServerMelted"):
        Message.read({"detail": detail})


def test_an_answer_names_its_stage_its_cause_and_its_time() -> None:
    store, now = MemoryStore(), T0 + timedelta(minutes=5)
    history = a_history(NoteAdded(person="ana", text="x"), store=store)
    asked: list[tuple[Incident, Entry, str, datetime]] = []

    def conclude(incident: Incident, cause: Entry, prepared: str, at: datetime) -> Sequence[Fact]:
        asked.append((incident, cause, prepared, at))
        return [IncidentEscalated(reason="x")]

    stage = Stage("lifecycle", conclude, prepare=lambda incident, cause: f"{incident.id} {cause.id}")
    answered = decide(pointer(history, 1), stage, store, Clock(now))

    cause = history.entries[1]
    assert asked == [(history.incident, cause, f"{history.incident_id} {cause.id}", now)]
    (entry,) = answered.fresh
    assert (entry.actor, entry.caused_by, entry.at) == ("lifecycle", cause.id, now)
    assert store.read(history.incident_id).entries == answered.entries


def test_a_stage_that_has_nothing_to_say_writes_nothing() -> None:
    store = MemoryStore()
    history = a_history(store=store)
    stage: Stage[None] = Stage("lifecycle", lambda *_: [], prepare=lambda *_: None, also=lambda *_: [Put("beside", {})])

    assert decide(pointer(history), stage, store, Clock()).appended == 0
    assert store.get("beside") is None


def test_what_was_prepared_and_what_follows_from_it_are_written_in_one_transaction() -> None:
    store = MemoryStore()
    history = a_history(store=store)
    stage: Stage[str] = Stage(
        "lifecycle",
        lambda incident, *_: [IncidentEscalated(reason=incident.title)],
        prepare=lambda *_: "prepared",
        also=lambda prepared, told: [Put("beside", {"prepared": prepared, "told": [fact.type for fact in told]})],
    )

    decide(pointer(history), stage, store, Clock())

    item = store.get("beside")
    assert item is not None
    assert item.value == {"prepared": "prepared", "told": ["IncidentEscalated"]}


def test_a_stage_whose_ground_moved_is_asked_again_later() -> None:
    store = MemoryStore()
    history = a_history(store=store)
    store.write(Put("ground", {"is": "new"}))
    stage: Stage[None] = Stage(
        "lifecycle", escalate, prepare=lambda *_: None, also=lambda *_: [Put("ground", {}, when={"is": "old"})]
    )

    with pytest.raises(Unavailable, match="ground changed while lifecycle decided"):
        decide(pointer(history), stage, store, Clock())

    assert types(store.read(history.incident_id)) == ["IncidentOpened"]


@pytest.mark.parametrize(
    ("write", "error"), [(Spend("budget#x", 0, T0), Exhausted), (Claim("held"), Taken)], ids=["exhausted", "taken"]
)
def test_what_cannot_be_written_with_an_answer_is_told_and_not_tried_again(write: Any, error: type[Exception]) -> None:
    store, asked = MemoryStore(), []
    history = a_history(store=store)
    store.write(Put("held", {}))

    def answer(_history: History, now: datetime) -> Sequence[Fact]:
        asked.append(now)
        return [IncidentEscalated(reason="x")]

    with pytest.raises(error):
        settle(history.incident_id, answer, store, Clock(), actor="a", caused_by="b", also=[write])

    assert asked == [T0]


def test_a_cause_that_another_stage_answered_is_answered_by_this_one_too() -> None:
    store = MemoryStore()
    history = a_history(store=store)

    for actor in ("relay", "lifecycle", "relay"):
        settle(
            history.incident_id,
            lambda *_: [IncidentEscalated(reason="x")],
            *(store, Clock()),
            actor=actor,
            caused_by="b",
        )

    assert [entry.actor for entry in store.read(history.incident_id).entries[1:]] == ["relay", "lifecycle"]


def test_a_timeline_that_rests_at_last_is_answered() -> None:
    store = Racing()
    history = a_history(store=store)
    store.races = ATTEMPTS - 1

    assert decide(pointer(history), STAGE, store, Clock()).appended == 1


@pytest.mark.parametrize("envelope", [{}, {"detail": None}, {"detail": []}, {"detail": {"fact": None}}], ids=str)
def test_an_envelope_of_another_shape_is_refused(envelope: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="not a timeline entry"):
        Message.read(envelope)
