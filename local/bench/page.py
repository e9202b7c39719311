"""The figures as a table in the terminal, and as docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from infra.cost.prices import AS_OF, LEFT_OUT, PRICES, REGION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from local.bench.incidents import Cost
    from local.bench.measure import Figure

HOW = {
    1: (
        "A turn is what a handler does with one queue message: parse, read, decide, append, log. Bare is boto3 alone: "
        "the same calls with as many bytes, on twin tables of the same content in the same embedded AWS, in turns "
        "with ours. The ratio is the median of the ratios of the pairs."
    ),
    2: (
        "An old alert and young ones ring in turns on the same tables, so that a slow moment or a large table slows "
        "both. The tenfold line (a repeat that is recorded because its count is a power of ten) is in neither window."
    ),
    3: (
        "Fresh processes in turns, timed from the first line to the last. Bare imports every library (and part of the "
        "standard library) that stands in an import at the top of the handler's module or of one of ours that it "
        "imports, makes one pydantic model (pydantic loads half of itself for the first), the same boto3 clients and, "
        "for an HTTP function, an empty FastAPI application under Mangum."
    ),
    4: (
        "In the emulator, every function warm in one process of its own. To the message: from PutEvents on the default "
        "bus to the time that the Slack stand-in gave the message. To UpdateService: from the click to the time at "
        "which the demo's world took the call."
    ),
    5: (
        "Counted request by request while the demo's three stories run: what the functions call, what they write to "
        "the two tables (sizes as DynamoDB counts them), and what Lambda, the bus and the queues do for them. The "
        "demo looks at the recovery every second and for 9 s at most, production every minute and for 20 at most."
    ),
}
TITLES = {
    1: "A turn against its AWS calls alone",
    2: "Growth",
    3: "Import time",
    4: "Time to be heard and to act",
    5: "What an incident takes",
}


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table."""
    table = Table(title="Benchmarks", title_justify="left")
    for name in ("", "figure", "measured", "bound", ""):
        table.add_column(name)
    for figure in figures:
        verdict = {True: "[green]met[/green]", False: "[red]not met[/red]", None: ""}[figure.met]
        table.add_row(str(figure.number), figure.what, figure.found, figure.bound, verdict)
    console.print(table)


def written(figures: Sequence[Figure], costs: Sequence[Cost], command: str, seconds: float) -> str:
    """The page."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    where = f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}), Python {platform.python_version()}"
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`; do not edit. -->",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}: {seconds:.0f} s on {where}; load at its end {load:.1f}.",
        "Times are medians unless they say otherwise, and only ratios carry over to another machine.",
    ]
    for number, title in TITLES.items():
        rows = [figure for figure in figures if figure.number == number]
        if rows:
            lines += ["", f"## {number}. {title}", "", HOW[number], "", *_table(rows)]
    return "\n".join([*lines, *_costs(costs), ""])


def _table(figures: Sequence[Figure]) -> list[str]:
    lines = ["| figure | measured | bound | remark |", "|---|---|---|---|"]
    for figure in figures:
        verdict = {True: ", met", False: ", **not met**", None: ""}[figure.met]
        lines.append(f"| {figure.what} | {figure.found} | {figure.bound}{verdict} | {figure.remark} |")
    return lines


def _costs(costs: Sequence[Cost]) -> list[str]:
    if not costs:
        return []
    names = [cost.story for cost in costs]
    lines = [
        "",
        f"Amounts by story, and the list prices of {REGION} as of {AS_OF} (no free tier, no discount):",
        "",
        f"| | {' | '.join(names)} | dollars per million | counted |",
        f"|---|{'---:|' * len(names)}---:|---|",
    ]
    for what, (price, how, *_) in PRICES.items():
        if not any(what in cost.used for cost in costs):
            continue
        amounts = " | ".join(f"{cost.used.get(what, 0):,.4g}" for cost in costs)
        lines.append(f"| {what} | {amounts} | {price * 1e6:g} | {how} |")
    totals = " | ".join(f"${cost.dollars:.5f}" for cost in costs)
    return [*lines, f"| in all | {totals} | | |", "", "Left out: " + "; ".join(LEFT_OUT) + "."]
