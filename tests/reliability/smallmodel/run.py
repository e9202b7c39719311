"""The small model as one of the checks of `make reliability`."""

import os
from concurrent.futures import ProcessPoolExecutor

from tests.reliability.smallmodel.explore import explored
from tests.reliability.smallmodel.model import Bounds
from tests.reliability.table import Row

BOUNDS = (
    Bounds(alerts=2, people=2, crashes=0),
    Bounds(alerts=2, people=0, crashes=1),
    Bounds(alerts=1, people=2, crashes=1),
    Bounds(alerts=1, people=2, crashes=1, configuration="two must agree"),
    Bounds(alerts=1, people=2, crashes=0, late=1),
    Bounds(alerts=2, people=1, crashes=0),
    Bounds(alerts=3, people=0, crashes=0),
    Bounds(alerts=2, people=1, crashes=1),
    Bounds(alerts=3, people=1, crashes=0),
    Bounds(alerts=3, people=0, crashes=1),
    Bounds(alerts=2, people=2, crashes=1),
    Bounds(alerts=3, people=2, crashes=0),
    Bounds(alerts=3, people=1, crashes=1),
    Bounds(alerts=3, people=2, crashes=1),
)
"""The last one holds all that the others hold but lateness and the other quorum."""
CI = 6
"""So many of them fit into a minute."""


def run(size: int, seed: int) -> list[Row]:
    """Tries all of the first `size` of BOUNDS; the seed changes nothing, since nothing is left to chance."""
    del seed
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_tried, BOUNDS[:size]))


def _tried(bounds: Bounds) -> Row:
    found = explored(bounds)
    what = f"interleavings of {bounds.alerts} alerts, {bounds.people} people, {bounds.crashes} crashes"
    late = f", {bounds.late} late" if bounds.late else ""
    agree = "" if bounds.configuration == "shipped" else f", {bounds.configuration}"
    remark = f"{found.states:,} states, {found.ends:,} ends"
    return Row(f"{what}{late}{agree}", found.ways, len(found.broken), found.seconds, remark)
