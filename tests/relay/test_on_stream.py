"""The records that a table's stream really holds, handed to the relay."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions.relay.publish import relay
from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from shared import facts
from shared.integrations.dynamodb import DynamoStore
from tests.builders import INCIDENT, T0, opened
from tests.relay.test_publish import Bus, wired

pytestmark = pytest.mark.enable_socket
TABLE = Names.timeline


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(tmp_path_factory.mktemp("no-functions")) as aws:
        yield aws


def put_over(table: Any, key: dict[str, Any]) -> None:
    held = table.get_item(TableName=TABLE, Key=key)["Item"]
    table.put_item(TableName=TABLE, Item={**held, "entry": {"S": held["entry"]["S"].replace("ana", "bob")}})


def rehashed(table: Any, key: dict[str, Any]) -> None:
    held = table.get_item(TableName=TABLE, Key=key)["Item"]
    table.put_item(TableName=TABLE, Item={**held, "hash": {"S": "0" * 64}})


def updated(table: Any, key: dict[str, Any]) -> None:
    table.update_item(
        TableName=TABLE, Key=key, UpdateExpression="SET note = :n", ExpressionAttributeValues={":n": {"S": "x"}}
    )


def deleted(table: Any, key: dict[str, Any]) -> None:
    table.delete_item(TableName=TABLE, Key=key)


def put_between(table: Any, key: dict[str, Any]) -> None:
    table.put_item(TableName=TABLE, Item={**key, "seq": {"N": "99"}, "entry": {"S": "{}"}, "hash": {"S": "x"}})


@pytest.mark.parametrize("tamper", [put_over, rehashed, updated, deleted, put_between])
def test_whatever_is_done_to_a_timeline_but_appending_raises_the_alarm(
    aws: EmbeddedAws, tamper: Callable[[Any, dict[str, Any]], None]
) -> None:
    incident_id = f"{INCIDENT}-{tamper.__name__}"
    Provisioner(aws.client, aws.names).tables()
    table, stream = aws.client("dynamodb"), aws.client("dynamodbstreams")
    store = DynamoStore(table, TABLE, Names.state, timedelta(minutes=5))
    history = store.read(incident_id)
    told: list[facts.Fact] = [
        opened(identity=incident_id),
        *(facts.NoteAdded(person="ana", text=text) for text in "ab"),
    ]
    store.append(history, told, actor="test", caused_by="x", now=T0)

    tamper(table, {"incident_id": {"S": incident_id}, "seq": {"N": "2"}})

    arn = table.describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    (shard,) = stream.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    place = stream.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    records = stream.get_records(ShardIterator=place)["Records"]
    mine = [each for each in records if each["dynamodb"]["Keys"]["incident_id"]["S"] == incident_id]
    bus, alarms = Bus(), list[str]()
    assert relay({"Records": mine}, wired(bus, alarms=alarms)) == {"batchItemFailures": []}
    assert alarms == ["rung"]
    assert [event["DetailType"] for event in bus.taken] == ["IncidentOpened", "NoteAdded", "NoteAdded"]
