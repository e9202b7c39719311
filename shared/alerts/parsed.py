"""What became of a payload."""

from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps
from typing import Any

from shared.alert import Alert, as_text
from shared.target import Target


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A topic asks whether we want its messages. `url` was sent by whoever sent this; nobody here follows it."""

    topic_arn: str
    token: str
    url: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The alerts of a payload; where there are none, or not all, `note` says why."""

    alerts: tuple[Alert, ...] = ()
    note: str = ""
    confirmation: Confirmation | None = None

    def __add__(self, other: "Parsed") -> "Parsed":
        """Both, one after the other."""
        return replace(
            self,
            alerts=self.alerts + other.alerts,
            note="; ".join(filter(None, (self.note, other.note))),
            confirmation=self.confirmation or other.confirmation,
        )


def fingerprint(source: str, external_id: str, account: str, region: str, target: Target | None) -> str:
    """24 hex digits that an alert keeps over its life, whatever its state.

    The target is part of it because a sender may give the same id to two alerts; what is one thing is of one target.
    """
    said = [source, " ".join(external_id.split()), account, region, target.short if target else ""]
    return sha256(dumps(said).encode()).hexdigest()[:24]


def as_json(alert: Alert) -> dict[str, Any]:
    """`alert` as one flat JSON object for people and scripts; `target` in its short form, or null."""
    return {
        "source": alert.source,
        "state": alert.state,
        "title": alert.title,
        "summary": alert.summary,
        "severity": alert.severity,
        "target": alert.target.short if alert.target else None,
        "account": alert.account,
        "region": alert.region,
        "starts_at": as_text(alert.starts_at),
        "changed_at": as_text(alert.changed_at),
        "labels": alert.labels,
        "links": list(alert.links),
        "external_id": alert.external_id,
        "external_reference": alert.external_reference,
        "fingerprint": alert.fingerprint,
    }
