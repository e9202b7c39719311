"""Thousands of schedules of things that go wrong, and not one promise of design section 8 is broken.

`make simulate N=10000 SEED=1` plays more of them; what may go wrong in one stands in simulator/schedule.py, and what
is asked of it afterwards in simulator/promises.py.
"""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reliability.simulator.kept import Kept, OtherCodeError, code_digest, played
from tests.reliability.simulator.play import play
from tests.reliability.simulator.schedule import Schedule, Trouble, a_schedule
from tests.reliability.simulator.search import SHARE, Failure, Tally, explore, shrunk, told
from tests.reliability.simulator.stories import Breaks

SCHEDULES = int(os.environ.get("SIMULATED", "800"))
"""Played in a run of the whole suite: some 40 s on one core that has nothing else to do."""
SHARES = 4
MOST_UNSEEN = 4
"""Kinds of trouble that a share may do without by chance."""
KINDS = {
    "duplicate", "delay", "drop", "interleaved", "clock skew", "dead letter", "redriven", "redriven twice",
    "not redriven", "kill before", "kill after", "late", "lost request", "lost reply", "throttle", "slow request",
    "slow reply", "timed out", "partial", "forgotten by the stream", "lagging index", "expires at once",
    "outage of slack", "outage of jira", "outage of mail", "outage of ecs", "outage of cloudwatch", "outage of store",
    "outage of bus", "approve clicked", "reject clicked", "take clicked", "stopped", "resumed",
    "refused", "no data", "through the door", "by webhook", "rehearsed", "fleet stopped", "outage of kms",
}  # fmt: skip


@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_goes_wrong_no_promise_is_broken(share: int) -> None:
    size = SCHEDULES // SHARES
    tally = explore(range(1 + share * size, 1 + (share + 1) * size), enough=1)

    assert tally.failures == [], told(shrunk(tally.failures[0]))
    assert len({kind for kind in KINDS if not tally.applied[kind]}) < MOST_UNSEEN
    assert tally.effects > size / 5


def test_a_seed_plays_the_same_way_every_time_and_in_every_process() -> None:
    seeds = range(1, 9)
    here = [play(a_schedule(seed)).digest() for seed in seeds]
    script = (
        "from tests.reliability.simulator.play import play\n"
        "from tests.reliability.simulator.schedule import a_schedule\n"
        f"print(*(play(a_schedule(seed)).digest() for seed in {list(seeds)}))"
    )
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        said = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
        )
        assert said.stdout.split() == here
    assert len(set(here)) == len(here)


def test_a_schedule_that_fails_is_made_as_small_as_it_can_be() -> None:
    trouble = Trouble("ecs_action", "UpdateService", 1, "lost reply")
    many = a_schedule(5)
    needed = next(step for step in many.story.steps if isinstance(step, Breaks))
    whole = replace(many, disturbances=(*many.disturbances, trouble, *a_schedule(6).disturbances))

    def fails(schedule: Schedule) -> Failure | None:
        wrong = trouble in schedule.disturbances and needed in schedule.story.steps
        return Failure(schedule, (("I2", "twice"),)) if wrong else None

    small = shrunk(Failure(whole, (("I2", "twice"),)), fails).schedule

    assert (small.story.steps, small.disturbances) == ((needed,), (trouble,))


def test_a_run_that_was_interrupted_goes_on_where_it_was_left(tmp_path: Path) -> None:
    whole = Kept(tmp_path / "kept", 1, code_digest())
    failure = Failure(a_schedule(3), (("I2", "twice"),))
    shares = [
        Tally(1, SHARE, 2.5, 2.0, Counter({"drop": 3}), Counter({"NoteAdded": 2}), 4, 5, 6, [failure]),
        Tally(1 + SHARE, SHARE, 1.5, 1.0, Counter({"drop": 1}), Counter(), 1, 1, 1),
    ]
    for share in [*whole.shares(), *shares]:
        whole.add(share)
    with whole.path.open("a") as file:
        file.write('{"first": 201, "sched')

    assert list(whole.shares()) == shares
    total = played(1, 2 * SHARE, 1, whole)
    assert (total.schedules, total.applied, total.seconds, total.failures) == (2 * SHARE, {"drop": 4}, 4.0, [failure])


def test_a_tally_of_other_code_or_another_seed_is_not_added_to(tmp_path: Path) -> None:
    path, digest = tmp_path / "kept", code_digest()
    assert list(Kept(path, 1, digest).shares()) == []

    for other in (Kept(path, 1, "other"), Kept(path, 2, digest)):
        with pytest.raises(OtherCodeError, match="of other code or another seed"):
            other.shares()
    with pytest.raises(OtherCodeError, match="was changed while it was played"):
        Kept(path, 1, "other").add(Tally())
