"""What is asked of CloudWatch, and what its answers mean."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from shared.alert import Alert
from shared.errors import Refused, Unavailable
from shared.integrations.cloudwatch import CloudWatchAlarms, is_ours, name_of
from tests.builders import an_alert

KINDS = ("MetricAlarm", "CompositeAlarm")
METRIC = {"AlarmName": "orders-5xx", "StateUpdatedTimestamp": datetime(2026, 11, 21, tzinfo=UTC)}
COMPOSITE = {"AlarmName": "shop-down"}
REPLY: dict[str, Any] = {"MetricAlarms": [METRIC], "CompositeAlarms": [COMPOSITE]}


def stubbed() -> tuple[CloudWatchAlarms, Stubber]:
    """Alarms whose client takes only what it is told to expect."""
    client = boto3.client("cloudwatch", region_name="eu-west-1")
    return CloudWatchAlarms(client), Stubber(client)


@pytest.mark.parametrize(
    ("prefix", "after", "asked"),
    [
        ("", "", {}),
        ("shop-", "", {"AlarmNamePrefix": "shop-"}),
        ("", "page 2", {"NextToken": "page 2"}),
        ("shop-", "page 2", {"AlarmNamePrefix": "shop-", "NextToken": "page 2"}),
    ],
)
@pytest.mark.parametrize("following", ["", "page 3"])
def test_what_rings_is_read_page_by_page(prefix: str, after: str, asked: dict[str, str], following: str) -> None:
    alarms, stub = stubbed()
    reply = REPLY | ({"NextToken": following} if following else {})
    every = {"StateValue": "ALARM", "AlarmTypes": KINDS, "MaxRecords": 100}
    stub.add_response("describe_alarms", reply, {**every, **asked})
    with stub:
        assert alarms.ringing(prefix, after) == ((METRIC, COMPOSITE), following)


def test_alarms_are_read_by_name_a_hundred_at_a_time() -> None:
    alarms, stub = stubbed()
    names = [f"a{number}" for number in range(201)]
    for part in (names[:100], names[100:200], names[200:]):
        asked = {"AlarmNames": part, "AlarmTypes": KINDS, "MaxRecords": 100}
        stub.add_response("describe_alarms", REPLY, asked)
    with stub:
        assert list(alarms.named(names)) == [METRIC, COMPOSITE] * 3
        stub.assert_no_pending_responses()


def test_a_page_that_cloudwatch_forgot_is_no_outage() -> None:
    alarms, stub = stubbed()
    stub.add_client_error("describe_alarms", "InvalidNextToken")
    with stub, pytest.raises(Refused, match="where the last run ended"):
        alarms.ringing("", "page 2")


def test_alarms_that_cannot_be_read_now_are_read_later() -> None:
    alarms, stub = stubbed()
    stub.add_client_error("describe_alarms", "Throttling")
    with stub, pytest.raises(Unavailable):
        alarms.ringing("", "")

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    alarms.cloudwatch.meta.events.register("before-send.cloudwatch.DescribeAlarms", fail)
    with pytest.raises(Unavailable):
        list(alarms.named(["a"]))


@pytest.mark.parametrize(
    ("alert", "ours"),
    [
        (an_alert(account="1", region="eu-west-1"), True),
        (an_alert(account="2", region="eu-west-1"), False),
        (an_alert(account="1", region="us-east-1"), False),
        (an_alert(account="1", region="eu-west-1", source="grafana"), False),
    ],
)
def test_only_an_alarm_of_this_account_and_region_can_be_asked_how_it_stands(alert: Alert, ours: bool) -> None:
    assert is_ours(alert, "1", "eu-west-1") is ours


@pytest.mark.parametrize(
    ("external_id", "name"),
    [
        ("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders:alarm:5xx", "orders:alarm:5xx"),
        ("123456789012/orders-5xx", "orders-5xx"),
        ("orders-5xx", "orders-5xx"),
    ],
)
def test_an_alarms_name_is_the_last_part_of_what_it_is_known_by(external_id: str, name: str) -> None:
    assert name_of(an_alert(external_id=external_id, account="123456789012")) == name
