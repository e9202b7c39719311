"""Lets eight workers loose at one moment, again and again, and compares everything that is in the tables afterwards.

What must be there is what the same workers write one after the other, in the order in which their first entries stand.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from json import loads
from math import inf
from threading import Barrier
from typing import TYPE_CHECKING, Any

from local.aws.provision import Names, Provisioner
from shared import facts
from shared.entry import Entry, read_entry
from shared.errors import Unavailable
from shared.integrations.dynamodb import DynamoStore
from tests.fakes.store import MemoryStore
from tests.reliability.races.kinds import Kind, Round, Worker
from tests.reliability.races.stores import Connect

if TYPE_CHECKING:
    from tests.reliability.races.kinds import Timelines

STALL = timedelta(minutes=5)
DELIVERIES = 400
"""How often a worker is given its message again before the race counts as stuck."""
AGAIN = 0.003
"""Seconds between two deliveries of one message."""
_NUMBERS = count()


@dataclass(frozen=True)
class Content:
    """All that is in both tables: each timeline's entries, and each item of the state."""

    timelines: Mapping[str, Sequence[Entry]]
    state: Mapping[str, Mapping[str, Any]]


def race(
    kind: Kind, rounds: int, workers: int, connect: Connect, adapter: type[DynamoStore] = DynamoStore
) -> list[str]:
    """What went wrong in so many rounds of that kind, on tables of its own, with so many stores of `adapter`."""
    names = Names(timeline=f"timeline-{next(_NUMBERS)}", state=f"state-{next(_NUMBERS)}")
    client = connect()
    Provisioner(lambda _service: client, names).tables()
    stores = [adapter(connect(), names.timeline, names.state, STALL) for _ in range(workers)]
    played, wrong = [], list[str]()
    barrier = Barrier(workers)

    def work(store: DynamoStore, worker: Worker) -> str:
        barrier.wait(60)
        return _worked(store, worker)

    with ThreadPoolExecutor(workers) as pool:
        for number in range(rounds):
            played.append(kind(number))
            played[-1].before(stores[0])
            failures = pool.map(work, stores, _so_many(played[-1].workers, workers))
            wrong += [f"round {number}: {failure}" for failure in failures if failure]
    there = content(client, names)
    by_cause: dict[str, list[Entry]] = defaultdict(list)
    for entries in there.timelines.values():
        for entry in entries:
            by_cause[entry.caused_by].append(entry)
    for number, each in enumerate(played):
        wrong += [f"round {number}: {line}" for line in _effects(each, by_cause)]
    return [*wrong, *difference(there, _expected(kind, rounds, workers, there.timelines))]


def content(client: Any, names: Names) -> Content:
    """Everything that stands in the two tables."""
    timelines: dict[str, list[Entry]] = defaultdict(list)
    for page in client.get_paginator("scan").paginate(TableName=names.timeline, ConsistentRead=True):
        for item in page["Items"]:
            assert set(item) == {"incident_id", "seq", "entry", "hash"}
            timelines[item["incident_id"]["S"]].append(read_entry(item["entry"]["S"], item["hash"]["S"]))
    for entries in timelines.values():
        entries.sort(key=lambda entry: entry.seq)
    state = {}
    for page in client.get_paginator("scan").paginate(TableName=names.state, ConsistentRead=True):
        for item in page["Items"]:
            state[item["key"]["S"]] = {
                "value": loads(item["value"]["S"]),
                "count": int(item["count"]["N"]) if "count" in item else None,
                "listed": (item["list"]["S"], item["list_at"]["S"]) if "list" in item else None,
                "due": item["due_at"]["S"] if "due_at" in item else "",
            }
    return Content(timelines, state)


def difference(there: Content, expected: Content) -> list[str]:
    """Each row and item that is in one of them alone, or not the same in both."""
    here, serial = _flat(there), _flat(expected)
    return [
        f"{key} is {here.get(key, 'not there')}, and one after the other {serial.get(key, 'not there')}"
        for key in sorted(set(here) | set(serial))
        if here.get(key) != serial.get(key)
    ]


def _flat(all_of_it: Content) -> dict[str, object]:
    rows = {entry.id: (entry.body, entry.hash) for timeline in all_of_it.timelines.values() for entry in timeline}
    return {**rows, **all_of_it.state}


def _so_many(workers: Sequence[Worker], wanted: int) -> list[Worker]:
    """The same workers again and again until there are enough."""
    return [workers[place % len(workers)] for place in range(wanted)]


def _worked(store: Any, worker: Worker) -> str:
    """Does a worker's part as often as its queue would bring the message back; why it never got done."""
    last = ""
    for _ in range(DELIVERIES):
        try:
            worker.run(store)
        except Unavailable as error:
            last = str(error)
            time.sleep(AGAIN)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the race found
            return f"{worker.cause}: {type(error).__name__}: {error}"
        else:
            return ""
    return f"{worker.cause} was never done: {last}"


def _effects(played: Round, entries: Mapping[str, Sequence[Entry]]) -> list[str]:
    """What was done more than once, or not at all; `entries` are all that there are, by their cause."""
    causes = {worker.cause for worker in played.workers}
    mine = [entry for cause in sorted(causes) for entry in entries.get(cause, ())]
    done = [entry.fact.type for entry in mine if isinstance(entry.fact, played.once)] if played.once else played.effects
    lines = [] if len(done) == 1 else [f"done {len(done)} times: {done}"]
    twice = Counter((entry.incident_id, entry.caused_by, entry.fact.type) for entry in mine)
    return lines + [f"{' '.join(each)} is there {times} times" for each, times in twice.items() if times > 1]


def _expected(kind: Kind, rounds: int, workers: int, timelines: "Timelines") -> Content:
    """What a store holds on which the same workers worked one after the other, in the order of their entries."""
    memory = MemoryStore(STALL)
    first: dict[str, int] = {}
    for entries in timelines.values():
        for entry in reversed(entries):
            first[entry.caused_by] = entry.seq

    def place(worker: Worker) -> tuple[bool, float, bool]:
        entries = timelines.get(worker.incident, ())
        began = any(isinstance(entry.fact, facts.ActionStarted) for entry in entries)
        return not began, first.get(worker.cause, inf), not entries

    for number in range(rounds):
        again = kind(number)
        again.before(memory)
        for worker in sorted(_so_many(again.workers, workers), key=place):
            _follow(memory, worker, timelines.get(worker.incident, ()))
            with suppress(Unavailable):
                worker.run(memory)
    state = {
        key: {"value": loads(item.value), "count": item.count, "listed": item.listed, "due": item.due}
        for key, item in memory.items.items()
    }
    return Content(memory.timelines, state)


def _follow(memory: MemoryStore, worker: Worker, entries: Sequence[Entry]) -> None:
    """Where another worker than the one that acted recorded the outcome, as it may: appends what stands there."""
    if not any(isinstance(entry.fact, facts.ActionCompleted) and entry.fact.reconciled for entry in entries):
        return
    history = memory.read(worker.incident)
    for entry in entries[len(history.entries) :]:
        also = worker.takes() if isinstance(entry.fact, facts.ActionStarted) else ()
        history = memory.append(
            history, [entry.fact], actor=entry.actor, caused_by=entry.caused_by, now=entry.at, also=also
        )
