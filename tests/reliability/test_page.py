"""docs/reliability.md says what was measured, and names tests that there are."""

import re

import pytest

from tests.reliability.checks import CHECKS
from tests.reliability.page import PAGE, ROOT, scenarios, written


def test_the_page_is_what_the_command_writes() -> None:
    assert PAGE.read_text("utf-8") == written(), "run `python -m tests.reliability --page`"


def test_all_84_ways_to_fail_are_there_and_each_is_shown_or_says_why_not() -> None:
    assert len(scenarios()) == 84
    assert [each["fails"] for each in scenarios() if not any(each.get(key) for key in ("tests", "not"))] == []


@pytest.mark.parametrize("test", sorted({test for each in scenarios() for test in each.get("tests", ())}))
def test_a_test_that_is_named_is_there(test: str) -> None:
    path, name = test.split("::")
    assert re.search(rf"^def {name}\(", (ROOT / "tests" / path).read_text("utf-8"), re.MULTILINE)


def test_a_run_that_is_named_is_one_of_make_reliability() -> None:
    assert {run for each in scenarios() for run in each.get("runs", ())} <= set(CHECKS)
