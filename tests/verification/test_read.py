from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from functions.verification.judge import Patience, Reading, Seen, judge
from functions.verification.read import Reader
from local import reference
from local.world.scenarios import ACCOUNT, REGION
from local.world.stage import Stage, staged
from shared import facts
from shared.alert import Alert
from shared.config import Measure
from shared.configuration import load
from shared.errors import Refused
from shared.history import History
from shared.integrations.ecs import EcsServices
from tests.builders import (
    SEEN,
    T0,
    TARGET,
    Clock,
    a_config,
    a_history,
    a_proposal,
    a_service,
    an_alert,
    approved,
    proposed,
)
from tests.fakes.ecs import FakeEcs

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


HOSTS = Measure(
    name="healthy hosts",
    namespace="AWS/ApplicationELB",
    metric="HealthyHostCount",
    dimensions={"LoadBalancer": "app/shop", "TargetGroup": "t"},
    stat="Minimum",
    period=30,
    above=0,
    positive=True,
)
ERRORS = Measure(name="errors", namespace="shop", metric="Errors", below=5)
NOW = T0 + timedelta(minutes=6)
STARTED_AT = T0 + timedelta(seconds=3)
"""When the action of `checked` was started; the window is five seconds."""


class Metrics(CloudWatch):
    """Says how many hosts are healthy, by when it is asked about; of errors `errors`. Remembers what was asked."""

    def __init__(self, fails: Exception | None = None, **errors: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.fails = fails
        self.errors = {"Id": "m1", "Values": [], "StatusCode": "Complete", **errors}

    def get_metric_data(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if self.fails:
            raise self.fails
        values = {STARTED_AT: [1.0, 2.0], NOW: [4.0, 4.0]}[asked["EndTime"]]
        return {"MetricDataResults": [{"Id": "m0", "Values": values}, self.errors]}


def read_by(metrics: CloudWatch, ecs: FakeEcs | None = None, measures: Sequence[Measure] = (HOSTS, ERRORS)) -> Seen:
    """What is read of a check of the usual action, six minutes after the incident began."""
    check = facts.CheckDue(proposal_id=PROPOSAL, number=1)
    rings = [an_alarm("orders-5xx"), an_alert(source="grafana", fingerprint="g1")]
    joined = [facts.AlertJoined(alert=alert) for alert in rings]
    history = a_history(proposed(), approved(), STARTED, COMPLETED, *joined, check)
    reads = Reader(
        services=cast("Any", ecs or FakeEcs()),
        cloudwatch=cast("Any", metrics),
        config=a_config(services=(a_service(measures=tuple(measures)),)),
        clock=Clock(NOW),
        window=timedelta(seconds=5),
        account=TARGET.account,
        region=TARGET.region,
    )
    return reads.read(history.incident, history.entries[-1])


def test_a_measure_is_read_just_before_the_action_and_now() -> None:
    metrics = Metrics()

    seen = read_by(metrics)

    assert seen.readings == (Reading(HOSTS, (1.0, 2.0), (4.0, 4.0)), Reading(ERRORS, (), ()))
    window = timedelta(seconds=5)
    assert [(each["StartTime"], each["EndTime"]) for each in metrics.asked] == [
        (STARTED_AT - window, STARTED_AT), (NOW - window, NOW),
    ]  # fmt: skip
    assert metrics.asked[1]["MetricDataQueries"] == [
        {
            "Id": "m0",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/ApplicationELB",
                    "MetricName": "HealthyHostCount",
                    "Dimensions": [
                        {"Name": "LoadBalancer", "Value": "app/shop"}, {"Name": "TargetGroup", "Value": "t"},
                    ],
                },
                "Period": 30,
                "Stat": "Minimum",
            },
        },
        {
            "Id": "m1",
            "MetricStat": {
                "Metric": {"Namespace": "shop", "MetricName": "Errors", "Dimensions": []},
                "Period": 60,
                "Stat": "Average",
            },
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://monitoring"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetMetricData"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_measures_that_cannot_be_read_say_why(error: Exception) -> None:
    seen = read_by(Metrics(error))

    why = f"cannot be read: {error}"
    assert seen.readings == (Reading(HOSTS, (), None, why), Reading(ERRORS, (), None, why))


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ({"StatusCode": "InternalError"}, "InternalError"),
        ({"StatusCode": "PartialData", "Values": [0.0]}, "PartialData"),
        (
            {"StatusCode": "Forbidden", "Messages": [{"Code": "Forbidden", "Value": "not yours"}]},
            "Forbidden: Forbidden not yours",
        ),
        ({"Id": "m7"}, "CloudWatch left it out"),
    ],
    ids=["failed", "in part", "forbidden", "left out"],
)
def test_a_measure_that_cloudwatch_does_not_give_whole_is_not_read_whatever_missing_data_means(
    errors: Mapping[str, Any], why: str
) -> None:
    zero = ERRORS.model_copy(update={"missing": "zero"})

    seen = read_by(Metrics(**errors), measures=(HOSTS, zero))

    assert seen.readings == (
        Reading(HOSTS, (1.0, 2.0), (4.0, 4.0)),
        Reading(zero, (), None, f"cannot be read: {why}"),
    )


