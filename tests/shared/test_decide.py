from collections.abc import Sequence
from datetime import datetime

import pytest

from shared.decide import ATTEMPTS, Message, Stage, decide
from shared.entry import Entry
from shared.errors import Refused, Unavailable
from shared.facts import Fact, IncidentEscalated, NoteAdded
from shared.history import History
from shared.incident import Incident
from tests.builders import Clock, a_history, more, types
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
