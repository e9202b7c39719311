"""Reading one field of a payload: the value in the kind that is expected, or a refusal that names the field."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from shared.errors import Refused
from shared.redaction import redact, redact_value

TITLE = 300
EXTERNAL_ID = 1000
SUMMARY = 4000
LABEL_NAME = 200
LABEL_VALUE = 1000
LABELS = 100
LINKS = 10
LINK = 2000
SKEW = timedelta(minutes=10)
"""How far ahead of ours a sender's clock may be before our own time of receipt counts instead."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Controls (terminal escapes among them), marks that reorder text, halves of surrogate pairs."""


def mapping(value: object, field: str) -> Mapping[str, Any]:
    """The object `value`; raises Refused where it is none."""
    if isinstance(value, Mapping):
        return value
    raise Refused(f"{field} must be an object, not {kind(value)}")


def listing(value: object, field: str) -> list[Any]:
    """The array `value`; raises Refused where it is none."""
    if isinstance(value, list):
        return value
    raise Refused(f"{field} must be an array, not {kind(value)}")


def text(value: object, field: str) -> str:
    """The text `value`, cleaned; empty where it is null or absent; raises Refused where it is something else."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    raise Refused(f"{field} must be text, not {kind(value)}")


def number(value: object) -> float | None:
    """The number `value`, or None where it is none (or no finite one)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isfinite(value) else None


def count(value: object) -> int | None:
    """The positive whole number `value`, or None where it is none or beyond anything that is meant."""
    found = number(value)
    return int(found) if found is not None and 1 <= found < 2**31 and found == int(found) else None


def moment(value: object, field: str) -> datetime | None:
    """The RFC 3339 time `value` in UTC; None where it is absent or Go's zero time; raises Refused otherwise."""
    said = text(value, field).strip()
    if not said or said.startswith("0001-01-01T"):
        return None
    try:
        found = datetime.fromisoformat(said)
        if found.tzinfo is None:
            raise Refused(f"{field} has no time zone: {said[:40]!r}; end it with Z or an offset")
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(f"{field} is not an RFC 3339 time: {said[:40]!r}") from error


def bounded(found: datetime | None, now: datetime) -> datetime:
    """`found`, or `now` where nothing was said or it lies further ahead than clocks differ."""
    return now if found is None or found > now + SKEW else found


def labels(value: object, field: str) -> dict[str, str]:
    """The labels of `value`, their values as text; raises Refused where one is an object or an array."""
    found: dict[str, str] = {}
    for name, said in mapping({} if value is None else value, field).items():
        if isinstance(said, Mapping | list):
            raise Refused(f"{field}.{name[:80]} must be text, not {kind(said)}")
        if said is not None:
            found[clean(str(name))] = clean(said if isinstance(said, str) else _scalar(said))
    return found


def safe_labels(found: Mapping[str, str]) -> dict[str, str]:
    """`found` in an order of its own, without secrets, bounded in number and length."""
    return {
        clip(redact(name), LABEL_NAME): clip(redact_value(name, found[name]), LABEL_VALUE)
        for name in sorted(found)[:LABELS]
    }


def safe(said: str, most: int) -> str:
    """`said` without secrets and at most `most` characters long."""
    return clip(redact(said.strip()), most)


def clip(said: str, most: int) -> str:
    """`said`, cut with an ellipsis where it is longer than `most` characters."""
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"


def clean(said: str) -> str:
    """`said` in Unicode's composed form, with spaces for what no reader could see."""
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub(" ", said))


def safe_links(*candidates: str) -> tuple[str, ...]:
    """The https addresses among `candidates`, once each, without those that carry a secret; at most LINKS."""
    found = (candidate.strip() for candidate in candidates)
    return tuple(dict.fromkeys(link for link in found if _is_link(link)))[:LINKS]


def kind(value: object) -> str:
    """What JSON calls the kind of `value`."""
    if value is None:
        return "null"
    names = ((bool, "a boolean"), (str, "text"), (int | float, "a number"), (list, "an array"), (Mapping, "an object"))
    return next((name for each, name in names if isinstance(value, each)), type(value).__name__)


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_link(candidate: str) -> bool:
    if not 0 < len(candidate) <= LINK or not candidate.isascii() or re.search(r'[\s<>"|]', candidate):
        return False
    said = unquote_plus(candidate)
    try:
        parts = urlsplit(candidate)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and redact(said) == said
    except ValueError:
        return False
