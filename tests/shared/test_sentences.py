"""Every fact can be read aloud."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import facts
from shared.entry import chain
from shared.sentences import LONGEST, figure, plain, sentence, told, unlinked
from tests.builders import T0, every_fact

EVERY = every_fact()


@pytest.mark.parametrize("kind", sorted(facts.BY_TYPE))
def test_every_fact_is_one_plain_sentence(kind: str) -> None:
    said = sentence(EVERY[kind])
    assert 10 <= len(said) <= LONGEST
    assert said[0].isupper() or said[0].isalpha()
    assert "\n" not in said
    assert not said.endswith("..")
    assert "None" not in said
    assert "datetime" not in said


def test_no_two_facts_say_the_same() -> None:
    assert len({sentence(fact) for fact in EVERY.values()}) == len(EVERY)


def test_a_fact_of_a_newer_release_is_named() -> None:
    said = sentence(facts.UnknownFact(type="MoonPhaseSeen", content={"type": "MoonPhaseSeen"}))
    assert said.startswith("MoonPhaseSeen: a newer release wrote this")


def test_nobody_may_approve_is_said_in_so_many_words() -> None:
    asked = EVERY["ApprovalRequested"]
    assert isinstance(asked, facts.ApprovalRequested)
    assert "nobody (no approver is named)" in sentence(asked.model_copy(update={"approvers": ()}))


def test_a_reason_that_ends_in_a_stop_ends_in_one_stop() -> None:
    assert sentence(facts.IncidentClosed(reason="It is over.")) == "Closed: It is over."


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.20314, "0.203"),
        (6.3333, "6.33"),
        (3.0, "3"),
        (999.4, "999"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (-0.5, "-0.5"),
    ],
)
def test_a_figure_has_three_digits_and_no_exponent(value: float, said: str) -> None:
    assert figure(value) == said


def test_a_look_names_what_is_foremost_and_counts_the_rest() -> None:
    look = facts.RecoveryChecked(proposal_id="p", number=3, seen="a; b; c; d", check_at=T0)
    assert sentence(look) == "Look 3, too early to tell: a; b; and 2 more."


def test_a_message_is_told_by_its_first_line() -> None:
    sent = facts.MessageSent(channel="slack", about="i1/1", external_id="1.0", summary="payments needs you · 31 > 5")
    assert sentence(sent) == "Told slack: payments needs you."


def test_a_severity_that_nobody_named_is_not_talked_about() -> None:
    opened = EVERY["IncidentOpened"]
    assert isinstance(opened, facts.IncidentOpened)
    unnamed = opened.alert.model_copy(update={"severity": "unknown"})
    assert "severity" not in sentence(opened.model_copy(update={"alert": unnamed}))


@given(st.text(max_size=4000))
def test_whatever_a_person_wrote_becomes_one_bounded_line(text: str) -> None:
    said = sentence(facts.NoteAdded(person="ada", text=text))
    assert len(said) <= LONGEST
    assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in said)


def test_text_that_would_reorder_or_hide_itself_does_not() -> None:
    assert plain("approve\u202edeny\u200b\x1b[31m") == "approve deny [31m"


def test_an_entry_is_told_with_its_time_and_its_actor() -> None:
    (entry,) = chain("i1", [EVERY["TicketCreated"]], after=None, actor="ticketing", caused_by="", now=T0)
    assert told(entry) == {
        "at": "2026-11-21T03:00:00.000Z",
        "actor": "ticketing",
        "type": "TicketCreated",
        "sentence": "Ticket OPS-17 was created.",
    }


def test_no_address_is_left_that_a_program_makes_a_link_of() -> None:
    said = unlinked("log in at https://evil.example, www.evil.example or mailto:eve@evil.example")
    assert said.replace("\u2060", "") == "log in at https://evil.example, www.evil.example or mailto:eve@evil.example"
    assert not [each for each in ("://", "www.", "mailto:") if each in said]
