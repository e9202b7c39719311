"""The two tables: what DynamoDB does with the calls that our adapter makes, conditions and all."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from shared.entry import read_entry
from shared.facts import Fact
from shared.history import History
from shared.integrations import dynamodb
from shared.integrations.dynamodb import DynamoStore
from tests.reliability.simulator.loop import Loop

Item = dict[str, Any]
TIMELINE, STATE = "timeline", "state"
NEVER = {"N": "inf"}
NOTHING: Item = {}


def boto_failure(how: str, call: str, throttled: str = "ThrottlingException") -> Exception:
    """What boto3 raises for each way in which an AWS service does not answer."""
    match how:
        case "unreachable":
            return EndpointConnectionError(endpoint_url="https://aws.example")
        case "time-out":
            return ReadTimeoutError(endpoint_url="https://aws.example")
        case "5xx":
            return client_error("InternalServerError", call, 500)
        case "refused":
            return client_error("MessageRejected", call, 400)
    return client_error(throttled, call, 400)


def client_error(code: str, call: str, status: int) -> ClientError:
    """An error reply of AWS."""
    reply: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(reply, call)


class Cancelled(ClientError):
    """A transaction of which a condition did not hold."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the timeline: when it was written (seconds), when its writer began, and the number of rows then."""

    item: Item
    at: float
    began: float
    function: str
    number: int


