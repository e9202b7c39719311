"""What every queue-fed function is wired with. A handler module asks for it once, and alone reads the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics

from shared.decide import Message, Stage, T, decide
from shared.history import History
from shared.integrations.dynamodb import DynamoStore
from shared.logs import log_of
from shared.ports import Clock
from shared.queue import Queue, consume
from shared.settings import Settings
from shared.telemetry import count, meter, tell

Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]
"""A Lambda handler of a queue-fed function: the SQS event and the context in, the partial batch response out."""


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The adapters and settings of one function."""

    name: str
    settings: Settings
    store: DynamoStore
    queue: Queue
    clock: Clock
    logger: Logger
    metrics: Metrics

    @classmethod
    def of(cls, name: str, environment: Mapping[str, str]) -> "Wiring":
        """The wiring of the function `name`; raises ValueError where the environment is not usable."""
        settings = Settings.read(environment)
        logger = log_of(name)
        store = DynamoStore.connect(settings)
        sqs = boto3.client("sqs", region_name=settings.aws_region)
        metrics = meter(settings.bus_name)
        told, failing = partial(count, metrics, "Quarantined"), partial(count, metrics, "StillFailing")
        queue = Queue(name, settings.queue_url, sqs, store, logger, utc_now, told, failing)
        return cls(name, settings, store, queue, utc_now, logger, metrics)

    def consumer(self, turn: Callable[[Message], History]) -> Handler:
        """The handler that gives every entry which the queue points at to `turn`."""

        def one(body: Mapping[str, Any]) -> None:
            message = Message.read(body)
            tell(turn(message), message.entry_id, self.logger, self.metrics)

        return lambda event, _context: consume(event, one, self.queue)

    def decider(self, stage: Stage[T]) -> Handler:
        """The handler of a stage that decides."""
        return self.consumer(lambda message: decide(message, stage, self.store, self.clock))
