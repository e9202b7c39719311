from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(st.text(max_size=300))
def test_any_text_survives_the_chain(text: str) -> None:
    try:
        (entry,) = chain(INCIDENT, [NoteAdded(person="ana", text=text)], after=None, actor="a", caused_by="b", now=T0)
    except ValueError:  # a lone surrogate is no text; alerts that hold one are refused before they get here
        assert any("\ud800" <= letter <= "\udfff" for letter in text)
        return

    assert read_entry(entry.body, entry.hash).fact == NoteAdded(person="ana", text=text)
    assert broken_link([entry]) == ""
