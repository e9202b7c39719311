"""What happens to the services, and what people do about it, before anything goes wrong with Middlewatch itself."""

import random
from dataclasses import dataclass
from typing import Literal

from shared.click import Button

Ending = Literal["completed", "failed", "rolled back"]
Cure = Literal["restart", "rollback", "nothing"]
SERVICES = ("orders", "search", "payments")
"""Of the starter configuration: two that may be restarted alone, and a critical one that people are asked about."""
CONFIGURATIONS = (
    "shipped",
    "one action an hour",
    "two must agree",
    "a person confirms",
    "asks about everything",
    "only looks",
    "a model is asked",
    "few messages",
    "a small fleet",
)


@dataclass(frozen=True, slots=True)
class Breaks:
    """A service stops serving at `at` (seconds); `cure` makes it well again, and so does time after `passes` seconds.

    `passes` is 0 for a fault that no time heals.
    """

    at: float
    service: str
    cure: Cure
    passes: float = 0.0


@dataclass(frozen=True, slots=True)
class Deploys:
    """Somebody else deploys: `release` brings a new task definition, otherwise the same one is started again."""

    at: float
    service: str
    release: bool


@dataclass(frozen=True, slots=True)
class Rollouts:
    """How long a service's rollouts take, and how the one of that number ends (the others end `completed`)."""

    service: str
    seconds: float
    number: int = 0
    ends: Ending = "completed"


@dataclass(frozen=True, slots=True)
class Switch:
    """A person stops everything, or starts it again."""

    at: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class Presses:
    """A person presses that button of the `question`-th message that has it, so many seconds after it was posted."""

    question: int
    after: float
    user: str
    button: Button
    team: str = "T0SHOP"
    times: int = 1


@dataclass(frozen=True, slots=True)
class SecondAlarm:
    """The service has another alarm, on its latency, which rings and clears so many seconds after the first."""

    service: str
    after: float


@dataclass(frozen=True, slots=True)
class Unheard:
    """The `nth` event that CloudWatch sends about an alarm of the service is sent twice more, at other times."""

    service: str
    nth: int
    after: float


@dataclass(frozen=True, slots=True)
class NoData:
    """From `at` on, for so many seconds, the service's alarms have no data and say so."""

    at: float
    service: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Scales:
    """An autoscaler changes how many tasks run: the same deployment is in progress again for so many seconds."""

    at: float
    service: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Rehearses:
    """Middlewatch's own test alarm rings at `at`, and is clear again a minute later."""

    at: float


Step = Rehearses | Scales | NoData | Breaks | Deploys | Rollouts | Switch | Presses | SecondAlarm | Unheard


@dataclass(frozen=True, slots=True)
class Story:
    """Steps, each of which may be left out, under one configuration."""

    steps: tuple[Step, ...]
    configuration: str = "shipped"


def a_story(dice: random.Random) -> Story:
    """One that mostly breaks one service, seldom several, or one again and again."""
    service = dice.choice(SERVICES)
    kind = dice.choices(
        ("once", "passing", "again", "flapping", "two services", "the fleet", "a bad release"),
        (9, 5, 2, 0.15, 1.5, 0.7, 2),
    )[0]
    start = round(dice.uniform(10, 60), 1)
    steps: list[Step] = []
    match kind:
        case "once":
            steps.append(Breaks(start, service, dice.choice(("restart", "restart", "nothing")), _passes(dice)))
        case "passing":
            steps.append(Breaks(start, service, "nothing", round(dice.uniform(70, 1_000), 1)))
        case "again":
            for _ in range(dice.choice((2, 2, 2, 3))):
                steps.append(
                    Breaks(round(start, 1), service, dice.choice(("restart", "nothing")), _passes(dice) or 700)
                )
                start += dice.choice((300.0, 1_500.0, 4_000.0, 90_000.0)) * dice.uniform(0.7, 1.3)
        case "flapping":
            for _ in range(dice.randint(10, 13)):
                steps.append(Breaks(round(start, 1), service, "nothing", round(dice.uniform(130, 170), 1)))
                start += dice.uniform(240, 290)
        case "two services":
            for name in dice.sample(SERVICES, 2):
                steps.append(Breaks(round(start, 1), name, dice.choice(("restart", "nothing")), _passes(dice)))
                start += dice.choice((0.0, 30.0, 300.0))
        case "the fleet":
            for name in SERVICES:
                cure: Cure = dice.choice(("restart", "nothing"))
                steps.append(Breaks(round(start + dice.uniform(0, 40), 1), name, cure, _passes(dice)))
        case "a bad release":
            steps += [Deploys(start, service, release=True), Breaks(start + 5, service, "rollback", _passes(dice))]
    steps += _around(dice, service, start)
    steps += _people(dice)
    configured = dice.choices(CONFIGURATIONS, (16, 4, 4, 2, 4, 1, 2, 2, 1))[0]
    return Story(tuple(steps), "a small fleet" if kind == "the fleet" else configured)


def _passes(dice: random.Random) -> float:
    return round(dice.choice((0.0, 0.0, dice.uniform(90, 600), dice.uniform(600, 7_200))), 1)


def _around(dice: random.Random, service: str, start: float) -> list[Step]:
    steps: list[Step] = []
    if dice.random() < 0.35:
        ends: Ending = dice.choice(("completed", "completed", "failed", "rolled back"))
        steps.append(Rollouts(service, round(dice.uniform(20, 400), 1), 1, ends))
    if dice.random() < 0.25:
        steps.append(
            SecondAlarm(service, round(dice.choice((0.0, 0.05, 20.0, 200.0, 900.0)) * dice.uniform(0.5, 1.5), 2))
        )
    if dice.random() < 0.12:
        steps.append(Deploys(round(start + dice.uniform(30, 900), 1), service, release=dice.random() < 0.5))
    if dice.random() < 0.12:
        at = start + dice.uniform(0, 900)
        steps.append(Switch(round(at, 1), stopped=True))
        if dice.random() < 0.5:
            steps.append(Switch(round(at + dice.uniform(10, 4_000), 1), stopped=False))
    if dice.random() < 0.08:
        steps.append(NoData(round(start + dice.uniform(60, 900), 1), service, round(dice.uniform(30, 1_500), 1)))
    if dice.random() < 0.15:
        steps.append(
            Unheard(service, dice.randint(1, 3), round(dice.choice((0.0, 1.0, 300.0, 3_000.0)) * dice.random(), 2))
        )
    if dice.random() < 0.04:
        steps.append(Rehearses(round(dice.uniform(0, 900), 1)))
    return steps


def _people(dice: random.Random) -> list[Step]:
    """Nobody; one who answers; several who answer at once; strangers; and those who answer late, or twice."""
    presses: list[Step] = []
    for question in range(1, dice.choice((1, 2, 2, 3)) + 1):
        base = dice.choice((5.0, 60.0, 600.0, 1_790.0, 2_500.0)) * dice.uniform(0.8, 1.2)
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            user = dice.choice(("U0ANA", "U0ANA", "U0CY", "U0BO", "U0EVE"))
            button: Button = dice.choice(("approve", "approve", "approve", "reject", "take"))
            after = round(base + dice.choice((0.0, 0.01, 1.0, 50.0)) * dice.random(), 3)
            team = "T0ELSEWHERE" if dice.random() < 0.07 else "T0SHOP"
            presses.append(Presses(question, after, user, button, team, dice.choice((1, 1, 1, 2, 3))))
    return presses
