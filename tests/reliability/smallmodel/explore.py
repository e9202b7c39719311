"""Tries every step from every state, each state once, and counts the ways that lead through them."""

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from time import perf_counter

from tests.reliability.smallmodel.model import STEPWISE, Bounds, Reply, State, Turn
from tests.reliability.smallmodel.promises import broken
from tests.reliability.smallmodel.tables import Tables

ENOUGH = 5
Take = Callable[[State], None]
Read = tuple[str, Turn, Take]
Answers = dict[object, tuple[tuple[Reply, ...], int]]
LONGEST = 2_000
"""Steps of one way; a longer one never ends."""


@dataclass
class Explored:
    """What there is within the bounds: states, steps between them, ends, and ways from the beginning to an end."""

    bounds: Bounds
    states: int = 0
    steps: int = 0
    ends: int = 0
    ways: int = 0
    longest: int = 0
    seconds: float = 0.0
    effects: int = 0
    broken: list[tuple[str, tuple[str, ...], State]] = field(default_factory=list)


def explored(bounds: Bounds, tables: Tables | None = None) -> Explored:
    """Everything that can happen within the bounds, from these tables on (or empty ones)."""
    found, ways, began = Explored(bounds), dict[int, int](), perf_counter()
    sys.setrecursionlimit(20_000)
    gc.collect()
    gc.freeze()
    gc.disable()

    def visit(state: State, key: int, path: tuple[str, ...]) -> int:
        if key in ways:
            return ways[key]
        found.states += 1
        found.longest = max(found.longest, len(path))
        if len(path) > LONGEST:
            found.broken.append(("it never comes to rest", path, state))
            return 0
        ways[key] = 0
        total = 0
        for name, after in successors(state):
            found.steps += 1
            total += visit(after, after.key(), (*path, name))
        if not total:
            total = 1
            found.ends += 1
            found.effects += bool(state.world.effects)
            if len(found.broken) < ENOUGH:
                found.broken += [(why, path, state) for why in broken(state)]
        ways[key] = total
        if found.states % 5_000 == 0:
            gc.collect()
        return total

    start = State(bounds, tables or Tables())
    found.ways = visit(start, start.key(), ())
    gc.enable()
    found.seconds = perf_counter() - began
    return found


def successors(state: State) -> Iterator[tuple[str, State]]:
    """Every step from a state, and the state behind it; what makes no difference is left to the last."""
    turns = [(turn, name, _after(state, partial(State.go_on, turn=turn))) for turn, name in state.beginnings()]
    idle = [turn for turn, _, after in turns if after.tables.key() == state.tables.key() and after.now_waits(state)]
    steps: list[tuple[str, State, Turn | None, Take]] = [
        (name, after, turn, partial(State.go_on, turn=turn)) for turn, name, after in turns if turn not in idle
    ]
    steps += [(name, _after(state, take), None, take) for name, take in state.happenings()]
    known: Answers = {}
    for name, after, itself, take in steps:
        yield name, after
        yield from _overtaken(state, name, after, itself, take, idle, known)
    if not any(turn is not None for _, _, turn, _ in steps):
        if idle:
            rest = state.forked()
            for turn in idle:
                rest.go_on(turn)
            yield "what changes nothing is handled", rest
        elif state.can_wait:
            yield "time passes", _after(state, State.pass_time)
    elif state.can_wait:
        yield "time passes, and a message waits", _after(state, State.pass_time)


def _overtaken(
    state: State, name: str, after: State, itself: Turn | None, take: Take, idle: list[Turn], known: Answers
) -> Iterator[tuple[str, State]]:
    """The same step, once others have read what it changes, or have found nothing to do."""
    before: list[Read] = []
    if after.world == state.world and after.tables.key() == state.tables.key():
        return
    for turn, _ in state.beginnings():
        if turn == itself or (turn not in after.turns and turn.message not in after.waiting):
            continue
        if turn in idle:
            there = _after(after, partial(State.go_on, turn=turn))
            if there.tables.key() != after.tables.key() or not there.now_waits(after):
                before.append((f"{turn.message.function} finds nothing to do", turn, partial(State.go_on, turn=turn)))
        elif turn.message.function in STEPWISE:
            before += _reads(state, after, turn, known)
    for number in range(1, len(before) + 1):
        for chosen in combinations(before, number):
            if len({turn.place for _, turn, _ in chosen}) < number:
                continue
            ahead = state.forked()
            for _, _, read in chosen:
                read(ahead)
            take(ahead)
            yield f"{', '.join(each for each, _, _ in chosen)}; {name}", ahead


def _reads(state: State, after: State, turn: Turn, known: Answers) -> Iterator[Read]:
    """The reads of a turn that are answered otherwise after a step, but for a timeline that it then appends to."""
    if turn.place not in known:
        known[turn.place] = state.answers(turn)
    (here, first), (there, _) = known[turn.place], after.answers(turn)
    calls, made = [reply.call for reply in here], 0
    for place in range(first, len(here)):
        if here[place].changes:
            break
        made += here[place].call != "clock"
        same = place < len(there) and there[place].said == here[place].said
        if same or (here[place].call == "read" and "append" in calls[place:]):
            continue
        yield f"{turn.message.function} reads {made} ahead", turn, partial(State.read_ahead, turn=turn, reads=made)


def _after(state: State, take: Take) -> State:
    after = state.forked()
    take(after)
    return after


def shown(found: Explored) -> str:
    """One line, and for each promise that was broken the way there with its timeline."""
    bounds = found.bounds
    lines = [
        (
            f"at most {bounds.alerts} alerts, {bounds.people} people, {bounds.crashes} crashes, {bounds.late} late, "
            f"{bounds.configuration}: {found.ways:,} interleavings through {found.states:,} states and {found.steps:,} "
            f"steps to {found.ends:,} ends ({found.effects:,} with an action), the longest of {found.longest} steps; "
            f"{len(found.broken)} broke a promise; {found.seconds:.1f} s"
        )
    ]
    for why, path, state in found.broken[:1]:
        lines += [f"  BROKEN {why}", f"  configuration {bounds.configuration}", *(f"    {step}" for step in path)]
        for history in state.tables.histories.values():
            lines += [
                f"  {e.seq:3} {e.at:%H:%M:%S} {e.actor:18} {e.fact.type:20} <{e.caused_by[-24:]}>"
                for e in history.entries
            ]
    return "\n".join(lines)
