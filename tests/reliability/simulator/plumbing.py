"""What AWS runs between the functions: the stream, the bus, the queues with their dead letters, and the schedule.

Delivery is at least once and in no order. A message that is not answered comes back when its visibility time-out ends,
and after ten receipts lies in the dead-letter queue, until somebody brings it back as a new message.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from local import reference
from tests.reliability.simulator.loop import START, Loop
from tests.reliability.simulator.schedule import Mishap

Handler = Callable[[dict[str, Any]], dict[str, Any] | None]
MOST_RECEIPTS = 10
TICK, SWEEP = 60.0, 600.0
"""Seconds; the sweep of a deployment comes twice as often."""
RECORDS = 10
"""Stream records that the relay gets at once, at most."""
AGAIN, LONGEST_AGAIN = 1.0, 60.0
"""Seconds until a stream batch that failed is tried again; doubled each time, up to a minute."""


@dataclass(frozen=True, slots=True)
class Function:
    """What a function's manifest says that matters here."""

    name: str
    facts: tuple[str, ...]
    timeout: float
    batch: int


def the_functions() -> dict[str, Function]:
    """Every function by its name."""
    return {
        name: Function(
            name,
            tuple(reference.consumed(manifest)),
            float(manifest["timeout"]),
            int((manifest["trigger"].get("queue") or {}).get("batch_size", 1)),
        )
        for name, manifest in reference.manifests().items()
    }


MANIFESTS = the_functions()
READERS = {
    fact: tuple(name for name, function in MANIFESTS.items() if fact in function.facts)
    for fact in {fact for function in MANIFESTS.values() for fact in function.facts}
}


@dataclass
class Message:
    """A message in a queue; `receipt` counts up whenever it is received."""

    id: str
    body: str
    visible_at: float
    receipts: int = 0
    gone: bool = False


@dataclass
class Queue:
    """A function's queue and its dead letters."""

    function: Function
    handler: Handler
    messages: dict[str, Message] = field(default_factory=dict)
    dead: list[Message] = field(default_factory=list)
    put: int = 0
    waking: set[float] = field(default_factory=set)


