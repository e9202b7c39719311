"""The queues: there, with somewhere to put what cannot be handled, and nothing put there."""

import json
from collections.abc import Iterator

from cli.doctor.finding import DEPLOY, Aws, Finding, ok, wrong
from cli.doctor.stack import Stack
from local.aws.spec import FunctionSpec

DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def queue(aws: Aws, stack: Stack, function: FunctionSpec) -> Iterator[Finding]:
    """The queue of one function."""
    name, dead = stack.name(function.name), stack.dead_letters(function.name)
    said = _attributes(aws, name)
    if said is None:
        yield wrong(f"queue {name}", f"is not there: {function.name} hears of nothing", DEPLOY)
        return
    redrive = json.loads(said.get("RedrivePolicy", "{}"))
    if not str(redrive.get("deadLetterTargetArn", "")).endswith(f":{dead}"):
        yield wrong(f"queue {name}", f"does not put what cannot be handled into {dead}", DEPLOY)
        return
    yield ok(f"queue {name}", f"{_waiting(said)} waiting")


def dead_letters(aws: Aws, name: str, logs: str) -> Iterator[Finding]:
    """One dead-letter queue; `logs` is the log group that says why, empty where there is none."""
    said = _attributes(aws, name)
    if said is None:
        yield wrong(f"queue {name}", "is not there: what cannot be handled is lost", DEPLOY)
        return
    if waiting := _waiting(said):
        why = f"see why in the log group {logs}, mend that, then " if logs else "see what they are, then "
        fix = f"{why}redrive them (SQS console: Start DLQ redrive)"
        yield wrong(f"queue {name}", f"holds {waiting} that could not be handled", fix)
        return
    yield ok(f"queue {name}", "empty")


def _attributes(aws: Aws, name: str) -> dict[str, str] | None:
    sqs = aws("sqs")
    try:
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return None
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def _waiting(attributes: dict[str, str]) -> int:
    return sum(int(attributes.get(name, 0)) for name in DEPTHS)
