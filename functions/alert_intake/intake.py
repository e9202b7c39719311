"""What arrives on the alarm queue: EventBridge events of AWS, and SNS notifications."""

import re
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from shared.alert import DEFAULT_BUS, Alert
from shared.alerts.envelopes import contents
from shared.alerts.parse import parse
from shared.alerts.targets import read_arn
from shared.intake import Intake, receive, told_by

_TOPIC = re.compile(r"arn:aws[a-z-]{0,10}:sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_.-]{1,256}")


def take_in(body: Mapping[str, Any], intake: Intake, logger: Logger, canary: str = "") -> None:
    """Makes every alert in `body` part of an incident; raises Refused where it is none that we know how to read.

    `canary` is the name of the alarm by which Middlewatch tests itself, if it does.
    """
    parsed = parse(body, "auto", now=intake.clock())
    if parsed.note:
        logger.info("not an alert", extra={"note": parsed.note})
    origin = origin_of(body)
    for alert in parsed.alerts:
        received = receive(told_by(alert, origin), intake, test=is_test(body, alert, intake, canary))
        logger.info(
            "alert",
            extra={
                "incident_id": received.incident_id,
                "outcome": received.outcome,
                "note": received.note,
                "origin": origin,
                "alert": alert.title,
                "state": alert.state,
            },
        )


def origin_of(body: Mapping[str, Any]) -> str:
    """Who told us, by the outermost envelope, since what lies in it may be anybody's words; empty: nobody we know.

    Only AWS puts events of `aws.*` on a bus, and SNS itself says from which topic its notification is.
    """
    if contents(body) is None and body.get("source") in {"aws.cloudwatch", "aws.ecs"} and "detail-type" in body:
        return DEFAULT_BUS
    topic = str(body.get("TopicArn", ""))
    return topic if body.get("Type") == "Notification" and _TOPIC.fullmatch(topic) else ""


def is_test(body: Mapping[str, Any], alert: Alert, intake: Intake, canary: str) -> bool:
    """Whether this is the canary's own alarm, of this account and region, on the account's default bus.

    Only AWS puts events of `aws.cloudwatch` there; what came in an envelope may be anybody's words.
    """
    arn = read_arn(alert.external_id)
    return (
        bool(canary and intake.account)
        and body.get("source") == "aws.cloudwatch"
        and body.get("resources") == [alert.external_id]
        and contents(body) is None
        and arn is not None
        and arn[1:] == ("cloudwatch", intake.region, intake.account, f"alarm:{canary}")
    )