class Plumbing:
    """All of it; `handlers` are the functions' own, by name."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.queues: dict[str, Queue] = {}
        self.one_by_one = False
        self.forgotten: set[int] = set()
        self.records: list[dict[str, Any]] = []
        self.relayed = 0
        self.streamed_in_all = 0
        self.published: set[str] = set()
        self.unpublished: list[str] = []
        self.relay: Handler = _nothing
        self.timekeeper: Handler = _nothing
        self.sweep: Handler = _nothing
        self.timers_left: Callable[[], str] = str
        self.rang_at = 0.0
        self._relaying = False
        self._again = AGAIN
        self._ticks: set[float] = set()
        self._ticked = -TICK
        self._mishaps: dict[tuple[str, int], Mishap] = {}
        self._keeper_off = 0.0
        self._numbers = count(1)

    def wire(
        self, handlers: Mapping[str, Handler], relay: Handler, timekeeper: Handler, timers: Callable[[], str]
    ) -> None:
        """Connects the functions."""
        self.queues = {name: Queue(MANIFESTS[name], handler) for name, handler in handlers.items()}
        self.relay, self.timekeeper, self.timers_left = relay, timekeeper, timers
        self._keeper_off = (self.loop.time("timekeeper") - self.loop.time()).total_seconds()

    def disturb(self, mishap: Mishap) -> None:
        """Notes what will happen to a message."""
        self._mishaps[mishap.queue, mishap.nth] = mishap

    # The stream

    def streamed(self, item: Mapping[str, Any]) -> None:
        """A row was put into the timeline."""
        self.streamed_in_all += 1
        if self.streamed_in_all in self.forgotten and not self.loop.calm:
            self.loop.applied["forgotten by the stream"] += 1
            return
        number = str(self.streamed_in_all)
        keys = {name: item[name] for name in ("incident_id", "seq")}
        change = {"SequenceNumber": number, "Keys": keys, "NewImage": item}
        self.records.append({"eventName": "INSERT", "dynamodb": change})
        if not self._relaying:
            self._relaying = True
            self.loop.after(0.0, self._relay)

    def _relay(self) -> None:
        batch = self.records[self.relayed : self.relayed + RECORDS]

        def ended(result: dict[str, Any] | None) -> None:
            done = 0
            if result is not None:
                failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
                numbers = [each["dynamodb"]["SequenceNumber"] for each in batch]
                done = next((place for place, number in enumerate(numbers) if number in failed), len(batch))
                self._note(batch[:done])
            self.relayed += done
            self._again = AGAIN if done else min(2 * self._again, LONGEST_AGAIN)
            if self.relayed < len(self.records):
                self.loop.after(0.0 if done else self._again, self._relay)
            else:
                self._relaying = False

        run = lambda: self.relay({"Records": batch})  # noqa: E731 - one line more would say no more
        self.loop.start("relay", run, timeout=MANIFESTS["relay"].timeout, ended=ended)

    def _note(self, records: list[dict[str, Any]]) -> None:
        """Keeps which of the records that the relay said it had published never were on the bus."""
        for record in records:
            image = record["dynamodb"]["NewImage"]
            body, digest = image["entry"]["S"], image["hash"]["S"]
            if f'{body[:-1]},"hash":"{digest}"}}' not in self.published:
                self.unpublished.append(f"{image['incident_id']['S']}/{image['seq']['N']}")

    # The bus and the queues

    def publish(self, kind: str, detail: str) -> None:
        """An entry is on the bus."""
        self.published.add(detail)
        body = f'{{"source":"middlewatch","detail-type":"{kind}","detail":{detail}}}'
        for name in READERS.get(kind, ()):
            self.send(name, body)

    def send(self, queue: str, body: str) -> None:
        """Puts a message into a queue, where something may happen to it."""
        there = self.queues[queue]
        there.put += 1
        mishap = None if self.loop.calm else self._mishaps.get((queue, there.put))
        later = 0.0
        if mishap:
            self.loop.applied[mishap.kind] += 1
            match mishap.kind:
                case "duplicate":
                    for seconds in mishap.seconds:
                        self._enqueue(there, body, seconds)
                case "delay":
                    later = mishap.seconds[0]
                case "drop":
                    later = 6 * there.function.timeout * len(mishap.seconds)
        message = self._enqueue(there, body, later)
        if mishap and mishap.kind == "drop":
            message.receipts = len(mishap.seconds)

    def hide(self, receipt: str, seconds: float) -> None:
        """A receiver wants a message to stay away for so long."""
        queue, _, rest = receipt.partition(":")
        number, _, receipts = rest.partition(":")
        message = self.queues[queue].messages.get(number)
        if message and message.receipts == int(receipts):
            message.visible_at = self.loop.now + seconds
            self._wake(self.queues[queue], message.visible_at)

    def redrive(self, names: tuple[str, ...]) -> int:
        """Somebody brings the dead letters of these queues back; how many there were."""
        moved = 0
        for name in names:
            queue = self.queues[name]
            letters, queue.dead = queue.dead, []
            for letter in letters:
                moved += 1
                self._enqueue(queue, letter.body, 0.0)
        return moved

    def _enqueue(self, queue: Queue, body: str, later: float) -> Message:
        message = Message(str(next(self._numbers)), body, self.loop.now + later)
        queue.messages[message.id] = message
        self._wake(queue, message.visible_at)
        return message

    def _wake(self, queue: Queue, at: float) -> None:
        if at not in queue.waking:
            queue.waking.add(at)
            self.loop.at(at, lambda: self._receive(queue, at))

    def _receive(self, queue: Queue, at: float) -> None:
        queue.waking.discard(at)
        now = self.loop.now
        ready = [each for each in queue.messages.values() if each.visible_at <= now]
        most = 1 if self.one_by_one else queue.function.batch
        for start in range(0, len(ready), most):
            self._attempt(queue, ready[start : start + most])

    def _attempt(self, queue: Queue, batch: list[Message]) -> None:
        hidden = self.loop.now + 6 * queue.function.timeout
        alive = []
        for message in batch:
            if message.visible_at > self.loop.now or message.id not in queue.messages:
                continue  # an attempt that was started just now took its time and hid it
            if message.receipts >= MOST_RECEIPTS:
                self.loop.applied["dead letter"] += 1
                del queue.messages[message.id]
                queue.dead.append(message)
                continue
            message.receipts += 1
            message.visible_at = hidden
            alive.append(message)
        if not alive:
            return
        self._wake(queue, hidden)
        name = queue.function.name
        records = [
            {
                "messageId": each.id,
                "receiptHandle": f"{name}:{each.id}:{each.receipts}",
                "body": each.body,
                "attributes": {"ApproximateReceiveCount": str(each.receipts)},
            }
            for each in alive
        ]

        def ended(result: dict[str, Any] | None) -> None:
            if result is None:
                return
            failed = {each["itemIdentifier"] for each in result["batchItemFailures"]}
            for each in alive:
                if each.id not in failed:
                    queue.messages.pop(each.id, None)

        self.loop.start(name, lambda: queue.handler({"Records": records}), timeout=queue.function.timeout, ended=ended)

    # The schedule

    def timed(self, due: str) -> None:
        """A timer was set: the timekeeper will be woken at the first full minute from then on."""
        self._tick_at(max(self._seconds(due), self.loop.now))

    def sweeping(self) -> None:
        """Has the alarms swept every ten minutes from now on, and every two hours once no alarm changed for one."""
        timeout = MANIFESTS["sweep"].timeout
        self.loop.start("sweep", lambda: self.sweep({}), timeout=timeout, ended=lambda _: None)
        quiet = self.loop.calm or self.loop.now > self.rang_at + 3_600
        self.loop.after(SWEEP * (12 if quiet else 1), self.sweeping)

    def _tick_at(self, seconds: float) -> None:
        minute = max(-(-seconds // TICK) * TICK, self._ticked + TICK)
        if minute not in self._ticks:
            self._ticks.add(minute)
            self.loop.at(minute, lambda: self._tick(minute))

    def _tick(self, minute: float) -> None:
        """Wakes the timekeeper, unless all timers were set for later meanwhile."""
        self._ticks.discard(minute)
        left = self.timers_left()
        if left and self._seconds(left) > minute:
            self._tick_at(self._seconds(left))
        elif left:
            self._ticked = minute
            timeout = MANIFESTS["timekeeper"].timeout
            self.loop.start(
                "timekeeper", lambda: self.timekeeper({}), timeout=timeout, ended=lambda _: self._again_at()
            )

    def _again_at(self) -> None:
        if left := self.timers_left():
            self._tick_at(self._seconds(left))

    def _seconds(self, due: str) -> float:
        """When that is by the timekeeper's clock."""
        return (datetime.fromisoformat(due) - START).total_seconds() - self._keeper_off


def _nothing(_: dict[str, Any]) -> dict[str, Any]:
    return {}
