"""What `make reliability` tries: where each check stands, and how often it is tried here and at length."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from tests.reliability.table import Row


@dataclass(frozen=True, slots=True)
class Check:
    """A module with `run(size, seed) -> list[Row]`; `size` is for every run of CI, `long` for the published one.

    A size of 0 means all that there is. A `wide` check takes all cores by itself; the others run beside each other.
    """

    module: str
    size: int
    long: int
    says: str
    wide: bool = False


CHECKS: dict[str, Check] = {
    "simulator": Check(
        "tests.reliability.simulator.run",
        10_000,
        1_000_000,
        "schedules of everything that goes wrong, over the real stages on one seeded clock",
        wide=True,
    ),
    "small model": Check(
        "tests.reliability.smallmodel.run", 6, 9, "all interleavings of a few alarms, people and a crash", wide=True
    ),
    "fault sweep": Check(
        "tests.reliability.sweep.run", 690, 0, "each call of the demo's stories going wrong in six ways", wide=True
    ),
    "planted bugs": Check(
        "tests.reliability.planted.all",
        0,
        0,
        "bugs put into the product, which the tests named for them must notice",
        wide=True,
    ),
    "policy mutants": Check("tests.reliability.policy_mutants", 60, 0, "each rule of the policy, changed", wide=True),
    "storm, emulated": Check(
        "tests.reliability.storm.emulator", 300, 5_000, "a storm through real processes, queues and HTTP", wide=True
    ),
    "hostile": Check("tests.hostile.checks", 4_000, 100_000, "requests, alarms, texts and a model that mean harm"),
    "storm": Check("tests.reliability.storm.run", 5_000, 100_000, "alarms of many services at once"),
    "races": Check("tests.reliability.races.run", 25, 1_000, "eight workers at one moment, on real stores"),
    "lying sources": Check("tests.reliability.liars", 120, 5_000, "nights of lies beside an honest alarm"),
    "forged approvals": Check("tests.reliability.forging", 200, 20_000, "every role with every way to forge a yes"),
    "wrong facts": Check("tests.reliability.wrong_facts", 600, 0, "each fact that the policy is told, made wrong"),
    "audit": Check("tests.reliability.audit", 200, 0, "a proved timeline, changed in every byte and record"),
}


def run(name: str, seed: int, *, long: bool) -> list[Row]:
    """What came of that check; says when it is over."""
    check, began = CHECKS[name], time.monotonic()
    rows: list[Row] = import_module(check.module).run(check.long if long else check.size, seed)
    Console().print(f"{name}, {check.says}: {time.monotonic() - began:.0f} s", highlight=False)
    return rows
