from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from functions.verification.judge import Patience, Seen, judge
from functions.verification.read import Reader
from local import reference
from local.world.scenarios import ACCOUNT, REGION
from local.world.stage import Stage, staged
from shared import facts
from shared.alert import Alert
from shared.configuration import load
from shared.history import History
from shared.integrations.ecs import EcsServices
from tests.builders import SEEN, TARGET, a_history, a_proposal, an_alert, approved, proposed

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
        account=ACCOUNT,
        region=REGION,
    )


def checked(*joined: Alert) -> History:
    check = facts.CheckDue(proposal_id=PROPOSAL, number=1)
    rings = [facts.AlertJoined(alert=alert) for alert in joined]
    return a_history(*rings, proposed(), approved(), STARTED, COMPLETED, check, at=datetime.now(UTC))


class CloudWatch:
    """Every alarm of our account is OK; a call describes as many as CloudWatch would (DescribeAlarms)."""

    def describe_alarms(self, *, AlarmNames: Sequence[str], AlarmTypes: Sequence[str], MaxRecords: int = 50) -> Any:  # noqa: N803 - boto3's own names
        assert len(AlarmNames) <= 100
        assert len(AlarmTypes) == 2
        found = [{"AlarmName": name, "StateValue": "OK"} for name in AlarmNames[:MaxRecords]]
        return {"MetricAlarms": found, "CompositeAlarms": []}

    def get_metric_data(self, **_: Any) -> Any:
        return {"MetricDataResults": []}


def an_alarm(name: str, account: str = ACCOUNT, region: str = REGION, **changes: Any) -> Alert:
    arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
    given = {"external_id": arn, "title": name, "fingerprint": arn, "account": account, "region": region}
    return an_alert(**(given | changes))


def asked(world: Stage, *joined: Alert) -> tuple[History, Seen]:
    """What is read where CloudWatch says OK to every name that it is asked."""
    history = checked(*joined)
    reads = replace(reader(world), cloudwatch=cast("Any", CloudWatch()))
    return history, reads.read(history.incident, history.entries[-1])


def test_however_many_alarms_rang_each_one_is_read(world: Stage) -> None:
    _, seen = asked(world, *(an_alarm(f"a{number}") for number in range(120)))

    assert [seen.alarms[f"a{number}"] for number in range(120)] == ["OK"] * 120


def test_an_alarm_that_no_arn_names_is_read_by_its_name(world: Stage) -> None:
    _, seen = asked(world, an_alarm("orders-slow", external_id=f"{ACCOUNT}/orders-slow"))

    assert seen.alarms["orders-slow"] == "OK"


@pytest.mark.parametrize(("account", "region"), [("999999999999", REGION), (ACCOUNT, "us-east-1")])
def test_an_alarm_of_the_same_name_elsewhere_is_not_ours_and_stands_as_it_was_told(
    world: Stage, account: str, region: str
) -> None:
    history, seen = asked(world, an_alarm("twin"), an_alarm("twin", account, region))
    patience = Patience(timedelta(minutes=3), timedelta(minutes=1), timedelta(minutes=20))
    read = replace(seen, service=None)  # the world has another release than this story
    (fact,) = judge(history.incident, history.entries[-1], read, datetime.now(UTC), patience=patience)

    assert seen.alarms["twin"] == "OK"
    assert isinstance(fact, facts.RecoveryChecked)
    assert "twin has not cleared" in fact.seen


def test_everything_that_a_recovery_is_judged_by_is_read(world: Stage) -> None:
    history = checked(an_alarm("orders-5xx"))

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
    history = checked(an_alarm("orders-5xx"))

    seen = reader(world).read(history.incident, history.entries[-1])

    assert seen.gaps
    assert (seen.service is None) is (missing == "service")
    assert all((reading.after is None) is (missing == "measures") for reading in seen.readings)
