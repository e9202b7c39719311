"""`python -m local.aws`: the embedded AWS as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from local.aws.embedded import EmbeddedAws
from local.world.scenarios import ACCOUNT


def main() -> None:
    """Run until told to stop; the first line on stdout is JSON with `endpoint` and `api_url`."""
    parser = argparse.ArgumentParser(description="The embedded AWS.")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="folder that holds functions/")
    parser.add_argument("--state-dir", type=Path, help="folder for what must outlive a restart")
    parser.add_argument("--tick-seconds", type=float, default=60.0, help="beat of the schedules")
    parser.add_argument("--longest-hidden", type=float, help="cap of the queues' visibility time-out, seconds")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api-port", type=int, default=0)
    parser.add_argument(
        "--env", action="append", default=[], metavar="NAME", help="pass this variable on to the functions"
    )
    parser.add_argument("--no-provision", action="store_true", help="wait for others to make the resources")
    args = parser.parse_args()
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    with EmbeddedAws(
        args.root,
        args.state_dir,
        {name: os.environ[name] for name in args.env if name in os.environ},
        tick_seconds=args.tick_seconds,
        longest_hidden=args.longest_hidden,
        account=ACCOUNT,
        port=args.port,
        api_port=args.api_port,
    ) as aws:
        if not args.no_provision:
            aws.provision()
        sys.stdout.write(json.dumps({"endpoint": aws.endpoint, "api_url": aws.api_url}) + "\n")
        sys.stdout.flush()
        while aws.missing() and not stopping.wait(0.5):
            pass
        if not stopping.is_set():
            aws.start()
        stopping.wait()


if __name__ == "__main__":
    main()
