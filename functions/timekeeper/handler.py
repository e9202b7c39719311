"""Every minute -> the facts whose time has come."""

import os
from functools import partial
from typing import Any

from functions.timekeeper.ring import ring
from shared.telemetry import count, tell
from shared.wiring import Wiring

wiring = Wiring.of("timekeeper", os.environ)


def handler(_event: dict[str, Any], _context: object) -> dict[str, int]:
    """Rings what is due; says how many timers grew their timeline."""
    grown = [
        history
        for history in ring(
            wiring.store,
            wiring.store,
            wiring.clock,
            stall=wiring.settings.span("stall"),
            warn=wiring.logger.error,
            late=partial(count, wiring.metrics, "TimersLate"),
        )
        if history.appended
    ]
    for history in grown:
        tell(history, "timer", wiring.logger, wiring.metrics)
    return {"rung": len(grown)}
