"""Every hour -> one anchor of all timelines that moved, and another look at some that were anchored before."""

import os
from functools import partial
from typing import Any

from functions.archive.archive import Archive, archive
from shared.audit.bucket import S3Bucket
from shared.telemetry import count
from shared.wiring import Wiring

wiring = Wiring.of("archive", os.environ)
archiving = Archive(
    timeline=wiring.store,
    state=wiring.store,
    bucket=S3Bucket.connect(wiring.settings.audit_bucket, wiring.settings.aws_region),
    clock=wiring.clock,
    tampered=partial(count, wiring.metrics, "TimelineTampered"),
    logger=wiring.logger,
)


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """One run; says what it anchored and held against its anchors."""
    return archive(archiving)
