"""How a figure is measured: two ways of the same work in turns, medians, and what was found against its bound."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, what came out, the bound (empty: none) and whether it is met."""

    number: int
    what: str
    found: str
    bound: str = ""
    met: bool | None = None
    remark: str = ""


def bounded(number: int, what: str, ratio: float, most: float, detail: str, remark: str = "") -> Figure:
    """A ratio against its bound."""
    return Figure(number, what, f"{ratio:.2f}x ({detail})", f"<= {most:g}x", ratio <= most, remark)


def seconds(work: Callable[[], object]) -> float:
    """How long `work` took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def unhurried() -> None:
    """Collect garbage now, so that no measured piece of work pays for the ones before it."""
    gc.collect()


def ratio(ours: Sequence[float], bare: Sequence[float]) -> float:
    """The median of the ratios of what was measured side by side: a slow moment of the machine slows both."""
    return median(one / other for one, other in zip(ours, bare, strict=True))


def ms(times: Sequence[float]) -> str:
    """The median in milliseconds."""
    return f"{median(times) * 1000:.1f} ms"


def percentile(times: Sequence[float], percent: int) -> float:
    """The value that `percent` of a hundred do not exceed; with few values, between the two nearest."""
    return quantiles(times, n=100, method="inclusive")[percent - 1] if len(times) > 1 else times[0]
