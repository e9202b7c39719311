"""Alarm events of the default bus, SNS notifications -> IncidentOpened, AlertJoined, AlertRepeated, AlertResolved."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from functions.alert_intake.intake import take_in
from shared.configuration import load
from shared.intake import Intake, new_incident_id
from shared.queue import consume
from shared.wiring import Wiring

wiring = Wiring.of("alert_intake", os.environ)
settings = wiring.settings
intake = Intake(
    timeline=wiring.store,
    state=wiring.store,
    config=load(settings.config_dir),
    clock=wiring.clock,
    new_id=new_incident_id,
    actor=wiring.name,
    hold=settings.span("hold"),
    retell=settings.span("retell"),
    account=settings.aws_account_id,
    region=settings.aws_region,
    cluster=settings.ecs_cluster_name,
)
turn = partial(take_in, intake=intake, logger=wiring.logger)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Takes in a batch of queue messages."""
    return consume(event, turn, wiring.queue)
