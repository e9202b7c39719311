"""Plays the demo."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil
import urllib3
from rich.console import Console

from local.demo import stories
from local.demo.narrator import Narrator
from local.demo.report import beyond, spent, summary, timelines
from local.demo.stories import Playhouse
from local.stack import ROOT, Stack
from local.world.stage import Stage
from shared.integrations.dynamodb import DynamoStore

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

INTERRUPTED = 130
"""The exit status of what Ctrl-C ended, as shells have it."""


def main() -> int:
    """Play all three stories; 0 when every one came to its end with a whole chain, 1 otherwise, 130 after Ctrl-C."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    state_dir = ROOT / ".local" / "demo"
    shutil.rmtree(state_dir, ignore_errors=True)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    try:
        return _play(state_dir, console)
    except KeyboardInterrupt:
        console.print("\nStopped; everything that ran has ended.")
        return INTERRUPTED
    except (TimeoutError, RuntimeError, ValueError, urllib3.exceptions.HTTPError) as error:
        console.print(f"The demo broke: {error}", style="bold red", markup=False)
        console.print(f"The functions' logs are in {state_dir}/aws/logs.")
        return 1


def _play(state_dir: Path, console: Console) -> int:
    by_itself = os.environ.get("AUTO") == "1" or not stories.has_a_person()
    began = time.monotonic()
    costs: dict[str, Counter[str]] = {}
    console.print("Starting: the embedded AWS with its functions, a world to watch over, Slack, Jira …", style="dim")
    with Stack(state_dir) as stack:
        store, world = store_of(stack), Stage(stack.world_url)
        console.print(f"Slack  {stack.slack_url}\nJira   {stack.jira_url}\nAPI    {stack.api_url}")
        with Narrator(store, console) as narrator:
            house = Playhouse(stack, world, narrator, console, by_itself)
            for service, story in (
                ("orders", stories.orders),
                ("payments", stories.payments),
                ("search", stories.search),
            ):
                since, asked = time.time(), world.state()["callers"]
                story(house)
                costs[service] = spent(stack.aws.calls, since, time.time(), stack.aws.names.state)
                costs[service] += beyond(asked, world.state()["callers"])
        console.print()
        timelines(narrator.histories, console)
        whole = summary(narrator.histories, costs, console)
        console.print(f"{time.monotonic() - began:.0f} s in all, {_memory(stack):.0f} MB of memory (PSS)")
    return 0 if whole else 1


def store_of(stack: Stack) -> DynamoStore:
    """The timelines and the state of a stack, read as an operator."""
    names = stack.aws.names
    return DynamoStore(stack.aws.client("dynamodb"), names.timeline, names.state, stall=timedelta(seconds=20))


def _memory(stack: Stack) -> float:
    others = sum(psutil.Process(pid).memory_full_info().pss for pid in stack.pids())
    return (sum(stack.aws.memory().values()) + others) / 1e6


if __name__ == "__main__":
    sys.exit(main())
