"""The whole product in one thread: the real stages over in-memory ports, and a bus that a test may disturb."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from aws_lambda_powertools import Logger

from functions.ai_assessment.assess import stage as assessing
from functions.approval.decide_click import Deciding, decide_click
from functions.ecs_action.act import EcsEffect, budgets, unproved
from functions.lifecycle.follow import Course, lifecycle
from functions.notification.notify import Telling, notify
from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.policy import TESTED, Policy
from functions.slack_api.app import vouched
from functions.ticketing.ticket import Ticketing, ticket
from functions.timekeeper.ring import ring
from functions.verification.judge import Patience, Reading, Seen, judge
from local import reference
from shared import facts
from shared.click import Click
from shared.config import Config
from shared.configuration import load
from shared.decide import Message, Stage, decide
from shared.entry import Entry, broken_link
from shared.errors import Unavailable
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident
from shared.intake import Intake, Received, receive
from shared.perform import Acting, perform
from tests.ai_assessment.evidence import evidence
from tests.builders import TARGET, Clock, an_alert, an_intake
from tests.fakes.chat import MemoryChat, MemoryMail
from tests.fakes.ecs import FakeEcs
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore
from tests.fakes.tickets import MemoryTickets

LIMIT = timedelta(minutes=10)
MANIFESTS = reference.manifests()
CONFIG = load(reference.ROOT / "config")


@dataclass
class House:
    """One service of the starter configuration, its alarm, its people, and Middlewatch.

    `heals` says whether a restart helps. `disturb` shuffles deliveries and repeats each up to three times. The delivery
    number `lost` to a stage that moves the incident never arrives; only the relay brings it back, when it stalls.
    """

    service: str
    heals: bool = True
    disturb: random.Random | None = None
    lost: int = -1
    config: Config = CONFIG
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    chat: MemoryChat = field(default_factory=MemoryChat)
    tickets: MemoryTickets = field(default_factory=MemoryTickets)
    mail: MemoryMail | None = None
    ecs: FakeEcs = field(default_factory=FakeEcs)
    seals: MemorySeals = field(default_factory=MemorySeals)
    firing: bool = False
    waiting: list[tuple[str, Message]] = field(default_factory=list)
    published: int = 0
    delivered: int = 0
    clicks: int = 0

    def __post_init__(self) -> None:
        self.target = TARGET.model_copy(update={"name": f"shop/{self.service}"})
        self.ecs.name = self.target.name
        self.functions = self._functions()

    def alarm(self, state: str = "firing", **changes: object) -> Received:
        self.firing = state == "firing"
        alert = an_alert(
            title=f"{self.service}-5xx", target=self.target, state=state, changed_at=self.clock.now, **changes
        )
        return receive(alert, self._intake())

    def test(self, state: str = "firing") -> Received:
        """The canary's alarm."""
        alert = an_alert(title="middlewatch-canary", target=None, state=state, changed_at=self.clock.now)
        return receive(alert, self._intake(), test=True)

    def click(self, user: str, button: str, *, team: str = "T0SHOP", at: datetime | None = None) -> None:
        """Presses a button of the newest question, as the shown message carries it."""
        happened = ((entry.id, entry.fact) for entry in self.history().entries)
        asked = [(question, fact) for question, fact in happened if isinstance(fact, facts.ApprovalRequested)]
        self.clicks += 1
        click = Click(
            id=f"click-{self.clicks}",
            user=user,
            team=team,
            channel="C0INCIDENTS",
            button=button,
            value=asked[-1][0] if asked else self.history().entries[0].id,
            clicked_at=at or self.clock.now,
            proposal_hash=asked[-1][1].proposal_hash if asked else "",
        )
        deciding = Deciding(self.config, self.store, self.chat, self.clock, Logger(service="approval"))
        decide_click(vouched(click, self.config, self.seals), deciding)

    def settle(self) -> None:
        """Delivers everything, and what follows from it, until nothing is left."""
        for _ in range(2_000):
            self._publish()
            if not self.waiting:
                return
            self._deliver(self.waiting.pop(0))
        raise AssertionError("the incident never comes to rest")

    def attempt(self) -> None:
        """Like settle, but what cannot be done now is tried once and waits on."""
        later: list[tuple[str, Message]] = []
        self._publish()
        while self.waiting:
            waiting, *self.waiting = self.waiting
            behind = len(self.waiting)
            self._deliver(waiting)
            later += self.waiting[behind:]
            del self.waiting[behind:]
            self._publish()
        self.waiting = later

    def wait(self, **spans: float) -> None:
        """Lets time pass in ticks of the timekeeper."""
        until = self.clock.now + timedelta(**spans)
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + timedelta(seconds=20))
            ring(self.store, self.store, self.clock, stall=self.store.stall)
            self.settle()

    def history(self) -> History:
        return self.store.read(next(reversed(self.store.timelines)))

    def incident(self) -> Incident:
        return self.history().incident

    def facts(self, kind: type[Fact]) -> list[Fact]:
        return [entry.fact for entry in self.history().entries if isinstance(entry.fact, kind)]

    def check_promises(self) -> None:
        """What must hold of every timeline, whatever happened (I2 to I5 of the README)."""
        for history in map(self.store.read, self.store.timelines):
            assert broken_link(history.entries) == ""
            happened = [entry.fact for entry in history.entries]
            started = [fact for fact in happened if isinstance(fact, facts.ActionStarted)]
            approved = {fact.proposal.id for fact in happened if isinstance(fact, facts.ActionApproved)}
            assert len({fact.proposal_id for fact in started}) == len(started)
            assert {fact.proposal_id for fact in started} <= approved
        assert len(self.ecs.updates) <= sum(
            isinstance(entry.fact, facts.ActionStarted)
            for entries in self.store.timelines.values()
            for entry in entries
        )

    def _publish(self) -> None:
        entries = [entry for timeline in self.store.timelines.values() for entry in timeline]
        relayed = [each for entry in entries[self.published :] for each in (*self._again(entry), entry)]
        fresh = [(name, _pointer(entry)) for entry in relayed for name in _readers(entry.fact)]
        self.published = len(entries)
        if self.disturb:
            fresh = [each for each in fresh for _ in range(self.disturb.randint(1, 3))]
            self.waiting += fresh
            self.disturb.shuffle(self.waiting)
        else:
            self.waiting += fresh

    def _again(self, entry: Entry) -> list[Entry]:
        """What the relay publishes again because of this entry."""
        if not isinstance(entry.fact, facts.IncidentStalled):
            return []
        return self.store.timelines[entry.incident_id][entry.fact.since - 1 : entry.seq - 1]

    def _deliver(self, waiting: tuple[str, Message]) -> None:
        name, message = waiting
        if name not in {"notification", "ticketing"}:
            self.delivered += 1
            if self.delivered == self.lost + 1:
                return
        try:
            self.functions[name](message)
        except Unavailable as error:
            self.clock.forward(seconds=error.retry_after or 2)
            self.waiting.append(waiting)

    def _intake(self) -> Intake:
        return an_intake(
            self.store,
            config=self.config,
            clock=self.clock,
            new_id=lambda _now: f"INC-261121-{len(self.store.timelines) + 1:06}",
        )

    def _functions(self) -> dict[str, Callable[[Message], object]]:
        store, clock = self.store, self.clock
        policy = Policy.of(self.config, seconds=TESTED)
        stages: list[Stage[object]] = [
            Stage("investigation", self._evidence, prepare=lambda _incident, _cause: None),
            assessing(self.config, timedelta(minutes=30)),  # type: ignore[list-item]
            Stage(
                "policy_gate",
                sealing(  # type: ignore[arg-type]
                    Gate(self.config, policy.decide, patience=timedelta(minutes=30)).conclude, self.seals
                ),
                prepare=recall(store, clock, self.seals),
            ),
            lifecycle(Course(timedelta(minutes=15), timedelta(minutes=30)), store),  # type: ignore[list-item]
            Stage(
                "verification",
                partial(judge, patience=Patience(timedelta(minutes=3), timedelta(minutes=1), LIMIT)),
                prepare=self._seen,
            ),
        ]
        effect = EcsEffect(self.ecs, store, self.config, timedelta(minutes=2), timedelta(minutes=1))  # type: ignore[arg-type]
        acting = Acting(
            "ecs_action",
            effect,
            partial(unproved, seals=self.seals, told=lambda: None),
            store,
            clock,
            dead_after=timedelta(seconds=90),
            check_after=timedelta(minutes=1),
            budgets=partial(budgets, in_all=10, per_target=2),
        )
        dead_after = timedelta(seconds=90)
        telling = Telling(
            config=self.config,
            timeline=store,
            state=store,
            clock=clock,
            dead_after=dead_after,
            chat=self.chat,
            mail=self.mail,
            warn=lambda _: None,
            nobody_told=lambda _: None,
            recorded=lambda _: None,
        )
        ticketing = Ticketing(self.config, store, store, clock, dead_after, self.tickets, lambda _: None)
        return {
            **{stage.name: partial(_decided, stage, store, clock) for stage in stages},
            "ecs_action": partial(self._acted, acting),
            "notification": partial(notify, telling=telling),
            "ticketing": partial(ticket, ticketing=ticketing),
        }

    def _acted(self, acting: Acting, message: Message) -> None:
        before = len(self.ecs.updates)
        perform(message, acting)
        if len(self.ecs.updates) > before and self.heals:
            self.firing = False
            self.ecs.seen["rollout_since"] = self.clock.now.isoformat()

    def _evidence(self, incident: Incident, _cause: Entry, _none: object, _now: datetime) -> list[Fact]:
        seen = self.ecs.seen
        binding = {name: seen[name] for name in ("deployment", "task_definition", "desired_count")}
        return [evidence(number=incident.round).model_copy(update={"binding": binding})]

    def _seen(self, _incident: Incident, _cause: Entry) -> Seen:
        measures = next(each.measures for each in self.config.services if each.name == self.service)
        well, ill = {"healthy hosts": 9.0, "server errors": 0.0}, {"healthy hosts": 0.0}
        value = [ill.get(each.name, 99.0) if self.firing else well.get(each.name, 0.01) for each in measures]
        readings = tuple(Reading(each, (1.0,), (now,)) for each, now in zip(measures, value, strict=True))
        name = f"{self.service}-5xx"
        return Seen(dict(self.ecs.seen), {name: "ALARM" if self.firing else "OK"}, readings)


def _decided(stage: Stage[object], store: MemoryStore, clock: Clock, message: Message) -> None:
    decide(message, stage, store, clock)


def _pointer(entry: Entry) -> Message:
    return Message(entry.incident_id, entry.id, entry.hash, entry.fact.type)


def _readers(fact: Fact) -> list[str]:
    return [name for name, manifest in MANIFESTS.items() if fact.type in reference.consumed(manifest)]
