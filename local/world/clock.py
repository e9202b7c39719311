"""Names, numbers and times that look like AWS's and are the same at every run."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime


def digest(*parts: object) -> str:
    """Return 64 hexadecimal digits that depend on the parts alone."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def chance(*parts: object) -> float:
    """Return a number in [0, 1) that depends on the parts alone."""
    return int(digest(*parts)[:13], 16) / 16**13


def moment(at: float) -> datetime:
    """Return epoch seconds as an aware datetime in UTC, to the millisecond."""
    return datetime.fromtimestamp(round(at, 3), UTC)


def stamp(at: float) -> str:
    """Return epoch seconds as CloudWatch writes them in alarm events: 2026-01-31T00:00:00.000+0000."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
