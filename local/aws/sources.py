"""What calls functions by itself: queues, the table's stream, the schedule."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from moto.events.models import EventPattern

from local.aws.spec import minutes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moto.sqs.models import Message

    from local.aws.function import Function, Outcome
    from local.aws.moto_server import Moto
    from local.aws.store import Store
    from local.aws.wiring import Beat, Feed

SLOWEST_RETRY = 5.0
"""Seconds between two tries of a failed stream batch, at most."""


def wanted(record: Mapping[str, Any], filters: Sequence[str]) -> bool:
    """Say whether one of the filters matches a record, whose body is read as JSON where it is that."""
    if not filters:
        return True
    seen = dict(record)
    with contextlib.suppress(KeyError, ValueError):
        seen["body"] = json.loads(seen["body"])
    return any(EventPattern.load(each).matches_event(seen) for each in filters)  # type: ignore[arg-type]


def failed_items(outcome: Outcome, known: Sequence[str], *, partial: bool = True) -> set[str]:
    """Say which of the known identifiers a batch's outcome reports as failed.

    A failed function, an answer of another shape and an identifier that is empty or unknown mean all of them:
    that is how Lambda reads `ReportBatchItemFailures`. Where it is not to read that (`partial`), an answer is success.
    """
    if outcome.failed:
        return set(known)
    if not partial:
        return set()
    result = outcome.result()
    if result is None or result == {}:
        return set()
    failures = result.get("batchItemFailures", []) if isinstance(result, dict) else None
    if failures is None:
        return set()
    try:
        failed = {failure["itemIdentifier"] for failure in failures}
    except (KeyError, TypeError):
        return set(known)
    unknown = failed - set(known)
    return set(known) if unknown else failed


class Source:
    """Something that runs in threads of its own until it is stopped."""

    def __init__(self, threads: int) -> None:
        """Prepare to run `_run` in so many threads."""
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        """Run."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Take nothing new."""
        self._stopping.set()

    def join(self) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads:
            thread.join(10)

    def _run(self) -> None:
        raise NotImplementedError


class QueuePoller(Source):
    """Takes batches from a queue, has the function work on them, and deletes what succeeded."""

    def __init__(
        self, moto: Moto, feed: Feed, function: Function, *, longest_hidden: float | None, concurrency: int = 2
    ) -> None:
        """Poll the queue. Messages under work stay hidden for the queue's visibility time-out.

        `longest_hidden` caps that, in seconds.
        """
        super().__init__(concurrency)
        self._feed = feed
        self._moto = moto
        self._queue = feed.name
        self._function = function
        self._longest = longest_hidden

    def _run(self) -> None:
        while messages := self._receive():
            records = [self._record(message) for message in messages]
            records = [record for record in records if wanted(record, self._feed.filters)]
            failed = self._failed(records) if records else set()
            with self._moto.changes.lock:
                for message in messages:
                    if message.id not in failed:
                        self._moto.queues.delete_message(self._queue, str(message.receipt_handle))
                self._moto.commit()

    def _failed(self, records: Sequence[Mapping[str, Any]]) -> set[str]:
        outcome = self._function.invoke({"Records": records})
        return failed_items(outcome, [record["messageId"] for record in records], partial=self._feed.partial)

    def _receive(self) -> list[Message]:
        changes = self._moto.changes
        waiter = changes.waiter(f"queue/{self._queue}")
        with changes.lock:
            queue = self._moto.queues.watched(self._queue)
            while not self._stopping.is_set():
                hidden = queue.attributes["VisibilityTimeout"]
                if self._longest is not None:
                    hidden = min(hidden, self._longest)
                messages = self._moto.queues.receive_message(self._queue, self._feed.batch, 0, max(1, int(hidden)))
                self._moto.commit()
                if messages:
                    return messages
                waiter.wait(queue.due_in())
        return []

    def _record(self, message: Message) -> dict[str, Any]:
        attributes = {
            name: {
                "stringValue": value.get("StringValue"),
                "binaryValue": value.get("BinaryValue"),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value["DataType"],
            }
            for name, value in message.message_attributes.items()
        }
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": str(message.sent_timestamp),
                "SenderId": message.sender_id,
                "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
            },
            "messageAttributes": attributes,
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{self._moto.region}:{self._moto.account}:{self._queue}",
            "awsRegion": self._moto.region,
        }


