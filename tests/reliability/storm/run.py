"""Plays a storm, and asks what was promised of it."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from functions.ai_assessment.combine import Failed
from functions.ai_assessment.rules import assess
from shared import facts, keys
from shared.alerts.parse import parse
from shared.configuration import located
from shared.entry import broken_link
from shared.errors import Exhausted
from shared.writes import Spend
from tests.builders import T0
from tests.fakes.chat import MemoryChat, MemoryMail
from tests.reliability.storm.house import SETTINGS, Fleet, House
from tests.reliability.storm.store import FileStore
from tests.reliability.storm.weather import FALLS, GOES_ON, alerts, fleet
from tests.reliability.table import Row

if TYPE_CHECKING:
    from functions.ai_assessment.combine import Opinion
    from functions.ai_assessment.findings import Findings
    from shared.config import Config
    from shared.history import History
    from shared.ports import Clock, Post

SHARE = 100
"""Alerts of each service, in a long run."""
AFTER = timedelta(hours=6)
ANSWERS = 120.0
"""Seconds between two answers of a person."""
LONG = 10_000
"""From so many alerts on, the memory that they take is compared with that of a tenth of them."""
GROWN = 24_000
"""KiB that ten times as many alerts may take more: what Python keeps of freed memory, and SQLite's own cache."""


@dataclass
class Channel(MemoryChat):
    """A chat that remembers when it was spoken to."""

    clock: Clock = lambda: T0
    posts: Counter[tuple[str, str]] = field(default_factory=Counter)
    wakes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def post(self, channel: str, post: Post, key: str, thread: str = "") -> str:
        """See Chat."""
        hour = f"{self.clock():%Y-%m-%dT%H}"
        self.posts[channel, hour] += 1
        if "together#" not in key and "<!subteam" in str(post.blocks[:1]):
            self.wakes[channel, hour] += 1
        return super().post(channel, post, key, thread)


@dataclass
class Model:
    """A language model that agrees with the rules, behind the product's own budget; over it, it has no opinion."""

    store: FileStore
    clock: Clock
    asked: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def __call__(self, findings: Findings) -> Opinion:
        """See SecondOpinion: within the budget of `model.Budget`."""
        now = self.clock()
        try:
            spend = Spend(keys.budget("model", now), SETTINGS.model_calls_per_hour, now + timedelta(hours=2))
            self.store.write(spend)
        except Exhausted:
            self.refused += 1
            return Failed("stub", "The model's budget for this hour is spent.")
        self.asked[f"{now:%Y-%m-%dT%H}"] += 1
        return assess(findings)


@dataclass
class Played:
    """A storm that is over."""

    config: Config
    house: House
    model: Model
    chat: Channel
    came: int
    services: int
    seed: int
    seconds: float
    peak: int


def play(count: int, services: int, seed: int, folder: Path) -> Played:
    """Lets `count` alerts about `services` services arrive within 45 minutes, and waits until it is over."""
    config = fleet(services)
    store = FileStore(folder / "storm.sqlite")
    chat = Channel()
    world = Fleet(heals=lambda name: int(name.removeprefix("shop/s")) % 2 == 0)
    house = House(config, store, chat=chat, mail=MemoryMail(), fleet=world)
    chat.clock = house.clock
    model = Model(store, house.clock)
    house.second = model
    house.__post_init__()
    began = time.perf_counter()
    came, answered = 0, 0
    for seconds, body in alerts(count, services, seed):
        if seconds > (answered + 1) * ANSWERS:
            answered += 1
            _answer(house)
        house.alerts([(seconds, body)])
        came += 1
    taken = time.perf_counter() - began
    house.run(T0 + timedelta(seconds=FALLS + GOES_ON) + AFTER)
    return Played(config, house, model, chat, came, services, seed, taken, peak())


def _answer(house: House) -> None:
    """Ana presses Approve twice: on the newest message about one incident, and on the newest that tells of many."""
    together = [shown for shown in house.chat.messages if "together#" in shown.key]
    alone = [shown for shown in house.chat.messages if "together#" not in shown.key]
    for place in (together, alone):
        for shown in reversed(place):
            buttons = [each for block in shown.post.blocks for each in block.get("elements", ())]
            yes = [each["value"] for each in buttons if each["action_id"] == "approve"]
            if yes:
                house.click("U0ANA", yes[0], shown.channel)
                break


