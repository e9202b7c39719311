"""Run the world as a process: `python -m local.world --port 0 --bus-endpoint http://127.0.0.1:4566`."""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.standins.serving import listen, serve
from local.world.alarms import Alarms
from local.world.app import Host, build
from local.world.keep import load, save
from local.world.model import Pace, World
from local.world.scenarios import REGION

if TYPE_CHECKING:
    from collections.abc import Callable


def to_bus(endpoint: str, bus: str, region: str) -> Callable[[dict[str, Any]], None]:
    """Return a function that puts an event on a bus; `ConnectionError` when the bus does not take it."""
    client = boto3.client(
        "events",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # the emulator takes any
        config=Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1}),
    )

    def emit(event: dict[str, Any]) -> None:
        entry: Any = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
            "Resources": event["resources"],
            "Time": event["time"],
            "EventBusName": bus,
        }
        try:
            answer = client.put_events(Entries=[entry])
        except (BotoCoreError, ClientError) as error:
            message = f"the bus at {endpoint} did not take the event: {error}"
            raise ConnectionError(message) from error
        if answer["FailedEntryCount"]:
            message = f"the bus at {endpoint} refused the event: {answer['Entries']}"
            raise ConnectionError(message)

    return emit


def main() -> None:
    """Read the arguments, say where the world listens, and serve it."""
    parser = argparse.ArgumentParser(prog="python -m local.world", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--bus-endpoint", help="the EventBridge endpoint; without it alarm events go nowhere")
    parser.add_argument("--bus", default="default")
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--state", type=Path, help="a file in which the world is kept, so that a restart goes on")
    given = parser.parse_args()
    emit = to_bus(given.bus_endpoint, given.bus, given.region) if given.bus_endpoint else lambda _: None
    pace = Pace.at(given.speed)
    if given.state and given.state.exists():
        alarms, unsent = load(given.state, time.time(), pace)
    else:
        alarms, unsent = Alarms(World(time.time(), pace=pace, seed=given.seed)), []
    host = Host(alarms, time.time, emit, partial(save, given.state) if given.state else lambda _alarms, _unsent: None)
    host.unsent = unsent
    serve(build(host), listen(given.host, given.port), "world")


if __name__ == "__main__":
    main()
