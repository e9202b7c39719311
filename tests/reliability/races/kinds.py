"""The five races: what stands before, what eight workers do at once, and what may have happened once at most."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, cast

from aws_lambda_powertools import Logger

from functions.approval.decide_click import Deciding, decide_click
from functions.ecs_action.act import EcsEffect, budgets
from functions.policy_gate.gate import Gate
from functions.policy_gate.input import recall
from functions.policy_gate.verdict import Verdict
from shared import facts, keys
from shared.click import CHANNEL, Button, Click
from shared.config import Config, Slack
from shared.decide import Message, Stage, decide
from shared.entry import Entry
from shared.errors import Unavailable
from shared.history import History
from shared.intake import receive
from shared.perform import Acting, Delivery, deliver, perform
from shared.ports import State, Timeline
from shared.seal import Yes, sealed
from shared.target import Target
from shared.writes import Spend, Write
from tests.builders import (
    T0,
    TARGET,
    Clock,
    a_config,
    a_person,
    a_proposal,
    a_service,
    an_alert,
    an_intake,
    approved,
    opened,
    proposed,
    requested,
)
from tests.fakes.chat import MemoryChat
from tests.fakes.ecs import FakeEcs
from tests.fakes.seals import MemorySeals

WORKERS = 8
SEALS = MemorySeals()
Timelines = Mapping[str, Sequence[Entry]]
GO = Verdict(
    verdict="go",
    reasons=("a person agreed",),
    quorum=1,
    approvers=("on-call",),
    expires_seconds=1800,
    remind_seconds=900,
    verification="auto",
)
PEOPLE = (
    a_person(),
    a_person(id="cy", name="Cy", email="cy@shop.example", slack=(Slack(user="U0CY", team="T0SHOP"),)),
)
ASKS = a_config(services=(a_service(mode="approve"),), people=PEOPLE)


class Store(Timeline, State, Protocol):
    """Both ports in one adapter."""


@dataclass(frozen=True)
class Worker:
    """What one worker does: `cause` is what its entries name, and `takes` what goes with its intent on `incident`."""

    cause: str
    run: Callable[[Store], object]
    incident: str = ""
    takes: Callable[[], Sequence[Write]] = tuple


@dataclass
class Round:
    """One round: what is there before, who races, and what must happen once: one of these facts, or an effect."""

    before: Callable[[Store], object]
    workers: Sequence[Worker]
    once: tuple[type[facts.Fact], ...] = ()
    effects: list[str] = field(default_factory=list)


Kind = Callable[[int], Round]
"""The round of that number; made twice, it is the same."""


def double_clicks(number: int) -> Round:
    """One person presses Approve four times, and each press is delivered twice."""
    pressed = [_press(number, "U0ANA", "approve", press) for press in range(WORKERS // 2)]
    return Round(_asked(number), pressed * 2, (facts.ApprovalGiven,))


def approve_against_reject(number: int) -> Round:
    """Ana approves, Cy rejects, and the policy answers as soon as there is an approval; each comes twice or more."""
    incident, now = f"INC-{number}", T0 + timedelta(minutes=1)
    gate = Gate(ASKS, lambda _: GO, timedelta(minutes=20))

    def answer(store: Store) -> None:
        stage = Stage("policy_gate", gate.conclude, recall(store, lambda: now, SEALS))
        entries = store.read(incident).entries
        if len(entries) < 4:
            raise Unavailable("nobody decided yet")
        given = entries[3]
        if isinstance(given.fact, facts.ApprovalGiven):
            decide(Message(incident, given.id, given.hash, given.fact.type), stage, store, lambda: now)

    pressed = [_press(number, "U0ANA", "approve", 1), _press(number, "U0CY", "reject", 2)]
    workers = (*pressed, Worker(f"{incident}/4", answer)) * 2
    return Round(_asked(number), (*workers, *pressed), (facts.ActionApproved, facts.ApprovalRefused))


def _asked(number: int) -> Callable[[Store], object]:
    return partial(_stand, incident=f"INC-{number}", happened=[opened(), proposed(), requested()])


def _press(number: int, user: str, button: Button, press: int) -> Worker:
    """A click as it waits in the queue of `approval`."""
    incident, now, shown = f"INC-{number}", T0 + timedelta(minutes=1), a_proposal().hash
    person = {"U0ANA": "ana", "U0CY": "cy"}[user]
    yes = Yes(incident, shown, person, CHANNEL, "", now)
    click = Click(
        id=f"{number}-{press}",
        user=user,
        team="T0SHOP",
        channel="C0INCIDENTS",
        button=button,
        value=f"{incident}/3",
        clicked_at=now,
        proposal_hash=shown if button == "approve" else "",
        seal=sealed(yes, SEALS) if button == "approve" else "",
    )

    def run(store: Store) -> None:
        decide_click(click, Deciding(ASKS, store, MemoryChat(), lambda: now, Logger(service="race")))

    return Worker(f"slack:{click.id}", run)


def two_workers_on_one_message(number: int) -> Round:
    """Eight deliveries of one approved action."""
    incident, now = f"INC-{number}", T0 + timedelta(minutes=1)
    ecs = FakeEcs()
    race = Round(partial(_stand, incident=incident, happened=[opened(), proposed(), approved()]), ())

    def act(store: Store) -> None:
        perform(
            _pointer(store, incident), _acting(store, _Counted(ecs, race.effects, incident), a_config(), now, 1_000)
        )

    takes = partial(budgets, a_proposal(), now, in_all=1_000, per_target=1_000)
    race.workers = [Worker(f"{incident}/3", act, incident, takes)] * WORKERS
    return race


def two_workers_on_one_claim(number: int) -> Round:
    """Eight workers with one thing to say."""
    key, said = keys.sent(f"INC-{number}", "slack", f"INC-{number}/1"), list[str]()

    def send() -> str:
        said.append(key)
        return f"C0/{number}"

    def say(store: Store) -> None:
        delivery = Delivery(key, send, lambda: f"C0/{number}" if said else None)
        deliver(delivery, store, lambda: T0, dead_after=timedelta(seconds=90))

    return Round(lambda _: None, [Worker(key, say)] * WORKERS, effects=said)


def open_against_open(number: int) -> Round:
    """Four alerts about one target that has no incident, each delivered twice."""
    target = TARGET.model_copy(update={"name": f"shop/s{number}"})

    def ring(store: Store, *, worker: int, alert: Any) -> None:
        new_id = f"INC-{number}-{worker}"
        receive(alert, an_intake(cast("Any", store), new_id=lambda _now: new_id))

    workers = []
    for worker in range(WORKERS):
        print_ = f"f{number}-{worker // 2}"
        alert = an_alert(target=target, fingerprint=print_, external_id=f"{print_}-arn", title=print_)
        workers.append(Worker(alert.delivery, partial(ring, worker=worker, alert=alert), f"INC-{number}-{worker}"))
    return Round(lambda _: None, workers, (facts.IncidentOpened,))


def the_last_token_of_a_budget(number: int) -> Round:
    """Eight actions on eight targets, where the hour's budget has room for one."""
    now = T0 + timedelta(hours=number, minutes=1)
    services, workers, standing = [], list[Worker](), list[tuple[str, list[facts.Fact]]]()
    race = Round(lambda _: None, workers)
    for worker in range(WORKERS):
        target = TARGET.model_copy(update={"name": f"shop/s{worker}"})
        services.append(a_service(name=f"s{worker}", target=target))
    config = a_config(services=tuple(services))
    for worker, service in enumerate(services):
        incident = f"INC-{number}-{worker}"
        identity = service.target.model_copy(update={"name": f"shop/s{worker}-{number}"})
        proposal = a_proposal(target=service.target, expires_at=now + timedelta(minutes=30))
        happened: list[facts.Fact] = [
            opened(an_alert(target=service.target), identity=identity.key, service=service.name),
            facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash),
            approved(proposal=proposal),
        ]
        standing.append((incident, happened))
        ecs = FakeEcs(name=service.target.name)

        def act(store: Store, *, incident: str = incident, ecs: FakeEcs = ecs) -> None:
            effect = _Counted(ecs, race.effects, incident)
            perform(_pointer(store, incident), _acting(store, effect, config, now, 3))

        workers.append(Worker(f"{incident}/3", act, incident))

    def before(store: Store) -> None:
        for incident, happened in standing:
            _stand(store, incident=incident, happened=happened, at=now - timedelta(minutes=1))
        for _ in range(2):
            store.write(Spend(keys.budget("actions", now), 3, now + timedelta(hours=2)))

    race.before = before
    return race


