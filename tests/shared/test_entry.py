import json
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alert import as_text
from shared.entry import MAX_BYTES, broken_link, chain, read_entry
from shared.errors import Refused
from shared.facts import IncidentEscalated, NoteAdded, UnknownFact
from tests.builders import INCIDENT, T0, a_history, opened, proposed

NOTES = [NoteAdded(person="ana", text=text) for text in ("one", "two", "three")]


def test_a_chain_is_whole() -> None:
    assert broken_link(a_history(proposed(), *NOTES).entries) == ""


@pytest.mark.parametrize("place", range(4))
def test_a_missing_entry_is_found(place: int) -> None:
    entries = a_history(*NOTES).entries

    assert broken_link(entries[:place] + entries[place + 1 :]) != "" or place == len(entries) - 1


def test_a_changed_byte_is_found_wherever_it_is() -> None:
    entries = a_history(*NOTES).entries
    body = entries[1].body

    for place in range(len(body)):
        forged = replace(entries[1], body=body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :])
        assert broken_link([entries[0], forged, *entries[2:]]) == "entry 2 is not what its hash says"


def test_swapped_entries_are_found() -> None:
    first, second, third, fourth = a_history(*NOTES).entries

    assert broken_link([first, third, second, fourth]) == "entry 2 is missing"


def test_an_entry_reads_back_as_it_was_written() -> None:
    for entry in a_history(proposed(), *NOTES).entries:
        assert read_entry(entry.body, entry.hash) == entry


def test_time_never_runs_backwards_on_a_timeline() -> None:
    history = a_history()

    (entry,) = chain(INCIDENT, NOTES[:1], after=history.last, actor="a", caused_by="b", now=T0 - timedelta(minutes=10))

    assert entry.at == T0


def test_a_fact_that_is_too_large_is_refused_by_its_bytes() -> None:
    wide = IncidentEscalated(reason="é" * (MAX_BYTES // 2))

    with pytest.raises(Refused, match="bytes on the timeline"):
        chain(INCIDENT, [wide], after=None, actor="a", caused_by="b", now=T0)


def test_a_fact_of_a_newer_release_is_kept_and_changes_nothing() -> None:
    body = a_history().entries[0].body.replace("IncidentOpened", "IncidentSung")

    fact = read_entry(body, "").fact

    assert isinstance(fact, UnknownFact)
    assert fact.type == "IncidentSung"
    assert fact.content["title"] == opened().title


@pytest.mark.parametrize("missing", [True, None], ids=["missing", "null"])
@pytest.mark.parametrize("field", ["seq", "at", "fact"])
def test_what_is_no_entry_is_refused_in_one_way(field: str, missing: bool | None) -> None:
    content = {name: value for name, value in json.loads(a_history().entries[0].body).items() if name != field}
    if missing is None:
        content[field] = None

    with pytest.raises(ValueError, match=r"no entry of a timeline|validation error"):
        read_entry(json.dumps(content), "")


@given(st.text(max_size=300))
def test_any_text_survives_the_chain(text: str) -> None:
    try:
        (entry,) = chain(INCIDENT, [NoteAdded(person="ana", text=text)], after=None, actor="a", caused_by="b", now=T0)
    except ValueError:  # a lone surrogate is no text; alerts that hold one are refused before they get here
        assert any("\ud800" <= letter <= "\udfff" for letter in text)
        return

    assert read_entry(entry.body, entry.hash).fact == NoteAdded(person="ana", text=text)
    assert broken_link([entry]) == ""


def test_what_stands_on_a_timeline_is_written_as_every_release_before_wrote_it() -> None:
    note = NoteAdded(person="ana", text="one")
    first, second = chain("INC-1", [note, note], after=None, actor="a", caused_by="b", now=T0)

    assert json.loads(first.body) == {
        "id": "INC-1/1",
        "incident_id": "INC-1",
        "seq": 1,
        "at": as_text(T0),
        "actor": "a",
        "caused_by": "b",
        "schema": 1,
        "fact": note.model_dump(mode="json"),
        "prev": "0" * 64,
    }
    assert first.hash == sha256(first.body.encode()).hexdigest()
    assert (second.seq, second.prev) == (2, first.hash)


def test_an_entry_of_another_timeline_does_not_follow() -> None:
    ours, others = a_history(*NOTES).entries, a_history(proposed(), *NOTES).entries

    assert broken_link([ours[0], others[1]]) == ""  # the same opening
    assert broken_link([ours[0], ours[1], others[2]]) == "entry 3 does not follow from entry 2"


@pytest.mark.parametrize(("over", "fits"), [(0, True), (1, False)])
def test_an_entry_may_take_200_000_bytes_and_not_one_more(*, over: int, fits: bool) -> None:
    def put(length: int) -> int:
        fact = IncidentEscalated(reason="x" * length)
        (entry,) = chain(INCIDENT, [fact], after=None, actor="a", caused_by="b", now=T0)
        return len(entry.body)

    room = 200_000 - put(0)
    if fits:
        assert put(room + over) == 200_000
        return
    with pytest.raises(Refused, match="200001 bytes on the timeline; 200000 is the most"):
        put(room + over)


def test_a_chain_goes_on_where_a_timeline_ends() -> None:
    history = a_history(NOTES[0])
    later = T0 + timedelta(minutes=5)

    entries = chain(INCIDENT, NOTES[1:], after=history.last, actor="ana", caused_by="x", now=later)

    assert [(each.id, each.seq, each.at, each.actor, each.caused_by, each.fact) for each in entries] == [
        (f"{INCIDENT}/3", 3, later, "ana", "x", NOTES[1]),
        (f"{INCIDENT}/4", 4, later, "ana", "x", NOTES[2]),
    ]
    assert broken_link([*history.entries, *entries]) == ""
