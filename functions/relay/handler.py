"""The timeline's stream -> the bus."""

import os
from functools import partial
from typing import Any

import boto3

from functions.relay.publish import Relay, relay
from shared.integrations.dynamodb import DynamoStore
from shared.logs import log_of
from shared.settings import Settings
from shared.telemetry import count, meter

settings = Settings.read(os.environ)
logger = log_of("relay")
wiring = Relay(
    events=boto3.client("events", region_name=settings.aws_region),
    bus=settings.bus_name,
    read=DynamoStore.connect(settings).read,
    logger=logger,
    tampered=partial(count, meter(settings.bus_name), "TimelineTampered"),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publishes a batch of stream records."""
    return relay(event, wiring)
