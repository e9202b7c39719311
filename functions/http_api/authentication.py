"""Who is calling: a signature or a key, compared in constant time. No clock and no I/O."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_of
from typing import Any

TIMESTAMP = "X-Middlewatch-Timestamp"
DELIVERY = "X-Middlewatch-Delivery"
SIGNATURE = "X-Middlewatch-Signature"
WINDOW = timedelta(minutes=5)
"""How far a signed timestamp may be from our clock, either way; the same as Slack's."""

Header = Callable[[str], Sequence[str]]
"""All values of the header of that name, in any case of letters."""

_SECONDS = re.compile(r"[0-9]{1,11}")
_DELIVERY = re.compile(r"[A-Za-z0-9._-]{1,128}")
_SIGNATURE = re.compile(r"v1=[0-9a-f]{64}")


class Unauthenticated(Exception):
    """The caller did not show who it is; the text says what is missing, and never what would have been right."""


@dataclass(frozen=True, slots=True)
class Signed:
    """When the sender signed, and the id under which it will deliver the same again."""

    at: datetime
    delivery: str


def keys_of(secret: str) -> tuple[bytes, ...]:
    """The keys in a secret, one or several (while they are being changed) separated by white space."""
    return tuple(key.encode() for key in secret.split())


def signature(key: bytes, timestamp: str, delivery: str, body: bytes) -> str:
    """What the header must hold: `v1=` and the hex HMAC-SHA256 over `v1:{timestamp}:{delivery}:` and the raw body."""
    return "v1=" + hmac_of(key, f"v1:{timestamp}:{delivery}:".encode() + body, "sha256").hex()


def signed(header: Header, body: bytes, keys: Sequence[bytes], now: datetime) -> Signed:
    """The signed time and delivery id of this request; raises Unauthenticated."""
    timestamp = _one(header, TIMESTAMP, _SECONDS, "Unix seconds")
    delivery = _one(header, DELIVERY, _DELIVERY, "1 to 128 letters, digits or . _ -")
    given = _one(header, SIGNATURE, _SIGNATURE, "v1= and 64 lower-case hexadecimal digits")
    fits = [compare_digest(signature(key, timestamp, delivery, body).encode(), given.encode()) for key in keys]
    if not any(fits):
        raise Unauthenticated(f"{SIGNATURE} does not fit the time stamp, the delivery id and the body")
    seconds = int(timestamp)
    if abs(seconds - now.timestamp()) > WINDOW.total_seconds():
        raise Unauthenticated(f"{TIMESTAMP} is more than five minutes away from our clock")
    return Signed(datetime.fromtimestamp(seconds, UTC), delivery)


def keyed(header: Header, keys: Sequence[bytes]) -> None:
    """Raises Unauthenticated unless the request carries one of `keys` (without keys, nobody does)."""
    given = [*header("X-Api-Key"), *(_bearer(value) for value in header("Authorization"))]
    if len(given) != 1:
        raise Unauthenticated("give one key, as 'Authorization: Bearer <key>' or as 'X-Api-Key: <key>'")
    # Of their digests, so that the time taken does not tell the length of a key either.
    offered = sha256(given[0].encode("latin-1", "replace")).digest()
    fits = [compare_digest(sha256(key).digest(), offered) for key in keys]
    if not any(fits):
        raise Unauthenticated("this key is not known here")


def let_through(event: Mapping[str, Any]) -> bool:
    """Whether API Gateway's own authorizer found the token of this request good; no header of a caller can say so."""
    return bool(event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims"))


def _bearer(value: str) -> str:
    scheme, _, key = value.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Unauthenticated("Authorization must be 'Bearer <key>'")
    return key


def _one(header: Header, name: str, shape: re.Pattern[str], wanted: str) -> str:
    values = header(name)
    if len(values) != 1 or not shape.fullmatch(values[0]):
        raise Unauthenticated(f"{name} must be there once, as {wanted}")
    return values[0]
