"""What AWS runs between the functions, one thing at a time: the stream, the queues, the schedules.

Rules and queues are moto's own. When a message is visible again is ours to say, by the clock of the story.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.aws.sources import QueuePoller, StreamReader
from local.aws.spec import FunctionSpec, minutes_of
from local.aws.wiring import STREAM_BATCH, Feed
from tests.reliability.simulator.loop import START
from tests.reliability.sweep.calls import Killed
from tests.reliability.sweep.outside import Outside

Handler = Callable[[dict[str, Any], object], Any]
MOST_RECEIPTS = 10
HELD = 40_000
"""Seconds of moto's own clock for which a message that is held here stays hidden there."""
TIMEKEEPER = "timekeeper"
SCHEDULED = (150.0, 2_500.0)
"""When the functions of other schedules than the timekeeper's run: while an incident is open, and once it is over."""
SLOWEST = 60.0


@dataclass
class Held:
    """A message that a queue handed out."""

    function: str
    id: str
    record: dict[str, Any]
    visible_at: float
    receipts: int = 0


@dataclass
class Pump:
    """Delivers until nothing is left to deliver."""

    outside: Outside
    handlers: Mapping[str, Handler]
    specs: Mapping[str, FunctionSpec]
    held: dict[str, Held] = field(default_factory=dict)
    dead: list[Held] = field(default_factory=list)
    crashes: list[tuple[str, BaseException]] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    relayed: int = 0
    relay_at: float = 0.0
    relay_waits: float = 1.0
    ticked: float = -60.0
    steps: int = 0

    def __post_init__(self) -> None:
        moto, names = self.outside.moto, self.outside.aws.names
        self.plans = sorted(
            (seconds, name)
            for name, spec in self.specs.items()
            if spec.trigger.schedule and name != TIMEKEEPER and name in self.handlers
            for seconds in SCHEDULED
            if minutes_of(spec.trigger.schedule)
        )
        self.relay = next(name for name, spec in self.specs.items() if spec.trigger.stream)
        unused: Any = None
        self.queues = {
            name: QueuePoller(moto, Feed(names.queue(name), spec.trigger.queue.batch_size), unused, longest_hidden=None)
            for name, spec in self.specs.items()
            if spec.trigger.queue is not None
        }
        wired: Any = self.outside.aws.functions[self.relay]
        store: Any = self.outside.aws._store  # noqa: SLF001 - where it would note its position, which it does not here
        self.stream = StreamReader(moto, store, Feed(names.timeline, STREAM_BATCH), wired)

    def settle(self) -> None:
        """Delivers all that can be delivered at this moment, and what follows from it."""
        while self._relay() or self._deliver():
            self.steps += 1
            if self.steps > 20_000:
                raise AssertionError("the story never comes to rest")

    def next(self) -> float | None:
        """When something is to happen without anybody's doing; None for never."""
        now = self.outside.clock.seconds
        times = [each.visible_at for each in self.held.values()]
        times += [seconds for seconds, _ in self.plans[:1]]
        if self._records():
            times.append(self.relay_at)
        if (due := self._due()) is not None:
            times.append(max(-(-max(due, now) // 60) * 60, self.ticked + 60))
        return max(now, min(times)) if times else None

    def tick(self) -> None:
        """Runs what the schedule has for this moment."""
        now = self.outside.clock.seconds
        while self.plans and self.plans[0][0] <= now:
            _, name = self.plans.pop(0)
            self.invoke(name, {}, name)
        due = self._due()
        if due is not None and due <= now and now >= self.ticked + 60:
            self.ticked = now // 60 * 60
            self.invoke(TIMEKEEPER, {}, TIMEKEEPER)

    def invoke(self, name: str, event: dict[str, Any], about: str) -> Any:
        """What a function answers; None where it died, or failed as a whole."""
        outside, tape = self.outside, self.outside.tape
        tape.function, tape.dead = name, False
        outside.attempt.began, outside.attempt.about = outside.clock.seconds, about
        try:
            result = self.handlers[name](event, None)
        except Killed:
            result = None
        except Exception as error:  # noqa: BLE001 - what leaves a handler is the platform's to repeat
            self.crashes.append((name, error))
            result = None
        if tape.dead:
            result = None
        tape.dead, tape.function = False, ""
        while tape.late:
            tape.late.pop(0)()
        return result

    def _records(self) -> list[dict[str, Any]]:
        shard: Any = self.outside.moto.tables.get_table(self.outside.aws.names.timeline).stream_shard
        records: list[dict[str, Any]] = shard.items[self.relayed : self.relayed + STREAM_BATCH]
        return [self.stream._record(each.to_json()) for each in records]  # type: ignore[attr-defined]  # noqa: SLF001

    def _relay(self) -> bool:
        if self.outside.clock.seconds < self.relay_at or not (records := self._records()):
            return False
        result = self.invoke(self.relay, {"Records": records}, "")
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        done = 0
        if result is not None:
            failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
            done = next((place for place, number in enumerate(numbers) if number in failed), len(records))
        for record in records[:done]:
            self._note(record["dynamodb"]["NewImage"])
        self.relayed += done
        if done < len(records):
            self.relay_waits = 1.0 if done else min(self.relay_waits * 2, SLOWEST)
            self.relay_at = self.outside.clock.seconds + self.relay_waits
        else:
            self.relay_waits = 1.0
        return True

    def _note(self, image: Mapping[str, Any]) -> None:
        body, digest = image["entry"]["S"], image["hash"]["S"]
        if f'{body[:-1]},"hash":"{digest}"}}' not in self.outside.published:
            self.unpublished.append(f"{image['incident_id']['S']}/{image['seq']['N']}")

    def _deliver(self) -> bool:
        now, worked = self.outside.clock.seconds, False
        for name, poller in self.queues.items():
            self._receive(name, poller)
            ready = [each for each in self.held.values() if each.function == name and each.visible_at <= now]
            most = self.specs[name].trigger.queue.batch_size  # type: ignore[union-attr]
            for start in range(0, len(ready), most):
                self._attempt(name, ready[start : start + most])
                worked = True
        return worked

    def _receive(self, name: str, poller: QueuePoller) -> None:
        queue = self.outside.aws.names.queue(name)
        while messages := self.outside.moto.queues.receive_message(queue, 10, 0, HELD):
            for message in messages:
                if message.id not in self.seen:
                    self.seen.add(message.id)
                    record = poller._record(message)  # noqa: SLF001 - as its own functions are told
                    self.held[message.id] = Held(name, message.id, record, self.outside.clock.seconds)

    def _attempt(self, name: str, batch: list[Held]) -> None:
        alive = []
        for each in batch:
            if each.receipts >= MOST_RECEIPTS:
                self.dead.append(self.held.pop(each.id))
                continue
            each.receipts += 1
            each.record["attributes"]["ApproximateReceiveCount"] = str(each.receipts)
            each.visible_at = self.outside.clock.seconds + 6 * self.specs[name].timeout
            alive.append(each)
        if not alive:
            return
        result = self.invoke(name, {"Records": [each.record for each in alive]}, _about(alive[0].record["body"]))
        failed = {each.id for each in alive}
        if result is not None:
            failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
        for each in alive:
            if each.id not in failed:
                del self.held[each.id]
            elif (hidden := self.outside.hidden.pop(each.record["receiptHandle"], None)) is not None:
                each.visible_at = hidden

    def _due(self) -> float | None:
        items = self.outside.items(self.outside.aws.names.state)
        dues = [datetime.fromisoformat(item["due_at"]["S"]) for item in items if "due_at" in item]
        return (min(dues) - START).total_seconds() if dues else None


def _about(body: str) -> str:
    """The entry that a message points at."""
    detail = json.loads(body).get("detail")
    return str(detail.get("id", "")) if isinstance(detail, dict) else ""
