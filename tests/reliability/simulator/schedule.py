"""What one schedule is: a story that happens to a few services, and a list of things that go wrong meanwhile.

All chance is spent here: a schedule is made from its seed, and playing it takes no further dice. So the same schedule
plays the same way every time, and one with a disturbance taken out is still a schedule.
"""

import random
from dataclasses import dataclass, replace

from tests.reliability.simulator.stories import SERVICES, Breaks, Deploys, Presses, Scales, Story, Switch, a_story

FUNCTIONS = (
    "alert_intake", "investigation", "ai_assessment", "policy_gate", "approval", "ecs_action", "verification",
    "lifecycle", "notification", "ticketing", "timekeeper", "relay", "sweep",
)  # fmt: skip
QUEUES = FUNCTIONS[:10]
DEPENDENCIES = ("slack", "jira", "mail", "ecs", "cloudwatch", "store", "bus", "kms")
HOW = ("unreachable", "time-out", "5xx", "throttle")
"""What an outage looks like to the caller."""
CALLS = (
    "TransactWriteItems", "Query", "GetItem", "PutEvents", "ChangeMessageVisibility", "UpdateService",
    "DescribeServices", "DescribeAlarms", "GetMetricData", "chat.postMessage", "chat.update", "SendEmail",
    "issue.create", "issue.comment", "issue.move", "GenerateMac", "VerifyMac",
)  # fmt: skip
CALLERS = {
    "PutEvents": ("relay",),
    "UpdateService": ("ecs_action",),
    "DescribeServices": ("ecs_action", "investigation", "verification"),
    "DescribeAlarms": ("investigation", "verification"),
    "GetMetricData": ("investigation", "verification"),
    "chat.postMessage": ("notification",),
    "chat.update": ("notification",),
    "SendEmail": ("notification",),
    "issue.create": ("ticketing",),
    "issue.comment": ("ticketing",),
    "issue.move": ("ticketing",),
    "ChangeMessageVisibility": QUEUES,
    "GenerateMac": ("policy_gate", "slack_api"),
    "VerifyMac": ("policy_gate", "ecs_action"),
}
"""Which functions make a call; all of them, where it is not said."""
LANDS_WITHIN = 20.0
"""Seconds after which a request that its dead sender had sent has landed or never will; below the drivers' margin."""
DAYS = 86_400.0
PRESSES = (
    "at the last moment", "stopped", "cleared", "deployed", "twice", "around", "quorum", "unheard", "both speak",
    "alarm and all-clear", "scaled", "said and not noted",
)  # fmt: skip
PRESSED = 0.5
"""The share of the schedules that press on what an action, or a call for people, depends on."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens at the `nth` call of that name (`*`: any call) which a function makes, from 1; `seconds` with it.

    `kill before` and `kill after` end the attempt there, `late` ends it and the request lands `seconds` later;
    `lost request` and `lost reply` raise what `how` looks like; `throttle` and `refused` raise what the service says
    when it throttles or will not; `slow request` and `slow reply` let everything else go on for `seconds` before or
    after the call; `partial` has the bus refuse every other entry.
    """

    function: str
    call: str
    nth: int
    kind: str
    how: str = "time-out"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Mishap:
    """What happens to the `nth` message that is put into a function's queue, from 1.

    `duplicate`: each of `seconds` later it is there once more; `delay`: it comes so much later; `drop`: it is received
    by nobody `len(seconds)` times, each time until its visibility time-out ends.
    """

    queue: str
    nth: int
    kind: str
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The stream of the timeline never shows its `nth` record."""

    nth: int


@dataclass(frozen=True, slots=True)
class Unsent:
    """CloudWatch's `nth` event about an alarm of the service, from 1, reaches nobody; only a sweep finds out."""

    service: str
    nth: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A dependency does not answer anybody for `seconds` from `start` on."""

    dependency: str
    start: float
    seconds: float
    how: str


@dataclass(frozen=True, slots=True)
class Skew:
    """A function's clock is wrong by so many seconds; `cloudwatch` is who says when an alarm changed."""

    function: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Every call takes up to `most` seconds, and all attempts take turns at each of them."""

    seed: int
    most: float


@dataclass(frozen=True, slots=True)
class Lag:
    """What is written reaches the indexes of the state table so many seconds later."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Circumstance:
    """Something about the whole schedule.

    `one by one`: no batches, every message has an attempt of its own. `not redriven`: the dead letters of facts stay
    where they are. `redriven twice`: they are brought back twice, the second time two days later. `expires at once`:
    what has a time to live is gone the second that it ends. `through the door`: every press comes signed through
    slack_api, twice, and once as somebody forges it. `by webhook`: alarms are not
    CloudWatch's own, and come by http_api.
    """

    what: str


Disturbance = Trouble | Mishap | Forgotten | Unsent | Outage | Skew | Interleaved | Lag | Circumstance


