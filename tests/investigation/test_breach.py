from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.investigation.breach import COMPARISONS, Condition, Point, confirmed, together
from tests.builders import T0

MINUTE = timedelta(minutes=1)


def points(*values: float, last: datetime = T0) -> list[Point]:
    return [(last - MINUTE * back, value) for back, value in zip(range(len(values) - 1, -1, -1), values, strict=True)]


def above(threshold: float, *, periods: int = 1, needed: int = 1) -> Condition:
    return Condition(threshold, "GreaterThanThreshold", 60, periods, needed)


def test_a_value_on_the_wrong_side_confirms_the_breach() -> None:
    assert confirmed(above(5), points(1, 1, 9), T0) is True


def test_values_that_all_keep_the_bound_deny_it() -> None:
    assert confirmed(above(5), points(1, 2, 5), T0) is False


def test_no_values_say_nothing() -> None:
    assert confirmed(above(5), [], T0) is None


def test_fewer_violations_than_the_alarm_needs_say_nothing() -> None:
    assert confirmed(above(5, periods=3, needed=2), points(1, 9, 1), T0) is None


def test_a_breach_long_before_the_alarm_rang_is_another_breach() -> None:
    assert confirmed(above(5), points(9, 1, 1, 1, 1), T0) is False


@pytest.mark.parametrize("comparison", ["LessThanLowerOrGreaterThanUpperThreshold", "", "GreaterThanUpperThreshold"])
def test_a_bound_that_is_no_number_cannot_be_judged(comparison: str) -> None:
    assert confirmed(Condition(5, comparison, 60), points(9), T0) is None


def test_a_bound_without_a_threshold_cannot_be_judged() -> None:
    assert confirmed(Condition(None, "GreaterThanThreshold", 60), points(9), T0) is None


@given(st.sampled_from(sorted(COMPARISONS)), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_value_and_its_bound_are_compared_as_cloudwatch_says(comparison: str, value: float, bound: float) -> None:
    expected = {
        "GreaterThanThreshold": value > bound,
        "GreaterThanOrEqualToThreshold": value >= bound,
        "LessThanThreshold": value < bound,
        "LessThanOrEqualToThreshold": value <= bound,
    }[comparison]
    assert Condition(bound, comparison, 60).violates(value) is expected


def test_one_breach_that_was_read_confirms_and_all_must_be_denied_to_deny() -> None:
    assert together([None, True, False]) is True
    assert together([False, False]) is False
    assert together([False, None]) is None
    assert together([]) is None
