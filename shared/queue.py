"""The edge between SQS and a stage: one message at a time, and only what failed comes back."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from shared.alert import as_text
from shared.alerts.safe_json import loads
from shared.errors import Refused, Unavailable
from shared.ports import Clock, State
from shared.redaction import redact
from shared.writes import Put

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FIRST_DELAY = 2.0
LONGEST_DELAY = 900.0
"""Seconds that a message stays away after a failure: doubled for each receipt, jittered, at most 15 minutes.

The tenth attempt, the last one, comes 8 to 17 minutes after the first; the dead-letter queue has it by half an hour.
"""
LASTING = 7
"""Receipts after which people are told that it still fails, one to two minutes after the first.

SQS leaves what it gave out three times or more out of the age of the oldest message.
"""
KEPT = 16_000
"""Characters of a quarantined body that are kept."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What the edge needs: the queue that the messages came from, where bad ones are kept, the log and the clock.

    `quarantined` is told of every message that was kept there, `failing` of every one that fails again and again.
    """

    function: str
    url: str
    sqs: "SQSClient"
    state: State
    logger: Logger
    clock: Clock
    quarantined: Callable[[], None] = lambda: None
    failing: Callable[[], None] = lambda: None
    jitter: Callable[[float, float], float] = random.uniform


def consume(event: Mapping[str, Any], turn: Callable[[Mapping[str, Any]], None], queue: Queue) -> dict[str, Any]:
    """Gives every message's body (a JSON object) to `turn`; returns the partial batch response.

    A turn that raises Refused sends its message to quarantine; Unavailable brings it back after a growing delay;
    anything else is a bug, logged with its trace, and comes back until the dead-letter queue has it.
    """
    failed: list[dict[str, str]] = []
    for record in event["Records"]:
        try:
            _turn(record, turn, queue)
            continue
        except Unavailable as error:
            queue.logger.warning("later", extra={"why": str(error), "message_id": record["messageId"]})
            _delay(record, error.retry_after, queue)
        except Exception:
            queue.logger.exception("unexpected", extra={"message_id": record["messageId"]})
        failed.append({"itemIdentifier": record["messageId"]})
        if _receipts(record) >= LASTING:
            queue.failing()
    return {"batchItemFailures": failed}


def _turn(record: Mapping[str, Any], turn: Callable[[Mapping[str, Any]], None], queue: Queue) -> None:
    try:
        turn(_body(record["body"]))
    except Refused as refusal:
        quarantine(record["body"], str(refusal), queue.function, queue.state, queue.clock)
        queue.logger.error("quarantined", extra={"why": str(refusal), "message_id": record["messageId"]})
        queue.quarantined()


def _body(text: str) -> Mapping[str, Any]:
    body = loads(text)
    if not isinstance(body, dict):
        reason = f"not a JSON object but {type(body).__name__}"
        raise Refused(reason)
    return body


def quarantine(body: str, reason: str, function: str, state: State, clock: Clock) -> None:
    """Keeps what cannot be handled, with the reason, for `middlewatch quarantine`; the same body is kept once.

    Secrets are taken out first; `whole` says whether what is kept is all that came.
    """
    at = as_text(clock())
    key = f"quarantine#{function}#{sha256(body.encode(errors='replace')).hexdigest()[:32]}"
    kept = redact(body[:KEPT])
    value = {"function": function, "reason": redact(reason), "body": kept, "whole": kept == body, "at": at}
    state.write(Put(key, value, listed=("quarantine", at)))


def _receipts(record: Mapping[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def _delay(record: Mapping[str, Any], retry_after: float | None, queue: Queue) -> None:
    backoff = min(LONGEST_DELAY, FIRST_DELAY * 2 ** (_receipts(record) - 1))
    seconds = max(retry_after or 0, queue.jitter(backoff / 2, backoff))
    try:
        queue.sqs.change_message_visibility(
            QueueUrl=queue.url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(min(seconds, LONGEST_DELAY)),
        )
    except (BotoCoreError, ClientError) as error:
        # It comes back all the same, when the queue's own visibility time-out ends.
        queue.logger.warning("the delay could not be set", extra={"why": str(error)})
