"""The timeline's stream -> the bus."""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.relay.publish import Relay, relay
from shared.integrations.dynamodb import DynamoStore
from shared.settings import Settings
from shared.telemetry import NAMESPACE

settings = Settings.read(os.environ)
logger = Logger(service="relay")
metrics = Metrics(namespace=NAMESPACE, service="relay")


def _tampered() -> None:
    metrics.add_metric(name="TimelineTampered", unit=MetricUnit.Count, value=1)
    metrics.flush_metrics()


wiring = Relay(
    events=boto3.client("events", region_name=settings.aws_region),
    bus=settings.bus_name,
    read=DynamoStore.connect(settings).read,
    logger=logger,
    tampered=_tampered,
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Publishes a batch of stream records."""
    return relay(event, wiring)