def run(size: int, seed: int) -> list[Row]:
    """The rows of a storm of `size` alerts: a hundred of each service, thousand services at most."""
    services = min(1000, max(size // SHARE, 30))
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        played = play(size, services, seed, Path(folder))
        seconds = time.perf_counter() - began
        rows = list(_rows(played, seconds))
        played.house.store.close()
    if size >= LONG:
        rows.append(memory(played))
    return rows


def memory(played: Played) -> Row:
    """Whether a storm takes more memory for having ten times as many alerts about as many services."""
    began = time.perf_counter()
    small, large = _peak(played.came // 10, played.services, played.seed), played.peak
    remark = f"{small // 1024} MiB at {played.came // 10:,}, {large // 1024} MiB at {played.came:,}"
    return Row("storm: peak memory", 2, int(large - small > GROWN), time.perf_counter() - began, remark)


def _peak(count: int, services: int, seed: int) -> int:
    """KiB that a process of its own took at most."""
    command = [sys.executable, "-m", "tests.reliability.storm", "--peak", "--alerts", str(count)]
    said = subprocess.run(
        [*command, "--services", str(services), "--seed", str(seed)], check=True, capture_output=True, text=True
    )
    return int(said.stdout.strip().splitlines()[-1])


def peak() -> int:
    """KiB that this process took at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _rows(played: Played, seconds: float) -> list[Row]:
    house = played.house
    histories = [history for history in house.histories()]  # noqa: C416 - read once
    lost = _lost(played)
    unheard = [history.incident_id for history in histories if not _heard(history)]
    speed = f"{played.came / played.seconds:.0f} alerts/s taken in with all that followed meanwhile"
    turns = sum(house.turns.values())
    rate = f"{turns:,} turns, {turns / seconds:.0f}/s; {len(histories)} incidents, at most {house.most_waiting} waiting"
    broken = [history.incident_id for history in histories if broken_link(history.entries)]
    letters = sum(map(len, house.letters.values()))
    odd = len(house.log.wrong) + house.store.count("quarantine#")
    return [
        Row("storm: alerts taken in, none lost", played.came, len(lost), seconds, speed),
        Row("storm: every incident ends, or people heard of it", len(histories), len(unheard), seconds, rate),
        Row("storm: chains whole", len(histories), len(broken), 0.0),
        Row("storm: dead letters, quarantined, unexpected errors", turns, letters + odd, 0.0, _first(house)),
        *_budgets(played),
        _stopped(histories),
    ]


def _lost(played: Played) -> list[str]:
    """Alerts of which neither an incident nor the memory of what cleared knows."""
    lost = []
    store = played.house.store
    for seconds, body in alerts(played.came, played.services, played.seed):
        for alert in parse(loads(body), "auto", now=T0 + timedelta(seconds=seconds)).alerts:
            known = store.get(keys.delivery(located(played.config, alert, region="eu-west-1").delivery))
            cleared = alert.state != "firing" and store.get(f"cleared#{alert.fingerprint}")
            if not known and not cleared:
                lost.append(alert.delivery)
    return lost


def _heard(history: History) -> bool:
    """I1 and I6: it is over, or somebody was told that it is not, and no call for people is lost."""
    incident = history.incident
    told = any(isinstance(entry.fact, facts.MessageSent) for entry in history.entries)
    if incident.status == "open" and not (incident.escalated_at or incident.phase == "awaiting approval"):
        return False
    return told and not incident.unheard and not (incident.unasked and incident.phase == "awaiting approval")


def _budgets(played: Played) -> list[Row]:
    storm, house, limits = played.config.storm, played.house, played.config.policy_data["limits"]
    posts, wakes, asked = played.chat.posts, played.chat.wakes, played.model.asked
    over = [where for where, number in posts.items() if number > storm.messages_per_hour]
    loud = [where for where, number in wakes.items() if number > storm.prompts_per_hour]
    spent = [key for key, (used, most) in house.store.spent.items() if used > 0 and _used(house, key) > most]
    most = max(posts.values(), default=0)
    together = sum("together" in shown.key for shown in house.chat.messages)
    greedy = [hour for hour, number in asked.items() if number > SETTINGS.model_calls_per_hour]
    done = [spent for spent in house.store.spent if spent.startswith("budget#actions")]
    acted = [key for key in done if _used(house, key) > limits["actions_per_hour"]]
    mails = len(house.mail.letters) if house.mail else 0
    return [
        Row(
            "storm: Slack messages within each channel's hour",
            sum(posts.values()),
            len(over),
            0.0,
            f"at most {most} of {storm.messages_per_hour} in an hour; {together} told of many",
        ),
        Row(
            "storm: prompts within each channel's hour",
            sum(wakes.values()),
            len(loud),
            0.0,
            f"at most {max(wakes.values(), default=0)} of {storm.prompts_per_hour} in an hour",
        ),
        Row(
            "storm: model calls within the hour",
            sum(asked.values()),
            len(greedy),
            0.0,
            f"{played.model.refused} denied",
        ),
        Row("storm: actions within the hour", sum(house.fleet.updates.values()), len(acted), 0.0),
        Row("storm: every budget as its key says", len(house.store.spent), len(spent), 0.0, f"{mails} e-mails"),
    ]


def _used(house: House, key: str) -> int:
    item = house.store.get(key)
    return item.count if item else 0


def _stopped(histories: list[History]) -> Row:
    """While too much of the fleet is ill, nothing that no person approved is begun."""
    began = None
    told = 0
    for history in histories:
        for entry in history.entries:
            if isinstance(entry.fact, facts.IncidentEscalated) and "services are unhealthy" in entry.fact.reason:
                told += 1
                began = min(began or entry.at, entry.at)
    alone = [
        entry.id
        for history in histories
        for entry in history.entries
        if isinstance(entry.fact, facts.ActionApproved) and not entry.fact.approved_by and began and entry.at > began
    ]
    wrong = len(alone) + (told != 1)
    moment = f"after {(began - T0).total_seconds():.0f} s" if began else "never"
    return Row(
        "storm: nothing alone while the fleet is ill", len(histories), wrong, 0.0, f"began {moment}, told {told}x"
    )


def _first(house: House) -> str:
    with suppress(IndexError):
        return house.log.wrong[0].strip().splitlines()[-1]
    return ", ".join(f"{name}: {len(bodies)}" for name, bodies in house.letters.items())
