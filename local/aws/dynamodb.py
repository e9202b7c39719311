"""DynamoDB as moto has it, with transactions and updates that are atomic."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.exceptions import (
    ConditionalCheckFailed,
    DynamodbException,
    ItemSizeToUpdateTooLarge,
    MultipleTransactionsException,
    TooManyTransactionsException,
    TransactionCanceledException,
    TransactWriteSingleOpException,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from moto.core.common_types import TYPE_RESPONSE
    from moto.core.responses import ActionResult
    from moto.dynamodb.models.dynamo_type import Item
    from moto.dynamodb.models.table import Table

    from local.aws.changes import Changes

MOST_ACTIONS = 100
"""Actions in one transaction; the limit of TransactWriteItems."""
LARGEST_ITEM = 400 * 1024
"""Bytes of one item; DynamoDB's own limit."""

_PLAIN = {
    "GetItem",
    "Query",
    "Scan",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "TransactWriteItems",
    "TransactGetItems",
    "BatchGetItem",
}

Reason = tuple[str | None, str | None, "dict[str, Any] | None"]


def storage_key(table: Table, attributes: Mapping[str, Any]) -> tuple[DynamoType, DynamoType | None]:
    """Say under which hash and range key moto keeps the item with these attributes."""
    hash_key = DynamoType(attributes[table.hash_key_attr])
    return hash_key, DynamoType(attributes[table.range_key_attr]) if table.range_key_attr else None


def put_back(table: Table, key: tuple[DynamoType, DynamoType | None], item: Item | None) -> None:
    """Make `item` (None: no item) what the table holds under `key`, without a stream record."""
    hash_key, range_key = key
    if range_key is None:
        if item is None:
            table.items.pop(hash_key, None)
        else:
            table.items[hash_key] = item  # type: ignore[assignment]  # moto keeps two shapes in one dictionary
    elif item is None:
        table.items[hash_key].pop(range_key, None)
    else:
        table.items[hash_key][range_key] = item


@dataclass(frozen=True)
class Action:
    """One action of a transaction: what (`Put`, `Update`, `Delete`, `ConditionCheck`), on which item."""

    kind: str
    request: Mapping[str, Any]
    table: Table
    key: dict[str, Any]

    def refusal(self) -> Reason:
        """Say why the item as it stands fails the action's condition; all None when it does not."""
        request = self.request
        current = self.table.get_item(*storage_key(self.table, self.key))
        condition = get_filter_expression(
            request.get("ConditionExpression"),
            request.get("ExpressionAttributeNames"),
            request.get("ExpressionAttributeValues"),
        )
        if condition.expr(current):
            return None, None, None
        wanted = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        old = current.to_json()["Attributes"] if wanted and current is not None else None
        return "ConditionalCheckFailed", ConditionalCheckFailed().message, old


