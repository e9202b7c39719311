"""What alarms travel in: SNS notifications, bare or in a Lambda event's records, and SQS bodies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.alerts.fields import listing, mapping, text
from shared.alerts.parsed import Confirmation
from shared.alerts.safe_json import loads
from shared.errors import Refused

_SNS_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")


@dataclass(frozen=True, slots=True)
class Content:
    """What was in an envelope; `topic_arn` is the SNS topic that it came over (or empty)."""

    payload: object
    topic_arn: str = ""


def contents(payload: Mapping[str, Any]) -> list[Content] | Confirmation | None:
    """What is in the envelope `payload`, or that it asks to confirm a subscription; None where it is no envelope."""
    if "Records" in payload:
        records = listing(payload["Records"], "Records")
        return [_record(mapping(each, f"Records[{at}]"), f"Records[{at}]") for at, each in enumerate(records)]
    if payload.get("Type") in _SNS_TYPES and "TopicArn" in payload:
        return _message(payload)
    return None


def _record(record: Mapping[str, Any], field: str) -> Content:
    if "Sns" in record:
        return Content({"Type": "Notification", "TopicArn": "", **mapping(record["Sns"], f"{field}.Sns")})
    if isinstance(record.get("body"), str):
        return Content(loads(record["body"]))
    raise Refused(f"{field} has neither Sns nor a body; only SNS and SQS records carry alarms")


def _message(message: Mapping[str, Any]) -> list[Content] | Confirmation:
    topic_arn = text(message["TopicArn"], "TopicArn")
    if message["Type"] == "SubscriptionConfirmation":
        return Confirmation(
            topic_arn, text(message.get("Token"), "Token"), text(message.get("SubscribeURL"), "SubscribeURL")
        )
    if message["Type"] == "UnsubscribeConfirmation":
        return []
    said = message.get("Message")
    if not isinstance(said, str):
        raise Refused("Message is missing; it holds the alarm as JSON in text")
    try:
        return [Content(loads(said), topic_arn)]
    except Refused as error:
        raise type(error)(f"Message holds no alarm: {error}") from error
