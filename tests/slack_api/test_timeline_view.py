import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.slack_api.payload import Press, Who, reason_dialog
from functions.slack_api.timeline_view import loading, sorry, timeline
from local.standins.slack.blockkit import view_problems
from shared import facts
from tests.builders import a_history


@pytest.mark.parametrize("length", [0, 88, 89, 90, 91, 300])
def test_a_timeline_of_any_length_is_one_that_slack_shows(length: int) -> None:
    history = a_history(*(facts.NoteAdded(person="ana", text=f"note {n}") for n in range(length)))
    view = timeline(history)
    assert not view_problems(view)
    assert f"note {length - 1}" in json.dumps(view) or not length
    assert "Opened about" in json.dumps(view)


def test_a_long_timeline_says_how_much_is_left_out() -> None:
    history = a_history(*(facts.NoteAdded(person="ana", text=f"note {n}") for n in range(149)))
    assert "60 entries are left out" in json.dumps(timeline(history), ensure_ascii=False)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=4000))
def test_whatever_people_write_the_timeline_can_be_shown(text: str) -> None:
    encodable = text.encode(errors="replace").decode()
    assert not view_problems(timeline(a_history(facts.NoteAdded(person="ana", text=encodable))))


def test_the_other_dialogs_are_ones_that_slack_shows() -> None:
    press = Press(Who("a", "t", "u", "t", "trigger"), "reject", "INC-1/3", "1.0", "C0INCIDENTS", "2.0")
    for view in (loading(), sorry("there is no such incident"), reason_dialog(press)):
        assert not view_problems(view)
