"""A process that has read the product and its tests, and forks for each mutant: to change itself, and to be asked.

`python -m tests.reliability.mutants.warm < JOB`: the job names the mutants, the test files and how many processes; a
line of JSON for each mutant comes back. Without hints, each test is run once under coverage, so that a mutant is asked
of those tests alone that run its statement; one that takes longer than LONGEST is asked of none.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import re
import resource
import select
import signal
import sys
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NoReturn

import coverage
import pytest

from tests.reliability.mutants.change import Mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PRODUCT = ("shared", "functions")
TOO_LONG = (
    "tests/shared/test_intake.py::test_ten_thousand_repeats_leave_a_handful_of_lines",
    "tests/policy_gate/test_closed.py::test_nothing_that_is_wrong_with_one_fact_or_limit_is_more_than_a_no",
    "tests/policy_gate/test_closed.py::test_nothing_that_is_wrong_with_one_fact_makes_a_verdict_more_permissive",
    "tests/lifecycle/test_stories.py::test_an_incident_finds_whatever_message_was_lost_on_its_way",
)
"""Tests that are not even run once, since they take longer than LONGEST."""
LONGEST = 2.0
"""Seconds of processor time that one test may take without a mutant."""
PATIENCE = 5.0
"""Seconds of it after which no further test is asked about a mutant: it counts as unnoticed."""
STUCK = 90
"""Seconds of the clock after which a mutant waits for what never comes; told as noticed, as in every such tool."""
ROOM = 1_500_000_000
"""Bytes that a mutant may take beside what the process had."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked: the mutants of these texts, the files of tests, and the tests to be asked of each place, if known.

    `reach` is a file that keeps what each test runs, from one time to the next, as long as the product stays as it is;
    empty if none does.
    """

    mutants: list[Mutant]
    tests: list[str]
    sources: dict[str, str]
    hints: dict[str, list[str]] | None
    reach: str
    processes: int

    @classmethod
    def read(cls, text: str) -> Job:
        """As `written` wrote it."""
        content = json.loads(text)
        mutants = [Mutant(**{**each, "lines": tuple(each["lines"])}) for each in content.pop("mutants")]
        return cls(mutants, **content)


@dataclass(slots=True)
class Reach:
    """By file and line the numbers of the tests that run it; and how many seconds each takes (none: too many)."""

    lines: dict[str, dict[int, set[int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))
    seconds: dict[int, float] = field(default_factory=dict)

    def tests(self, mutant: Mutant, sources: Mapping[str, str]) -> set[int]:
        """Those that run the mutant's statement, or a line that names its constant."""
        if mutant.constant:
            named = re.compile(rf"\b{mutant.where}\b")
            places = [
                (file, number)
                for file, text in sources.items()
                for number, line in enumerate(text.splitlines(), 1)
                if named.search(line)
            ]
        else:
            places = [(mutant.file, number) for number in range(mutant.lines[0], mutant.lines[1] + 1)]
        return {test for file, number in places for test in self.lines.get(file, {}).get(number, ())}

    def write(self, path: Path, items: Sequence[pytest.Item]) -> None:
        """Keeps it by the tests' names."""
        lines = {file: {line: sorted(tests) for line, tests in each.items()} for file, each in self.lines.items()}
        names = [item.nodeid for item in items]
        path.write_text(json.dumps({"names": names, "seconds": self.seconds, "lines": lines}), "utf-8")

    @classmethod
    def read(cls, path: Path, items: Sequence[pytest.Item]) -> tuple[Reach, list[int]]:
        """As it was kept, of the tests that there still are; and the numbers of those that are new."""
        content, reach = json.loads(path.read_text("utf-8")), cls()
        numbers = {item.nodeid: number for number, item in enumerate(items)}
        now = {old: numbers[name] for old, name in enumerate(content["names"]) if name in numbers}
        reach.seconds = {now[int(old)]: seconds for old, seconds in content["seconds"].items() if int(old) in now}
        for file, lines in content["lines"].items():
            for line, tests in lines.items():
                reach.lines[file][int(line)] = {now[old] for old in tests if old in now}
        return reach, sorted({*numbers.values()} - {*now.values()})