KINDS: Mapping[str, Kind] = {
    "double clicks by one person": double_clicks,
    "approve against reject": approve_against_reject,
    "two workers on one message": two_workers_on_one_message,
    "two workers on one claim": two_workers_on_one_claim,
    "open against open for one target": open_against_open,
    "the last token of a budget": the_last_token_of_a_budget,
}


class _Counted:
    """An ECS whose changes are noted."""

    def __init__(self, ecs: FakeEcs, done: list[str], incident: str) -> None:
        self._ecs, self._done, self._incident = ecs, done, incident

    def read(self, target: Target) -> Mapping[str, Any]:
        return self._ecs.read(target)

    def restart(self, target: Target) -> Mapping[str, Any]:
        self._done.append(self._incident)
        return self._ecs.restart(target)


def _acting(store: Store, ecs: _Counted, config: Config, now: datetime, most: int) -> Acting:
    effect = EcsEffect(cast("Any", ecs), store, config, timedelta(minutes=2), timedelta(minutes=1))
    return Acting(
        "ecs_action",
        effect,
        lambda _incident, _cause: "",
        store,
        Clock(now),
        dead_after=timedelta(seconds=90),
        check_after=timedelta(minutes=1),
        budgets=partial(budgets, in_all=most, per_target=1_000),
    )


def _stand(store: Store, *, incident: str, happened: Sequence[facts.Fact], at: datetime = T0) -> None:
    """An incident on whose target nobody else works."""
    first, *rest = happened
    if isinstance(first, facts.IncidentOpened):
        first = first.model_copy(update={"identity": f"{first.identity}/{incident}"})
    store.append(History(incident), [first, *rest], actor="test", caused_by="test", now=at)


def _pointer(store: Store, incident: str) -> Message:
    entry = store.read(incident).entry(f"{incident}/3")
    return Message(incident, entry.id, entry.hash, entry.fact.type)
