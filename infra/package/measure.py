"""Measures how long the handler of each package takes to import, and how much memory it takes, on this machine."""

import io
import re
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import urllib3
from rich.console import Console

from infra.package.alone import Alone
from infra.package.build import build_host
from infra.package.manifest import Manifest, manifests
from local.bench.imports import bare_of, environments
from local.demo import stories
from local.demo.narrator import Narrator
from local.demo.play import store_of
from local.demo.stories import Playhouse
from local.stack import STANDIN_SECRETS, Stack
from local.world.stage import Stage

UNCOMPILED = ("-B", "-X", "pycache_prefix=/nowhere")
"""Python's options under which the bytecode in a package is not found."""
TIMED = """
import sys, time
sys.path.insert(0, {package!r})
began = time.process_time()
{work}
print(time.process_time() - began)
"""
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of processor time to import a handler: as packed, without bytecode, and its libraries alone."""

    packed: float
    uncompiled: float
    bare: float


def times(root: Path, build: Path, runs: int, only: Collection[str] = ()) -> dict[str, Times]:
    """For each function (or `only` these), medians of `runs` fresh processes of each kind in turns."""
    told = {name: bare_of(name, environment)[0] for name, environment in environments().items()}
    return {
        manifest.name: _timed(host(root, build, manifest), told[manifest.name], runs)
        for manifest in manifests(root)
        if not only or manifest.name in only
    }


def host(root: Path, build: Path, manifest: Manifest) -> Alone:
    """The function's package for this machine and this Python."""
    return Alone(manifest.name, build_host(root, build, manifest, sys.executable), sys.executable)


def _timed(alone: Alone, bare: str, runs: int) -> Times:
    ours = f"import functions.{alone.function}.handler"
    ways = ((ours, ("-B",)), (ours, UNCOMPILED), (bare, ("-B",)))
    rounds = [[_seconds(alone, work, options) for work, options in ways] for _ in range(runs)]
    return Times(*(median(way) for way in zip(*rounds, strict=True)))


def _seconds(alone: Alone, work: str, options: tuple[str, ...]) -> float:
    return float(alone.run(["-c", TIMED.format(package=str(alone.package), work=work)], options))


def memory(root: Path, build: Path, state_dir: Path) -> dict[str, int]:
    """The largest resident size (bytes) that each function had, from its package, while the demo's stories played.

    Functions that nothing calls there are called once. Linux alone keeps the figure.
    """
    for manifest in manifests(root):
        build_host(root, build, manifest, sys.executable)
    shutil.rmtree(state_dir, ignore_errors=True)
    console = Console(file=io.StringIO())
    with Stack(state_dir, packages=build / "host") as stack:
        with Narrator(store_of(stack), console) as narrator:
            house = Playhouse(stack, Stage(stack.world_url), narrator, console, by_itself=True)
            for story in (stories.orders, stories.payments, stories.search):
                story(house)
        for path in ("/incidents", "/openapi.json"):
            key = {"X-Api-Key": STANDIN_SECRETS["HTTP_API_KEYS"]}
            urllib3.request("GET", f"{stack.api_url}{path}", headers=key, timeout=30.0)
        for name, function in stack.aws.functions.items():
            if not function.processes():
                stack.aws.invoke(name, {})
        return {
            name: max(map(_peak, function.processes()), default=0) for name, function in stack.aws.functions.items()
        }


def _peak(process: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def with_a_model(root: Path, build: Path) -> int:
    """The resident size (bytes) of the assessment that was imported with a language model configured."""
    manifest = next(each for each in manifests(root) if each.name == "ai_assessment")
    return int(str(host(root, build, manifest).probe(GEMINI_API_KEY="made-up")["peak"]))
