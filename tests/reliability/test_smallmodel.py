"""Everything that can happen within small bounds, and no promise of design section 8 is broken.

`python -m tests.reliability.smallmodel` tries larger ones; what a step is stands in smallmodel/model.py, and what is
left out of them in smallmodel/explore.py.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared import facts
from shared.entry import chain
from shared.history import History
from tests.reliability.smallmodel.explore import explored, shown
from tests.reliability.smallmodel.model import Bounds, State
from tests.reliability.smallmodel.promises import broken
from tests.reliability.smallmodel.sameness import same
from tests.reliability.smallmodel.tables import Tables, chained

SMALL = (
    Bounds(alerts=1, people=2, crashes=0),
    Bounds(alerts=1, people=2, crashes=0, configuration="two must agree"),
    Bounds(alerts=2, people=0, crashes=0),
    Bounds(alerts=1, people=1, crashes=1),
)


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_whatever_comes_first_no_promise_is_broken(bounds: Bounds) -> None:
    found = explored(bounds)

    assert found.broken == [], shown(found)
    assert found.ways >= found.ends > 1


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_what_is_left_out_ends_as_something_does_that_is_tried(bounds: Bounds) -> None:
    def ends(*, reduced: bool) -> set[int]:
        reached: list[State] = []
        explored(bounds, reduced=reduced, ended=reached.append)
        return {same(replace(each, crashes=0)) for each in reached}

    assert ends(reduced=True) == ends(reduced=False)


@pytest.mark.parametrize("bounds", SMALL[:3], ids=str)
def test_states_that_are_the_same_hold_as_many_ways(bounds: Bounds) -> None:
    one, other = explored(bounds, reduced=False, key=same), explored(bounds, reduced=False)

    assert one.ways == other.ways
    assert one.states <= other.states


class Careless(Tables):
    """A store that appends whether or not somebody appended since."""

    def check(self, history: History) -> None:
        """Nothing."""


def test_a_store_that_appends_without_its_condition_is_found_out_whatever_is_left_out() -> None:
    def wrong(*, reduced: bool) -> set[str]:
        said: set[str] = set()
        bounds = Bounds(alerts=1, people=1, crashes=1)
        explored(bounds, Careless(), reduced=reduced, ended=lambda state: said.update(broken(state)))
        return said

    assert wrong(reduced=True) == wrong(reduced=False) != set()


def test_entries_are_written_as_the_product_writes_them() -> None:
    said: list[facts.Fact] = [
        facts.ActionFailed(proposal_id="p", why="no"),
        facts.MessageSent(channel="c", about="a", external_id="e", summary="s"),
    ]
    now = datetime(2026, 11, 21, 3, tzinfo=UTC)

    ours = chained(History("INC-1"), said, "somebody", "something", now)

    assert ours == chain("INC-1", said, after=None, actor="somebody", caused_by="something", now=now)
