"""The services' metrics: samples made from their vitals, and statistics over periods of them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeAlias

from local.world.clock import chance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.world.model import World
    from local.world.service import Service, Vitals

Series: TypeAlias = dict[int, float]
"""Values by the epoch second at which their period begins."""

ALB = "AWS/ApplicationELB"
ECS = "AWS/ECS"
INSIGHTS = "ECS/ContainerInsights"

# name: (namespace, unit, value at one moment); counts and latencies are drawn around it, gauges stand
GAUGES: dict[str, tuple[str, str, Callable[[Vitals], float]]] = {
    "CPUUtilization": (ECS, "Percent", lambda v: v.cpu),
    "MemoryUtilization": (ECS, "Percent", lambda v: v.memory),
    "RunningTaskCount": (INSIGHTS, "Count", lambda v: v.running),
    "DesiredTaskCount": (INSIGHTS, "Count", lambda v: v.desired),
    "HealthyHostCount": (ALB, "Count", lambda v: v.healthy),
    "UnHealthyHostCount": (ALB, "Count", lambda v: v.unhealthy),
    "TargetResponseTime": (ALB, "Seconds", lambda v: v.latency),
    "RequestCount": (ALB, "Count", lambda v: v.requests),
    "HTTPCode_Target_5XX_Count": (ALB, "Count", lambda v: v.requests * v.error_rate),
}
COUNTS = {"RequestCount", "HTTPCode_Target_5XX_Count"}
NOISY = {"CPUUtilization", "MemoryUtilization"}
# A longer look back than this is sampled coarsely where nothing can have changed: before the world began.
COARSE = 10
SPREAD = (0.55, 0.8, 1.0, 1.1, 1.3, 1.6)


class UnknownStatisticError(ValueError):
    """A statistic that CloudWatch or this world does not know."""


def dimensions(service: Service, metric: str) -> dict[str, str]:
    """Return the dimensions under which a service's metric is kept."""
    if GAUGES[metric][0] == ALB:
        return {"TargetGroup": service.target_group, "LoadBalancer": service.load_balancer}
    return {"ClusterName": service.spec.cluster, "ServiceName": service.name}


def find(world: World, namespace: str, metric: str, wanted: Mapping[str, str]) -> Service | None:
    """Return the service whose metric has exactly these dimensions, if there is one."""
    if metric not in GAUGES or GAUGES[metric][0] != namespace:
        return None
    return next((s for s in world.services.values() if dimensions(s, metric) == dict(wanted)), None)


def now_value(service: Service, metric: str, at: float, period: int) -> float | None:
    """Return what a statistic of the metric tends to at a moment; a count is scaled to the period, none is no data."""
    value = GAUGES[metric][2](service.at(at))
    noise = 1.0 + 0.06 * (chance(service.name, metric, int(at * 10)) - 0.5)
    if metric in COUNTS:
        return float(round(value * noise * period)) or None
    return value * noise if metric in NOISY or metric == "TargetResponseTime" else float(value)


def _samples(service: Service, metric: str, second: int, weight: int) -> list[float]:
    vitals = service.at(second + 0.99)
    value = GAUGES[metric][2](vitals)
    luck = chance(service.name, metric, second)
    if metric in COUNTS:
        count = round(value * weight * (0.85 + 0.3 * luck))
        return [float(count)] if count else []
    if metric == "TargetResponseTime":
        if not vitals.requests:
            return []
        return [value * factor * (0.9 + 0.2 * luck) for factor in SPREAD]
    return [value * (0.94 + 0.12 * luck)] if metric in NOISY else [float(value)]


def _statistic(values: list[float], stat: str) -> float:
    simple: dict[str, Callable[[list[float]], float]] = {
        "Average": lambda v: sum(v) / len(v),
        "Sum": sum,
        "Minimum": min,
        "Maximum": max,
        "SampleCount": len,
    }
    if stat in simple:
        return float(simple[stat](values))
    if match := re.fullmatch(r"p(\d{1,2}(?:\.\d+)?|100)", stat):
        ordered = sorted(values)
        place = max(math.ceil(float(match[1]) / 100 * len(ordered)) - 1, 0)
        return ordered[place]
    raise UnknownStatisticError(stat)


def series(  # the six things that name a series
    world: World, service: Service, metric: str, stat: str, period: int, window: tuple[float, float]
) -> Series:
    """Return a statistic for every period that begins in the window and has data; periods are aligned to the epoch."""
    start, end = window
    _statistic([1.0], stat)
    found: Series = {}
    for begin in range(math.floor(start / period) * period, math.ceil(end), period):
        old = begin + period < world.began - 60
        step = min(COARSE, period) if old else 1
        seconds = range(begin, min(begin + period, math.floor(world.now) + 1), step)
        values = [value for second in seconds for value in _samples(service, metric, second, step)]
        if values:
            found[begin] = _statistic(values, stat)
    return found
