"""IncidentOpened, InvestigationRequested -> EvidenceCollected. Reads the outside world, never writes it."""

import os
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from functions.investigation.investigate import Aws, on_aws, stage
from shared.configuration import load
from shared.redaction import redact
from shared.wiring import Wiring

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

READS = Config(connect_timeout=2, read_timeout=5, retries={"mode": "adaptive", "total_max_attempts": 3})
"""Reads may be repeated; none is worth waiting for long, because the rest of the evidence waits with it."""

MAKING = Lock()
"""boto3 makes clients in one thread at a time; using them from several is fine."""


@cache
def ecs(region: str) -> "ECSClient":
    """The ECS client of a region."""
    with MAKING:
        return boto3.client("ecs", region_name=region, config=READS)


@cache
def cloudwatch(region: str) -> "CloudWatchClient":
    """The CloudWatch client of a region."""
    with MAKING:
        return boto3.client("cloudwatch", region_name=region, config=READS)


@cache
def logs(region: str) -> "CloudWatchLogsClient":
    """The CloudWatch Logs client of a region."""
    with MAKING:
        return boto3.client("logs", region_name=region, config=READS)


wiring = Wiring.of("investigation", os.environ)
settings = wiring.settings
aws = Aws(
    ecs,
    cloudwatch,
    logs,
    region=settings.aws_region,
    account=settings.aws_account_id,
    cluster=settings.ecs_cluster_name,
)
plan = on_aws(aws, load(settings.config_dir))
handler = wiring.decider(stage(plan, redact, settings.evidence_seconds, wiring.clock))
