"""The timelines and the state in two DynamoDB tables.

Timeline: `incident_id` + `seq` -> `entry` (canonical JSON), `hash`. State: `key` -> `value` (JSON), `count`, and the
sparse index attributes `list`/`list_at` and `due_shard`/`due_at`. One TransactWriteItems spans both tables.
"""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import dumps, loads
from typing import TYPE_CHECKING, Any
from zlib import crc32

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from shared import keys
from shared.alert import as_text
from shared.entry import chain, read_entry
from shared.errors import Conflict, Exhausted, Taken, Unavailable
from shared.facts import Fact
from shared.history import History
from shared.ports import Item, Page
from shared.projection import projected
from shared.settings import Settings
from shared.writes import Claim, Count, Put, Release, Spend, Write, one_each

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

PASSING = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
"""DynamoDB's own list of errors worth trying again (developer guide, 'Error handling', 'OK to retry')."""
CROWD = "somebody writes the same items right now"
WRITES, CROWDED = 3, 2.0
"""How often a write is tried where others write the same items, and seconds until it is worth another attempt."""


@dataclass(frozen=True, slots=True)
class DynamoStore:
    """Both ports, Timeline and State, over the low-level client; `stall` is how long a machine's move may take."""

    client: "DynamoDBClient"
    timeline_table: str
    state_table: str
    stall: timedelta

    @classmethod
    def connect(cls, settings: Settings) -> "DynamoStore":
        """The store of these settings; connecting costs nothing until the first call.

        Reads and writes here may be retried by the SDK: every transaction carries its own token, and every append is
        conditional.
        """
        config = ClientConfig(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
        client = boto3.client("dynamodb", region_name=settings.aws_region, config=config)
        return cls(client, settings.timeline_table, settings.state_table, settings.span("stall"))

    def read(self, incident_id: str) -> History:
        """See Timeline."""
        entries = (read_entry(body, digest) for _, body, digest in self.rows(incident_id))
        return History(incident_id, tuple(entries))

    def rows(self, incident_id: str) -> Sequence[tuple[int, str, str]]:
        """Number, body and hash of every entry as the table holds it, whether it can be read or not."""
        query: dict[str, Any] = {
            "TableName": self.timeline_table,
            "KeyConditionExpression": "incident_id = :id",
            "ExpressionAttributeValues": {":id": {"S": incident_id}},
            "ConsistentRead": True,
        }
        rows: list[tuple[int, str, str]] = []
        with _translated():
            while True:
                page = self.client.query(**query)
                rows += [(int(item["seq"]["N"]), item["entry"]["S"], item["hash"]["S"]) for item in page["Items"]]
                if "LastEvaluatedKey" not in page:
                    return rows
                query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def append(
        self,
        history: History,
        facts: Sequence[Fact],
        *,
        actor: str,
        caused_by: str,
        now: datetime,
        also: Sequence[Write] = (),
    ) -> History:
        """See Timeline."""
        entries = chain(history.incident_id, facts, after=history.last, actor=actor, caused_by=caused_by, now=now)
        grown = history.grown(entries)
        before = history.incident if history.entries else None
        writes = (*also, *projected(before, grown.incident, entries, self.stall))
        new = [
            {
                "Put": {
                    "TableName": self.timeline_table,
                    "Item": {
                        "incident_id": {"S": entry.incident_id},
                        "seq": {"N": str(entry.seq)},
                        "entry": {"S": entry.body},
                        "hash": {"S": entry.hash},
                    },
                    "ConditionExpression": "attribute_not_exists(incident_id)",
                }
            }
            for entry in entries
        ]
        self._transact(new, writes)
        return grown

    def get(self, key: str) -> Item | None:
        """See State."""
        with _translated():
            reply = self.client.get_item(TableName=self.state_table, Key={"key": {"S": key}}, ConsistentRead=True)
        return _item(reply["Item"]) if "Item" in reply else None

    def write(self, *writes: Write) -> None:
        """See State."""
        for _ in range(WRITES):
            try:
                return self._transact([], writes)
            except (Taken, Exhausted):
                raise
            except Conflict:  # nothing was written, and nothing was said of any condition
                continue
        raise Unavailable(CROWD, retry_after=CROWDED)

    def listed(self, name: str, *, limit: int = 50, cursor: str = "", newest_first: bool = True) -> Page:
        """See State."""
        query: dict[str, Any] = {
            "TableName": self.state_table,
            "IndexName": "by_list",
            "KeyConditionExpression": "#list = :list",
            "ExpressionAttributeNames": {"#list": "list"},
            "ExpressionAttributeValues": {":list": {"S": name}},
            "ScanIndexForward": not newest_first,
            "Limit": limit,
        }
        if cursor:
            at, _, key = cursor.partition("|")
            query["ExclusiveStartKey"] = {"list": {"S": name}, "list_at": {"S": at}, "key": {"S": key}}
        with _translated():
            page = self.client.query(**query)
        last = page.get("LastEvaluatedKey")
        after = f"{last['list_at']['S']}|{last['key']['S']}" if last else ""
        return Page(tuple(_item(item) for item in page["Items"]), after)

    def due(self, now: datetime, *, limit: int = 100) -> tuple[Item, ...]:
        """See State."""
        found: list[tuple[str, Item]] = []
        with _translated():
            for number in range(keys.SHARDS):
                page = self.client.query(
                    TableName=self.state_table,
                    IndexName="by_due",
                    KeyConditionExpression="due_shard = :shard AND due_at <= :now",
                    ExpressionAttributeValues={":shard": {"S": f"due#{number}"}, ":now": {"S": as_text(now)}},
                    Limit=limit,
                )
                found += [(item["due_at"]["S"], _item(item)) for item in page["Items"]]
        return tuple(item for _, item in sorted(found, key=lambda pair: pair[0])[:limit])

    def _transact(self, entries: Sequence[Mapping[str, Any]], writes: Sequence[Write]) -> None:
        unique = one_each(writes)  # DynamoDB refuses a transaction that names an item twice
        items = [*entries, *(_transaction_item(self.state_table, write) for write in unique)]
        try:
            with _translated():
                self.client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = error.response.get("CancellationReasons", [])
            raise _cancelled(reasons, len(entries), unique) from error


def _item(stored: Mapping[str, Any]) -> Item:
    return Item(stored["key"]["S"], loads(stored["value"]["S"]), int(stored.get("count", {"N": "1"})["N"]))


def _json(value: Mapping[str, Any]) -> str:
    return dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _ttl(expires_at: datetime | None) -> dict[str, dict[str, str]]:
    return {"expires_at": {"N": str(int(expires_at.timestamp()))}} if expires_at else {}


def _when(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """The condition that exactly `value` is there now."""
    if value is None:
        return {}
    return {
        "ConditionExpression": "#value = :value",
        "ExpressionAttributeNames": {"#value": "value"},
        "ExpressionAttributeValues": {":value": {"S": _json(value)}},
    }


def _transaction_item(table: str, write: Write) -> dict[str, Any]:
    key = {"key": {"S": write.key}}
    match write:
        case Claim():
            return {
                "Put": {
                    "TableName": table,
                    "Item": {**key, "value": {"S": _json(write.value)}, **_ttl(write.expires_at)},
                    "ConditionExpression": "attribute_not_exists(#key)",
                    "ExpressionAttributeNames": {"#key": "key"},
                }
            }
        case Put():
            item = {**key, "value": {"S": _json(write.value)}, **_ttl(write.expires_at)}
            if write.count is not None:
                item |= {"count": {"N": str(write.count)}}
            if write.listed:
                item |= {"list": {"S": write.listed[0]}, "list_at": {"S": write.listed[1]}}
            if write.due:
                number = crc32(write.key.encode()) % keys.SHARDS
                item |= {"due_shard": {"S": f"due#{number}"}, "due_at": {"S": as_text(write.due)}}
            return {"Put": {"TableName": table, "Item": item, **_when(write.when)}}
        case Release():
            return {"Delete": {"TableName": table, "Key": key, **_when(write.when)}}
        case Spend():
            return {
                "Update": {
                    "TableName": table,
                    "Key": key,
                    "UpdateExpression": (
                        "SET #value = if_not_exists(#value, :empty), expires_at = :until ADD #count :one"
                    ),
                    "ConditionExpression": "(attribute_not_exists(#count) AND :limit > :zero) OR #count < :limit",
                    "ExpressionAttributeNames": {"#count": "count", "#value": "value"},
                    "ExpressionAttributeValues": {
                        ":one": {"N": "1"},
                        ":zero": {"N": "0"},
                        ":limit": {"N": str(write.limit)},
                        ":empty": {"S": "{}"},
                        ":until": _ttl(write.expires_at)["expires_at"],
                    },
                }
            }
        case Count():
            return {
                "Update": {
                    "TableName": table,
                    "Key": key,
                    "UpdateExpression": "SET #count = if_not_exists(#count, :one) + :one",
                    "ConditionExpression": "attribute_exists(#key)",
                    "ExpressionAttributeNames": {"#count": "count", "#key": "key"},
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            }


def _cancelled(reasons: Sequence[Mapping[str, Any]], entries: int, writes: Sequence[Write]) -> Exception:
    """The error of our own that a cancelled transaction means, by the first reason that says something."""
    for place, reason in enumerate(reasons):
        match reason.get("Code"):
            case "ConditionalCheckFailed" if place < entries:
                return Conflict("somebody appended first")
            case "ConditionalCheckFailed":
                write = writes[place - entries]
                return Exhausted(write.key) if isinstance(write, Spend) else Taken(write.key)
            case "TransactionConflict":
                return Conflict(CROWD)
            case "ThrottlingError" | "ProvisionedThroughputExceeded":
                return Unavailable("DynamoDB throttles")
    return Unavailable(f"DynamoDB cancelled the transaction: {[reason.get('Code') for reason in reasons]}")


@contextmanager
def _translated() -> "Iterator[None]":
    try:
        yield
    except BotoCoreError as error:
        message = f"DynamoDB did not answer: {error}"
        raise Unavailable(message) from error
    except ClientError as error:
        if error.response["Error"]["Code"] not in PASSING:
            raise
        message = f"DynamoDB is busy: {error}"
        raise Unavailable(message) from error