class Dynamo:
    """The low-level client; `streamed` hears of every row of a timeline, `timed` when a timer is due (as text)."""

    name = "store"

    class exceptions:  # noqa: N801 - boto3's own name
        """As on boto3's client."""

        TransactionCanceledException = Cancelled

    def __init__(self, loop: Loop, streamed: Callable[[Item], None], timed: Callable[[str], None]) -> None:
        self.loop, self.streamed, self.timed = loop, streamed, timed
        self.timelines: dict[str, dict[int, Row]] = {}
        self.state: dict[str, Item] = {}
        self.written = 0
        self.lag = 0.0
        self.expires = False
        self.overwritten: list[str] = []
        self.spent: Counter[str] = Counter()
        self._ordered: dict[str, list[Item]] = {}
        self._due: dict[str, str] = {}
        self._indexed: dict[str, Item] = {}
        self._lagging: list[tuple[float, str, Item | None]] = []

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        return boto_failure(how, call, "ProvisionedThroughputExceededException")

    def query(self, **asked: Any) -> dict[str, Any]:
        """A timeline, or a part of an index."""
        return self.loop.call(self, "Query", lambda: self._query(asked))

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803 - boto3's
        """One item of the state table."""
        assert (TableName, ConsistentRead) == (STATE, True)
        return self.loop.call(self, "GetItem", lambda: self._get(Key["key"]["S"]))

    def transact_write_items(self, *, TransactItems: list[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """All of it or nothing."""
        return self.loop.call(self, "TransactWriteItems", lambda: self._transact(TransactItems))

    def rows(self, incident_id: str) -> list[Item]:
        """The rows of a timeline as they stand, in order."""
        rows, ordered = self.timelines.get(incident_id, {}), self._ordered.get(incident_id, [])
        if len(ordered) != len(rows):
            ordered = self._ordered[incident_id] = [rows[seq].item for seq in sorted(rows)]
        return ordered

    def due(self) -> str:
        """The earliest time at which a timer is due, as text; empty where there is none."""
        return min(self._due.values(), default="")

    def _get(self, key: str) -> dict[str, Any]:
        item = self._item(key)
        return {"Item": item} if item else {}

    def _item(self, key: str) -> Item | None:
        item = self.state.get(key)
        if item and self.expires and float(item.get("expires_at", NEVER)["N"]) <= self.loop.time().timestamp():
            self._store(key, None)
            return None
        return item

    def _query(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        values = asked["ExpressionAttributeValues"]
        if asked["TableName"] == TIMELINE:
            assert asked["ConsistentRead"] is True
            return {"Items": self.rows(values[":id"]["S"])}
        self._catch_up()
        if asked["IndexName"] == "by_due":
            shard, now = values[":shard"]["S"], values[":now"]["S"]
            found = [
                each
                for each in self._indexed.values()
                if "due_shard" in each and each["due_shard"]["S"] == shard and each["due_at"]["S"] <= now
            ]
            return {"Items": sorted(found, key=lambda item: item["due_at"]["S"])[: asked["Limit"]]}
        name = values[":list"]["S"]
        found = [each for each in self._indexed.values() if "list" in each and each["list"]["S"] == name]
        found.sort(key=lambda each: (each["list_at"]["S"], each["key"]["S"]), reverse=not asked["ScanIndexForward"])
        assert "ExclusiveStartKey" not in asked
        return {"Items": found[: asked["Limit"]]}

    def _transact(self, items: list[Mapping[str, Any]]) -> dict[str, Any]:
        reasons = [{"Code": "None" if self._holds(each) else "ConditionalCheckFailed"} for each in items]
        if any(reason["Code"] != "None" for reason in reasons):
            reply: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise Cancelled(reply, "TransactWriteItems")
        for each in items:
            self._write(each)
        return {}

    def _holds(self, each: Mapping[str, Any]) -> bool:
        ((_, request),) = each.items()
        condition = request.get("ConditionExpression")
        if condition is None:
            return True
        if request["TableName"] == TIMELINE:
            row = self.timelines.get(request["Item"]["incident_id"]["S"], {}).get(int(request["Item"]["seq"]["N"]))
            item = row.item if row else None
        else:
            item = self._item((request.get("Item") or request["Key"])["key"]["S"])
        return holds(condition, request, item)

    def _write(self, each: Mapping[str, Any]) -> None:
        ((verb, request),) = each.items()
        if request["TableName"] == TIMELINE:
            self._append(request["Item"])
            return
        if verb == "Put":
            self._store(request["Item"]["key"]["S"], request["Item"])
        elif verb == "Delete":
            self._store(request["Key"]["key"]["S"], None)
        else:
            self._update(request)

    def _append(self, item: Item) -> None:
        self.written += 1
        rows, seq = self.timelines.setdefault(item["incident_id"]["S"], {}), int(item["seq"]["N"])
        if seq in rows:
            self._ordered.pop(item["incident_id"]["S"], None)
            self.overwritten.append(f"{item['incident_id']['S']}/{seq}")
        rows[seq] = Row(item, self.loop.now, self.loop.began, self.loop.caller, self.written)
        self.streamed(item)

    def _update(self, request: Mapping[str, Any]) -> None:
        """The adapter's two updates: both add one to `count`; a budget's also says until when it is kept."""
        key, values = request["Key"]["key"]["S"], request["ExpressionAttributeValues"]
        held = self.state.get(key)
        if "ADD #count" in request["UpdateExpression"]:
            item = {"key": {"S": key}, "value": values[":empty"], "count": {"N": "0"}, **(held or {})}
            item["expires_at"] = values[":until"]
            self.spent[key] += 1
        else:
            item = {"count": {"N": "1"}, **(held or {})}
        self._store(key, {**item, "count": {"N": str(int(item["count"]["N"]) + 1)}})

    def _store(self, key: str, item: Item | None) -> None:
        held = self.state.pop(key, NOTHING) if item is None else self.state.get(key, NOTHING)
        self._due.pop(key, None)
        if item is not None:
            self.state[key] = item
            if "due_at" in item:
                self._due[key] = item["due_at"]["S"]
                self.timed(self._due[key])
        if _is_indexed(held) or _is_indexed(item or NOTHING):
            self._lagging.append((self.loop.now + (0 if self.loop.calm else self.lag), key, item))

    def _catch_up(self) -> None:
        if not self._lagging:
            return
        left = []
        for seen_at, key, item in self._lagging:
            if seen_at > self.loop.now:
                left.append((seen_at, key, item))
            elif item is None or not _is_indexed(item):
                self._indexed.pop(key, None)
            else:
                self._indexed[key] = item
        self._lagging = left


def _is_indexed(item: Item) -> bool:
    return "list" in item or "due_shard" in item


def holds(condition: str, request: Mapping[str, Any], item: Item | None) -> bool:
    """Whether a condition expression holds for the item as it is now."""
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    held = item or {}

    def operand(token: str) -> Any:
        found = values[token] if token.startswith(":") else held.get(names.get(token, token))
        return None if found is None else int(found["N"]) if "N" in found else found["S"]

    def fact(kind: str, left: str, right: str) -> bool:
        match kind:
            case "attribute_exists":
                return names.get(left, left) in held
            case "attribute_not_exists":
                return names.get(left, left) not in held
        one, other = operand(left), operand(right)
        if one is None or other is None:
            return False
        return bool({"=": one == other, "<": one < other, ">": one > other}[kind])

    return any(all(fact(*each) for each in group) for group in _terms(condition))


@lru_cache(maxsize=50)
def _terms(condition: str) -> tuple[tuple[tuple[str, str, str], ...], ...]:
    """The condition as alternatives of facts that must hold together; only the forms that the adapter writes."""
    groups = []
    for alternative in condition.split(" OR "):
        facts = []
        for term in alternative.strip("()").split(" AND "):
            if found := re.fullmatch(r"\(?(attribute_(?:not_)?exists)\(([#\w]+)\)?\)?", term.strip()):
                facts.append((found[1], found[2], ""))
            elif found := re.fullmatch(r"\(?([#:\w]+) ([=<>]) ([#:\w]+)\)?", term.strip()):
                facts.append((found[2], found[1], found[3]))
            else:
                raise AssertionError(f"a condition that this fake cannot read: {condition}")
        groups.append(tuple(facts))
    return tuple(groups)


@dataclass(frozen=True)
class Store(DynamoStore):
    """The product's own adapter; what was parsed once is not parsed again, since rows never change."""

    parsed: dict[str, tuple[list[Item], History]] = field(default_factory=dict)

    def read(self, incident_id: str) -> History:
        """See Timeline."""
        with dynamodb._translated():  # noqa: SLF001 - errors become what the adapter makes of them
            reply: Any = self.client.query(
                TableName=self.timeline_table,
                KeyConditionExpression="incident_id = :id",
                ExpressionAttributeValues={":id": {"S": incident_id}},
                ConsistentRead=True,
            )
        return self.parse(incident_id, reply["Items"])

    def parse(self, incident_id: str, items: list[Item]) -> History:
        """The history that these rows say."""
        known, history = self.parsed.get(incident_id, ([], History(incident_id)))
        if known is items:
            return _unappended(history)
        if len(known) > len(items) or any(one is not other for one, other in zip(known, items, strict=False)):
            known, history = [], History(incident_id)
        fresh = [read_entry(item["entry"]["S"], item["hash"]["S"]) for item in items[len(known) :]]
        if fresh:
            history = history.grown(fresh)
            self.parsed[incident_id] = (items, history)
        return _unappended(history)

    def append(self, history: History, facts: Sequence[Fact], **others: Any) -> History:
        """See Timeline."""
        grown = super().append(history, facts, **others)
        rows = cast("Dynamo", self.client).rows(history.incident_id)
        if [item["hash"]["S"] for item in rows] == [entry.hash for entry in grown.entries]:
            self.parsed[history.incident_id] = (rows, grown)
        return grown


def _unappended(history: History) -> History:
    """The same history as a read gives it."""
    same = History(history.incident_id, history.entries)
    if history.entries:
        vars(same)["incident"] = history.incident
    return same
