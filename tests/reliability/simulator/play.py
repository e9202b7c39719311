"""Plays a schedule to its end, and keeps what came of it.

The sweep runs where it is needed only, so that everywhere else the events alone have to do.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from json import dumps

from functions.http_api.accept import Deps
from functions.slack_api.app import Needs, vouched
from functions.slack_api.commands import Commands, answer
from functions.slack_api.payload import Command
from shared import keys
from shared.alert import DEFAULT_BUS
from shared.click import SHOWN, Click
from shared.config import Config
from shared.errors import Unavailable
from shared.history import History
from tests.reliability.simulator.aws import CloudWatch, Ecs, Logs, Ses
from tests.reliability.simulator.channels import Jira, Said, Slack
from tests.reliability.simulator.doors import CHANNEL, accepted, pressed, webhook
from tests.reliability.simulator.loop import START, Loop
from tests.reliability.simulator.plumbing import MANIFESTS, Plumbing
from tests.reliability.simulator.product import Log, Outside, configuration, wire
from tests.reliability.simulator.schedule import (
    DAYS,
    QUEUES,
    Circumstance,
    Disturbance,
    Forgotten,
    Lag,
    Mishap,
    Outage,
    Schedule,
    Skew,
    Unsent,
)
from tests.reliability.simulator.stories import (
    SERVICES,
    Breaks,
    Deploys,
    NoData,
    Presses,
    Rehearses,
    Rollouts,
    Scales,
    SecondAlarm,
    Switch,
    Unheard,
)
from tests.reliability.simulator.tables import Dynamo, Store
from tests.reliability.simulator.world import Alarm, Service, World

HOUR = 3_600.0
TROUBLED, QUIET = 3 * HOUR, 9 * HOUR
"""Seconds after the last step of the story in which things go on to go wrong, and in which then nothing does."""
BY_WEBHOOK = Circumstance("by webhook")
THROUGH_THE_DOOR = Circumstance("through the door")
ALWAYS_REDRIVEN = ("alert_intake", "approval")
"""What a person's own hand or an alarm put there is in no timeline, so nothing but the dead-letter queue has it."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event about an alarm, as it was put into the intake queue."""

    at: float
    service: str
    alarm: str
    state: str
    said: datetime
    body: str
    unsent: bool
    origin: str = DEFAULT_BUS


@dataclass
class Played:
    """A schedule after its end."""

    schedule: Schedule
    loop: Loop
    config: Config
    dynamo: Dynamo
    world: World
    slack: Slack
    jira: Jira
    ses: Ses
    plumbing: Plumbing
    store: Store
    log: Log
    door: Needs
    alerts: Deps
    events: list[Event] = field(default_factory=list)
    clicks: list[Click] = field(default_factory=list)
    pressed: int = 0
    switched: list[tuple[float, bool]] = field(default_factory=list)
    shown: Counter[str] = field(default_factory=Counter)

    def histories(self) -> Mapping[str, History]:
        """Every timeline, read from its rows."""
        rows = {incident_id: self.dynamo.rows(incident_id) for incident_id in self.dynamo.timelines}
        return {incident_id: self.store.parse(incident_id, items) for incident_id, items in rows.items()}

    def digest(self) -> str:
        """sha256 over all that was written, said, sent, ticketed and done, with its times."""
        everything = {
            "timelines": {
                name: [
                    [row.at, row.function, row.item["entry"]["S"], row.item["hash"]["S"]]
                    for _, row in sorted(rows.items())
                ]
                for name, rows in self.dynamo.timelines.items()
            },
            "state": self.dynamo.state,
            "slack": [vars(said) for said in self.slack.said],
            "tickets": [vars(ticket) for ticket in self.jira.tickets],
            "letters": [[letter.at, letter.subject, letter.about] for letter in self.ses.letters],
            "effects": [[effect.at, effect.service, effect.change, effect.about] for effect in self.world.effects],
            "applied": self.loop.applied,
            "steps": self.loop.steps,
        }
        return sha256(dumps(everything, sort_keys=True).encode()).hexdigest()


