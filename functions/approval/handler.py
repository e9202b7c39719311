"""A click from the queue -> ApprovalGiven | ApprovalRefused | IncidentAcknowledged | ClickDeclined."""

import os
from collections.abc import Mapping
from typing import Any

from functions.approval.decide_click import Deciding, decide_click, read_click
from shared.configuration import load
from shared.integrations.slack import SlackChat
from shared.queue import consume
from shared.secrets import Secrets
from shared.telemetry import tell
from shared.wiring import Wiring

wiring = Wiring.of("approval", os.environ)
deciding = Deciding(
    config=load(wiring.settings.config_dir),
    timeline=wiring.store,
    chat=SlackChat.of(Secrets.of(os.environ, wiring.settings), os.environ),
    clock=wiring.clock,
    logger=wiring.logger,
)


def turn(body: Mapping[str, Any]) -> None:
    """One click."""
    click = read_click(body)
    tell(decide_click(click, deciding), f"slack:{click.id}", wiring.logger, wiring.metrics)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """The clicks of an SQS event; returns the partial batch response."""
    return consume(event, turn, wiring.queue)
