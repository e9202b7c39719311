"""Tries every step from every state, each state once, and counts the ways that lead through them.

What is left out because it ends as something does that is tried (`reduced=False` leaves nothing out but what
smallmodel/model.py says; test_smallmodel.py compares the ends of both, and what a broken store breaks in both):

- **Same states.** Two states are one if the same can happen from both and the same promises hold (sameness.py): they
  may differ in the order of entries of which none asks who came first. It leaves out no way: as many are counted.
- **Turns that only have to end.** A begun turn that would change nothing ends at last, as a message does that changes
  nothing; what it reads is still read before any step that would answer it otherwise. Its end commutes with all else.
- **Messages that are over.** What was answered, or is of a kind that its reader never answers, is dropped once a trial
  shows that it changes nothing; a store or a stage that answers twice is found out by that trial.
- **Deaths.** Time stands still while a turn is away, and its message comes back later: dying commutes with the steps of
  others. So a turn dies right behind its change, or before its first read once nothing else can be done.
- **Failures that are none.** A lost reply of a turn that changes nothing, a copy of a message that is over: the same
  steps follow as without it, and it would use up the crash. They are tried without it.

The ways that are counted are those that are tried. With messages that may be late (`late`) all but the first of these
is left alone, since what waits is then counted.
"""

import gc
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from time import perf_counter

from tests.reliability.smallmodel.model import ANSWERS, OUTCOMES, STEPWISE, Bounds, Reply, State, Turn
from tests.reliability.smallmodel.promises import broken
from tests.reliability.smallmodel.sameness import same
from tests.reliability.smallmodel.tables import Tables

ENOUGH = 5
Take = Callable[[State], None]
Read = tuple[str, Turn, Take]
Answers = dict[object, tuple[tuple[Reply, ...], int]]
COLLECT = 50_000
"""States between two collections of what nobody refers to any more."""
LONGEST = 200
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


def explored(
    bounds: Bounds,
    tables: Tables | None = None,
    *,
    reduced: bool = True,
    key: Callable[[State], int] | None = None,
    ended: Callable[[State], object] = lambda _: None,
) -> Explored:
    """Everything that can happen within the bounds, from these tables on (or empty ones).

    Without what makes no difference, where it is `reduced`. States of one `key` are tried once (by default those that
    are the same, or else those that are alike in every bit); `ended` is told of each state where nothing more happens.
    """
    short, name_of = reduced and not bounds.late, key or (same if reduced else State.key)
    found, ways, began = Explored(bounds), dict[int, int](), perf_counter()
    OUTCOMES.forget()
    ANSWERS.forget()
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
        for name, after in successors(state, reduced=reduced):
            found.steps += 1
            if short:
                after.forget()
            total += visit(after, name_of(after), (*path, name))
        if not total:
            total = 1
            found.ends += 1
            ended(state)
            found.effects += bool(state.world.effects)
            if len(found.broken) < ENOUGH:
                found.broken += [(why, path, state) for why in broken(state)]
        ways[key] = total
        if found.states % COLLECT == 0:
            gc.collect()
        return total

    start = State(bounds, tables or Tables())
    found.ways = visit(start, name_of(start), ())
    gc.enable()
    found.seconds = perf_counter() - began
    return found


def successors(state: State, *, reduced: bool = True) -> Iterator[tuple[str, State]]:
    """Every step from a state, and the state behind it; what makes no difference is left to the last."""
    turns = [(turn, name, _after(state, partial(State.go_on, turn=turn))) for turn, name in state.beginnings()]
    short = reduced and not state.bounds.late
    idle = [
        turn
        for turn, _, after in turns
        if after.tables.key() == state.tables.key()
        and (after.now_waits(state) or (short and after.has_ended(turn, state)))
    ]
    steps: list[tuple[str, State, Turn | None, Take]] = [
        (name, after, turn, partial(State.go_on, turn=turn)) for turn, name, after in turns if turn not in idle
    ]
    happenings = [*state.happenings(), *(state.telling_mishaps(idle) if short else state.mishaps())]
    steps += [(name, _after(state, take), None, take) for name, take in happenings]
    if short:
        steps = _telling(steps)
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
        if turn in idle and turn not in state.turns:
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
        alike = place < len(there) and there[place].said == here[place].said
        if alike or (here[place].call == "read" and "append" in calls[place:]):
            continue
        yield f"{turn.message.function} reads {made} ahead", turn, partial(State.read_ahead, turn=turn, reads=made)


def _telling(steps: list[tuple[str, State, Turn | None, Take]]) -> list[tuple[str, State, Turn | None, Take]]:
    """The steps without failures that end as the turn ends which did not fail."""
    if not any(after.crashes for _, after, turn, _ in steps if turn is None):
        return steps
    plain = {_calm(after) for _, after, turn, _ in steps if turn is not None}
    return [each for each in steps if each[2] is not None or _calm(each[1]) not in plain]


def _calm(after: State) -> int:
    """The key of a state in which nothing had failed."""
    calm = after.forked()
    calm.crashes = 0
    calm.forget()
    return same(calm)


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
