"""Mutation testing of what decides and acts: `shared/` and seven functions, each change asked of the tests that run it.

`python -m tests.reliability.mutants` is the command; `make reliability` does not try it yet. What is changed, and what
is not, stands in change.py; how a change is put into a running process and asked about, in warm.py.
"""

from __future__ import annotations

import json
import math
import os
import random
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import yaml

from tests.reliability.mutants.change import Mutant, mutants
from tests.reliability.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
FUNCTIONS = ("policy_gate", "approval", "ecs_action", "verification", "lifecycle", "ai_assessment", "alert_intake")
TESTS = (
    *("tests/shared", "tests/contracts", "tests/cli"),
    *(f"tests/{spec.parent.name}" for spec in sorted((ROOT / "functions").glob("*/function.yaml"))),
)
"""Where tests are asked from: those of every function, as all stand on `shared/`, and of what every store has to do."""
ENOUGH = 0.9
"""The share of the mutants that has to be noticed."""
FROM_EACH = 4
"""Mutants that a draw takes of each of its files, if it does not take all files."""
SURVIVORS = HERE / "survivors.yaml"
"""The mutants that nothing notices, each with why."""
HINTS = HERE / "hints.json"
"""By function, the tests that noticed its mutants when all of them were tried: whom to ask first in a small draw.

A hint that is wrong costs a mutant (it counts as unnoticed), and never makes one noticed.
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one mutant: the test that noticed it (or the signal that ended it); empty if nothing did."""

    mutant: Mutant
    by: str
    why: str = ""


def files() -> list[str]:
    """The files that are changed; a handler only puts together what is tried elsewhere."""
    paths = [*(ROOT / "shared").rglob("*.py")]
    paths += [path for name in FUNCTIONS for path in (ROOT / "functions" / name).glob("*.py")]
    names = sorted(str(path.relative_to(ROOT)) for path in paths)
    return [name for name in names if not name.endswith(("/__init__.py", "/handler.py"))]


def drawn(size: int, seed: int, only: str = "") -> list[Mutant]:
    """`size` mutants drawn by `seed` (0: all) of the files in which the pattern `only` is found.

    From each file its share of them; a small draw takes fewer files, so that those have more than one.
    """
    chosen, chance = [file for file in files() if re.search(only, file)], random.Random(seed)
    most = math.ceil(size / FROM_EACH)
    if 0 < most < len(chosen):
        chosen = sorted(chance.sample(chosen, most))
    every = [mutants(file, (ROOT / file).read_bytes()) for file in chosen]
    total = sum(map(len, every))
    if not 0 < size < total:
        return [mutant for group in every for mutant in group]
    spread = [mutant for group in every for mutant in chance.sample(group, len(group))]
    start = chance.random()
    return [spread[int((place + start) * total / size)] for place in range(size)]


def tried(
    chosen: Sequence[Mutant],
    *,
    hints: Mapping[str, Sequence[str]] | None = None,
    reach: str = "",
    processes: int = 2,
    told: Callable[[Tried], object] = lambda _: None,
) -> list[Tried]:
    """What came of each; those that come to the same as what stands are left out.

    `hints` says whom to ask; otherwise it is measured, or read from the file `reach`. Raises RuntimeError at the end
    where one could not be put into the process.
    """
    if hints is not None:
        places = {f"{mutant.file} {mutant.where}" for mutant in chosen}
        hints = {place: list(tests) for place, tests in hints.items() if place in places}
    known = {test.partition("::")[0] for tests in (hints or {}).values() for test in tests}
    asked = TESTS if hints is None else sorted(file for file in known if (ROOT / file).exists())
    if not asked:
        return [Tried(each, "", "nobody is known to ask") for each in chosen]
    sources = {file: (ROOT / file).read_text("utf-8") for file in {each.file for each in chosen}}
    job = {
        "mutants": [asdict(each) for each in chosen],
        "sources": sources,
        "tests": asked,
        "hints": hints,
        "reach": reach,
        "processes": processes,
    }
    with TemporaryDirectory(prefix="mutants-") as folder:
        return list(_answers(job, chosen, {**os.environ, "TMPDIR": folder}, told))


def _answers(
    job: Mapping[str, Any], chosen: Sequence[Mutant], env: Mapping[str, str], told: Callable[[Tried], object]
) -> Iterator[Tried]:
    """What the warm process says of each mutant, as soon as it says it."""
    command, faults = [sys.executable, "-m", f"{__name__}.warm"], []
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(job))
        process.stdin.close()
        for line in process.stdout:
            answer = json.loads(line)
            if "fault" in answer:
                faults.append(answer["fault"])
            elif "same" not in answer:
                one = Tried(chosen[answer["number"]], answer["by"], answer.get("why", ""))
                told(one)
                yield one
    if process.returncode != 0:
        raise RuntimeError(f"the process that tries mutants ended with {process.returncode}")
    if faults:
        raise RuntimeError("\n".join(faults))


def hinted() -> dict[str, list[str]]:
    """The hints as they are kept."""
    kept = json.loads(HINTS.read_text("utf-8"))
    return {place: [kept["tests"][number] for number in numbers] for place, numbers in kept["places"].items()}


def keep_hints(found: Sequence[Tried]) -> None:
    """Writes who noticed what; of files of which nothing was tried, what is known stays."""
    tried_files = {each.mutant.file for each in found}
    places: dict[str, set[str]] = defaultdict(set)
    for place, known in hinted().items():
        if place.partition(" ")[0] not in tried_files:
            places[place].update(known)
    for each in found:
        if "::" in each.by:
            places[f"{each.mutant.file} {each.mutant.where}"].add(each.by)
    tests = sorted({test for group in places.values() for test in group})
    number = {test: place for place, test in enumerate(tests)}
    kept = {place: sorted(number[test] for test in group) for place, group in sorted(places.items())}
    lines = ",\n".join(f"{json.dumps(place)}: {json.dumps(group)}" for place, group in kept.items())
    HINTS.write_text(f'{{"tests": {json.dumps(tests, indent=0)},\n"places": {{\n{lines}\n}}}}\n', "utf-8")


def survivors() -> dict[str, str]:
    """The mutants that are known to go unnoticed, with why."""
    listed = yaml.safe_load(SURVIVORS.read_text("utf-8")) or {}
    return {name: why for why, names in listed.items() for name in names}


def row(found: Sequence[Tried], seconds: float) -> Row:
    """In figures: a violation is a mutant that is neither noticed nor listed, where too few are noticed."""
    listed = survivors()
    unnoticed = [each for each in found if not each.by]
    unlisted = [each for each in unnoticed if each.mutant.name not in listed]
    caught = len(found) - len(unnoticed)
    enough = caught >= ENOUGH * len(found)
    remark = (
        f"{caught} of {len(found)} noticed, {caught / max(1, len(found)):.1%}; {len(unlisted)} of the rest not listed"
    )
    return Row("changed code of what decides and acts", len(found), 0 if enough else len(unlisted), seconds, remark)


def run(size: int, seed: int) -> list[Row]:
    """`size` mutants drawn by `seed`, asked of the tests that noticed their kind before; 0: all, asked of all tests."""
    began = perf_counter()
    found = tried(drawn(size, seed), hints=hinted() if size else None, processes=os.cpu_count() or 1)
    return [row(found, perf_counter() - began)]
