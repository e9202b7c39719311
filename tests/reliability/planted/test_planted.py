"""Bugs are planted one at a time, and what is named for each notices it; `make planted` plants all of them."""

import ast
import os
from functools import cache

import pytest

from tests.reliability.planted import all as planting
from tests.reliability.planted.all import caught
from tests.reliability.planted.bugs import BUGS
from tests.reliability.planted.plant import ROOT, Bug, Edit, NotPlanted, edited
from tests.reliability.share import SEED

SHARE = 0 if os.environ.get("RELIABILITY") == "all" else 6


@cache
def functions(file: str) -> set[str]:
    return {each.name for each in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_each_bug_fits_the_source_and_names_tests_that_are_there(bug: Bug) -> None:
    texts = edited(bug.edits, ROOT)

    assert all(text != (ROOT / name).read_text() for name, text in texts.items())
    assert bug.tests
    for test in bug.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in functions(file)


def test_there_are_many_of_many_kinds() -> None:
    assert len(BUGS) > 80
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert sum(bug.schedules for bug in BUGS) > 15


def test_a_share_of_them_is_noticed_by_what_is_named_for_it() -> None:
    result = caught(SHARE, SEED, processes=1)

    assert {each.bug.name: each.missed for each in result.found if each.missed} == {}


def test_what_changes_nothing_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = Bug("harmless", (Edit("shared/switch.py", "LONGEST = 300", "LONGEST = 3 * 100"),), BUGS[-1].tests)
    monkeypatch.setattr(planting, "BUGS", (harmless,))

    assert [each.missed for each in caught(processes=1).found] == [("tests",)]


def test_a_bug_that_no_longer_fits_is_an_error() -> None:
    for old in ("no such text in the file", "stopped"):  # the second stands there more than once
        with pytest.raises(NotPlanted, match="times, not once"):
            edited((Edit("shared/switch.py", old, "x"),), ROOT)