def play(schedule: Schedule) -> Played:
    """Everything that the schedule says, then a redrive of the dead letters, and then nothing but time."""
    played = _staged(schedule)
    loop, plumbing = played.loop, played.plumbing
    last = max(
        [
            0.0,
            *(
                step.at
                for step in schedule.story.steps
                if isinstance(step, Breaks | Deploys | Switch | NoData | Rehearses)
            ),
        ]
    )
    outages = [each.start + each.seconds for each in schedule.disturbances if isinstance(each, Outage)]
    loop.run(max([last, *outages]) + TROUBLED)
    loop.calm = True
    what = {each.what for each in schedule.disturbances if isinstance(each, Circumstance)}
    redriven = ALWAYS_REDRIVEN if "not redriven" in what else QUEUES
    letters = [(name, letter) for name in redriven for letter in plumbing.queues[name].dead]
    loop.applied["redriven"] += plumbing.redrive(redriven)
    if "redriven twice" in what:
        for name, letter in letters:
            loop.applied["redriven twice"] += 1
            loop.after(2 * DAYS, partial(plumbing.send, name, letter.body))
    ends = [message.visible_at for queue in plumbing.queues.values() for message in queue.messages.values()]
    loop.run(max([loop.now + (2 * DAYS if letters else 0), *ends]) + QUIET)
    loop.applied["fleet stopped"] += keys.STORM in played.dynamo.state
    return played


def _staged(schedule: Schedule) -> Played:
    loop = Loop()
    plumbing = Plumbing(loop)
    dynamo = Dynamo(loop, plumbing.streamed, plumbing.timed)
    world = World(loop, SERVICES, lambda service, alarm, body: _rang(played, service, alarm, body))
    slack, jira, ses = Slack(loop, lambda said: _asked(played, said)), Jira(loop), Ses(loop)
    ecs, cloudwatch, logs = Ecs(loop, world, lambda: dynamo.written), CloudWatch(loop, world), Logs(loop)
    _disturb(schedule, loop, plumbing, dynamo)
    outside = Outside(loop, dynamo, ecs, cloudwatch, logs, slack, jira, ses, plumbing)
    store, log, door, alerts = wire(outside, schedule.story.configuration, lambda click: _clicked(played, click))
    config, _ = configuration(schedule.story.configuration)
    played = Played(schedule, loop, config, dynamo, world, slack, jira, ses, plumbing, store, log, door, alerts)
    if any(map(_needs_sweeping, schedule.disturbances)):
        loop.at(7.0, plumbing.sweeping)
    for step in schedule.story.steps:
        match step:
            case Breaks() | Deploys() | Rollouts() | NoData() | Scales():
                world.begin(step)
            case Rehearses(at=at):
                world.rehearse(at)
            case SecondAlarm(service=service, after=after):
                alarms = world.services[service].alarms
                alarms.append(Alarm(f"{service}-latency-{len(alarms)}", "TargetResponseTime", after))
            case Switch():
                loop.at(step.at, partial(_switch, played, step))
    return played


def _needs_sweeping(each: Disturbance) -> bool:
    """Whether events alone cannot tell how an alarm stands: one is lost, or its times cannot be compared."""
    return isinstance(each, Unsent) or (isinstance(each, Skew) and each.function in {"cloudwatch", "alert_intake"})


def _disturb(schedule: Schedule, loop: Loop, plumbing: Plumbing, dynamo: Dynamo) -> None:
    for each in schedule.disturbances:
        match each:
            case Mishap():
                plumbing.disturb(each)
            case Forgotten(nth=nth):
                plumbing.forgotten.add(nth)
            case Unsent():
                pass
            case Lag(seconds=seconds):
                dynamo.lag = seconds
                loop.applied["lagging index"] += 1
            case Circumstance(what=what):
                loop.applied[what] += 1
                plumbing.one_by_one |= what == "one by one"
                dynamo.expires |= what == "expires at once"
            case _:
                loop.disturb(each)


