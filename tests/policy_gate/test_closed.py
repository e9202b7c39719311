"""Whatever is wrong with one fact, the policy says no more than it would say of the true one; mostly it says no."""

import pytest

from tests.policy_gate.closed import BASES, NAMED, READ, asked, attempts, base, unnamed, ways
from tests.policy_gate.shipped import FINE, MODULES
from tests.reliability.share import share

DECIDE = asked(MODULES)


@pytest.mark.parametrize("name", BASES)
def test_each_input_gets_the_verdict_that_it_should(name: str) -> None:
    verdict, document, limits = base(name)

    assert DECIDE(document, limits).verdict == verdict


def test_a_fact_that_is_missing_is_named() -> None:
    assert len(NAMED) > 40
    assert unnamed(DECIDE) == []


def test_nothing_that_is_wrong_with_one_fact_or_limit_is_more_than_a_no() -> None:
    tried = [attempt for attempt in attempts("alone") if attempt.most == "deny"]

    assert [wrong for attempt in tried if (wrong := attempt.broken(DECIDE))] == []
    facts = {".".join(map(str, way)) for way in ways(FINE) if isinstance(way[-1], str)}
    said = {attempt.name.removeprefix("alone, ").split()[0] for attempt in tried}
    assert facts | {f"limits.{name}" for name in READ} <= said


def test_nothing_that_is_wrong_with_one_fact_makes_a_verdict_more_permissive() -> None:
    every = [attempt for name in BASES for attempt in attempts(name)]

    assert len(every) > 15_000
    assert [wrong for attempt in share(every, 300) if (wrong := attempt.broken(DECIDE))] == []
