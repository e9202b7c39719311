"""What a schedule's expression means here."""

from __future__ import annotations

import pytest

from local.aws.spec import minutes_of


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [("rate(1 minute)", 1), ("rate(5 minutes)", 5), ("rate(1 hour)", 60), ("rate(2 days)", 2880)],
)
def test_a_slower_schedule_takes_as_many_ticks_more(expression: str, minutes: float) -> None:
    assert minutes_of(expression) == minutes


@pytest.mark.parametrize("expression", ["cron(0 3 * * ? *)", "rate(0 minutes)", "rate(5 fortnights)", "often"])
def test_a_schedule_that_is_not_played_here_says_so(expression: str) -> None:
    with pytest.raises(ValueError, match="a schedule is rate"):
        minutes_of(expression)
