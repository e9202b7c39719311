"""What a source gives back, and how its failures become gaps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from shared.assessment import Gap

VENDOR_ERRORS = (BotoCoreError, ClientError)
"""Everything that boto3 raises when a call goes wrong."""

_DENIED = {
    "AccessDenied", "AccessDeniedException", "AuthFailure", "ExpiredToken", "ExpiredTokenException",
    "InvalidClientTokenId", "UnauthorizedOperation", "UnrecognizedClientException",
}  # fmt: skip
_ABSENT = {"ClusterNotFoundException", "ResourceNotFound", "ResourceNotFoundException", "ServiceNotFoundException"}
_SLOW = {"RequestTimeout", "RequestTimeoutException"}


@dataclass(frozen=True, slots=True)
class Draft:
    """Something that was read, as the source gave it: not yet redacted, bounded or numbered."""

    kind: str
    source: str
    query: str
    found: str
    data: Mapping[str, Any]
    window: tuple[datetime, datetime] | None = None
    link: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one job found, what it could not read, and the jobs that only now make sense.

    `binding` is the target's state that a proposal may be bound to; `breach` whether the alarm's condition was seen to
    be violated (None: it cannot be told).
    """

    drafts: tuple[Draft, ...] = ()
    gaps: tuple[Gap, ...] = ()
    binding: Mapping[str, Any] = field(default_factory=dict)
    breaches: tuple[bool | None, ...] = ()
    then: tuple["Job", ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One read of the outside world. `read` may raise any of `VENDOR_ERRORS`; `source` and `query` name its gap."""

    source: str
    query: str
    read: Callable[[], Reading]


def gap_of(source: str, query: str, error: BotoCoreError | ClientError) -> Gap:
    """Why a read failed: `denied`, `slow`, `absent`, or else `failed`, with the vendor's own words."""
    return Gap(source=source, query=query, reason=_reason(error), detail=str(error))


def _reason(error: BotoCoreError | ClientError) -> Literal["denied", "slow", "absent", "failed"]:
    if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
        return "slow"
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if code in _DENIED:
        return "denied"
    if code in _ABSENT:
        return "absent"
    return "slow" if code in _SLOW else "failed"