def _rang(played: Played, service: Service, alarm: Alarm, body: str) -> None:
    """An event that CloudWatch sends; some are heard of more than once."""
    if service is played.world.canary:
        played.loop.applied["rehearsed"] += alarm.state == "ALARM"
        played.plumbing.send("alert_intake", body)
        return
    if BY_WEBHOOK in played.schedule.disturbances:
        _posted(played, service, alarm)
        return
    sent = [event for event in played.events if event.service == service.name]
    unsent = Unsent(service.name, len(sent) + 1) in played.schedule.disturbances
    played.loop.applied["never sent"] += unsent
    played.plumbing.rang_at = played.loop.now
    played.events.append(
        Event(played.loop.now, service.name, alarm.name, alarm.state, alarm.said or START, body, unsent)
    )
    if unsent:
        return
    times = [0.0]
    for step in played.schedule.story.steps:
        if isinstance(step, Unheard) and (step.service, step.nth) == (service.name, len(sent) + 1):
            times += [step.after, step.after * 2]
    for seconds in times:
        played.loop.after(seconds, lambda: played.plumbing.send("alert_intake", body))


def _posted(played: Played, service: Service, alarm: Alarm) -> None:
    """The same by a webhook: whoever calls it repeats the call until it is accepted."""
    at, number = alarm.said or START, len(played.events)
    state = {"ALARM": "firing", "OK": "resolved"}.get(alarm.state, "unknown")
    body = webhook(alarm.name, service.name, state, at)
    played.events.append(
        Event(played.loop.now, service.name, alarm.name, alarm.state, at, body, unsent=False, origin="generic")
    )

    def post() -> None:
        run = lambda: _attempted(partial(accepted, body, f"d-{number}", played.alerts), played.log)  # noqa: E731
        played.loop.start("http_api", run, timeout=MANIFESTS["http_api"].timeout, ended=ended)

    def ended(done: bool | None) -> None:
        if not done:
            played.loop.after(30.0, post)

    played.loop.after(0.0, post)


def _attempted(post: Callable[[], bool], log: Log) -> bool:
    try:
        return post()
    except Unavailable:
        return False
    except Exception:
        log.exception("unexpected")
        return True


def _asked(played: Played, said: Said) -> None:
    """A message with buttons is there; whoever presses one sees it as it is now."""
    values = dict(said.buttons)
    played.shown.update(values.keys())
    for press in played.schedule.story.steps:
        if isinstance(press, Presses) and press.button in values and press.question == played.shown[press.button]:
            for time in range(press.times):
                wait = press.after + 0.2 * time
                played.loop.after(wait, partial(_press, played, press, said, values[press.button]))


def _press(played: Played, press: Presses, said: Said, value: str, again: int = 3) -> None:
    """Somebody presses a button, and presses it again, up to so many times, where Slack says that it did not work."""
    if THROUGH_THE_DOOR in played.schedule.disturbances:
        number = len(played.clicks) + 1
        statuses = [
            pressed(press, value, said.ts, number, played.door, forged=forged) for forged in (True, False, False)
        ]
        if statuses != [401, 200, 200]:
            played.log.wrong.append(f"a forged press and one that Slack tells of twice were answered {statuses}")
        return
    question, _, shown = value.partition(SHOWN)

    def run() -> bool:
        played.pressed += 1
        click = Click(
            id=f"click-{played.pressed}",
            user=press.user,
            team=press.team,
            channel=CHANNEL,
            message_ts=said.ts,
            button=press.button,
            value=question,
            clicked_at=played.loop.time("slack_api"),
            proposal_hash=shown,
        )
        try:
            _clicked(played, vouched(click, played.config, played.door.seals))
        except Unavailable:
            return False
        return True

    def ended(done: bool | None) -> None:
        if not done and again:
            played.loop.after(30.0, partial(_press, played, press, said, value, again - 1))

    played.loop.start("slack_api", run, timeout=MANIFESTS["slack_api"].timeout, ended=ended)


def _clicked(played: Played, click: Click) -> None:
    """The click is in the queue."""
    played.clicks.append(click)
    played.loop.applied[f"{click.button} clicked"] += 1
    played.plumbing.send("approval", click.model_dump_json())


def _switch(played: Played, step: Switch) -> None:
    """Somebody types the command, until it is done."""
    commands = Commands(played.config, played.store, played.loop.clock("slack_api"))
    answer(Command("A0MIDDLEWATCH", "T0SHOP", "U0BO", "stop" if step.stopped else "resume"), commands)
    played.switched.append((played.loop.now, step.stopped))
    played.loop.applied["stopped" if step.stopped else "resumed"] += 1
