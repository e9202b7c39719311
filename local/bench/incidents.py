"""Figures 4 and 5: how long it takes until a person hears and until something is done, and what an incident costs."""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import urllib3
from rich.console import Console

from infra.cost.prices import AS_OF, REGION, dollars
from local.aws.calls import access_key
from local.aws.provision import Names
from local.aws.spec import read_functions
from local.bench.measure import Figure, percentile
from local.bench.meter import Meter
from local.bench.turns import alarm_event
from local.demo import stories
from local.demo.narrator import Narrator
from local.demo.play import store_of
from local.demo.stories import Playhouse
from local.stack import ROOT, Stack
from local.world.stage import Stage
from shared import facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from shared.facts import Fact

PATIENCE = 40.0
QUIET = 1.5
"""Seconds without a call after which an incident's work is taken to be over."""
SERVICES = ("payments", "orders", "search")


class Asking(Stack):
    """The demo's stack, where a person is asked whatever the service."""

    def environment(self) -> dict[str, str]:
        """The demo's, with the mode of every service changed."""
        config = self.state_dir / "config"
        if not config.exists():
            shutil.copytree(ROOT / "config", config)
            services = config / "services.yaml"
            text = services.read_text().replace("mode: auto", "mode: approve")
            # Many stories share the hour of one channel here.
            services.write_text(re.sub(r"(messages|prompts|emails)_per_hour: \d+", r"\1_per_hour: 100000", text))
        return {**super().environment(), "CONFIG_DIR": str(config)}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one story took."""

    story: str
    calls: int
    often: str
    bytes: int
    entries: int
    dollars: float
    used: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured, and the facts of the incident whose recovery failed."""

    figures: list[Figure]
    costs: list[Cost]
    failed: list[Fact]


STORIES = (stories.orders, stories.payments, stories.search)


def measure(state_dir: Path, alarms: int, rounds: int, plays: Sequence[Callable[[Playhouse], None]] = STORIES) -> Seen:
    """Play the stories (`search` among them) and price each; ring `alarms` alarms; approve in `rounds` new worlds."""
    shutil.rmtree(state_dir, ignore_errors=True)
    console = Console(file=io.StringIO())
    meter = Meter(read_functions(ROOT), Names().timeline)
    with Stack(state_dir / "stories", on_log=meter.line) as stack:
        _wake(stack)
        stack.aws.inject(meter.request)
        stage = Stage(stack.world_url)
        with Narrator(store_of(stack), console) as narrator:
            house = Playhouse(stack, stage, narrator, console, by_itself=True)
            costs = [_cost(house, meter, play) for play in plays]
            told = narrator.about("search")
        heard = [_heard(stack, number) for number in range(alarms)]
    acted = [seconds for number in range(rounds) for seconds in _round(state_dir / f"round-{number}", console)]
    figures = [
        _latency("alarm event on the default bus to message in Slack", heard, "alarms one after the other"),
        _latency(
            "click on Approve to UpdateService",
            acted,
            f"clicks, one for each of {len(SERVICES)} services in {rounds} new worlds",
        ),
        *(_priced(cost) for cost in costs),
    ]
    return Seen(figures, costs, [entry.fact for entry in told.entries] if told else [])


def _latency(what: str, times: list[float], how: str) -> Figure:
    found = f"p50 {median(times):.2f} s, p95 {percentile(times, 95):.2f} s ({len(times)} {how})"
    return Figure(4, what, found, remark=f"fastest {min(times):.2f} s, slowest {max(times):.2f} s")


def _priced(cost: Cost) -> Figure:
    found = f"{cost.calls} calls, {cost.bytes / 1000:.0f} KB written, ${cost.dollars:.5f}"
    remark = f"{cost.entries} entries; {cost.often}; prices of {REGION}, {AS_OF}"
    return Figure(5, f"one incident of the story {cost.story}", found, remark=remark)


def _cost(house: Playhouse, meter: Meter, play: Callable[[Playhouse], None]) -> Cost:
    name = play.__name__
    before = house.world.state()
    meter.reset()
    play(house)
    _settle(lambda: sum(meter.by.values()))
    after = house.world.state()
    world = _used_of_the_world(before, after, [access_key(function) for function in house.stack.aws.specs])
    calls = Counter(meter.calls) + world
    used: Counter[str] = meter.used.copy()
    used["CloudWatch metrics read"] = after["metrics_read"] - before["metrics_read"]
    used["CloudWatch API requests"] = world["cloudwatch:DescribeAlarms"]
    # One message comes from the default bus for each alarm event.
    used["SQS requests"] += 3 * (after["events_sent"] - before["events_sent"])
    history = house.narrator.about(name)
    often = ", ".join(f"{operation} {number}" for operation, number in calls.most_common(5))
    entries = len(history.entries) if history else 0
    return Cost(name, calls.total(), often, meter.bytes, entries, dollars(used), dict(used))


def _used_of_the_world(before: dict[str, Any], after: dict[str, Any], keys: list[str]) -> Counter[str]:
    """The calls that the functions made to the world."""

    def calls(state: dict[str, Any]) -> Counter[str]:
        return sum((Counter(state["callers"].get(key, {})) for key in keys), Counter())

    return calls(after) - calls(before)


def _settle(count: Callable[[], int]) -> None:
    """Wait until `count` has not changed for a while."""
    last, since = count(), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.1)
        if (now := count()) != last:
            last, since = now, time.monotonic()


def _heard(stack: Stack, number: int) -> float:
    """Seconds from an alarm event about nothing that is named to the message about it in Slack."""
    name = f"heard-{number:03d}"
    event = alarm_event(name, datetime.now(UTC))
    for metric in event["detail"]["configuration"]["metrics"]:
        metric["metricStat"]["metric"]["dimensions"] = {}
    client = stack.aws.client("events")
    entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
    began = time.time()
    client.put_events(Entries=[{**entry, "Resources": event["resources"], "EventBusName": "default"}])
    while time.time() - began < PATIENCE:
        said = json.loads(urllib3.request("GET", f"{stack.slack_url}/_standin/messages").data)
        posted = itertools.chain.from_iterable(said["messages"].values())
        about = [float(each["ts"]) for each in posted if name in json.dumps(each)]
        if about:
            return min(about) - began
        time.sleep(0.02)
    message = f"nobody was told of {name} within {PATIENCE:.0f} s"
    raise TimeoutError(message)


def _round(state_dir: Path, console: Console) -> list[float]:
    """One click for each service in a world where nothing was done before."""
    with Asking(state_dir, speed=4.0) as stack, Narrator(store_of(stack), console) as narrator:
        house = Playhouse(stack, Stage(stack.world_url), narrator, console, by_itself=True)
        _wake(stack)
        return [_acted(house, service) for service in SERVICES]


def _wake(stack: Stack) -> None:
    """Wait until every queue's function has imported what it needs."""
    for name, spec in stack.aws.specs.items():
        if spec.trigger.queue:
            stack.aws.invoke(name, {"Records": []})


def _acted(house: Playhouse, service: str) -> float:
    """Seconds from the click on Approve to UpdateService."""
    house.world.break_(service)
    house.narrator.until_told(service, facts.ApprovalRequested, seconds=PATIENCE)
    began = time.time()
    house.click("U0ANA", "approve")
    asked = time.monotonic()
    while not (updates := house.world.state()["services"][service]["update_calls"]):
        if time.monotonic() - asked > PATIENCE:
            message = f"no UpdateService for {service} within {PATIENCE:.0f} s"
            raise TimeoutError(message)
        time.sleep(0.02)
    return float(updates[-1]["at"]) - began