class StreamReader(Source):
    """Hands a table's stream records to a function in their order, each until it succeeds."""

    def __init__(self, moto: Moto, store: Store, feed: Feed, function: Function) -> None:
        """Read on from where the last reader of this name stopped; a new one begins with the oldest record kept."""
        super().__init__(1)
        self._moto = moto
        self._store = store
        self._feed = feed
        self._table = feed.name
        self._function = function
        self._reader = f"{function.wired.name}/{feed.name}"

    def _run(self) -> None:
        size, pause = self._feed.batch, 0.1
        while records := self._receive(size):
            numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
            failed = self._failed([record for record in records if wanted(record, self._feed.filters)])
            # As with BisectBatchOnFunctionError: a batch failed as a whole comes again in halves.
            done = next((position for position, number in enumerate(numbers) if number in failed), len(numbers))
            if done:
                self._move_to(str(int(numbers[done - 1]) + 1))
            if not failed:
                size, pause = self._feed.batch, 0.1
                continue
            if not done and size > 1:
                size = max(1, len(records) // 2)
            else:
                self._stopping.wait(pause)
                pause = min(SLOWEST_RETRY, pause * 2)

    def _failed(self, records: Sequence[Mapping[str, Any]]) -> set[str]:
        if not records:
            return set()
        outcome = self._function.invoke({"Records": records})
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return failed_items(outcome, numbers, partial=self._feed.partial)

    def _move_to(self, number: str) -> None:
        with self._moto.changes.lock:
            with self._store:
                self._store.keep_position(self._reader, number)
            self._moto.trim(self._table, number)

    def _receive(self, size: int) -> list[dict[str, Any]]:
        changes = self._moto.changes
        waiter = changes.waiter(f"stream/{self._table}")
        with changes.lock:
            shard: Any = self._moto.tables.get_table(self._table).stream_shard
            while not self._stopping.is_set():
                position = int(self._store.position(self._reader) or 0)
                start = max(shard.starting_sequence_number, position)
                if records := shard.get(start, size):
                    return [self._record(record) for record in records]
                waiter.wait()
        return []

    def _record(self, record: dict[str, Any]) -> dict[str, Any]:
        table = self._moto.tables.get_table(self._table)
        at = record["dynamodb"]["ApproximateCreationDateTime"]
        return {
            **record,
            "awsRegion": self._moto.region,
            "eventSourceARN": f"{table.table_arn}/stream/{table.latest_stream_label}",
            "eventVersion": "1.1",
            "dynamodb": {
                **record["dynamodb"],
                "ApproximateCreationDateTime": float(int(at.replace(tzinfo=UTC).timestamp())),
            },
        }


class Schedule(Source):
    """Has a function called as its schedule says, one call at a time, in a time where a minute takes `tick` seconds."""

    def __init__(self, moto: Moto, function: Function, beat: Beat, tick: float) -> None:
        """Call for the first time after one period of the schedule."""
        super().__init__(1)
        self._function = function
        self._beat = beat
        self._seconds = tick * minutes_of(beat.expression)
        self._region, self._account = moto.region, moto.account

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._function.invoke(self._own_event() if self._beat.event is None else json.loads(self._beat.event))

    def _own_event(self) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self._account,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._region,
            "resources": [f"arn:aws:scheduler:{self._region}:{self._account}:schedule/default/{self._beat.name}"],
            "detail": "{}",
        }


def stop_all(sources: Sequence[Source], wake: Callable[[], None]) -> None:
    """Stop the sources together, waking those that wait."""
    for source in sources:
        source.ask_to_stop()
    deadline = time.monotonic() + 10
    wake()
    for source in sources:
        if time.monotonic() < deadline:
            source.join()
