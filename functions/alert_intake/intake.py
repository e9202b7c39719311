"""What arrives on the alarm queue: EventBridge events of AWS, and SNS notifications."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from shared.alerts.parse import parse
from shared.intake import Intake, receive


def take_in(body: Mapping[str, Any], intake: Intake, logger: Logger) -> None:
    """Makes every alert in `body` part of an incident; raises Refused where it is none that we know how to read."""
    parsed = parse(body, "auto", now=intake.clock())
    if parsed.note:
        logger.info("not an alert", extra={"note": parsed.note})
    for alert in parsed.alerts:
        received = receive(alert, intake)
        logger.info(
            "alert",
            extra={
                "incident_id": received.incident_id,
                "outcome": received.outcome,
                "note": received.note,
                "alert": alert.title,
                "state": alert.state,
            },
        )
