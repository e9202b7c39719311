"""The whole product in one thread: every stage behind its queue as the edge feeds it, with a clock that jumps."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from functions.ai_assessment.assess import stage as assessing
from functions.alert_intake.intake import take_in
from functions.approval.decide_click import Deciding, decide_click, read_click
from functions.ecs_action.act import EcsEffect, budgets, unproved
from functions.lifecycle.follow import Course, lifecycle
from functions.notification.notify import Telling, notify
from functions.policy_gate.fleet import watch
from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.policy import TESTED, Policy
from functions.slack_api.app import vouched
from functions.ticketing.ticket import Ticketing, ticket
from functions.timekeeper.ring import ring
from functions.verification.judge import Patience, Reading, Seen, judge
from local import reference
from shared import facts
from shared.click import SHOWN, Click
from shared.config import Config, Limits
from shared.decide import Message, Stage, decide
from shared.errors import MiddlewatchError, Unavailable
from shared.intake import Intake
from shared.perform import Acting, perform
from shared.queue import Queue, consume
from shared.settings import Settings
from tests.ai_assessment.evidence import evidence
from tests.builders import SEEN, T0, Clock
from tests.fakes.chat import MemoryChat, MemoryMail
from tests.fakes.seals import MemorySeals
from tests.fakes.tickets import MemoryTickets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from functions.ai_assessment.assess import SecondOpinion
    from shared.entry import Entry
    from shared.facts import Fact
    from shared.incident import Incident
    from shared.target import Target
    from tests.reliability.storm.store import FileStore

    Handler = Callable[[dict[str, Any]], dict[str, Any]]
    Turn = Callable[[Mapping[str, Any]], object]

MOST_RECEIPTS = 10
TICK = 60.0
REMEMBERS = timedelta(hours=24)
"""A DynamoDB stream forgets after so long."""
SETTINGS = Settings(timeline_table="", state_table="", aws_account_id="123456789012")
MANIFESTS = reference.manifests()
READERS = {
    fact: tuple(name for name, manifest in MANIFESTS.items() if fact in reference.consumed(manifest))
    for fact in facts.BY_TYPE
}


@dataclass
class Fleet:
    """As many ECS services as are asked for; a restart makes a new deployment, and heals where `heals` says so."""

    heals: Callable[[str], bool] = lambda _: True
    deployments: dict[str, int] = field(default_factory=dict)
    updates: Counter[str] = field(default_factory=Counter)
    now: Callable[[], datetime] = lambda: T0

    def read(self, target: Target) -> Mapping[str, Any]:
        """A service that stands still."""
        number = self.deployments.get(target.name, 1)
        since = SEEN["rollout_since"] if number == 1 else self.now().isoformat()
        return {**SEEN, "deployment": f"ecs-svc/{number}", "rollout_since": since}

    def restart(self, target: Target) -> Mapping[str, Any]:
        """Replaces its tasks."""
        self.updates[target.name] += 1
        self.deployments[target.name] = self.deployments.get(target.name, 1) + 1
        return {"deployment": f"ecs-svc/{self.deployments[target.name]}"}

    def healed(self, name: str) -> bool:
        """Whether it was restarted and that helped."""
        return self.updates[name] > 0 and self.heals(name)


@dataclass
class Log:
    """A logger that counts, and keeps what no code expected."""

    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def exception(self, _text: str, **_: Any) -> None:
        """A bug."""
        from traceback import format_exc  # noqa: PLC0415 - it seldom happens

        self.wrong.append(format_exc())

    def info(self, text: str, **_: Any) -> None:
        """Counted alone: a storm's log would be the memory that is measured."""
        self.counts[text] += 1

    warning = error = info


