"""Tells a story again and again in forks of one stage: at each chosen call the teller forks, and the fork goes wrong.

So what comes before a fault is played once, and is the same for all of them. A call that another thread than the main
one makes cannot be forked at; its story is played from the beginning.
"""

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import Any

from tests.reliability.sweep.calls import FAULTS, Call, Fault

PATIENCE = 900
"""Seconds that one playing may take on a busy machine."""
Case = tuple[Call, Fault]
PARENTS: list[asyncio.AbstractEventLoop] = []
"""Event loops of the processes before this one; one that is collected unregisters what its parent waits for."""


@dataclass(frozen=True)
class Told:
    """One playing with one fault: what was broken, how it ended, and in how many seconds of its own."""

    story: str
    call: Call
    fault: Fault
    broken: tuple[str, ...]
    ended: str
    seconds: float


@dataclass(frozen=True)
class Story:
    """A story with the calls that it makes when nothing goes wrong (what was broken even so), and all that was told."""

    name: str
    calls: tuple[Call, ...]
    broken: tuple[str, ...]
    told: tuple[Told, ...]


def tell(story: str, size: int | None, seed: int, jobs: int) -> Story:
    """`size` cases of a story (None: all of them), chosen by the seed, in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_process, args=(story, size, seed, jobs, theirs))
    process.start()
    theirs.close()
    try:
        found: Story = ours.recv()
    except EOFError:
        raise RuntimeError(f"the teller of {story} died") from None
    finally:
        process.join()
    return found


def choose(calls: Sequence[Call], size: int | None, seed: int) -> list[Case]:
    """Cases in which every place comes up before any comes twice, with faults as chance has it."""
    dice = random.Random(seed)
    cases = [(call, fault) for call in dict.fromkeys(calls) for fault in FAULTS]
    if size is None or size >= len(cases):
        return cases
    dice.shuffle(cases)
    turns: dict[tuple[str, str, str], int] = defaultdict(int)
    ranked = []
    for place, (call, fault) in enumerate(cases):
        where = (call.function, call.site, call.operation)
        turns[where] += 1
        ranked.append((turns[where], place, (call, fault)))
    return [case for _, _, case in sorted(ranked)[:size]]


def _process(story: str, size: int | None, seed: int, jobs: int, pipe: Connection) -> None:
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    from tests.reliability.sweep.stage import Stage  # noqa: PLC0415 - imported where nothing else is

    told = sys.stdout
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - functions print logs that nobody reads here
    try:
        with tempfile.TemporaryDirectory() as folder:
            stage = Stage(Path(folder) / "aws")
            pipe.send(Teller(stage, story, Path(folder), jobs).tell(size, seed))
    finally:
        sys.stdout = told
    pipe.close()
    os._exit(0)  # moto's server has threads that nobody waits for


def _alone() -> None:
    """In a fork: ends it some time, and gives it an event loop of its own.

    Otherwise it would share with its parent what wakes the loop, and each would take the other's calls.
    """
    signal.alarm(PATIENCE)
    PARENTS.append(asyncio.get_event_loop())
    asyncio.set_event_loop(asyncio.new_event_loop())


class Teller:
    """Forks of a stage, at most `jobs` at a time; each leaves its report in a file."""

    def __init__(self, stage: Any, story: str, folder: Path, jobs: int) -> None:
        self.stage, self.story, self.folder, self.jobs = stage, story, folder, jobs
        self.running: list[int] = []

    def tell(self, size: int | None, seed: int) -> Story:
        """The story without a fault, and then with each of the chosen ones."""
        self._wait(self._fork("clean", lambda: None))
        clean = self._report("clean")
        calls = [Call(**each) for each in clean["calls"]]
        aside = {Call(**each) for each in clean["aside"]}
        cases = choose(calls, size, seed)
        names = {case: f"case-{number}" for number, case in enumerate(cases)}
        for case in cases:
            if case[0] in aside:
                self._begin(names[case], case)
        self._wait_for_all()
        if any(call not in aside for call, _ in cases):
            self._branches(names, aside)
        told = [self._told(case, name) for case, name in names.items()]
        return Story(self.story, tuple(calls), tuple(clean["broken"]), tuple(told))

    def _begin(self, name: str, case: Case) -> None:
        """Plays it from the beginning."""
        self._slot()
        self.running.append(self._fork(name, lambda: setattr(self.stage.tape, "wrong", case)))

    def _branches(self, names: Mapping[Case, str], aside: set[Call]) -> None:
        """Plays it once, with a fork for each fault at each call."""
        at: dict[Call, list[tuple[Fault, str]]] = defaultdict(list)
        for (call, fault), name in names.items():
            if call not in aside:
                at[call].append((fault, name))

        def branch(call: Call) -> Fault | None:
            for fault, name in at.get(call, ()):
                self._slot()
                pid = os.fork()
                if pid == 0:
                    _alone()
                    self.stage.tape.branch = lambda _: None
                    self.name, self.stage.began = name, monotonic()
                    return fault
                self.running.append(pid)
            return None

        def prepare() -> None:
            signal.alarm(0)
            self.stage.tape.branch = branch

        self._wait(self._fork("trunk", prepare))

    def _fork(self, name: str, prepare: Callable[[], None]) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            _alone()
            self.running, self.name = [], name
            prepare()
            report = asdict(self.stage.play(self.story, self.stage.tape.wrong))
            aside = self.folder / f"{self.name}.new"
            aside.write_text(json.dumps(report))
            aside.replace(self.folder / f"{self.name}.json")
            if self.name == "trunk":
                self._wait_for_all()
        except BaseException as error:  # noqa: BLE001 - a fork must never go on as its parent
            with suppress(OSError):
                (self.folder / f"{self.name}.died").write_text(repr(error))
        finally:
            os._exit(0)

    def _slot(self) -> None:
        while len(self.running) >= self.jobs:
            self._wait(self.running.pop(0))

    def _wait_for_all(self) -> None:
        while self.running:
            self._wait(self.running.pop(0))

    def _wait(self, pid: int) -> None:
        os.waitpid(pid, 0)

    def _report(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text())
            return found
        died = self.folder / f"{name}.died"
        why = died.read_text() if died.exists() else f"nothing came of it, perhaps within {PATIENCE} s"
        return {"calls": [], "aside": [], "struck": True, "broken": [why], "ended": "never", "seconds": 0.0}

    def _told(self, case: Case, name: str) -> Told:
        report = self._report(name)
        broken = [*report["broken"], *([] if report["struck"] else ["the call was never made again"])]
        return Told(self.story, *case, tuple(broken), report["ended"], float(report["seconds"]))
