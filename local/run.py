"""Starts everything on this machine and stays up: POST your own alerts at it."""

from __future__ import annotations

import signal
import sys
import threading

from rich.console import Console

from local.demo.narrator import Narrator
from local.demo.play import store_of
from local.stack import ROOT, Stack

PORTS = (8080, 8081, 8082)
"""API, Slack's stand-in, Jira's stand-in; a free port where one is taken."""


def main() -> int:
    """Run until Ctrl-C; state is kept in .local, and the next run goes on from it."""
    console = Console(highlight=False)
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    with Stack(ROOT / ".local", ports=PORTS) as stack:
        console.print(f"API    {stack.api_url}  (docs at /docs)")
        console.print(f"Slack  {'the real one' if stack.real_slack else stack.slack_url}")
        console.print(f"Jira   {stack.jira_url}")
        console.print("In another terminal: middlewatch incidents list · middlewatch alerts send FILE · Ctrl-C stops")
        with Narrator(store_of(stack), console):
            stopping.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
