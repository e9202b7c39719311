"""What the store asks of DynamoDB; that DynamoDB does it, tests/contracts asks."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from shared import keys
from shared.errors import Conflict, Exhausted, Taken, Unavailable
from shared.history import History
from shared.integrations.dynamodb import DynamoStore
from shared.ports import Item, Page
from shared.settings import Settings
from shared.writes import Claim, Count, Put, Release, Spend, Write
from tests.builders import INCIDENT, T0, opened

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Recorder:
    """Takes every transaction and keeps what it was asked to write, by table and key."""

    def __init__(self) -> None:
        self.transactions: list[set[str]] = []
        self.items: list[dict[str, Any]] = []

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's own name
        self.items += TransactItems
        keyed = [item["Put"]["Item"] if "Put" in item else item["Update"]["Key"] for item in TransactItems]
        self.transactions.append({next(iter((each.get("key") or each["seq"]).values())) for each in keyed})


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
        (["None", "ThrottlingError", "ConditionalCheckFailed"], Unavailable),
        (["None", "ProvisionedThroughputExceeded", "ConditionalCheckFailed"], Unavailable),
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


@pytest.mark.parametrize(
    "code",
    [
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    ],
)
def test_what_dynamodb_only_puts_off_is_no_answer(code: str) -> None:
    store, stub = stubbed()
    stub.add_client_error("transact_write_items", code)
    with stub, pytest.raises(Unavailable):
        store.write(Put("x", {}))


def test_what_dynamodb_will_never_do_is_not_tried_for_ever() -> None:
    store, stub = stubbed()
    stub.add_client_error("get_item", "AccessDeniedException")
    with stub, pytest.raises(ClientError, match="AccessDeniedException"):
        store.get("x")


def test_a_dynamodb_that_does_not_answer_is_asked_again_later() -> None:
    once = Config(retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", region_name="eu-west-1", endpoint_url="http://127.0.0.1:9", config=once)
    with pytest.raises(Unavailable, match="did not answer"):
        DynamoStore(client, "timeline", "state", timedelta(minutes=5)).get("x")


def stubbed() -> tuple[DynamoStore, Stubber]:
    """A store whose client takes only what it is told to expect."""
    client: DynamoDBClient = boto3.client("dynamodb", region_name="eu-west-1")
    return DynamoStore(client, "timeline", "state", timedelta(minutes=5)), Stubber(client)


SOON = T0 + timedelta(hours=1)
EPOCH = str(int(SOON.timestamp()))
SAME = {
    "ConditionExpression": "#value = :value",
    "ExpressionAttributeNames": {"#value": "value"},
    "ExpressionAttributeValues": {":value": {"S": '{"n":1}'}},
}
WRITTEN: list[tuple[Write, dict[str, Any]]] = [
    (
        Claim("k", {"b": "ü", "a": 1}, expires_at=SOON),
        {
            "Put": {
                "TableName": "state",
                "Item": {"key": {"S": "k"}, "value": {"S": '{"a":1,"b":"ü"}'}, "expires_at": {"N": EPOCH}},
                "ConditionExpression": "attribute_not_exists(#key)",
                "ExpressionAttributeNames": {"#key": "key"},
            }
        },
    ),
    (
        Put("k", {}),
        {"Put": {"TableName": "state", "Item": {"key": {"S": "k"}, "value": {"S": "{}"}}}},
    ),
    (
        Put("k", {"a": 1}, count=0, listed=("list", "2026"), due=T0, expires_at=SOON, when={"n": 1}),
        {
            "Put": {
                "TableName": "state",
                "Item": {
                    "key": {"S": "k"},
                    "value": {"S": '{"a":1}'},
                    "expires_at": {"N": EPOCH},
                    "count": {"N": "0"},
                    "list": {"S": "list"},
                    "list_at": {"S": "2026"},
                    "due_shard": {"S": "due#1"},
                    "due_at": {"S": "2026-11-21T03:00:00.000Z"},
                },
                **SAME,
            }
        },
    ),
    (Release("k"), {"Delete": {"TableName": "state", "Key": {"key": {"S": "k"}}}}),
    (Release("k", when={"n": 1}), {"Delete": {"TableName": "state", "Key": {"key": {"S": "k"}}, **SAME}}),
    (
        Spend("k", 3, SOON),
        {
            "Update": {
                "TableName": "state",
                "Key": {"key": {"S": "k"}},
                "UpdateExpression": "SET #value = if_not_exists(#value, :empty), expires_at = :until ADD #count :one",
                "ConditionExpression": "(attribute_not_exists(#count) AND :limit > :zero) OR #count < :limit",
                "ExpressionAttributeNames": {"#count": "count", "#value": "value"},
                "ExpressionAttributeValues": {
                    ":one": {"N": "1"},
                    ":zero": {"N": "0"},
                    ":limit": {"N": "3"},
                    ":empty": {"S": "{}"},
                    ":until": {"N": EPOCH},
                },
            }
        },
    ),
    (
        Count("k"),
        {
            "Update": {
                "TableName": "state",
                "Key": {"key": {"S": "k"}},
                "UpdateExpression": "SET #count = if_not_exists(#count, :one) + :one",
                "ConditionExpression": "attribute_exists(#key)",
                "ExpressionAttributeNames": {"#count": "count", "#key": "key"},
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
    ),
]


@pytest.mark.parametrize(("write", "asked"), WRITTEN, ids=[type(write).__name__ for write, _ in WRITTEN])
def test_each_write_is_one_conditional_item_of_the_transaction(write: Write, asked: dict[str, Any]) -> None:
    store, stub = stubbed()
    stub.add_response("transact_write_items", {}, {"TransactItems": [asked]})
    with stub:
        store.write(write)


def test_an_entry_is_put_where_none_of_its_number_is_and_comes_before_all_else() -> None:
    client = Recorder()
    store = DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5))

    grown = store.append(History(INCIDENT), [opened()], actor="alert_intake", caused_by="a", now=T0)

    (entry,) = grown.entries
    assert client.items[0] == {
        "Put": {
            "TableName": "timeline",
            "Item": {
                "incident_id": {"S": INCIDENT},
                "seq": {"N": "1"},
                "entry": {"S": entry.body},
                "hash": {"S": entry.hash},
            },
            "ConditionExpression": "attribute_not_exists(incident_id)",
        }
    }


def test_a_timeline_is_read_page_by_page() -> None:
    store, stub = stubbed()
    asked = {
        "TableName": "timeline",
        "KeyConditionExpression": "incident_id = :id",
        "ExpressionAttributeValues": {":id": {"S": INCIDENT}},
        "ConsistentRead": True,
    }
    here = {"incident_id": {"S": INCIDENT}, "seq": {"N": "1"}}
    first = {"Items": [{**here, "entry": {"S": "one"}, "hash": {"S": "h1"}}], "LastEvaluatedKey": here}
    second = {"Items": [{"seq": {"N": "2"}, "entry": {"S": "two"}, "hash": {"S": "h2"}}]}
    stub.add_response("query", first, asked)
    stub.add_response("query", second, {**asked, "ExclusiveStartKey": here})
    with stub:
        assert store.rows(INCIDENT) == [(1, "one", "h1"), (2, "two", "h2")]


def test_an_item_is_read_with_its_counter() -> None:
    store, stub = stubbed()
    item = {"key": {"S": "k"}, "value": {"S": '{"a":1}'}}
    asked = {"TableName": "state", "Key": {"key": {"S": "k"}}, "ConsistentRead": True}
    stub.add_response("get_item", {"Item": item}, asked)
    stub.add_response("get_item", {"Item": {**item, "count": {"N": "7"}}}, asked)
    with stub:
        assert [store.get("k"), store.get("k")] == [Item("k", {"a": 1}, 1), Item("k", {"a": 1}, 7)]


def test_a_list_is_read_from_its_index_and_goes_on_where_the_page_ended() -> None:
    store, stub = stubbed()
    asked = {
        "TableName": "state",
        "IndexName": "by_list",
        "KeyConditionExpression": "#list = :list",
        "ExpressionAttributeNames": {"#list": "list"},
        "ExpressionAttributeValues": {":list": {"S": "things"}},
        "ScanIndexForward": False,
        "Limit": 50,
    }
    last = {"list": {"S": "things"}, "list_at": {"S": "2026"}, "key": {"S": "a|b"}}
    page = {"Items": [{"key": {"S": "a|b"}, "value": {"S": "{}"}}], "LastEvaluatedKey": last}
    stub.add_response("query", page, asked)
    stub.add_response(
        "query", {"Items": []}, {**asked, "ScanIndexForward": True, "Limit": 2, "ExclusiveStartKey": last}
    )
    with stub:
        found = store.listed("things")
        assert found == Page((Item("a|b", {}),), "2026|a|b")
        assert store.listed("things", limit=2, cursor=found.next, newest_first=False) == Page((), "")


def test_what_is_due_is_gathered_from_every_shard_oldest_first() -> None:
    store, stub = stubbed()
    for number, minute in enumerate((3, 1, 2, 0)):
        due = {"key": {"S": f"k{minute}"}, "value": {"S": "{}"}, "due_at": {"S": f"2026-11-21T02:0{minute}"}}
        asked = {
            "TableName": "state",
            "IndexName": "by_due",
            "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
            "ExpressionAttributeValues": {
                ":shard": {"S": f"due#{number}"},
                ":now": {"S": "2026-11-21T03:00:00.000Z"},
            },
            "Limit": 3,
        }
        stub.add_response("query", {"Items": [due]}, asked)
    with stub:
        assert [item.key for item in store.due(T0, limit=3)] == ["k0", "k1", "k2"]


def test_what_is_due_at_the_same_moment_is_given_in_the_order_of_its_shards() -> None:
    store, stub = stubbed()
    for number in range(4):
        due = {"key": {"S": f"k{number}"}, "value": {"S": "{}"}, "due_at": {"S": "2026"}}
        stub.add_response("query", {"Items": [due]})
    with stub:
        assert [item.key for item in store.due(T0)] == ["k0", "k1", "k2", "k3"]


def test_a_transaction_that_was_cancelled_without_a_reason_is_tried_again_later() -> None:
    store, stub = stubbed()
    stub.add_client_error("transact_write_items", "TransactionCanceledException")
    with stub, pytest.raises(Unavailable, match="cancelled the transaction"):
        store.write(Put("x", {}))


def test_the_store_of_the_settings_answers_or_gives_up_within_a_turn() -> None:
    settings = Settings(timeline_table="t", state_table="s", aws_region="eu-north-1", stall_seconds=7)

    store = DynamoStore.connect(settings)

    assert (store.timeline_table, store.state_table, store.stall) == ("t", "s", timedelta(seconds=7))
    config: Any = store.client.meta.config
    assert store.client.meta.region_name == "eu-north-1"
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def _written(also: list[Write]) -> set[str]:
    """The keys of the transaction that opens an incident with these writes."""
    client = Recorder()
    store = DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5))
    store.append(History(INCIDENT), [opened()], actor="alert_intake", caused_by="a", now=T0, also=also)
    (written,) = client.transactions
    return written
