"""Figure 3: how long each handler's module takes to import, against what it cannot do without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING

from local.aws.embedded import EmbeddedAws
from local.bench.measure import Figure, bounded, ms, ratio
from local.stack import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MOST = 1.15

TIMED = """
import time
began = time.perf_counter()
{work}
print(time.perf_counter() - began)
"""


def bare_of(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """A program that does what this handler cannot do without, and that in words.

    It is every import of a library that stands at the top of the handler's module or of one of ours that this imports,
    then one pydantic model (pydantic loads half of itself for the first one), the same boto3 clients, and for an HTTP
    function an empty FastAPI application under Mangum.
    """
    said = json.loads(_python(environment, "-m", "local.bench.probe", f"functions.{name}.handler"))
    lines = [*said["imports"], "import boto3, pydantic", "class First(pydantic.BaseModel): name: str"]
    lines += [f"boto3.client({service!r})" for service in said["clients"]]
    if said["app"]:
        lines += ["import fastapi, mangum", "mangum.Mangum(fastapi.FastAPI(), lifespan='off')"]
    named = sorted({line.split()[1].partition(".")[0] for line in said["imports"]})
    libraries = [each for each in named if each not in sys.stdlib_module_names]
    return "\n".join(lines), f"{', '.join(libraries)}; clients: {', '.join(said['clients'])}"


def measure(runs: int, only: Collection[str] = ()) -> list[Figure]:
    """Every function (or `only` these), `runs` fresh processes of either kind in turns."""
    return [
        _function(name, environment, runs) for name, environment in environments().items() if not only or name in only
    ]


def environments() -> dict[str, dict[str, str]]:
    """The environment of each function, as the demo's embedded AWS makes it; nothing listens there."""
    stack = Stack(ROOT / ".local" / "bench")
    with EmbeddedAws(ROOT, environment=stack.environment()) as aws:
        return {name: {**os.environ, **aws.environment(each.wired)} for name, each in aws.functions.items()}


def _function(name: str, environment: Mapping[str, str], runs: int) -> Figure:
    bare, what = bare_of(name, environment)
    programs = TIMED.format(work=f"import functions.{name}.handler"), TIMED.format(work=bare)
    for program in programs:
        _python(environment, "-c", program)
    pairs = [[float(_python(environment, "-c", program)) for program in programs] for _ in range(runs)]
    ours, floor = [one for one, _ in pairs], [other for _, other in pairs]
    detail = f"{ms(ours)} against {ms(floor)}, {runs} processes each"
    own = median(one - other for one, other in pairs) * 1000
    return bounded(3, f"import of {name}", ratio(ours, floor), MOST, detail, f"{own:.0f} ms are our own; bare: {what}")


def _python(environment: Mapping[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
