"""docs/packages.md: what was measured, and what follows from it."""

import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from infra.package.build import BOUNDS, LARGEST, Package, bound, megabytes
from infra.package.bytecode import VERSION, lambdas_python, version
from infra.package.manifest import Manifest
from infra.package.measure import MEBIBYTE, Times

WHOLE_PROCESSOR = 1769
"""Megabytes of memory with which a function has one whole virtual processor (Lambda developer guide, 'Configure
memory'); a share of it grows with its share of these."""

HEAD = """# Packages

<!-- Written by `make build-bench`; do not edit. -->

`make build` writes one `build/<function>.zip` for each function, for Lambda's Python {python} on arm64. It holds the
function's own modules, those of `shared/` that its handler reaches (imports inside of functions count), `config/`, and
the libraries of the core and of the groups that its `function.yaml` names, installed from wheels alone at the versions
and hashes of `requirements.txt`. Of botocore's data only the services are packed that the function's permissions name
or its code builds a client of. The same inputs make the same bytes (another version of zlib may compress otherwise);
what has not changed is not built again. `make build-test` tries all of this on every function, `make test` on a share.

**Bytecode.** Lambda's folder for code cannot be written to, so what is packed as source alone is compiled at every cold
start. `make build` compiles it where it finds a Python {python} (`uv python install {python}`, or
`LAMBDA_PYTHON=/path/to/python{python}`), and says so where it finds none: such packages are right, smaller and slower.

**regopy** (`policy_gate`) has a wheel for this platform from 1.5 on, for glibc 2.34, that of Amazon Linux 2023. Its
library names `libatomic.so.1` as needed and takes no function from it. Lambda's image is not known to have it, so
the name is taken out of the packed library; the build ends if a later version does take something from it.

"""
SIZES = """## Sizes

Unzipped, a function may have {most} on Lambda. Our own bounds are far below:
{bounds}.
A package beyond its bound ends the build, with the names of its largest parts.

"""
TIMES = """
## Import time

What a cold start has to import, in seconds of processor time: medians of {runs} fresh processes of each kind, in turns,
each with nothing but its package on `sys.path`. *Libraries alone* is what the handler cannot do without: every import
of a library, one pydantic model, the same boto3 clients and, for HTTP, an empty application. Not measured on Lambda's
arm64 and Python {python}, so that only the ratios carry over, but here, beside other work:
{where}.

"""
MEMORY = """
## Memory

The largest resident size of each function while the demo's three stories were played from these packages (cold start
and every invocation; what nothing calls there was called once), against the `memory` of its `function.yaml`. Lambda
counts its own runtime on top, some 20 to 40 MB. The assessment with a language model configured: {model} after import.

"""
REASONS = f"""
None needs a quarter of what it is given, Lambda's own included. The size is chosen for the processor that comes with
it: memory / {WHOLE_PROCESSOR} MB of one. Work that keeps a processor busy costs the same at any size, since it ends
sooner; only waiting for AWS costs more, and a turn waits some tens of milliseconds.

- **512 MB**, 0.29 of a processor: every stage. Its import has to end within Lambda's 10 s for initialisation, also
  where the package was built without bytecode; with 256 MB it would not.
- **1024 MB**, 0.58: `http_api`, whose senders wait for it, and `ai_assessment`, for the language model's libraries.
- **1769 MB**, one: `slack_api`. Slack gives up after 3 s, the cold start included; without bytecode a first click comes
  too late even so, and Slack tells the person to try again.
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the page tells; `model` is the assessment's memory with a model (bytes), `peaks` are of each function."""

    packages: Mapping[str, Package]
    times: Mapping[str, Times]
    runs: int
    peaks: Mapping[str, int]
    model: int


def written(functions: Sequence[Manifest], measured: Measured) -> str:
    """The page."""
    where = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, Python " + ".".join(
        map(str, sys.version_info[:3])
    )
    bounds = ", ".join(f"{megabytes(size)} for {group}" for group, size in BOUNDS.items())
    compiled = version(lambdas_python()).partition(" (")[0] or "nothing"
    return "".join(
        (
            HEAD.format(python=VERSION),
            SIZES.format(most=megabytes(LARGEST), bounds=bounds),
            _table(("function", "libraries", "zip", "unzipped", "bound"), _sizes(functions, measured)),
            f"\nCompiled by {compiled}.\n",
            TIMES.format(runs=measured.runs, where=where, python=VERSION),
            _table(("function", "packed", "without bytecode", "libraries alone", "ratio"), _times(measured)),
            MEMORY.format(model=_mebibytes(measured.model)),
            _table(("function", "largest", "memory", "processor"), _memory(functions, measured)),
            REASONS,
        )
    )


def _sizes(functions: Iterable[Manifest], measured: Measured) -> Iterator[tuple[str, ...]]:
    for each in functions:
        package = measured.packages[each.name]
        groups = ", ".join(("core", *each.dependencies))
        sizes = (package.zipped, package.unzipped, bound(each))
        yield f"`{each.name}`", groups, *map(megabytes, sizes)


def _times(measured: Measured) -> Iterator[tuple[str, ...]]:
    for name, each in measured.times.items():
        seconds = (f"{value:.2f}" for value in (each.packed, each.uncompiled, each.bare))
        yield f"`{name}`", *seconds, f"{each.packed / each.bare:.2f}x"


def _memory(functions: Iterable[Manifest], measured: Measured) -> Iterator[tuple[str, ...]]:
    for each in functions:
        share = f"{each.memory / WHOLE_PROCESSOR:.2f}"
        yield f"`{each.name}`", _mebibytes(measured.peaks[each.name]), f"{each.memory} MB", share


def _mebibytes(size: int) -> str:
    """As Lambda counts memory."""
    return f"{size / MEBIBYTE:.0f} MB"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
