"""Every hour -> a test alarm; and, when the last one came through every stage, a ping outside."""

import os
from functools import partial
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from functions.canary.outside import ping, ring
from functions.canary.sing import Canary, sing
from shared.secrets import Secrets
from shared.telemetry import count
from shared.wiring import Wiring

ONCE = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
wiring = Wiring.of("canary", os.environ)
settings = wiring.settings
cloudwatch = boto3.client("cloudwatch", region_name=settings.aws_region, config=ONCE)
canary = Canary(
    timeline=wiring.store,
    state=wiring.store,
    clock=wiring.clock,
    alarm=settings.test_alarm,
    patience=settings.span("test"),
    ring=partial(ring, cloudwatch, settings.test_alarm),
    ping=partial(ping, urllib3.PoolManager(), Secrets.of(os.environ, settings)),
    lost=partial(count, wiring.metrics, "CanaryLost"),
    logger=wiring.logger,
)


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """One run of the canary."""
    return sing(canary)
