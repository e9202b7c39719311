"""SNS over HTTP: whether a message is really from a topic of ours.

Amazon's rule ('Verifying the signatures of Amazon SNS messages', SNS developer guide): rebuild the signed text from the
message's fields, and check it with the certificate at `SigningCertURL`, which must be at SNS itself.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from functions.http_api.authentication import Unauthenticated

Certificate = Callable[[str], bytes]
"""The PEM certificate at this address, which has been checked to be SNS's; raises Unavailable."""

OLDEST = timedelta(minutes=65)
"""A published message is retried over HTTP for at most an hour (SNS developer guide, 'delivery policies')."""
SKEW = timedelta(minutes=5)

_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_TOPIC = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:(?P<region>[a-z0-9-]{4,32}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_CERTIFICATE = re.compile(
    r"https://sns\.(?P<region>[a-z0-9-]{4,32})\.amazonaws\.com(?:\.cn)?/SimpleNotificationService-[0-9a-f]{16,64}\.pem"
)


@dataclass(frozen=True, slots=True)
class Published:
    """A message that SNS did send: what kind, of which topic, and its id, which a retry repeats."""

    kind: Literal["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]
    topic: str
    region: str
    message_id: str
    token: str
    at: datetime


def published(
    envelope: Mapping[str, Any], topics: Collection[str], certificate: Certificate, now: datetime
) -> Published:
    """The message, once its signature, its topic and its age are known to be right; raises Unauthenticated.

    Nothing is fetched for a topic that is not one of `topics`, nor from anywhere but SNS in that topic's region.
    """
    fields = {name: value for name, value in envelope.items() if isinstance(value, str)}
    kind, topic = fields.get("Type", ""), fields.get("TopicArn", "")
    named = _TOPIC.fullmatch(topic)
    if named is None or topic not in topics:
        raise Unauthenticated("TopicArn is not one of allowed_topics in the configuration")
    if kind not in _SIGNED:
        raise Unauthenticated("Type is not one of SNS's kinds of message")
    address = _CERTIFICATE.fullmatch(fields.get("SigningCertURL", ""))
    if address is None or address["region"] != named["region"]:
        raise Unauthenticated("SigningCertURL is not at SNS in the topic's region")
    missing = [name for name in _SIGNED[kind] if name not in fields and name != "Subject"]
    if missing:
        raise Unauthenticated(f"{missing[0]} is missing")
    _verify(fields, kind, certificate(address[0]))
    at = _moment(fields["Timestamp"])
    if not now - OLDEST <= at <= now + SKEW:
        raise Unauthenticated("Timestamp is older than SNS would still be sending, or in the future")
    return Published(kind, topic, named["region"], fields["MessageId"], fields.get("Token", ""), at)  # type: ignore[arg-type]


def _verify(fields: Mapping[str, str], kind: str, pem: bytes) -> None:
    # Only SNS over HTTP needs it, and importing cryptography would add 85 ms to every cold start.
    from functions.http_api.rsa import fits  # noqa: PLC0415

    text = "".join(f"{name}\n{fields[name]}\n" for name in _SIGNED[kind] if name in fields)
    if not fits(text, fields.get("Signature", ""), fields.get("SignatureVersion", ""), pem):
        raise Unauthenticated("Signature does not fit the message")


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unauthenticated("Timestamp is not an ISO 8601 date and time") from error
    if at.tzinfo is None:
        raise Unauthenticated("Timestamp does not name its time zone")
    return at
