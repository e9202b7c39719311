"""Every 5 minutes -> what no alarm event told: IncidentOpened, AlertJoined, AlertResolved."""

import os
from typing import Any

import boto3
from botocore.config import Config

from functions.sweep.sweep import Sweep, sweep
from shared.configuration import load
from shared.intake import Intake
from shared.integrations.cloudwatch import CloudWatchAlarms
from shared.wiring import Wiring

READS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
wiring = Wiring.of("sweep", os.environ)
settings = wiring.settings
sweeping = Sweep(
    intake=Intake.of(settings, wiring.store, load(settings.config_dir), wiring.clock, actor=wiring.name),
    alarms=CloudWatchAlarms(boto3.client("cloudwatch", region_name=settings.aws_region, config=READS)),
    prefixes=[each for each in map(str.strip, settings.alarm_prefixes.split(",")) if each],
    own=f"{settings.name_prefix}-",
    grace=settings.span("sweep_grace"),
    logger=wiring.logger,
)


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """One sweep; says what it found."""
    return sweep(sweeping)
