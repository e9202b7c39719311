import pytest

from shared.errors import Refused
from shared.facts import IncidentEscalated, NoteAdded
from shared.history import History
from tests.builders import INCIDENT, T0, a_history, more
from tests.fakes.store import MemoryStore

NOTE = NoteAdded(person="ana", text="x")


def test_a_timeline_without_entries_says_nothing() -> None:
    empty = History("INC-1")

    assert (empty.last, empty.fresh) == (None, ())
    with pytest.raises(Refused, match="there is no incident INC-1"):
        _ = empty.incident


def test_an_entry_is_found_by_its_id() -> None:
    history = a_history(NOTE, NOTE)

    assert [history.entry(f"{INCIDENT}/{seq}").seq for seq in (1, 2, 3)] == [1, 2, 3]
    assert history.last == history.entries[2]


@pytest.mark.parametrize(
    "forged",
    ["", "/", "/1", "1", "INC-OTHER/1", *(f"{INCIDENT}/{each}" for each in ("0", "4", "-1", "01", "²", "x", ""))],
)
def test_an_id_that_is_not_on_the_timeline_is_refused(forged: str) -> None:
    with pytest.raises(Refused, match=f"there is no entry {forged} on the timeline"):
        a_history(NOTE, NOTE).entry(forged)


def test_after_an_append_a_history_knows_what_it_added_and_what_the_incident_became() -> None:
    store = MemoryStore()
    history = a_history(NOTE, store=store)
    grown = store.append(history, [NOTE, IncidentEscalated(reason="x")], actor="a", caused_by="b", now=T0)

    carried = history.grown(grown.entries[2:])

    assert (carried, carried.incident) == (grown, grown.incident)
    assert [entry.seq for entry in carried.fresh] == [3, 4]
    assert store.read(INCIDENT).fresh == ()


def test_a_history_can_begin_with_what_was_appended() -> None:
    entries = a_history(NOTE).entries

    begun = History(INCIDENT).grown(entries)

    assert (begun.entries, begun.appended, begun.incident) == (entries, 2, a_history(NOTE).incident)


def test_a_cause_is_answered_once_whoever_else_answers_it_too() -> None:
    store = MemoryStore()
    history = more(a_history(store=store), NOTE, store=store, actor="ana")

    assert history.answered("test/1", by="ana")
    assert not history.answered("test/1", by="bo")
    assert not history.answered("alert", by="ana")