@dataclass
class House:
    """Middlewatch over a fleet. What happens is a heap of moments; nothing waits but in it, or in the store.

    `loses` says which entries never reach which function, `dead` which functions fail whatever they get, `poisoned`
    what a queue holds beside.
    """

    config: Config
    store: FileStore
    second: SecondOpinion | None = None
    chat: MemoryChat = field(default_factory=MemoryChat)
    mail: MemoryMail | None = None
    tickets: MemoryTickets = field(default_factory=MemoryTickets)
    fleet: Fleet = field(default_factory=Fleet)
    clock: Clock = field(default_factory=Clock)
    log: Log = field(default_factory=Log)
    seals: MemorySeals = field(default_factory=MemorySeals)
    loses: Callable[[Entry, str], bool] = lambda _entry, _function: False
    dead: set[str] = field(default_factory=set)
    letters: dict[str, list[str]] = field(default_factory=dict)
    nobody: list[str] = field(default_factory=list)
    stream: list[tuple[datetime, Entry]] = field(default_factory=list)
    bodies: list[tuple[str, str]] | None = None
    turns: Counter[str] = field(default_factory=Counter)
    most_waiting: int = 0

    def __post_init__(self) -> None:
        """Wire everything."""
        self._moments: list[tuple[float, int, str, str, int]] = []
        self._numbers, self._ids = count(1), count(1)
        self._handlers = self._wired()
        self._ticked = self.clock.now
        self.store.streamed = self._relay
        self.fleet.now = self.clock

    def send(self, function: str, body: str, *, receipts: int = 0, after: float = 0) -> None:
        """Puts a message on a function's queue."""
        number = next(self._numbers)
        if self.bodies is not None:
            self.bodies.append((function, body))
        heappush(self._moments, (self.clock.now.timestamp() + after, number, function, body, receipts))
        self.most_waiting = max(self.most_waiting, len(self._moments))

    def alerts(self, arriving: Iterable[tuple[float, str]], *, begin: datetime = T0) -> int:
        """Lets alerts arrive, each so many seconds after `begin` (in order), and all that follows; how many came."""
        came = 0
        for seconds, body in arriving:
            self.run(begin + timedelta(seconds=seconds))
            self.send("alert_intake", body)
            came += 1
        return came

    def run(self, until: datetime) -> None:
        """Everything that happens by then, the timekeeper's ticks among it."""
        while True:
            tick = self._ticked.timestamp() + TICK
            moment = self._moments[0][0] if self._moments else float("inf")
            if min(tick, moment) > until.timestamp():
                break
            if tick <= moment:
                self._ticked += timedelta(seconds=TICK)
                self.clock.now = max(self.clock.now, self._ticked)
                self._keep()
            else:
                self._deliver(*heappop(self._moments))
        self.clock.now = max(self.clock.now, until)

    def wait(self, **spans: float) -> None:
        """Lets time pass."""
        self.run(self.clock.now + timedelta(**spans))

    def click(self, user: str, value: str, channel: str) -> None:
        """Somebody presses Approve; `value` is what the button carries."""
        question, _, proposal_hash = value.partition(SHOWN)
        click = Click(
            id=f"click-{next(self._numbers)}",
            user=user,
            team="T0SHOP",
            channel=channel,
            button="approve",
            value=question,
            clicked_at=self.clock.now,
            proposal_hash=proposal_hash,
        )
        self.send("approval", vouched(click, self.config, self.seals).model_dump_json())

    def redrive(self, function: str) -> int:
        """Brings the dead letters of a function back as new messages."""
        letters = self.letters.pop(function, [])
        for body in letters:
            self.send(function, body)
        return len(letters)

    def _keep(self) -> None:
        if "timekeeper" in self.dead:
            return
        try:
            ring(self.store, self.store, self.clock, stall=self.store.stall, warn=self.log.warning)
        except (MiddlewatchError, ValueError) as error:
            self.log.warning(str(error))

    def _relay(self, entries: Sequence[Entry]) -> None:
        """The stream, the relay and the bus: what is not lost reaches every queue that wants it."""
        if "relay" in self.dead:
            self.stream += [(self.clock.now, entry) for entry in entries]
            return
        for entry in entries:
            again: tuple[Entry, ...] = ()
            if isinstance(entry.fact, facts.IncidentStalled):
                since = entry.fact.since
                again = self.store.read(entry.incident_id).entries[since - 1 : entry.seq - 1]
            for each in (*again, entry):
                self.publish(each)

    def mend(self, function: str) -> None:
        """The function works again; for the relay, the stream still has what is younger than it remembers."""
        self.dead.discard(function)
        if function == "relay":
            kept, self.stream = [e for at, e in self.stream if self.clock.now - at <= REMEMBERS], []
            self._relay(kept)

    def publish(self, entry: Entry) -> None:
        """Puts an entry on the bus."""
        body = ""
        for function in READERS.get(entry.fact.type, ()):
            if not self.loses(entry, function):
                body = body or event_of(entry)
                self.send(function, body)

    def _deliver(self, at: float, number: int, function: str, body: str, receipts: int) -> None:
        self.clock.now = max(self.clock.now, datetime.fromtimestamp(at, T0.tzinfo))
        self.turns[function] += 1
        message = {
            "messageId": f"m{number}",
            "receiptHandle": f"r{number}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(receipts + 1)},
        }
        self._hidden = 360.0  # a queue's own visibility time-out, six times a function's time-out
        failed = (
            [message]
            if function in self.dead
            else self._handlers[function]({"Records": [message]})["batchItemFailures"]
        )
        if not failed:
            return
        if receipts + 1 >= MOST_RECEIPTS:
            self.letters.setdefault(function, []).append(body)
            return
        heappush(
            self._moments,
            (self.clock.now.timestamp() + self._hidden, next(self._numbers), function, body, receipts + 1),
        )

    def change_message_visibility(self, *, VisibilityTimeout: int, **_: Any) -> None:  # noqa: N803 - boto3's own name
        """SQS."""
        self._hidden = float(VisibilityTimeout)

    def _wired(self) -> dict[str, Handler]:
        store, clock, config = self.store, self.clock, self.config
        logger: Any = self.log
        dead_after = SETTINGS.span("dead_after")

        def queued(
            name: str, turn: Callable[[Mapping[str, Any]], object]
        ) -> Callable[[dict[str, Any]], dict[str, Any]]:
            sqs: Any = self
            told = partial(self.log.info, "Quarantined")
            queue = Queue(name, name, sqs, store, logger, clock, told, jitter=lambda low, high: (low + high) / 2)
            return lambda event: consume(event, cast("Any", turn), queue)

        def pointed(name: str, turn: Callable[[Message], object]) -> Handler:
            def one(body: Mapping[str, Any]) -> None:
                turn(Message.read(body))

            return queued(name, one)

        def staged(stage: Stage[Any]) -> Handler:
            return pointed(stage.name, lambda message: decide(message, stage, store, clock))

        intake = Intake.of(SETTINGS, store, config, clock, actor="alert_intake")
        intake = replace(intake, new_id=lambda _now: f"INC-261121-{next(self._ids):06}")
        limits = Limits.model_validate(config.policy_data.get("limits", {}))
        gate = Gate(config, Policy.of(config, seconds=TESTED).decide, patience=SETTINGS.span("approval"))
        course = Course(hold=SETTINGS.span("hold"), reopen=SETTINGS.span("reopen"))
        patience = Patience(SETTINGS.span("check_window"), SETTINGS.span("check_every"), SETTINGS.span("check_limit"))
        effect = EcsEffect(cast("Any", self.fleet), store, config, SETTINGS.span("approved"), SETTINGS.span("held"))
        acting = Acting(
            "ecs_action",
            effect,
            partial(unproved, seals=self.seals, told=lambda: None),
            store,
            clock,
            dead_after=dead_after,
            check_after=SETTINGS.span("check_after"),
            budgets=partial(budgets, in_all=limits.actions_per_hour, per_target=limits.actions_per_target_per_hour),
        )
        telling = Telling(
            config=config,
            timeline=store,
            state=store,
            clock=clock,
            dead_after=dead_after,
            chat=self.chat,
            mail=self.mail,
            recorded=lambda _: None,
            warn=self.log.warning,
            nobody_told=lambda entry: self.nobody.append(entry.id),
        )
        deciding = Deciding(config, store, self.chat, clock, logger)
        ticketing = Ticketing(config, store, store, clock, dead_after, self.tickets, self.log.info)
        memory = recall(store, clock, self.seals, limits.actions_per_hour, fleet=watch(store, config))
        return {
            "alert_intake": queued("alert_intake", partial(take_in, intake=intake, logger=logger)),
            "investigation": staged(Stage("investigation", self._evidence, prepare=lambda _incident, _cause: None)),
            "ai_assessment": staged(assessing(config, SETTINGS.span("approval"), self.second)),
            "policy_gate": staged(Stage("policy_gate", sealing(gate.conclude, self.seals), prepare=memory)),
            "ecs_action": pointed("ecs_action", partial(perform, acting=acting)),
            "verification": staged(Stage("verification", partial(judge, patience=patience), prepare=self._seen)),
            "lifecycle": staged(lifecycle(course, store)),
            "approval": queued("approval", lambda body: decide_click(read_click(body), deciding)),
            "notification": pointed("notification", partial(notify, telling=telling)),
            "ticketing": pointed("ticketing", partial(ticket, ticketing=ticketing)),
        }

    def _evidence(self, incident: Incident, _cause: Entry, _none: object, _now: datetime) -> list[Fact]:
        """What would be read of the world: a service that stands on an old release, runs, and fails."""
        if incident.status != "open" or incident.target is None:
            return [evidence(number=incident.round)] if incident.status == "open" else []
        seen = self.fleet.read(incident.target)
        binding = {name: seen[name] for name in ("deployment", "task_definition", "desired_count")}
        return [evidence(number=incident.round).model_copy(update={"binding": binding})]

    def _seen(self, incident: Incident, _cause: Entry) -> Seen:
        if incident.target is None:
            message = "nothing to look at"
            raise Unavailable(message)
        service = next(each for each in self.config.services if each.target.key == incident.target.key)
        well = self.fleet.healed(incident.target.name)
        readings = tuple(
            Reading(each, (1.0,), (9.0 if well == (each.above is not None) else 0.0,)) for each in service.measures
        )
        names = [alarm.alert.external_id.rpartition(":alarm:")[2] for alarm in incident.alarms.values()]
        return Seen(self.fleet.read(incident.target), dict.fromkeys(names, "OK" if well else "ALARM"), readings)

    def histories(self) -> Iterator[Any]:
        """Every timeline."""
        return (self.store.read(incident_id) for incident_id in self.store.incidents())


def event_of(entry: Entry) -> str:
    """The entry as the bus carries it."""
    detail = f'{entry.body[:-1]},"hash":"{entry.hash}"}}'
    head = json.dumps({"source": "middlewatch", "detail-type": entry.fact.type})
    return f'{head[:-1]},"detail":{detail}}}'
