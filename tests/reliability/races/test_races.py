"""A share of the races in every run of the tests: nothing is done twice, and no loser leaves anything behind."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from shared.integrations.dynamodb import DynamoStore
from shared.writes import Claim, Put, Spend, Write
from tests.reliability.races.kinds import KINDS, WORKERS
from tests.reliability.races.rounds import race
from tests.reliability.races.stores import Connect, dynamodb_local, missing, moto

ROUNDS = 8

pytestmark = pytest.mark.xdist_group("races")


@pytest.fixture(scope="module")
def on_moto() -> Iterator[Connect]:
    with moto() as connect:
        yield connect


@pytest.fixture(scope="module")
def on_dynamodb_local() -> Iterator[Connect]:
    if missing():
        pytest.skip(missing())
    with dynamodb_local() as connect:
        yield connect


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("store", ["on_moto", "on_dynamodb_local"])
def test_eight_at_once_write_what_they_would_write_one_after_the_other(
    kind: str, store: str, request: pytest.FixtureRequest
) -> None:
    assert race(KINDS[kind], ROUNDS, WORKERS, request.getfixturevalue(store)) == []


class Unconditional(DynamoStore):
    """Overwrites whatever stands in its way."""

    def _transact(self, entries: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> None:
        bare = [{"Put": {k: v for k, v in each["Put"].items() if k != "ConditionExpression"}} for each in entries]
        super()._transact(bare, writes)


class Unclaimed(DynamoStore):
    """Takes what somebody else holds, and spends what is not there."""

    def _transact(self, entries: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> None:
        super()._transact(entries, [_unclaimed(write) for write in writes])


class InTwo(DynamoStore):
    """Writes what goes with an entry before it, in a transaction of its own."""

    def _transact(self, entries: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> None:
        if entries and writes:
            super()._transact([], writes)
        super()._transact(entries, () if entries else writes)


def _unclaimed(write: Write) -> Write:
    match write:
        case Claim():
            return Put(write.key, write.value)
        case Spend():
            return Spend(write.key, 1_000_000, write.expires_at)
    return write


TURNS = 20
"""How often a race may be run until chance shows what the store forgot."""


@pytest.mark.parametrize(
    ("adapter", "kind"),
    [
        (Unconditional, "double clicks by one person"),
        (Unconditional, "approve against reject"),
        (Unconditional, "two workers on one message"),
        (Unclaimed, "two workers on one claim"),
        (Unclaimed, "open against open for one target"),
        (Unclaimed, "the last token of a budget"),
        (InTwo, "two workers on one message"),
    ],
)
def test_a_store_that_drops_a_condition_is_found(adapter: type[DynamoStore], kind: str, on_moto: Connect) -> None:
    assert any(race(KINDS[kind], ROUNDS, WORKERS, on_moto, adapter) for _ in range(TURNS))
