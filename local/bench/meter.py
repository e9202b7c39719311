"""Counts what AWS would charge for, request by request, as the embedded AWS answers them."""

from __future__ import annotations

import json
import re
from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Any

from local.aws.calls import access_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.aws.calls import Identity
    from local.aws.spec import FunctionSpec

KB = 1024
_DURATION = re.compile(r"^REPORT .* Duration: ([\d.]+) ms")
_CLOCKWORK = "timekeeper"
"""Runs every minute whatever happens: its invocations and its look for due timers belong to no incident."""


class Meter:
    """What the functions used since the last `reset`."""

    def __init__(self, specs: Iterable[FunctionSpec], timeline: str) -> None:
        """Know the functions by their access keys; remember the sizes of items from now on."""
        self._specs = {spec.name: spec for spec in specs}
        self._callers = {access_key(name): name for name in self._specs}
        self._timeline = timeline
        self._sizes: dict[str, tuple[int, int]] = {}
        self._timelines: Counter[str] = Counter()
        self.reset()

    def reset(self) -> None:
        """Begin anew; the sizes of items stay known."""
        self.used: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.by: Counter[str] = Counter()
        self.bytes = 0

    def request(self, identity: Identity) -> None:
        """Count one AWS request of a function (of anybody else it only learns the sizes of items)."""
        function = self._callers.get(identity.key)
        request = identity.request
        counted = function and not (function == _CLOCKWORK and identity.operation == "Query" and "IndexName" in request)
        before = self.used.copy(), self.bytes
        self._charge(identity.service, identity.operation, request)
        if not counted:
            self.used, self.bytes = before
            return
        self.calls[f"{identity.service}:{identity.operation}"] += 1
        self.by[str(function)] += 1

    def line(self, function: str, line: str) -> None:
        """Count an invocation, and what it logged."""
        if function == _CLOCKWORK:
            return
        if report := _DURATION.match(line):
            spec = self._specs[function]
            self.used["Lambda requests"] += 1
            self.used["Lambda GB-seconds"] += float(report[1]) / 1000 * spec.memory / 1024  # type: ignore[assignment]
            self.used["HTTP API requests"] += 1 if spec.trigger.http else 0
        self.used["Log bytes"] += len(line.encode()) + 26  # what CloudWatch Logs adds to each event

    def _charge(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        match service, operation:
            case "dynamodb", "TransactWriteItems":
                for action in request["TransactItems"]:
                    self._write(action)
            case "dynamodb", "Query" if "IndexName" in request:
                self.used["DynamoDB read request units"] += 0.5  # type: ignore[assignment]
            case "dynamodb", "Query":
                incident_id = next(iter(request["ExpressionAttributeValues"].values()))["S"]
                self.used["DynamoDB read request units"] += units(self._timelines[incident_id], 4)
            case "dynamodb", "GetItem":
                size, _ = self._sizes.get(request["Key"]["key"]["S"], (0, 0))
                self.used["DynamoDB read request units"] += units(size, 4)
            case "events", "PutEvents":
                for entry in request["Entries"]:
                    self.used["EventBridge custom events"] += units(len(json.dumps(entry)), 64)
                    heard = (spec.trigger.queue for spec in self._specs.values() if spec.trigger.queue)
                    copies = sum(entry["DetailType"] in queue.facts for queue in heard)
                    self.used["SQS requests"] += 3 * copies
            case "sqs", "SendMessage":
                self.used["SQS requests"] += 3
            case "ses", "SendEmail":
                self.used["SES messages"] += 1

    def _write(self, action: Mapping[str, Any]) -> None:
        ((kind, what),) = action.items()
        if kind == "Put" and what["TableName"] == self._timeline:
            size = item_size(what["Item"])
            self._timelines[what["Item"]["incident_id"]["S"]] += size
            self.bytes += size
            self.used["DynamoDB write request units"] += 2 * units(size, 1)
            return
        key = (what["Item"] if kind == "Put" else what["Key"])["key"]["S"]
        old, old_indexes = self._sizes.get(key, (0, 0))
        size, indexes = old or item_size(what.get("Key", {})), old_indexes
        if kind == "Put":
            size, indexes = item_size(what["Item"]), ("list" in what["Item"]) + ("due_shard" in what["Item"])
            self.bytes += size
        elif kind == "Delete":
            size = indexes = 0
        else:
            self.bytes += size
        self._sizes[key] = size, indexes
        largest = units(max(size, old), 1)
        self.used["DynamoDB write request units"] += (2 + max(indexes, old_indexes)) * largest


def units(size: int, kilobytes: int) -> int:
    """How many units of that many KB `size` bytes take; one at least."""
    return max(1, ceil(size / (kilobytes * KB)))


def item_size(item: Mapping[str, Mapping[str, str]]) -> int:
    """The bytes of an item of texts and numbers, as DynamoDB counts them (developer guide, 'Item sizes')."""
    return sum(
        len(name) + (len(text.encode()) if kind == "S" else ceil(len(text) / 2) + 1)
        for name, value in item.items()
        for kind, text in value.items()
    )
