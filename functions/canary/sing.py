"""Sees whether the last test came through, says so outside, and begins the next one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from functions.canary.missing import missing
from shared import keys
from shared.alert import as_text
from shared.errors import MiddlewatchError
from shared.ports import Clock, State, Timeline
from shared.writes import Put

SHORTLY = 1 / 8
"""Of the patience: somebody else's test that began so shortly before ours counts too; what rings cannot be rung."""
MOST = 20
"""Tests since the last run that are looked at."""


@dataclass(frozen=True, slots=True)
class Canary:
    """What the canary needs. `ring` sets the test alarm; `ping` tells the switch outside, and says if there is one.

    Both raise Unavailable or Refused. `lost` counts a test that did not come through within `patience`.
    """

    timeline: Timeline
    state: State
    clock: Clock
    alarm: str
    patience: timedelta
    ring: Callable[[], None]
    ping: Callable[[], bool]
    lost: Callable[[], None]
    logger: Logger


def sing(canary: Canary) -> dict[str, Any]:
    """One run; says whether it rang, and what was missing of the last test (None: there was none to look at).

    Raises Unavailable or Refused where the test alarm cannot be rung.
    """
    if not canary.alarm:
        canary.logger.info("no test: TEST_ALARM names no alarm")
        return {"rang": False, "missing": None}
    now, held = canary.clock(), canary.state.get(keys.CANARY)
    rang_at = datetime.fromisoformat(held.value["rang_at"]) if held else None
    if rang_at and now - rang_at < canary.patience:
        canary.logger.info("no test: the last one has not had its time yet", extra={"rang_at": as_text(rang_at)})
        return {"rang": False, "missing": None}
    absent = _look(rang_at, canary) if rang_at else None
    canary.state.write(Put(keys.CANARY, {"rang_at": as_text(now)}))
    canary.ring()
    return {"rang": True, "missing": absent}


def _look(rang_at: datetime, canary: Canary) -> list[str]:
    """What is missing of the test that came farthest since the last run; tells the switch if nothing is."""
    heads = [item.value for item in canary.state.listed(keys.TESTS, limit=MOST).items]
    since = as_text(rang_at - SHORTLY * canary.patience)
    histories = [canary.timeline.read(head["incident_id"]) for head in heads if head["opened_at"] >= since]
    best = min(histories, key=lambda history: len(missing(history)), default=None)
    absent = missing(best) if best else ["alert_intake"]
    if absent:
        told = {"stages": absent, "incident_id": best.incident_id if best else None, "rang_at": as_text(rang_at)}
        canary.logger.error("canary lost", extra=told)
        canary.lost()
        return absent
    try:
        if not canary.ping():
            canary.logger.warning("the test came through, but there is no dead_mans_switch_url to tell")
    except MiddlewatchError as error:
        canary.logger.error("the switch outside could not be told", extra={"why": str(error)})
    return absent