@dataclass(frozen=True, slots=True)
class Schedule:
    """A story and what disturbs it; `seed` is where it came from, and 0 for one that was written by hand."""

    seed: int
    story: Story
    disturbances: tuple[Disturbance, ...] = ()


def a_schedule(seed: int) -> Schedule:
    """The schedule of a seed: from none to some twenty disturbances of every kind.

    In a good part of them one is where it matters most, and little else goes wrong.
    """
    dice = random.Random(seed)
    story = a_story(dice)
    found: list[Disturbance] = []
    if dice.random() < PRESSED:
        story, found = _pressed(dice, story)
        if dice.random() < 0.6:
            return Schedule(seed, story, tuple(found))
    if dice.random() < 0.4:
        found.append(Interleaved(dice.randrange(1 << 30), dice.choice((0.02, 0.2, 2.0))))
    if dice.random() < 0.4:
        found.append(Circumstance("one by one"))
    found += [_trouble(dice) for _ in range(dice.choice((0, 0, 1, 1, 2, 3, 5, 8)))]
    found += [_mishap(dice) for _ in range(dice.choice((0, 0, 1, 2, 3, 5, 9)))]
    if dice.random() < 0.15:
        found += [Forgotten(dice.randint(1, 40)) for _ in range(dice.choice((1, 1, 1, 2, 4)))]
    if dice.random() < 0.3:
        found += _outages(dice)
    if dice.random() < 0.12:
        found += [Unsent(name, dice.choice((1, 2, 2, 3))) for name in dice.sample(SERVICES, 3)]
    if dice.random() < 0.2:
        off = dice.sample((*FUNCTIONS, "cloudwatch"), dice.choice((1, 2, 4, 13)))
        found += [Skew(name, round(dice.uniform(-600, 600), 1)) for name in off]
    if dice.random() < 0.15:
        found.append(Lag(dice.choice((0.5, 3.0, 20.0))))
    found += [
        Circumstance(what)
        for what, chance in (
            ("not redriven", 0.2),
            ("redriven twice", 0.2),
            ("expires at once", 0.3),
            ("through the door", 0.2),
        )
        if dice.random() < chance
    ]
    if dice.random() < 0.12 and not any(isinstance(each, Skew | Unsent) for each in found):
        found.append(Circumstance("by webhook"))
    return Schedule(seed, story, tuple(found))


def _pressed(dice: random.Random, story: Story) -> tuple[Story, list[Disturbance]]:
    """Something that goes wrong exactly where it matters: around an action, its approval, or what forbids it."""
    broken = next((step for step in story.steps if isinstance(step, Breaks)), None)
    if broken is None:
        return story, []
    soon, late = round(dice.uniform(1, 118), 1), Mishap("ecs_action", 1, "delay", (round(dice.uniform(5, 118), 1),))
    rings, many = broken.at + 125.0, tuple(round(dice.choice((0.0, 0.3, 200.0)) * dice.random(), 2) for _ in range(3))
    match dice.choices(PRESSES, (2, 2, 1, 2, 2, 5, 1, 2, 1, 1, 1, 2))[0]:
        case "at the last moment":
            slow = Mishap(dice.choice(("approval", "policy_gate", "ecs_action")), 1, "delay", (soon,))
            slow = replace(slow, nth=3) if slow.queue == "policy_gate" else slow
            return _people_agree(dice, story, 1_800.0 - dice.uniform(-40, 60)), [slow]
        case "stopped":
            return replace(story, steps=(*story.steps, Switch(rings + soon, stopped=True))), [late]
        case "cleared":
            passing = replace(broken, cure="nothing", passes=round(dice.uniform(60, 200), 1))
            return replace(story, steps=tuple(passing if step is broken else step for step in story.steps)), [late]
        case "deployed":
            deploys = Deploys(rings + soon, broken.service, release=dice.random() < 0.5)
            return replace(story, steps=(*story.steps, deploys)), [late]
        case "twice":
            return story, [Mishap("ecs_action", 1, "duplicate", many), Interleaved(dice.randrange(1 << 30), 0.2)]
        case "unheard":
            first = dice.randint(4, 16)
            return story, [Forgotten(first), Forgotten(first + 1)]
        case "alarm and all-clear":
            passing = replace(broken, cure="nothing", passes=200.0)
            delayed = Mishap("alert_intake", 1, "delay", (140.0,))
            return Story((passing,), story.configuration), [delayed, Interleaved(dice.randrange(1 << 30), 0.5)]
        case "both speak":
            twice = [Mishap("notification", dice.randint(1, 8), "duplicate", (0.0, round(dice.random(), 2)))]
            return story, [*twice, Interleaved(dice.randrange(1 << 30), 2.0), Circumstance("one by one")]
        case "scaled":
            scales = Scales(rings + 0.1, broken.service, round(dice.uniform(60, 200), 1))
            return replace(story, steps=(*story.steps, scales)), [late]
        case "said and not noted":
            who, nth = dice.choice(("ticketing", "ticketing", "notification")), dice.choice((2, 2, 3, 4))
            kind = dice.choice(("kill before", "lost request", "throttle"))
            return story, [Trouble(who, "TransactWriteItems", nth, kind)]
        case "quorum":
            return _people_agree(dice, replace(story, configuration="two must agree"), 30.0), []
    kinds = (
        "lost reply",
        "lost reply",
        "kill before",
        "kill after",
        "late",
        "lost request",
        "slow request",
        "slow reply",
    )
    kind, call = (
        dice.choice(kinds),
        dice.choice(("UpdateService",) * 3 + ("TransactWriteItems", "DescribeServices", "Query")),
    )
    seconds = round(dice.uniform(0.1, LANDS_WITHIN), 1)
    trouble = Trouble("ecs_action", call, dice.choice((1, 1, 2)), kind, dice.choice(HOW[:3]), seconds)
    if dice.random() < 0.7:
        story = Story((Breaks(broken.at, dice.choice(SERVICES[:2]), "restart"),), "shipped")
    return story, [trouble, Mishap("ecs_action", 1, "duplicate", (*many, round(dice.uniform(0, 200), 1)))]


