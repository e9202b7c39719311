"""The sweep as rows of the table: one for each fault, one for the stories without any."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tests.reliability.sweep.calls import FAULTS
from tests.reliability.sweep.sites import Place, changed, in_source, uncovered
from tests.reliability.sweep.stories import STORIES
from tests.reliability.sweep.teller import Story, Told, tell
from tests.reliability.table import Row

JOBS = 2
SHOWN = 30
"""Violations that are told in words."""


def run(
    size: int | None,
    seed: int = 1,
    *,
    jobs: int = JOBS,
    stories: Sequence[str] = STORIES,
    say: Callable[[str], None] = print,
) -> list[Row]:
    """`size` cases in all, chosen by the seed (0 or None: every fault at every call of every story)."""
    rows, told, reached = [], list[Told](), set[Place]()
    for story in told_stories(size or None, seed, jobs, stories):
        reached |= places(story)
        say(f"{story.name}: {len(story.calls)} calls at {len(places(story))} places, {len(story.told)} cases")
        for line in story.broken:
            say(f"  without any fault: {line}")
        rows.append(Row(f"{story.name} without a fault", 1, len(story.broken), 0.0, f"{len(story.calls)} calls"))
        told += story.told
    if set(stories) == set(STORIES):
        wrong = [*changed(reached), *uncovered()]
        rows.append(Row("call sites", len(in_source()), len(wrong), 0.0, f"{len(reached)} places are reached"))
        for line in wrong:
            say(line)
    for fault in FAULTS:
        mine = [each for each in told if each.fault == fault]
        failed = [each for each in mine if each.broken]
        ended = ", ".join(f"{times} {end}" for end, times in sorted(Counter(each.ended for each in mine).items()))
        seconds = sum(each.seconds for each in mine)
        rows.append(Row(f"{fault} at a call", len(mine), len(failed), seconds, ended))
    for row in rows:
        say(f"{row.what}: {row.tried} tried, {row.violations} violations, {row.seconds:.0f} s ({row.remark})")
    for each in [each for each in told if each.broken][:SHOWN]:
        call = each.call
        say(f"{each.story}: {each.fault} at {call.function} {call.site} {call.operation} #{call.ordinal}")
        for line in each.broken:
            say(f"  {line}")
    return rows


def told_stories(size: int | None, seed: int, jobs: int, stories: Sequence[str]) -> Iterable[Story]:
    """The stories one after the other, each with its part of the cases."""
    for number, story in enumerate(stories):
        part = None if size is None else size // len(stories) + (number < size % len(stories))
        yield tell(story, part, seed, jobs)


def places(story: Story) -> set[Place]:
    """Function, call site and operation of each call."""
    return {(call.function, call.site, call.operation) for call in story.calls}
