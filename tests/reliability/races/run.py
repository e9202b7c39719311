"""All races on all stores that are there, as rows of the table."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.reliability.races.kinds import KINDS, WORKERS
from tests.reliability.races.rounds import race
from tests.reliability.races.stores import Connect, dynamodb_local, missing, moto
from tests.reliability.table import Row

STORES: dict[str, Callable[[], AbstractContextManager[Connect]]] = {"moto": moto, "DynamoDB Local": dynamodb_local}
SHOWN = 5
"""Violations of one race that are told in words."""


def run(size: int, seed: int = 0, threads: int = WORKERS, say: Callable[[str], None] = print) -> list[Row]:
    """`size` rounds of every race on every store; chance is the threads' own, so a seed changes nothing."""
    del seed
    rows = []
    for store, opened in STORES.items():
        if store == "DynamoDB Local" and missing():
            say(f"left out: {missing()}")
            rows.append(Row(f"races on {store}", 0, 0, 0.0, missing()))
            continue
        with opened() as connect:
            for name, kind in KINDS.items():
                began = time.monotonic()
                wrong = race(kind, size, threads, connect)
                seconds = time.monotonic() - began
                remark = f"{threads} threads, {size / seconds:.1f} rounds/s"
                rows.append(Row(f"{name}, {store}", size, len(wrong), seconds, remark))
                say(f"{rows[-1].what}: {size} rounds, {len(wrong)} violations, {seconds:.1f} s ({remark})")
                for line in wrong[:SHOWN]:
                    say(f"  {line}")
    return rows
