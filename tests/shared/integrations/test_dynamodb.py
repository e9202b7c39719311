"""What the store asks of DynamoDB; that DynamoDB does it, tests/contracts asks."""

from datetime import timedelta
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber

from shared import keys
from shared.errors import Conflict, Exhausted, Taken, Unavailable
from shared.history import History
from shared.integrations.dynamodb import DynamoStore
from shared.writes import Claim, Put, Spend, Write
from tests.builders import INCIDENT, T0, opened


class Recorder:
    """Takes every transaction and keeps what it was asked to write, by table and key."""

    def __init__(self) -> None:
        self.transactions: list[set[str]] = []

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's own name
        keyed = [item["Put"]["Item"] if "Put" in item else item["Update"]["Key"] for item in TransactItems]
        self.transactions.append({(each.get("key") or each["seq"]).popitem()[1] for each in keyed})


def test_a_fact_and_all_that_follows_from_it_are_one_transaction() -> None:
    client = Recorder()
    store = DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5))

    store.append(
        History(INCIDENT), [opened()], actor="alert_intake", caused_by="a", now=T0, also=[Claim(keys.delivery("a"))]
    )

    (written,) = client.transactions
    assert {
        "1",
        keys.delivery("a"),
        keys.head(INCIDENT),
        keys.open_target(opened().identity),
        keys.alarm(INCIDENT, "f1"),
        keys.timer(INCIDENT, "stall"),
    } <= written


class Reader:
    """Answers every read with nothing and keeps whether it was to be a consistent one."""

    def __init__(self) -> None:
        self.consistent: list[bool] = []

    def query(self, **asked: Any) -> dict[str, Any]:
        self.consistent.append(asked.get("ConsistentRead", False))
        return {"Items": []}

    def get_item(self, **asked: Any) -> dict[str, Any]:
        self.consistent.append(asked.get("ConsistentRead", False))
        return {}


def test_a_timeline_and_an_item_are_read_as_they_are_now() -> None:
    client = Reader()
    store = DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5))

    store.read(INCIDENT)
    store.get(keys.KILL_SWITCH)

    assert client.consistent == [True, True]


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        (["ConditionalCheckFailed", "None", "None"], Conflict),
        (["None", "ConditionalCheckFailed", "None"], Taken),
        (["None", "None", "ConditionalCheckFailed"], Exhausted),
        (["ConditionalCheckFailed", "ConditionalCheckFailed", "ConditionalCheckFailed"], Conflict),
        (["TransactionConflict", "None", "None"], Conflict),
        (["None", "None", "TransactionConflict"], Conflict),
        (["None", "ThrottlingError", "None"], Unavailable),
        (["ProvisionedThroughputExceeded", "None", "None"], Unavailable),
        (["ItemCollectionSizeLimitExceeded", "None", "None"], Unavailable),
        (["None", "ValidationError", "None"], Unavailable),
        (["None", "None", "None"], Unavailable),
    ],
    ids=str,
)
def test_why_a_transaction_was_cancelled_is_told_apart(codes: list[str], error: type[Exception]) -> None:
    client = boto3.client("dynamodb", region_name="eu-west-1")
    store = DynamoStore(client, "timeline", "state", timedelta(minutes=5))
    reasons = [{"Code": code} for code in codes]
    also: list[Write] = [Claim(keys.delivery("a")), Spend("budget#x", 3, T0)]
    projected = len(_written(also)) - 1 - len(also)
    filled = [*reasons, *({"Code": "None"} for _ in range(projected))]

    stub = Stubber(client)
    stub.add_client_error(
        "transact_write_items", "TransactionCanceledException", modeled_fields={"CancellationReasons": filled}
    )

    with stub, pytest.raises(error) as raised:
        store.append(History(INCIDENT), [opened()], actor="alert_intake", caused_by="a", now=T0, also=also)

    assert type(raised.value) is error


class Crowded:
    """Somebody else writes the same items while the first so many transactions come."""

    def __init__(self, times: int) -> None:
        self.exceptions = boto3.client("dynamodb", region_name="eu-west-1").exceptions
        self.times, self.asked = times, 0

    def transact_write_items(self, **_asked: Any) -> None:
        self.asked += 1
        if self.asked <= self.times:
            reply: Any = {
                "Error": {"Code": "x"},
                "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
            }
            raise self.exceptions.TransactionCanceledException(reply, "TransactWriteItems")


def test_a_write_that_meets_another_one_is_asked_for_again_and_then_put_off() -> None:
    for times, asked in ((1, 2), (2, 3)):
        client = Crowded(times)
        DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5)).write(Put("x", {}), Put("y", {}))
        assert client.asked == asked

    client = Crowded(9)
    with pytest.raises(Unavailable, match="writes the same items") as later:
        DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5)).write(Put("x", {}), Put("y", {}))
    assert (client.asked, later.value.retry_after) == (3, 2.0)


def test_what_dynamodb_only_puts_off_is_no_answer() -> None:
    client = boto3.client("dynamodb", region_name="eu-west-1")
    store = DynamoStore(client, "timeline", "state", timedelta(minutes=5))
    for code in ("TransactionInProgressException", "InternalServerError", "ProvisionedThroughputExceededException"):
        stub = Stubber(client)
        stub.add_client_error("transact_write_items", code)
        with stub, pytest.raises(Unavailable):
            store.write(Put("x", {}))


def _written(also: list[Write]) -> set[str]:
    """The keys of the transaction that opens an incident with these writes."""
    client = Recorder()
    store = DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5))
    store.append(History(INCIDENT), [opened()], actor="alert_intake", caused_by="a", now=T0, also=also)
    (written,) = client.transactions
    return written
