"""Plays the demo."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import timedelta

import psutil
from rich.console import Console

from local.demo import stories
from local.demo.narrator import Narrator
from local.demo.report import summary, timelines
from local.demo.stories import Playhouse
from local.stack import ROOT, Stack
from local.world.stage import Stage
from shared.integrations.dynamodb import DynamoStore


def main() -> int:
    """Play all three stories; the exit status is 0 when every one came to its end with a whole chain."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    by_itself = os.environ.get("AUTO") == "1" or not stories.has_a_person()
    state_dir = ROOT / ".local" / "demo"
    shutil.rmtree(state_dir, ignore_errors=True)
    began = time.monotonic()
    with Stack(state_dir) as stack:
        store = store_of(stack)
        console.print(
            f"Slack's stand-in is at {stack.slack_url}, Jira's at {stack.jira_url}, the API at {stack.api_url}"
        )
        with Narrator(store, console) as narrator:
            house = Playhouse(stack, Stage(stack.world_url), narrator, console, by_itself)
            try:
                for play in (stories.orders, stories.payments, stories.search):
                    play(house)
            except TimeoutError as error:
                console.print(f"[bold red]{error}[/bold red]\nThe functions' logs are in {state_dir}/aws/logs.")
                return 1
        console.print()
        timelines(narrator.histories, console)
        calls = [(call.service, call.operation) for call in stack.aws.calls if call.function]
        whole = summary(narrator.histories, calls, console)
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
