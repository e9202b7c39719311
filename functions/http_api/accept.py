"""Alerts over HTTP: who sends them, whether they may, and what became of each; the answer comes after it is durable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from aws_lambda_powertools import Logger

from functions.http_api.authentication import Header, keyed, keys_of, signed
from functions.http_api.sns import Certificate, Published, published
from functions.http_api.views import Accepted, AcceptedAlert
from shared.alert import Alert
from shared.alerts.parsed import Parsed
from shared.alerts.safe_json import loads
from shared.config import Config, Source
from shared.configuration import may_speak_of
from shared.errors import Taken
from shared.intake import Received, told_by
from shared.keys import delivery as delivery_key
from shared.ports import Clock, State, Timeline
from shared.writes import Claim

REMEMBERED = timedelta(days=30)
MOST_ALERTS = 500
"""In one request, so that all are durable within the 30 seconds that an HTTP API waits (about 30 ms each)."""


class Rejected(Exception):
    """The request is not carried out: an HTTP status, why, and the field to change."""

    def __init__(self, status: int, why: str, *, field: str = "") -> None:
        """Say why in words for the person who set the sender up."""
        super().__init__(why)
        self.status = status
        self.why = why
        self.field = field


@dataclass(frozen=True, slots=True)
class Deps:
    """What the API needs. `secret` gives a secret by name; it, like all that asks the network, raises Unavailable."""

    timeline: Timeline
    state: State
    config: Config
    clock: Clock
    logger: Logger
    secret: Callable[[str], str]
    parse: Callable[[Any, str, datetime], Parsed]
    locate: Callable[[Alert], Alert]
    receive: Callable[[Alert], Received]
    certificate: Certificate
    confirm: Callable[[Published], None]
    checks: Mapping[str, Callable[[], None]]
    environment: str


@dataclass(frozen=True, slots=True)
class Sender:
    """An authenticated sender: its source, when it spoke, and the id of this delivery ("" where it gives none).

    `vouched` marks what a topic of ours published: it is CloudWatch itself that speaks.
    """

    source: Source
    at: datetime
    delivery: str
    vouched: Published | None = None


def accept(name: str, header: Header, body: bytes, deps: Deps) -> Accepted:
    """Takes in all alerts of one request; raises Unauthenticated, Rejected, Refused (unreadable) or Unavailable."""
    source = next((source for source in deps.config.sources if source.name == name), None)
    if source is None:
        raise Rejected(404, f"there is no source {name!r} in the configuration", field="source")
    sender = _sender(source, header, body, deps)
    digest = sha256(body).hexdigest()
    before = deps.state.get(_key(sender)) if sender.delivery else None
    if before and before.value["digest"] != digest:
        raise Rejected(409, "this delivery id was used for another body; give each delivery its own")
    if before:
        return Accepted(incident_ids=before.value["incident_ids"], alerts=[], note="this delivery was accepted before")
    accepted = _confirmed(sender, deps) or _received(sender, loads(body), deps)
    if sender.delivery:
        _remember(sender, digest, accepted, deps)
    deps.logger.info(
        "alerts",
        extra={
            "source": name,
            "incident_ids": accepted.incident_ids,
            "outcomes": [alert.outcome for alert in accepted.alerts],
            "note": accepted.note,
        },
    )
    return accepted


def _sender(source: Source, header: Header, body: bytes, deps: Deps) -> Sender:
    now = deps.clock()
    if source.kind == "cloudwatch" and header("x-amz-sns-message-type"):
        envelope = loads(body)
        if not isinstance(envelope, dict):
            raise Rejected(422, "an SNS message is a JSON object")
        message = published(envelope, deps.config.allowed_topics, deps.certificate, now)
        return Sender(source, message.at, f"sns:{message.message_id}", message)
    keys = keys_of(deps.secret(source.secret))
    if source.authentication == "hmac":
        mark = signed(header, body, keys, now)
        return Sender(source, mark.at, mark.delivery)
    keyed(header, keys)
    return Sender(source, now, "")


def _confirmed(sender: Sender, deps: Deps) -> Accepted | None:
    """A subscription of an allowed topic is confirmed by an API call, never by fetching an address."""
    message = sender.vouched
    if message is None or message.kind == "Notification":
        return None
    if message.kind == "SubscriptionConfirmation":
        deps.confirm(message)
        return Accepted(incident_ids=[], alerts=[], note=f"subscribed to {message.topic}")
    return Accepted(incident_ids=[], alerts=[], note=f"{message.topic} no longer sends here")


def _received(sender: Sender, payload: Any, deps: Deps) -> Accepted:  # noqa: ANN401 - JSON
    # What carries no time of its own takes the signed one, so that a redelivery is the same state change.
    parsed = deps.parse(payload, _reading(sender.source, payload), sender.at)
    if len(parsed.alerts) > MOST_ALERTS:
        raise Rejected(
            413, f"{len(parsed.alerts)} alerts in one request; at most {MOST_ALERTS}, so send smaller groups"
        )
    results = [_one(alert, sender, deps) for alert in parsed.alerts]
    incident_ids = dict.fromkeys(result.incident_id for result in results if result.incident_id)
    return Accepted(incident_ids=list(incident_ids), alerts=results, note=parsed.note)


def _reading(source: Source, payload: Any) -> str:  # noqa: ANN401 - JSON
    """As what to read it: who sends AWS's alarms by an API destination sends ECS's events the same way."""
    from_ecs = isinstance(payload, dict) and payload.get("source") == "aws.ecs"
    return "ecs" if source.kind == "cloudwatch" and from_ecs else source.kind


def _one(alert: Alert, sender: Sender, deps: Deps) -> AcceptedAlert:
    located = deps.locate(alert)
    received = deps.receive(told_by(alert, _origin(located, sender)))
    return AcceptedAlert(
        title=alert.title,
        state=alert.state,
        target=located.target.short if located.target else "",
        external_id=alert.external_id,
        incident_id=received.incident_id,
        outcome=received.outcome,
        note=received.note,
    )


def _origin(alert: Alert, sender: Sender) -> str:
    """The topic where SNS vouches for one, as long as the source that it came by may say the same; else the source."""
    vouched = sender.vouched is not None and may_speak_of(sender.source, alert)
    return sender.vouched.topic if vouched and sender.vouched else sender.source.name


def _key(sender: Sender) -> str:
    return delivery_key(f"http/{sender.source.name}/{sender.delivery}")


def _remember(sender: Sender, digest: str, accepted: Accepted, deps: Deps) -> None:
    value = {"digest": digest, "incident_ids": accepted.incident_ids}
    try:
        deps.state.write(Claim(_key(sender), value, expires_at=deps.clock() + REMEMBERED))
    except Taken:
        # The same delivery twice at the same time: each alert was counted once, and both answers name its incident.
        deps.logger.info("delivered twice at once", extra={"source": sender.source.name, "delivery": sender.delivery})