def test_alarms_that_cannot_be_read_are_a_gap_and_stand_for_nothing() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarms")

    class Denied(Metrics):
        def describe_alarms(self, **_: Any) -> Any:
            raise denied

    seen = read_by(Denied())

    assert (seen.alarms, seen.gaps) == ({}, (f"the alarms cannot be read: {denied}",))
    assert seen.readings[0].after == (4.0, 4.0)


def test_a_service_without_measures_asks_for_none() -> None:
    metrics = Metrics()

    assert read_by(metrics, measures=()).readings == ()
    assert metrics.asked == []


def test_what_ecs_does_not_say_or_denies_is_a_gap_beside_what_was_read() -> None:
    for ecs, why in (
        (FakeEcs(unreadable=True), "ECS did not answer"),
        (FakeEcs(name="shop/other"), "there is no active ECS service shop/orders"),
    ):
        seen = read_by(Metrics(), ecs)
        assert (seen.service, seen.gaps) == (None, (why,))
        assert seen.readings[0].after == (4.0, 4.0)


def test_of_what_rang_our_alarms_are_asked_and_the_others_stand_as_they_were_told() -> None:
    seen = read_by(Metrics())

    assert seen.service == SEEN
    assert seen.alarms == {"orders-5xx": "OK"}
    assert seen.told == {"f1", "g1"}
    assert seen.gaps == ()


def test_an_action_on_what_is_no_longer_in_the_inventory_has_no_measures() -> None:
    history = checked()
    reads = Reader(
        services=cast("Any", FakeEcs()),
        cloudwatch=cast("Any", Metrics()),
        config=a_config(services=()),
        clock=Clock(NOW),
        window=timedelta(seconds=5),
        account=ACCOUNT,
        region=REGION,
    )

    assert reads.read(history.incident, history.entries[-1]).readings == ()


def test_anything_but_a_check_is_refused() -> None:
    history = a_history(proposed())
    reads = Reader(
        services=cast("Any", FakeEcs()),
        cloudwatch=cast("Any", Metrics()),
        config=a_config(),
        clock=Clock(NOW),
        window=timedelta(seconds=5),
        account=ACCOUNT,
        region=REGION,
    )

    with pytest.raises(Refused, match="ActionProposed asks for no check"):
        reads.read(history.incident, history.entries[-1])


def test_a_reader_gives_aws_a_moment_to_answer_and_no_more() -> None:
    config, clock, window = a_config(), Clock(), timedelta(minutes=3)

    reads = Reader.connect("123456789012", "eu-central-1", config, clock, window)

    given: Any = reads.cloudwatch.meta.config
    assert (given.connect_timeout, given.read_timeout, given.retries["mode"]) == (3, 10, "standard")
    for client, name in ((reads.cloudwatch, "cloudwatch"), (reads.services.client, "ecs")):
        assert (client.meta.region_name, client.meta.service_model.service_name) == ("eu-central-1", name)
    assert (reads.config, reads.clock, reads.window) == (config, clock, window)
    assert (reads.account, reads.region) == ("123456789012", "eu-central-1")
