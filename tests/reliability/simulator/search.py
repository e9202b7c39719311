"""Plays many schedules, and makes one that fails as small as it can be."""

import gc
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from time import perf_counter, process_time
from typing import Any

from tests.reliability.simulator.loop import NeverQuiet
from tests.reliability.simulator.play import Played, play
from tests.reliability.simulator.promises import broken
from tests.reliability.simulator.schedule import Schedule, a_schedule

EVERY = 50
"""Schedules between two collections of garbage; Python's own timing of them costs more than they free."""
ENOUGH = 5
"""Schedules that break a promise, after which no more are played."""
SHARE, SHARES_OF_ONE = 100, 50
"""Schedules that a process plays before it says what came of them, and how often it does."""
MOST_TRIES = 400
"""Schedules that are played to make one smaller."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A schedule that breaks promises, which, and how."""

    schedule: Schedule
    broken: tuple[tuple[str, str], ...]

    @property
    def promises(self) -> frozenset[str]:
        """The names of the promises."""
        return frozenset(name for name, _ in self.broken)


@dataclass
class Tally:
    """What came of many schedules, from the seed `first` on; `processor` are seconds of one."""

    first: int = 0
    schedules: int = 0
    seconds: float = 0.0
    processor: float = 0.0
    applied: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    entries: int = 0
    messages: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Adds what came of a share of them."""
        self.schedules += other.schedules
        self.seconds += other.seconds
        self.processor += other.processor
        self.applied += other.applied
        self.facts += other.facts
        self.effects += other.effects
        self.entries += other.entries
        self.messages += other.messages
        self.failures += other.failures


def tried(schedule: Schedule, tally: Tally | None = None) -> Failure | None:
    """Plays one schedule; what it broke, or None."""
    try:
        played = play(schedule)
    except NeverQuiet as error:
        return Failure(schedule, (("bugs", str(error)),))
    if tally is not None:
        _count(played, tally)
    wrong = broken(played)
    return Failure(schedule, tuple(wrong)) if wrong else None


def explore(seeds: Sequence[int], *, enough: int = ENOUGH) -> Tally:
    """Plays the schedules of these seeds, in this process; stops after `enough` failures."""
    tally, began = Tally(seeds[0]), (perf_counter(), process_time())
    gc.collect()
    gc.freeze()
    gc.disable()
    for number, seed in enumerate(seeds):
        failure = tried(a_schedule(seed), tally)
        tally.schedules += 1
        if failure:
            tally.failures.append(failure)
            if len(tally.failures) >= enough:
                break
        if number % EVERY == EVERY - 1:
            gc.collect()
    gc.enable()
    tally.seconds, tally.processor = perf_counter() - began[0], process_time() - began[1]
    return tally


def explored(first: int, count: int, *, processes: int, kept: Container[int] = ()) -> Iterator[Tally]:
    """Plays `count` schedules from seed `first` on, on several processes; without the shares whose first one is `kept`.

    Each share comes with the seconds since the one before. A process makes room for another after some shares, since
    what Python's C libraries hold of memory only grows.
    """
    began = perf_counter()
    shares = [range(start, min(start + SHARE, first + count)) for start in range(first, first + count, SHARE)]
    with get_context("spawn").Pool(processes, maxtasksperchild=SHARES_OF_ONE) as pool:
        for share in pool.imap_unordered(explore, [each for each in shares if each.start not in kept]):
            share.seconds, began = perf_counter() - began, perf_counter()
            yield share


def shrunk(failure: Failure, fails: Callable[[Schedule], Failure | None] = tried) -> Failure:
    """The smallest schedule found that still breaks one of the same promises: delta debugging of its parts."""
    tries = MOST_TRIES
    best = failure
    parts: list[Any] = [*failure.schedule.story.steps, *failure.schedule.disturbances]
    size = max(1, len(parts) // 2)
    while size:
        place = 0
        smaller = False
        while place < len(parts) and tries:
            left = parts[:place] + parts[place + size :]
            tries -= 1
            again = fails(_of(failure.schedule, left))
            if again and again.promises & failure.promises:
                best, parts, smaller = again, left, True
            else:
                place += size
        if not smaller or size > 1:
            size //= 2
    return best


def _of(schedule: Schedule, parts: Iterable[Any]) -> Schedule:
    """The schedule with these parts of it alone."""
    kept = list(parts)
    steps = tuple(each for each in schedule.story.steps if each in kept)
    left = tuple(each for each in schedule.disturbances if each in kept)
    return replace(schedule, story=replace(schedule.story, steps=steps), disturbances=left)


def told(failure: Failure) -> str:
    """The failure for people: its seed, what is left of the schedule, the promises and the timelines."""
    schedule = failure.schedule
    lines = [
        f"seed {schedule.seed}, configuration: {schedule.story.configuration}",
        *(f"  story   {step}" for step in schedule.story.steps),
        *(f"  trouble {each}" for each in schedule.disturbances),
        *(f"  BROKEN  {name}: {how}" for name, how in failure.broken),
    ]
    try:
        played = play(schedule)
    except NeverQuiet:
        return "\n".join(lines)
    for incident_id, rows in played.dynamo.timelines.items():
        lines.append(f"  {incident_id}")
        for entry in played.histories()[incident_id].entries:
            said = entry.fact.model_dump(mode="json", exclude={"type", "alert", "items", "proposal", "measures"})
            text = " ".join(f"{key}={value}" for key, value in said.items() if value)[:150]
            at = rows[entry.seq].at
            lines.append(
                f"    {entry.seq:3} {at:9.2f} s {entry.actor:18} {entry.fact.type:20} <{entry.caused_by[-24:]}> {text}"
            )
    lines += [f"    ECS {effect}" for effect in played.world.effects]
    lines += [
        f"    Slack {said.at:9.2f} s {said.key} {said.text[:80]}" for said in played.slack.said if not said.thread
    ]
    lines += [f"    mail {letter.at:9.2f} s {letter.about} {letter.subject[:80]}" for letter in played.ses.letters]
    return "\n".join(lines)


def _count(played: Played, tally: Tally) -> None:
    tally.applied += played.loop.applied
    tally.effects += len(played.world.effects)
    tally.messages += len(played.slack.said) + len(played.ses.letters)
    tally.entries += played.dynamo.written
    for rows in played.dynamo.timelines.values():
        for row in rows.values():
            body = row.item["entry"]["S"]
            place = body.rfind('"type":"')
            tally.facts[body[place + 8 : body.find('"', place + 8)]] += 1
