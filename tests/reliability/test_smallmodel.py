"""Everything that can happen within small bounds, and no promise of design section 8 is broken.

`python -m tests.reliability.smallmodel` tries larger ones; what a step is stands in smallmodel/model.py.
"""

import pytest

from shared.history import History
from tests.reliability.smallmodel.explore import explored, shown
from tests.reliability.smallmodel.model import Bounds
from tests.reliability.smallmodel.run import BOUNDS
from tests.reliability.smallmodel.tables import Tables


@pytest.mark.parametrize("bounds", BOUNDS[:4], ids=str)
def test_whatever_comes_first_no_promise_is_broken(bounds: Bounds) -> None:
    found = explored(bounds)

    assert found.broken == [], shown(found)
    assert found.ways >= found.ends > 1


class Careless(Tables):
    """A store that appends whether or not somebody appended since."""

    def check(self, history: History) -> None:
        """Nothing."""


def test_a_store_that_appends_without_its_condition_is_found_out() -> None:
    assert explored(Bounds(alerts=2, people=1, crashes=0), Careless()).broken