def _people_agree(dice: random.Random, story: Story, after: float) -> Story:
    """The critical service breaks for good, and people agree so many seconds after they were asked."""
    needed = 2 if story.configuration == "two must agree" else 1
    users = [dice.choice(("U0ANA", "U0CY")) for _ in range(needed)]
    times = dice.choice((1, 1, 2, 3))
    presses = [Presses(1, round(after + place, 2), user, "approve", times=times) for place, user in enumerate(users)]
    configured = story.configuration if story.configuration != "only looks" else "shipped"
    return Story((Breaks(20.0, "payments", "restart"), *presses), configured)


def _trouble(dice: random.Random) -> Trouble:
    call = dice.choice(CALLS) if dice.random() < 0.75 else "*"
    function = dice.choice(CALLERS.get(call, (*FUNCTIONS, "http_api")))
    if dice.random() < 0.15:
        function, call = "ecs_action", dice.choice(("UpdateService", "TransactWriteItems", "Query", "DescribeServices"))
    nth = (
        dice.choice((1, 1, 2, 3))
        if call in {"UpdateService", "issue.create", "GenerateMac", "VerifyMac"}
        else _nth(dice, call)
    )
    kinds = [
        "kill before",
        "kill after",
        "late",
        "lost request",
        "lost reply",
        "throttle",
        "slow request",
        "slow reply",
    ]
    if call in {"chat.postMessage", "SendEmail"}:
        kinds += ["refused"] * 3
    if call == "PutEvents":
        kinds += ["partial"] * 4
    kind = dice.choice(kinds)
    seconds = 0.0
    if kind == "late":
        seconds = round(dice.uniform(0.1, LANDS_WITHIN), 1)
    elif kind.startswith("slow"):
        seconds = round(dice.choice((0.3, 3.0, 20.0, 200.0, 600.0)) * dice.uniform(0.5, 1.5), 2)
    return Trouble(function, call, nth, kind, dice.choice(HOW[:3]), seconds)


def _nth(dice: random.Random, call: str) -> int:
    return int(dice.expovariate(1 / (12 if call == "*" else 4))) + 1


def _mishap(dice: random.Random) -> Mishap:
    queue, nth = dice.choice(QUEUES), int(dice.expovariate(1 / 4)) + 1
    kind = dice.choice(("duplicate", "duplicate", "delay", "delay", "drop"))
    if kind == "duplicate":
        return Mishap(queue, nth, kind, tuple(_span(dice) for _ in range(dice.randint(1, 5))))
    return Mishap(queue, nth, kind, tuple(_span(dice) for _ in range(1 if kind == "delay" else dice.randint(1, 3))))


def _span(dice: random.Random) -> float:
    """Seconds, from none to fifteen days, short ones more often."""
    longest = dice.choice((0.0, 0.05, 1.0, 10.0, 120.0, 1_800.0, 14_400.0, 15 * DAYS))
    return round(longest * dice.uniform(0.3, 1.0), 3)


def _outages(dice: random.Random) -> list[Disturbance]:
    """One or two dependencies, together or one after the other."""
    start = dice.uniform(0, 1_500)
    return [
        Outage(
            name,
            round(start + dice.choice((0.0, dice.uniform(-300, 300))), 1),
            round(dice.choice((30.0, 300.0, 3_600.0)) * dice.uniform(0.3, 1.5), 1),
            dice.choice(HOW),
        )
        for name in dice.sample(DEPENDENCIES, dice.choice((1, 2)))
    ]
