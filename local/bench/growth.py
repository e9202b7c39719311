"""Figure 2: what a repeat costs after ten of them, and after ten thousand."""

from __future__ import annotations

import contextlib
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.aws.embedded import EmbeddedAws
from local.bench.measure import Figure, bounded, ms, ratio, seconds, unhurried
from local.bench.turns import Bench, alarm_event, delivered
from local.bench.twins import store_on
from local.stack import ROOT
from shared.listing import incidents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.history import History

MOST = 1.1
EARLY = 10
WINDOW = 60
"""Repeats on either side that are compared: from the 12th and the 10,001st on, past the lines at powers of ten."""


def measure(late: int, window: int = WINDOW) -> list[Figure]:
    """Ring an alert `late` times; then compare its next repeats with those of young alerts, in turns."""
    with EmbeddedAws(ROOT) as aws, contextlib.redirect_stdout(io.StringIO()):
        bench = Bench(store_on(aws, aws.client("dynamodb")), aws.client("sqs"))
        old = _rings("old")
        for _ in range(late + 1):
            bench.take_in(next(old))
        young: list[Iterator[dict[str, Any]]] = []
        for number in range(window):
            rings = _rings(f"young{number}")
            for _ in range(EARLY + 1):
                bench.take_in(next(rings))
            young.append(rings)
        unhurried()
        pairs = [_pair(bench, next(rings), next(old), place) for place, rings in enumerate(young)]
        first, last = [early for early, _ in pairs], [later for _, later in pairs]
        timeline = _timeline(bench, "old", window + 1)
        size = sum(len(entry.body) for entry in timeline.entries)
    detail = f"{ms(last)} against {ms(first)}, median of {window} pairs, in turns on the same tables"
    remark = f"the timeline then has {len(timeline.entries)} entries, {size} bytes in all"
    return [
        bounded(2, f"repeat no. {late:,} of an alert against no. {EARLY}", ratio(last, first), MOST, detail, remark)
    ]


def _pair(bench: Bench, young: dict[str, Any], old: dict[str, Any], place: int) -> tuple[float, float]:
    """One repeat of each, the order changing."""
    if place % 2:
        later = seconds(lambda: bench.take_in(old))
        return seconds(lambda: bench.take_in(young)), later
    return seconds(lambda: bench.take_in(young)), seconds(lambda: bench.take_in(old))


def _rings(service: str) -> Iterator[dict[str, Any]]:
    """The same alarm about a service again and again, each time as a change of state that is a moment later."""
    at = datetime.now(UTC)
    while True:
        yield delivered(alarm_event(service, at))
        at += timedelta(milliseconds=1)


def _timeline(bench: Bench, service: str, limit: int) -> History:
    listed = (item.value for item in incidents(bench.store, ["open"], limit=limit).items)
    return bench.store.read(next(str(each["incident_id"]) for each in listed if service in str(each["target"])))