class Tables(DynamoDBBackend):
    """All tables of one account and region. Every method is called under the lock of `changes`."""

    changes: Changes

    def transact_write_items(self, transact_items: list[dict[str, Any]]) -> None:
        """Check every condition, then do every action, or none.

        Raises TransactionCanceledException with one reason for each action, in their order.
        """
        if len(transact_items) > MOST_ACTIONS:
            raise TooManyTransactionsException
        actions = [self._action(item) for item in transact_items]
        touched = {(id(a.table), storage_key(a.table, a.key)) for a in actions}
        if len(touched) < len(actions):
            raise MultipleTransactionsException
        reasons = [action.refusal() for action in actions]
        if any(code for code, _, _ in reasons):
            raise TransactionCanceledException(reasons)
        with _Undo({a.table.name: a.table for a in actions}) as undo:
            for position, action in enumerate(actions):
                undo.remember(action.table, storage_key(action.table, action.key))
                try:
                    self._apply(action)
                except DynamodbException as error:
                    reasons[position] = ("ValidationError", error.message, None)
                    raise TransactionCanceledException(reasons) from error

    def _action(self, item: dict[str, Any]) -> Action:
        if len(item) != 1:
            raise TransactWriteSingleOpException
        kind, request = next(iter(item.items()))
        table = self.get_table(request["TableName"])
        source = request["Item"] if kind == "Put" else request["Key"]
        return Action(kind, request, table, {name: source[name] for name in table.table_key_attrs})

    def _apply(self, action: Action) -> None:
        request, name = action.request, action.table.name
        if action.kind == "Put":
            self.put_item(name, request["Item"], overwrite=True)
        elif action.kind == "Delete":
            self.delete_item(name, action.key)
        elif action.kind == "Update":
            self.update_item(
                name,
                action.key,
                request["UpdateExpression"],
                request.get("ExpressionAttributeNames", {}),
                request.get("ExpressionAttributeValues", {}),
            )

    def update_item(self, table_name: str, key: dict[str, dict[str, Any]], *rest: Any, **named: Any) -> Item:  # noqa: ANN401 - passed on
        """Update or create one item and emit one stream record; a refused update leaves nothing behind.

        moto creates the item first, so that a refused update leaves an empty one and a good one is
        told twice; it also lets an item grow past 400 KB.
        """
        table = self.get_table(table_name)
        place = storage_key(table, key)
        with _Undo({table.name: table}) as undo:
            undo.remember(table, place)
            shard = table.stream_shard
            told = len(shard.items) if shard else 0
            item = super().update_item(table_name, key, *rest, **named)
            if item.size() > LARGEST_ITEM:
                raise ItemSizeToUpdateTooLarge
            if shard and len(shard.items) > told + 1:
                last = shard.items.pop()
                last.record["dynamodb"]["SequenceNumber"] = shard.items[told].record["dynamodb"]["SequenceNumber"]
                shard.items[told:] = [last]
            return item

    def query(self, table_name: str, hash_key_dict: dict[str, Any] | None, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        """Read one partition; moto would compare the keys of the whole table for it."""
        table = self.get_table(table_name)
        view = copy.copy(table)
        index_name, conditions = named.get("index_name"), named.get("hash_key_conditions")
        if index_name and conditions:
            name, wanted = conditions[0][0], DynamoType(conditions[0][1])
            view.items = _having(table, name, wanted)
        elif not index_name and table.range_key_attr and hash_key_dict:
            hash_key = DynamoType(hash_key_dict)
            view.items = defaultdict(dict, {hash_key: table.items[hash_key]} if hash_key in table.items else {})
        whole, self.tables = self.tables, {table.name: view}
        try:
            return super().query(table.name, hash_key_dict, *rest, **named)
        finally:
            self.tables = whole


def _having(table: Table, name: str, wanted: DynamoType) -> defaultdict[Any, Any]:
    """Give the items whose attribute `name` has the wanted value, in the shape in which moto keeps items."""

    def has(item: Item) -> bool:
        found = item.attrs.get(name)
        return found is not None and found.value == wanted.value

    if table.range_key_attr is None:
        return defaultdict(dict, {key: item for key, item in table.items.items() if item and has(item)})  # type: ignore[arg-type]
    kept = {key: {r: item for r, item in items.items() if has(item)} for key, items in table.items.items()}
    return defaultdict(dict, {key: items for key, items in kept.items() if items})


class Answers(DynamoHandler):
    """moto's answers to DynamoDB requests, without walking the service model for answers that are JSON already."""

    def serialized(self, action_result: ActionResult) -> TYPE_RESPONSE:
        """Write an answer as DynamoDB does."""
        result = action_result.result
        if isinstance(result, dict) and self._get_action() in _PLAIN:
            try:
                body = json.dumps({name: value for name, value in result.items() if value is not None})
            except TypeError:  # binary attributes: moto knows how to write them
                return super().serialized(action_result)
            return 200, {"Content-Type": "application/x-amz-json-1.0", **self.response_headers}, body
        return super().serialized(action_result)


class _Undo:
    """Put the remembered items and the streams of `tables` back if the block fails."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._streams = [(t.stream_shard, len(t.stream_shard.items)) for t in tables.values() if t.stream_shard]
        self._items: list[tuple[Table, tuple[DynamoType, DynamoType | None], Item | None]] = []

    def remember(self, table: Table, place: tuple[DynamoType, DynamoType | None]) -> None:
        self._items.append((table, place, copy.deepcopy(table.get_item(*place))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        for table, place, item in reversed(self._items):
            put_back(table, place, item)
        for shard, length in self._streams:
            del shard.items[length:]


def written_keys(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name each table and item (its key, or all its attributes) that a successful request may have written."""
    if operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        yield request["TableName"], request.get("Item") or request["Key"]
    elif operation == "TransactWriteItems":
        for item in request["TransactItems"]:
            (kind, action), *_ = item.items()
            if kind != "ConditionCheck":
                yield action["TableName"], action.get("Item") or action["Key"]
    elif operation == "BatchWriteItem":
        for table, writes in request["RequestItems"].items():
            for write in writes:
                (body,) = write.values()
                yield table, body.get("Item") or body["Key"]