class Warm:
    """The plugin that does it instead of running the tests one after the other."""

    def __init__(self, job: Job, say: Callable[[dict[str, Any]], None]) -> None:
        self._job = job
        self._say = say
        self._failed = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Examples are the same each time, kept nowhere and not made smaller: it is enough that one is found."""
        from hypothesis import Phase, settings  # noqa: PLC0415  # pytest wants to be the first that imports it

        settings.register_profile(
            "mutants", deadline=None, database=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
        )
        settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Runs the tests as they are, then forks for each mutant."""
        job, items, functions = self._job, session.items, _functions()
        named = {str(path): path.read_text("utf-8") for top in PRODUCT for path in Path(top).rglob("*.py")}
        gc.freeze()
        reach = self._measured(items)
        first: dict[str, dict[int, None]] = defaultdict(dict)
        numbers = {item.nodeid: number for number, item in enumerate(items)}
        children = _Children(job.processes)

        def heard(answer: dict[str, Any]) -> None:
            if test := answer.pop("test", None):
                mutant = job.mutants[answer["number"]]
                first[f"{mutant.file} {mutant.where}"][numbers[test]] = None
                answer["by"] = test
            self._say(answer)

        for number, mutant in enumerate(job.mutants):
            place = f"{mutant.file} {mutant.where}"
            if job.hints is None:
                found = reach.tests(mutant, named)
            else:
                found = {numbers[test] for test in job.hints.get(place, ()) if test in numbers}
            quickest = sorted(found & reach.seconds.keys(), key=reach.seconds.__getitem__)
            chosen = dict.fromkeys(
                test for test in (*first[place], *quickest) if test in found and test in reach.seconds
            )
            asked = [(items[test], reach.seconds[test]) for test in chosen]
            children.start(number, partial(self._tried, mutant, asked, functions))
            for answer in children.ended():
                heard(answer)
        for answer in children.ended(everyone=True):
            heard(answer)
        return True

    def _measured(self, items: Sequence[pytest.Item]) -> Reach:
        """Every test run once, in processes of their own, so that this one stays as it was read."""
        hinted = None if self._job.hints is None else {test for tests in self._job.hints.values() for test in tests}
        wanted = [number for number, item in enumerate(items) if hinted is None or item.nodeid in hinted]
        reach, children, answers, known = Reach(), _Children(self._job.processes), [], Path(self._job.reach)
        if self._job.reach and known.exists():
            reach, wanted = Reach.read(known, items)
        share = len(wanted) // (self._job.processes * 8) + 1
        for start in range(0, len(wanted), share):
            children.start(start, partial(self._as_it_is, items, wanted[start : start + share]))
            answers += children.ended()
        for answer in [*answers, *children.ended(everyone=True)]:
            if "seconds" not in answer:
                first = wanted[answer["number"]]
                raise RuntimeError(f"tests from {items[first].nodeid} on could not be run as they are: {answer}")
            reach.seconds |= {int(test): seconds for test, seconds in answer["seconds"].items()}
            for file, lines in answer["lines"].items():
                for line, tests in lines.items():
                    reach.lines[file][int(line)].update(tests)
        if self._job.reach:
            reach.write(known, items)
        return reach

    def _as_it_is(self, items: Sequence[pytest.Item], numbers: Sequence[int]) -> dict[str, Any]:
        """In a child: how long each of these tests takes, and which lines it runs; without those that say no."""
        here, cover = Path.cwd(), None
        if self._job.hints is None:
            folders = [str(here / top) for top in PRODUCT]
            cover = coverage.Coverage(data_file=None, config_file=False, source=folders)
            cover.start()
        seconds: dict[int, float] = {}
        for number, after in zip(numbers, [*numbers[1:], None], strict=True):
            if cover:
                cover.switch_context(str(number))
            began, self._failed = time.process_time(), False
            _run(items[number], None if after is None else items[after])
            took = time.process_time() - began
            if not self._failed and took < LONGEST:
                seconds[number] = took
        if not cover:
            return {"seconds": seconds, "lines": {}}
        cover.stop()
        data = cover.get_data()
        lines = {
            str(Path(file).relative_to(here)): {
                line: [int(context) for context in contexts if context]
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        return {"seconds": seconds, "lines": lines}

    def _tried(
        self,
        mutant: Mutant,
        tests: Sequence[tuple[pytest.Item, float]],
        functions: dict[tuple[str, str, int], list[FunctionType]],
    ) -> dict[str, Any]:
        """In a child: changes itself, and asks one test after the other until one says no."""
        try:
            if not apply(mutant, self._job.sources[mutant.file].encode(), functions):
                return {"same": True}
        except NotApplied as reason:
            return {"fault": str(reason)}
        except Unreadable as error:
            return {"by": f"Python itself: {error}"}
        if not tests:
            return {"by": "", "why": "no test runs it"}
        began = time.process_time()
        for number, (item, seconds) in enumerate(tests):
            self._failed = False
            signal.setitimer(signal.ITIMER_PROF, 2 + 10 * seconds)
            _run(item, tests[number + 1][0] if number + 1 < len(tests) else None)
            signal.setitimer(signal.ITIMER_PROF, 0)
            if self._failed:
                return {"test": item.nodeid}
            if time.process_time() - began > PATIENCE:
                return {"by": "", "why": f"{number + 1} of {len(tests)} tests asked"}
        return {"by": "", "why": f"{len(tests)} tests asked"}


class Unreadable(Exception):
    """The module could not be imported with this change."""


class NotApplied(Exception):
    """The change could not be put into the process, so nothing can be said of it."""


def apply(mutant: Mutant, source: bytes, functions: dict[tuple[str, str, int], list[FunctionType]]) -> bool:
    """Changes what runs in this process; False where it comes to the same; raises NotApplied where it cannot."""
    file = str(Path(mutant.file).resolve())
    try:
        tree = ast.parse(mutant.applied(source), file)
        code = compile(tree, file, "exec")
    except SyntaxError as error:
        raise NotApplied(f"{mutant.name}: {error}") from error
    if mutant.constant:
        return _is_read(mutant.where, functions) and _set(mutant, tree, file)
    meant = [
        (function, each)
        for each in _within(code)
        if each.co_qualname == mutant.where
        for function in functions.get((file, each.co_qualname, each.co_firstlineno), ())
    ]
    if not meant:
        raise NotApplied(f"{mutant.name}: no function of this process is changed by it")
    different = [(function, each) for function, each in meant if _deed(function.__code__) != _deed(each)]
    for function, each in different:
        closes_over = function.__code__.co_freevars
        if each.co_freevars not in {(), closes_over}:
            raise NotApplied(f"{mutant.name}: it closes over something else")
        function.__code__ = each.replace(co_freevars=closes_over)  # what it no longer needs (`super()`), it still holds
    return bool(different)


def _deed(code: CodeType) -> tuple[object, ...]:
    """What it does, wherever in the file it stands."""
    within = tuple(_deed(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    return (code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, within)


def _is_read(constant: str, functions: dict[tuple[str, str, int], list[FunctionType]]) -> bool:
    """Whether a function of the product reads it when it runs; otherwise it was built into something long ago."""
    ours = tuple(str(Path(top).resolve()) for top in PRODUCT)
    codes = (each[0].__code__ for (file, _, _), each in functions.items() if file.startswith(ours))
    return any(constant in code.co_names for outer in codes for code in (outer, *_within(outer)))


def _set(mutant: Mutant, tree: ast.Module, file: str) -> bool:
    """The constant's new value, wherever it was imported under its name."""
    name = mutant.file.removesuffix(".py").replace("/", ".")
    if name not in sys.modules:
        raise NotApplied(f"{mutant.name}: no test imports it")
    known = sys.modules[name].__dict__
    old = known[mutant.where]
    assigned: list[ast.stmt] = [
        statement
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and any(isinstance(target, ast.Name) and target.id == mutant.where for target in _targets(statement))
    ]
    scratch = dict(known)
    try:
        exec(compile(ast.Module(assigned, []), file, "exec"), scratch)  # noqa: S102  # a line of ours with our change
    except Exception as error:
        raise Unreadable(repr(error)) from error
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(mutant.where) is old:
            setattr(module, mutant.where, scratch[mutant.where])
    return True


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _functions() -> dict[tuple[str, str, int], list[FunctionType]]:
    """Every function of this process, by file, name and first line."""
    found: dict[tuple[str, str, int], list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if type(each) is FunctionType:
            code = each.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno].append(each)
    return dict(found)


def _within(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _within(each)


def _run(item: pytest.Item, after: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)


class _Children:
    """Forks of this process, at most so many at once, each with one answer."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: dict[int, tuple[int, int]] = {}

    def start(self, number: int, work: Callable[[], dict[str, Any]]) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _work(work, writing)
        os.close(writing)
        self._running[child] = (number, reading)

    def ended(self, *, everyone: bool = False) -> list[dict[str, Any]]:
        """The answers of those that have ended, waiting where as many run as may."""
        answers = []
        while self._running and (everyone or len(self._running) >= self._most):
            answers.append(self._one())
        return answers

    def _one(self) -> dict[str, Any]:
        readable, _, _ = select.select([reading for _, reading in self._running.values()], [], [])
        child, (number, reading) = next((child, held) for child, held in self._running.items() if held[1] in readable)
        with os.fdopen(reading) as answers:
            text = answers.read()
        _, status = os.waitpid(child, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # whatever a test had started
        del self._running[child]
        if text:
            return {"number": number, **json.loads(text)}
        return {"number": number, "by": f"signal {signal.Signals(os.WTERMSIG(status)).name}" if status else "its end"}


def _work(work: Callable[[], dict[str, Any]], writing: int) -> NoReturn:
    """In a child: limits itself, works, answers, and ends without any of the parent's tidying up."""
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    room = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = json.dumps(work())
        with os.fdopen(writing, "w") as answers:
            answers.write(answer)
    finally:
        os._exit(0)


def main() -> None:
    """Reads the job, and answers on what was standard output; pytest has nothing to say there."""
    job = Job.read(sys.stdin.read())
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)

    def say(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    options = ["-n0", "-p", "no:cacheprovider", "--capture=no", "--assert=plain", "-m", "not emulator and not infra"]
    options += [f"--deselect={test}" for test in TOO_LONG]
    with answers:
        code = pytest.main([*options, "-k", "not dynamodb-local", *job.tests], plugins=[Warm(job, say)])
    sys.exit(0 if code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} else int(code))


if __name__ == "__main__":
    main()
