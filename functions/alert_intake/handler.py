"""Alarm events of the default bus, SNS notifications -> IncidentOpened, AlertJoined, AlertRepeated, AlertResolved."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from functions.alert_intake.intake import take_in
from shared.configuration import load
from shared.intake import Intake
from shared.queue import consume
from shared.wiring import Wiring

wiring = Wiring.of("alert_intake", os.environ)
intake = Intake.of(wiring.settings, wiring.store, load(wiring.settings.config_dir), wiring.clock, actor=wiring.name)
turn = partial(take_in, intake=intake, logger=wiring.logger, canary=wiring.settings.test_alarm)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Takes in a batch of queue messages."""
    return consume(event, turn, wiring.queue)
