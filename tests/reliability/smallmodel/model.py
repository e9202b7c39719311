"""One state of the small model, and every step that can be taken from it.

The stages are the product's own, over tables in memory, under the starter configuration with its real policy; so are
intake, the timekeeper and the driver of actions. What is abstracted:

- **What an atomic step is.** A turn of a stage that decides, of a click and of the timekeeper is one step: it reads,
  decides, and appends on condition that nobody appended since, so whatever happens between its read and its append
  ends as if the turn had happened at one moment. Intake and the action's driver do more than one thing in a turn;
  there every call that changes something (a write of a table, a change of ECS) is a step of its own, with the reads
  before it, and any two turns may take turns there. Reads that would be answered otherwise after a step of somebody
  else are made before it as well as after it; where they would not, it makes no difference when they are made. So it
  is with a message that changes nothing: it is handled before the step after which it would change something, or else
  at last. Without this reduction the same ends are reached through some twenty times as many states.
- **Messages** wait in a bag, in no order. A step puts into it what the bus would deliver because of it.
- **Time** stands still while a step can be taken, and then goes to the next timer, or to when a message comes back; it
  may also go there while up to `late` messages wait. So what happens between two timers happens in every order, and a
  message is late by more than a timer as often as `late` allows. No turn takes longer than from one timer to the next.
- **Telling** is a step of nobody: what notification would tell of an entry counts as told right away, and its line
  is on the timeline. Tickets are left out. (Both are the simulator's and the fault sweep's part.)
- **The world** is one service with two alarms. Its evidence is one that the simulator's investigation collected, with
  the deployment that runs. A rollout takes a minute and ends well; only the alarms say how the service is.
- **The crash** is one of: a turn dies between any two of its calls, and its message comes back; a write or a change of
  ECS happens and its caller is told that nobody knows; a message is delivered once more than it should be.

- **People** press one button each, once, of the newest question while it waits for an answer; what they pressed may
  reach us any time later. They may all approve, so the one who presses first is called the first.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache, partial
from json import dumps
from typing import Any, Literal, TypeVar, cast

from functions.ai_assessment.assess import stage as assessing
from functions.approval.decide_click import Deciding, decide_click
from functions.ecs_action.act import EcsEffect, budgets, unproved
from functions.investigation.investigate import round_of, wanted
from functions.investigation.investigate import stage as investigating
from functions.lifecycle.follow import Course, lifecycle
from functions.notification.notify import subject
from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.verdict import Verdict
from functions.slack_api.app import vouched
from functions.timekeeper.ring import ring
from functions.verification.judge import Patience, Reading, Seen, judge
from shared import facts
from shared.alert import DEFAULT_BUS, Alert, Breach
from shared.click import Button, Click
from shared.config import Config, Limits, Measure
from shared.configuration import service_for_target
from shared.decide import Message as Pointer
from shared.decide import Stage, decide, settle
from shared.entry import Entry
from shared.errors import MiddlewatchError, Refused, Unavailable, Unclear
from shared.history import History
from shared.incident import Incident
from shared.intake import Intake, receive, told_by
from shared.perform import Acting, perform
from shared.target import Target
from tests.fakes.seals import MemorySeals
from tests.reliability.simulator.loop import START
from tests.reliability.simulator.play import play
from tests.reliability.simulator.plumbing import READERS
from tests.reliability.simulator.product import SETTINGS, configuration
from tests.reliability.simulator.schedule import Schedule
from tests.reliability.simulator.stories import Breaks, Story
from tests.reliability.smallmodel.kept import Kept
from tests.reliability.smallmodel.tables import Tables

T = TypeVar("T")
TARGET = Target(kind="ecs", account="123456789012", region="eu-west-1", name="shop/payments")
ALARMS = ("payments-5xx", "payments-latency")
PEOPLE = ("U0ANA", "U0CY")
ROLLOUT = timedelta(minutes=1)
AGAIN = timedelta(minutes=2)
"""Until a message comes back whose receiver died."""
PATIENCE = Patience(window=timedelta(minutes=3), every=timedelta(minutes=10), limit=timedelta(minutes=15))
"""Seldom looks at a recovery, so that there are few of them: they differ in nothing."""
STEPWISE = ("alert_intake", "ecs_action")
SEEING = ("ecs_action", "investigation", "verification")
"""They read the world, and ecs_action changes it."""
TURNS = (*STEPWISE, "investigation", "ai_assessment", "policy_gate", "approval", "verification", "lifecycle")
Ring = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """What waits for a function: the id of an entry, or what an alarm or a click says; not before `visible_at`."""

    function: str
    about: tuple[str, ...]
    visible_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call was answered: `said` tells two answers apart."""

    call: str
    kind: Literal["is", "raises"]
    value: object = field(compare=False)
    said: str
    changes: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that has begun: what it was given, and what its calls were answered, in order."""

    message: Message
    replies: tuple[Reply, ...] = ()

    @property
    def place(self) -> tuple[Message, tuple[str, ...]]:
        """What sets it apart from others."""
        return self.message, tuple(reply.said for reply in self.replies)


@dataclass(frozen=True, slots=True)
class Effect:
    """ECS restarted the service on account of that entry, when the timeline had so many rows."""

    about: str
    rows: int
    into: bool


@dataclass(frozen=True, slots=True)
class World:
    """The service's deployments and alarms, and what was done to it."""

    alarms: tuple[tuple[str, Ring], ...] = ()
    deployments: int = 1
    deployed_at: datetime = START - timedelta(days=3)
    effects: tuple[Effect, ...] = ()

    @property
    def rings(self) -> bool:
        return any(state == "firing" for _, state in self.alarms)

    def seen(self, now: datetime) -> dict[str, Any]:
        """The service as ECS shows it."""
        going = now < self.deployed_at + ROLLOUT
        return {
            "deployment": f"ecs-svc/{self.deployments}",
            "task_definition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-payments:7",
            "desired_count": 4,
            "running_count": 4,
            "pending_count": 0,
            "rollout": "IN_PROGRESS" if going else "COMPLETED",
            "rollout_since": (self.deployed_at + (timedelta() if going else ROLLOUT)).isoformat(),
            "deployments": 1 + going,
            "failed_tasks": 0,
        }


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may happen: alerts, people, crashes, and messages that time may leave behind at once."""

    alerts: int = 3
    people: int = 2
    crashes: int = 1
    late: int = 0
    configuration: str = "shipped"


OUTCOMES, ANSWERS = Kept(150_000), Kept(50_000)
"""What came of turns, and what they heard, by all that they can see; of the exploration that goes on."""


class Suspended(BaseException):
    """The turn waits before its next call."""


@dataclass
class Line:
    """What a turn's calls go through: those that were answered are answered again, and some more are made.

    It is suspended before the call that follows one that changes something, and after `reads` more that change nothing.
    """

    replies: list[Reply]
    now: datetime
    stepwise: bool
    lost: bool = False
    reads: int | None = None
    place: int = 0
    changed: bool = False

    def call(self, do: Callable[[], T], name: str, *, changes: bool = False) -> T:
        """The answer to the next call."""
        if self.place == len(self.replies):
            if self.stepwise and (self.changed or self.reads == 0 or (changes and self.reads is not None)):
                raise Suspended
            self.reads = None if self.reads is None else self.reads - 1
            self.changed |= changes
            self.replies.append(self._made(do, name, changes=changes))
        return cast("T", self._answer())

    def clock(self) -> datetime:
        """The time, read once and then remembered like any answer."""
        if self.place == len(self.replies):
            self.replies.append(Reply("clock", "is", self.now, self.now.isoformat()))
        return cast("datetime", self._answer())

    def _answer(self) -> object:
        reply = self.replies[self.place]
        self.place += 1
        if reply.kind == "raises":
            raise cast("MiddlewatchError", reply.value).with_traceback(None)
        return reply.value

    def _made(self, do: Callable[[], object], name: str, *, changes: bool) -> Reply:
        try:
            value = do()
        except MiddlewatchError as error:
            return Reply(name, "raises", error, repr(error), changes=changes)
        if self.lost and changes:
            self.lost = False
            return Reply(name, "raises", Unclear("no reply"), "lost", changes=changes)
        said = (
            f"{value.incident_id}{value.last.hash if value.last else ''}" if isinstance(value, History) else repr(value)
        )
        return Reply(name, "is", value, said, changes=changes)


@dataclass
class Store:
    """Both ports, of one turn."""

    tables: Tables
    line: Line

    def read(self, incident_id: str) -> History:
        return self.line.call(lambda: self.tables.read(incident_id), "read")

    def append(self, history: History, *given: Any, **others: Any) -> History:
        return self._told(lambda: self.tables.append(history, *given, **others), "append")

    def get(self, key: str) -> Any:
        return self.line.call(lambda: self.tables.get(key), "get")

    def write(self, *writes: Any) -> None:
        self._told(lambda: self.tables.write(*writes), "write")

    def listed(self, name: str, **others: Any) -> Any:
        return self.line.call(lambda: self.tables.listed(name, **others), "listed")

    def due(self, now: datetime, **others: Any) -> Any:
        return self.line.call(lambda: self.tables.due(now, **others), "due")

    def _told(self, do: Callable[[], T], name: str) -> T:
        """A table that does not answer is unavailable, whatever it did."""
        try:
            return self.line.call(do, name, changes=True)
        except Unclear as unclear:
            raise Unavailable(str(unclear)) from unclear


class Seals(MemorySeals):
    """The same, without a list of who asked."""

    def _ask(self, _verb: str, _key: str) -> None:
        return


SEALS = Seals()


@lru_cache
def setting(name: str) -> tuple[Config, Callable[..., Verdict], facts.EvidenceCollected]:
    """The configuration, its policy (which is asked the same question once), and evidence of a service that fails."""
    config, policy = configuration(name)
    answers: dict[str, Verdict] = {}

    def ask(document: Any) -> Verdict:
        question = dumps(document, sort_keys=True)
        if question not in answers:
            answers[question] = policy.decide(document)
        return answers[question]

    played = play(Schedule(0, Story((Breaks(20.0, "payments", "restart"),))))
    (history,) = played.histories().values()
    evidence = next(entry.fact for entry in history.entries if isinstance(entry.fact, facts.EvidenceCollected))
    return config, ask, evidence


@dataclass
class State:
    """Everything that the next step can depend on."""

    bounds: Bounds
    tables: Tables = field(default_factory=Tables)
    now: datetime = START
    world: World = World()
    waiting: tuple[Message, ...] = ()
    turns: tuple[Turn, ...] = ()
    alerts: int = 0
    pressed: tuple[tuple[str, ...], ...] = ()
    crashes: int = 0
    refused: str = ""

    def key(self) -> int:
        """The same for two states from which the same can happen."""
        turns = tuple(turn.place for turn in self.turns)
        place = (self.now, self.world, self.waiting, turns, self.alerts, self.pressed, self.crashes)
        return hash((self.tables.key(), place))

    def forked(self) -> "State":
        """The same state, which can go on without this one; tables are forked by whoever changes them."""
        fork = State.__new__(State)
        vars(fork).update(vars(self))
        return fork

    # What can happen next

    @property
    def ready(self) -> list[Message]:
        """What waits and can be received now."""
        return list(dict.fromkeys(each for each in self.waiting if each.visible_at <= self.now))

    def beginnings(self) -> Iterator[tuple[Turn, str]]:
        """Every turn that can go on from here, or begin."""
        yield from ((turn, f"{turn.message.function} goes on") for turn in self.turns)
        yield from ((Turn(message), f"{message.function} takes {message.about[0]}") for message in self.ready)

    def happenings(self) -> Iterator[tuple[str, Callable[["State"], None]]]:
        """What alarms and people may do, and how a turn may fail."""
        bounds = self.bounds
        if self.alerts < bounds.alerts:
            states = dict(self.world.alarms)
            for name in ALARMS[: 1 + bool(states)]:
                state: Ring = "resolved" if states.get(name) == "firing" else "firing"
                yield f"{name} {state}", partial(State.sound, name=name, state=state)
        if question := self._question():
            for person in PEOPLE[len(self.pressed) : bounds.people][:1]:
                for button in ("approve", "reject"):
                    press = partial(State.press, person=person, button=button, question=question)
                    yield f"{person} presses {button}", press

    def mishaps(self) -> Iterator[tuple[str, Callable[["State"], None]]]:
        """How turns may fail, whenever they may."""
        if self.crashes == self.bounds.crashes:
            return
        for turn in self.turns:
            yield f"{turn.message.function} dies", partial(State.die, turn=turn)
        for turn, name in self.beginnings():
            if turn.message.function in STEPWISE:
                yield f"{name}, and gets no reply", partial(State.go_on, turn=turn, lost=True)
        for message in self.ready:
            yield f"{message.function} dies at once", partial(State.delay, message=message)
            yield f"{message.function} takes a copy", partial(State.go_on, turn=Turn(message), copy=True)

    def telling_mishaps(self, idle: list[Turn]) -> Iterator[tuple[str, Callable[["State"], None]]]:
        """The same, each only where it makes a difference; `idle` turns would change nothing."""
        if self.crashes == self.bounds.crashes:
            return
        busy = [(turn, name) for turn, name in self.beginnings() if turn not in idle]
        for turn, name in busy:
            if turn.message.function in STEPWISE:
                yield f"{name}, and gets no reply", partial(State.go_on, turn=turn, lost=True)
                yield f"{name}, and dies", partial(State.go_on, turn=turn, dies=True)
            if turn not in self.turns:
                yield f"{turn.message.function} takes a copy", partial(State.go_on, turn=turn, copy=True)
        for message in self.ready:
            if all(turn == Turn(message) for turn, _ in busy):
                yield f"{message.function} dies at once", partial(State.delay, message=message)

    def now_waits(self, before: "State") -> bool:
        """Whether nothing but a message less is what sets this state apart from the one before."""
        fewer = len(self.waiting) == len(before.waiting) - 1 and set(self.waiting) <= set(before.waiting)
        return fewer and (self.turns, self.world) == (before.turns, before.world)

    def has_ended(self, turn: Turn, before: "State") -> bool:
        """Whether nothing but this turn less is what sets this state apart from the one before."""
        same = (self.waiting, self.world) == (before.waiting, before.world)
        return same and turn in before.turns and len(self.turns) == len(before.turns) - 1

    @property
    def can_wait(self) -> bool:
        """Whether time may pass, and has somewhere to go."""
        return not self.turns and len(self.ready) <= self.bounds.late and self._next_moment() is not None

    # The steps

    def sound(self, name: str, state: Ring) -> None:
        """An alarm changes, and its event waits for intake."""
        self.alerts += 1
        self.world = replace(self.world, alarms=tuple(sorted({**dict(self.world.alarms), name: state}.items())))
        at = self.now + timedelta(milliseconds=self.alerts)
        self._put(Message("alert_intake", (name, state, at.isoformat()), self.now))

    def press(self, person: str, button: str, question: Entry) -> None:
        """A person presses a button of the question that stands there now."""
        self.pressed = tuple(sorted((*self.pressed, (person, button, question.id))))
        shown = cast("facts.ApprovalRequested", question.fact).proposal_hash
        self._put(Message("approval", (question.id, person, button, shown, self.now.isoformat()), self.now))

    def go_on(self, turn: Turn, *, lost: bool = False, copy: bool = False, dies: bool = False) -> None:
        """A turn does all up to its next change, or to its end; `lost`: it hears that nobody knows of that change.

        Of a copy, the message stays; one that `dies` does so behind that change.
        """
        self.crashes += lost + copy
        self._take(turn, copy=copy)
        self._run(turn, lost=lost)
        behind = [
            each
            for each in self.turns
            if each.message == turn.message and each.replies[: len(turn.replies)] == turn.replies
        ]
        if dies and behind:
            self.die(behind[0])

    def read_ahead(self, turn: Turn, reads: int) -> None:
        """A turn makes so many of its calls, which change nothing, and waits."""
        self._take(turn)
        self._run(turn, reads=reads)

    def die(self, turn: Turn) -> None:
        """A turn ends where it is; its message comes back."""
        self.crashes += 1
        self._take(turn)
        self._put(replace(turn.message, visible_at=self.now + AGAIN))

    def delay(self, message: Message) -> None:
        """Whoever gets the message dies at once, and it comes back."""
        self.die(Turn(message))

    def pass_time(self) -> None:
        """It is as late as the next timer, or as the next message that comes back; what is due then rings."""
        moment = self._next_moment()
        assert moment is not None
        self.now = max(self.now, moment)
        self._become(OUTCOMES.of((self.tables.key(), self.now), lambda: self.alone().rung()), self.world)

    # Within a step

    def answers(self, turn: Turn) -> tuple[tuple[Reply, ...], int]:
        """All that a turn would hear up to its next change or its end, had it the state for itself; from which on."""
        heard = ANSWERS.of((*self._place(turn), turn), lambda: self.alone().heard(turn))
        return cast("tuple[Reply, ...]", heard), len(turn.replies)

    def alone(self) -> "State":
        """The same tables and world, where nothing waits."""
        alone = self.forked()
        alone.tables, alone.waiting, alone.turns = self.tables.forked(), (), ()
        return alone

    def heard(self, turn: Turn) -> tuple[Reply, ...]:
        """All that a turn hears here."""
        line = Line(list(turn.replies), self.now, turn.message.function in STEPWISE)
        with suppress(Suspended, MiddlewatchError):
            self._turn(turn.message, line)
        return tuple(line.replies)

    def ran(self, turn: Turn, *, lost: bool, reads: int | None) -> "State":
        """This state, once a turn went on."""
        message, before = turn.message, self._rows()
        line = Line(list(turn.replies), self.now, message.function in STEPWISE, lost=lost, reads=reads)
        try:
            self._turn(message, line)
        except Suspended:
            self.turns = (Turn(message, tuple(line.replies)),)
        except Refused as error:
            self.refused = f"{message.function} put {message.about} into quarantine: {error}"
        except Unavailable as error:
            after = timedelta(seconds=max(error.retry_after or 0.0, 2.0))
            self._put(replace(message, visible_at=self.now + after))
        self._spread(before)
        return self

    def rung(self) -> "State":
        """This state, once the timers rang that are due."""
        before = self._rows()
        ring(self.tables, self.tables, lambda: self.now, stall=self.tables.stall)
        self._spread(before)
        return self

    def forget(self) -> None:
        """Without the messages that can be received now and will never change anything any more."""
        over = vars(self.tables).setdefault("over", {})
        for message in self.ready:
            if message.function in STEPWISE:
                continue
            if message not in over:
                over[message] = self.is_over(message) and self._changes_nothing(message)
            if over[message]:
                self.waiting = tuple(each for each in self.waiting if each != message)

    def is_over(self, message: Message) -> bool:
        """Whether it was answered, which nobody answers again, or says what its reader never answers."""
        entry = self._entry(message.about[0])
        by_click = message.function == "approval"
        cause = f"slack:{message.about[1]}-{message.about[2]}" if by_click else entry.id
        if self.tables.read(entry.incident_id).answered(cause, by=message.function):
            return True
        match message.function, entry.fact:
            case "policy_gate", facts.AssessmentMade(proposes=True) | facts.ActionRefused(again=False):
                return True
            case "policy_gate", facts.HoldElapsed(of=of):
                return of != "action"
        return False

    def _changes_nothing(self, message: Message) -> bool:
        after = self.forked()
        after.go_on(Turn(message))
        return after.tables.key() == self.tables.key() and after.now_waits(self)

    def _take(self, turn: Turn, *, copy: bool = False) -> None:
        if turn in self.turns:
            turns = list(self.turns)
            turns.remove(turn)
            self.turns = tuple(turns)
        elif not copy:
            waiting = list(self.waiting)
            waiting.remove(turn.message)
            self.waiting = tuple(waiting)

    def _run(self, turn: Turn, *, lost: bool = False, reads: int | None = None) -> None:
        place = (*self._place(turn), turn, lost, reads)
        outcome = OUTCOMES.of(place, lambda: self.alone().ran(turn, lost=lost, reads=reads))
        self._become(outcome, outcome.world if turn.message.function in SEEING else self.world)

    def _place(self, turn: Turn) -> tuple[object, ...]:
        """What a turn can see of this state."""
        return self.tables.key(), self.now, self.world if turn.message.function in SEEING else None

    def _become(self, outcome: "State", world: World) -> None:
        """This state with what came of a turn in place of what it saw, and all else that waits here."""
        if outcome.tables.key() == self.tables.key():
            outcome.tables = self.tables
        self.tables, self.world, self.refused = outcome.tables, world, outcome.refused or self.refused
        if outcome.turns:
            self.turns = tuple(sorted((*self.turns, *outcome.turns), key=lambda each: each.place))
        if outcome.waiting:
            self.waiting = tuple(sorted((*self.waiting, *outcome.waiting)))

    def _turn(self, message: Message, line: Line) -> None:
        config, ask, _ = setting(self.bounds.configuration)
        store: Any = Store(self.tables, line)
        if message.function == "alert_intake":
            alert = self._alert(message)
            intake = Intake.of(SETTINGS, store, config, line.clock, actor="alert_intake")
            receive(alert, replace(intake, new_id=lambda _: f"INC-{alert.changed_at:%f}"))
            return
        if message.function == "approval":
            question, person, button, shown, at = message.about
            click = Click(
                id=f"{person}-{button}", user=person, team="T0SHOP", button=cast("Button", button), value=question,
                clicked_at=datetime.fromisoformat(at), proposal_hash=shown,
            )  # fmt: skip
            decide_click(vouched(click, config, SEALS), Deciding(config, store, cast("Any", None), line.clock, LOG))
            return
        entry = self._entry(message.about[0])
        pointer = Pointer(entry.incident_id, entry.id, entry.hash, entry.fact.type)
        if message.function == "ecs_action":
            perform(pointer, self._acting(store, line, config, message.about[0]))
        else:
            decide(pointer, self._stage(message.function, store, line, config, ask), store, line.clock)

    def _stage(self, name: str, store: Any, line: Line, config: Config, ask: Any) -> Stage[Any]:
        match name:
            case "investigation":
                real = investigating(lambda *_: (), str, 0.0, line.clock)
                return Stage(name, real.conclude, self._evidence)
            case "ai_assessment":
                return assessing(config, SETTINGS.span("approval"))
            case "policy_gate":
                gate = Gate(config, ask, patience=SETTINGS.span("approval"))
                return Stage(name, sealing(gate.conclude, SEALS), recall(store, line.clock, SEALS))
            case "verification":
                return Stage(name, partial(judge, patience=PATIENCE), partial(self._seen, config=config))
        course = Course(hold=SETTINGS.span("hold"), reopen=SETTINGS.span("reopen"))
        return lifecycle(course, store)

    def _acting(self, store: Any, line: Line, config: Config, about: str) -> Acting:
        limits = Limits.model_validate(config.policy_data["limits"])
        services: Any = _Services(self, line, about)
        return Acting(
            "ecs_action",
            EcsEffect(services, store, config, SETTINGS.span("approved"), SETTINGS.span("held")),
            partial(unproved, seals=SEALS, told=lambda: None),
            store,
            line.clock,
            SETTINGS.span("dead_after"),
            SETTINGS.span("check_after"),
            partial(budgets, in_all=limits.actions_per_hour, per_target=limits.actions_per_target_per_hour),
        )

    def _alert(self, message: Message) -> Alert:
        name, state, at = message.about
        said = Alert(
            source="cloudwatch",
            external_id=f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}",
            fingerprint=name,
            title=name,
            state=cast("Ring", state),
            severity="high",
            starts_at=datetime.fromisoformat(at),
            changed_at=datetime.fromisoformat(at),
            target=TARGET,
            account=TARGET.account,
            region=TARGET.region,
            breach=Breach(),
        )
        return told_by(said, DEFAULT_BUS)

    def _evidence(self, incident: Incident, cause: Entry) -> facts.EvidenceCollected | None:
        _, _, evidence = setting(self.bounds.configuration)
        number = round_of(cause)
        seen = self.world.seen(self.now)
        binding = {name: seen.get(name, value) for name, value in evidence.binding.items()}
        changes = {"round": number, "binding": binding, "breach_confirmed": self.world.rings}
        return evidence.model_copy(update=changes) if wanted(incident, number) else None

    def _seen(self, incident: Incident, cause: Entry, config: Config) -> Seen:
        work = incident.work[cast("facts.CheckDue", cause.fact).proposal_id]
        service = service_for_target(config, work.proposal.target)
        alarms = {name: "ALARM" if state == "firing" else "OK" for name, state in self.world.alarms}
        well = not self.world.rings
        readings = tuple(_reading(measure, well=well) for measure in (service.measures if service else ()))
        return Seen(self.world.seen(self.now), alarms, readings)

    def _question(self) -> Entry | None:
        """The question that waits for an answer; its message has no buttons any more once it has one."""
        for history in self.tables.histories.values():
            work = history.incident.proposal
            if work and work.standing == "awaiting":
                return next(e for e in reversed(history.entries) if isinstance(e.fact, facts.ApprovalRequested))
        return None

    def _next_moment(self) -> datetime | None:
        due = self.tables.next_due()
        moments = [each.visible_at for each in self.waiting if each.visible_at > self.now]
        return min([*moments, *([datetime.fromisoformat(due)] if due else [])], default=None)

    def _put(self, message: Message) -> None:
        self.waiting = tuple(sorted((*self.waiting, message)))

    def _entry(self, entry_id: str) -> Entry:
        return self.tables.read(entry_id.rpartition("/")[0]).entry(entry_id)

    def _rows(self) -> dict[str, int]:
        return {name: len(history.entries) for name, history in self.tables.histories.items()}

    def _spread(self, before: dict[str, int]) -> None:
        """What is new on the timelines is told, and waits for those who read it."""
        for name in list(self.tables.histories):
            for entry in self.tables.histories[name].entries[before.get(name, 0) :]:
                for reader in READERS.get(entry.fact.type, ()):
                    if reader in TURNS:
                        self._put(Message(reader, (entry.id,), self.now))
                self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        history = self.tables.read(entry.incident_id)
        about = entry if isinstance(entry.fact, facts.IncidentOpened) else subject(history, entry)
        if about is None:
            return
        fact = facts.MessageSent(channel="slack", about=about.id, external_id=about.id, summary="told")

        def unless_told(known: History, _: datetime) -> list[facts.Fact]:
            return [] if any(each.fact == fact for each in known.entries) else [fact]

        settle(
            entry.incident_id,
            unless_told,
            self.tables,
            lambda: self.now,
            actor="notification/slack",
            caused_by=entry.id,
        )


@dataclass(frozen=True, slots=True)
class _Services:
    """ECS, as one turn sees and changes it."""

    state: State
    line: Line
    about: str

    def read(self, _: Target) -> dict[str, Any]:
        return self.line.call(lambda: self.state.world.seen(self.state.now), "DescribeServices")

    def restart(self, _: Target) -> dict[str, Any]:
        return self.line.call(self._restart, "UpdateService", changes=True)

    def _restart(self) -> dict[str, Any]:
        state, world = self.state, self.state.world
        rows = len(state.tables.read(self.about.rpartition("/")[0]).entries)
        into = world.seen(state.now)["rollout"] == "IN_PROGRESS"
        state.world = replace(
            world,
            deployments=world.deployments + 1,
            deployed_at=state.now,
            effects=(*world.effects, Effect(self.about, rows, into)),
        )
        return state.world.seen(state.now)


class _Log:
    """A logger that nobody reads."""

    def info(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    warning = info


LOG: Any = _Log()


def _reading(measure: Measure, *, well: bool) -> Reading:
    bad, good = (measure.below or 0.0) + (measure.above or 0.0) * 0.0 + 1e6, 0.0
    if measure.above is not None:
        bad, good = measure.above - 1.0, measure.above + 1.0
    return Reading(measure, (bad,), (good if well else bad,))
