"""What a storm is made of: a fleet of services that all fall ill within minutes, and what their alarms say of it."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from local import reference
from shared.alert import as_text
from shared.config import Measure, Storm
from shared.configuration import load
from shared.target import Target
from tests.builders import T0

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.config import Config

ALARMS = ("5xx", "latency", "memory", "hosts")
TEAMS = 4
FALLS, GOES_ON = 900.0, 1800.0
"""Seconds within which every service falls ill, and for which its alarms then go on."""
ACCOUNT, REGION = "123456789012", "eu-west-1"
SAMPLE = (reference.ROOT / "events" / "alerts" / "cloudwatch_metric_alarm.json").read_text("utf-8")


def name_of(number: int) -> str:
    """What a service is called."""
    return f"s{number:04}"


def fleet(services: int, storm: Storm | None = None) -> Config:
    """The starter configuration with so many services: a tenth critical, four teams with a channel each, mode auto."""
    shipped = load(reference.ROOT / "config")
    orders = next(service for service in shipped.services if service.name == "orders")
    hosts = Measure(name="hosts", namespace="AWS/ECS", metric="HealthyHostCount", above=3, positive=True)
    made = [
        orders.model_copy(
            update={
                "name": name_of(number),
                "target": Target(kind="ecs", account=ACCOUNT, region=REGION, name=f"shop/{name_of(number)}"),
                "tier": "critical" if number % 10 == 0 else "standard",
                "mode": "approve" if number % 10 == 0 else "auto",
                "channel": f"C0TEAM{number % TEAMS}",
                "mention": f"<!subteam^S0TEAM{number % TEAMS}>",
                "alarms": (),
                "measures": (hosts,),
                "log_groups": (),
            }
        )
        for number in range(services)
    ]
    return shipped.model_copy(update={"services": tuple(made), "storm": storm or shipped.storm})


def alarm_event(service: str, alarm: str, state: str, seconds: float) -> str:
    """The event of one change of an alarm's state, so many seconds after the storm began."""
    at = as_text(T0 + timedelta(seconds=seconds))
    name = f"{service}-{alarm}"
    event = json.loads(SAMPLE.replace("shop-orders-memory", name).replace('"orders"', f'"{service}"'))
    event["id"], event["time"] = f"{name}-{state}-{at}", at
    event["detail"]["state"] |= {"timestamp": at, "value": state}
    event["detail"]["previousState"]["value"] = "OK" if state == "ALARM" else "ALARM"
    return json.dumps(event)


def alerts(count: int, services: int, seed: int) -> Iterator[tuple[float, str]]:
    """`count` alerts in the order of their arrival: two in five come twice, one in ten alarms goes to and fro.

    Constant memory: one pending alert of each service.
    """
    each = [count // services + (number < count % services) for number in range(services)]
    begins = random.Random(seed)
    streams = [
        _of(name_of(n), each[n], begins.uniform(0, FALLS), random.Random(f"{seed}/{n}")) for n in range(services)
    ]
    pending: list[tuple[float, int, str]] = []
    for number, stream in enumerate(streams):
        for seconds, body in stream:
            heappush(pending, (seconds, number, body))
            break
    while pending:
        seconds, number, body = heappop(pending)
        yield seconds, body
        for after, following in streams[number]:
            heappush(pending, (after, number, following))
            break


def _of(service: str, count: int, begins: float, chance: random.Random) -> Iterator[tuple[float, str]]:
    step = GOES_ON / max(count, 1)
    states: dict[str, str] = {}
    body = ""
    for number in range(count):
        seconds = begins + number * step
        alarm = ALARMS[number % len(ALARMS)]
        if body and chance.random() < 0.4:
            yield seconds, body  # the queue delivers it twice
            continue
        flaps = alarm == "latency" and int(service[1:]) % 3 == 0
        last = count - number <= len(ALARMS)
        goes = "OK" if alarm in states and (last or (flaps and states[alarm] == "ALARM")) else "ALARM"
        states[alarm] = goes
        body = alarm_event(service, alarm, goes, seconds)
        yield seconds, body
