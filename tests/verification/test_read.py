from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from functions.verification.read import Reader
from local import reference
from local.world.stage import Stage, staged
from shared import facts
from shared.configuration import load
from shared.history import History
from shared.integrations.ecs import EcsServices
from tests.builders import SEEN, TARGET, a_history, a_proposal, approved, proposed

PROPOSAL = a_proposal().id
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=datetime.now(UTC))


@pytest.fixture
def world() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


def reader(world: Stage) -> Reader:
    return Reader(
        services=EcsServices(world.client("ecs")),
        cloudwatch=world.client("cloudwatch"),
        config=load(reference.ROOT / "config"),
        clock=lambda: datetime.now(UTC),
        window=timedelta(seconds=5),
    )


def checked() -> History:
    check = facts.CheckDue(proposal_id=PROPOSAL, number=1)
    return a_history(proposed(), approved(), STARTED, COMPLETED, check, at=datetime.now(UTC))


def test_everything_that_a_recovery_is_judged_by_is_read(world: Stage) -> None:
    history = checked()

    seen = reader(world).read(history.incident, history.entries[-1])

    assert seen.gaps == ()
    assert seen.service is not None
    assert seen.service["running_count"] == 4
    assert seen.alarms == {"orders-5xx": "DELETED"}  # the world has no alarm of that name
    assert {reading.measure.name for reading in seen.readings} == {
        "healthy hosts", "server errors", "response time p95 (s)"
    }  # fmt: skip
    assert all(reading.after is not None for reading in seen.readings)


@pytest.mark.parametrize(("service", "missing"), [("ecs", "service"), ("cloudwatch", "measures")])
def test_what_cannot_be_read_is_a_gap_and_not_good_news(world: Stage, service: str, missing: str) -> None:
    world.outage(service, "denied")
    history = checked()

    seen = reader(world).read(history.incident, history.entries[-1])

    assert seen.gaps
    assert (seen.service is None) is (missing == "service")
    assert all((reading.after is None) is (missing == "measures") for reading in seen.readings)
