"""Acting once: what is recorded of an action, word for word, and what stops it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared import facts
from shared.alert import as_text
from shared.decide import ATTEMPTS, Message
from shared.entry import Entry
from shared.errors import Refused, Unavailable, Unclear
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident
from shared.perform import Acting, Seen, perform
from shared.proposal import Proposal
from shared.writes import Spend
from tests.builders import INCIDENT, T0, TARGET, Clock, a_history, a_proposal, approved, more, proposed, types
from tests.fakes.store import MemoryStore

DEAD_AFTER = timedelta(seconds=90)
PROPOSAL = a_proposal(inputs={"desired_count": 5}, action="scale_service")
BUDGET = "budget#actions"
HELD = facts.ActionHeld(proposal_id=PROPOSAL.id, why="a deployment", look_again_at=T0)
ASKED_AGAIN = facts.ActionRefused(proposal_id=PROPOSAL.id, why="the answer is old", again=True)


def nothing() -> None:
    """Goes well."""


def fails(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@dataclass
class World:
    """A target that counts what was done to it; `looks` and `acts` say what comes of each attempt, in turn."""

    looks: list[Callable[[], None]] = field(default_factory=list)
    acts: list[Callable[[], None]] = field(default_factory=list)
    objections: list[Fact | None] = field(default_factory=list)
    done: int = 0
    looked: int = 0

    def observe(self, proposal: Proposal) -> Seen:
        assert proposal == PROPOSAL
        self.looked += 1
        (self.looks.pop(0) if self.looks else nothing)()
        return {"done": self.done}

    def objection(self, incident: Incident, approved: Entry, seen: Seen, now: datetime) -> Fact | None:
        assert (incident.id, approved.fact.type, dict(seen)) == (INCIDENT, "ActionApproved", {"done": self.done})
        assert now >= T0
        return self.objections.pop(0) if self.objections else None

    def act(self, proposal: Proposal) -> Seen:
        assert proposal == PROPOSAL
        (self.acts.pop(0) if self.acts else nothing)()
        self.done += 1
        return {"done": self.done}

    def happened(self, proposal: Proposal, before: Seen, seen: Seen) -> bool:
        assert proposal == PROPOSAL
        return bool(seen["done"] > before["done"])


@dataclass
class Raced(MemoryStore):
    """Something else happens right before each append of the action's, by its number from 1 on."""

    happens: dict[int, Callable[[], object]] = field(default_factory=dict)
    appends: int = 0

    def append(self, history: History, *given: Any, **named: Any) -> History:
        self.appends += named["actor"] == "ecs_action"
        if named["actor"] == "ecs_action" and (happens := self.happens.pop(self.appends, None)):
            happens()
        return super().append(history, *given, **named)


class Stage:
    def __init__(self, **world: Any) -> None:
        self.world, self.store, self.clock = World(**world), Raced(), Clock(T0 + timedelta(minutes=1))
        self.unproved, self.limit = "", 1
        asked = facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash)
        history = a_history(asked, approved(proposal=PROPOSAL), store=self.store)
        self.cause = history.entries[-1]

    def run(self, cause: Entry | None = None) -> History:
        cause = cause or self.cause
        acting = Acting(
            name="ecs_action",
            effect=self.world,
            unproved=lambda incident, entry: self.unproved if (incident.id, entry) == (INCIDENT, cause) else "whose?",
            timeline=self.store,
            clock=self.clock,
            dead_after=DEAD_AFTER,
            check_after=timedelta(minutes=2),
            budgets=lambda _proposal, now: (Spend(BUDGET, self.limit, now),),
        )
        return perform(Message(INCIDENT, cause.id, cause.hash, cause.fact.type), acting)

    def told(self) -> list[Fact]:
        return [entry.fact for entry in self.entries()]

    def entries(self) -> tuple[Entry, ...]:
        return self.store.read(INCIDENT).entries[3:]

    def meanwhile(self, fact: Fact | None = None) -> None:
        note = facts.NoteAdded(person="ana", text="meanwhile")
        more(self.store.read(INCIDENT), fact or note, store=self.store)


STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL.id,
    proposal_hash=PROPOSAL.hash,
    action="scale_service",
    target=TARGET,
    inputs={"desired_count": 5},
    before={"done": 0},
)


def completed(**changes: Any) -> facts.ActionCompleted:
    given: dict[str, Any] = {"after": {"done": 1}, "check_at": T0 + timedelta(minutes=3)}
    return facts.ActionCompleted(proposal_id=PROPOSAL.id, **(given | changes))


def refused(why: str) -> facts.ActionRefused:
    return facts.ActionRefused(proposal_id=PROPOSAL.id, why=why)


def test_an_action_is_recorded_with_what_was_seen_before_it_and_after_it() -> None:
    stage = Stage()

    history = stage.run()

    assert stage.told() == [STARTED, completed()]
    assert history.entries == stage.store.read(INCIDENT).entries
    assert {(each.actor, each.caused_by, each.at) for each in stage.entries()} == {
        ("ecs_action", stage.cause.id, stage.clock.now)
    }
    assert stage.world.looked == 2
    assert stage.store.items[BUDGET].count == 1


def test_what_was_done_is_not_done_again() -> None:
    stage = Stage()
    first = stage.run()

    assert stage.run().entries == first.entries
    assert (stage.world.done, stage.world.looked) == (1, 2)


def test_only_what_the_policy_approved_is_done() -> None:
    stage = Stage()

    with pytest.raises(Refused, match="ActionProposed approves nothing"):
        stage.run(stage.store.read(INCIDENT).entries[1])


@pytest.mark.parametrize(
    ("world", "outcome"),
    [
        ({"objections": [HELD]}, HELD),
        ({"objections": [ASKED_AGAIN]}, ASKED_AGAIN),
        ({"looks": [fails(Refused("there is no such service"))]}, refused("there is no such service")),
    ],
    ids=["held", "asked again", "not to be read"],
)
def test_what_stands_against_it_is_recorded_once_and_nothing_is_begun(world: Mapping[str, Any], outcome: Fact) -> None:
    stage = Stage(**world)

    stage.run()
    stage.run()

    (entry,) = stage.entries()
    assert (entry.fact, entry.actor, entry.caused_by) == (outcome, "ecs_action", stage.cause.id)
    assert stage.world.done == 0
    assert BUDGET not in stage.store.items


def test_what_is_not_proved_is_refused_without_a_look_at_the_target() -> None:
    stage = Stage()
    stage.unproved = "it is not proved that ana approved this"

    stage.run()

    (entry,) = stage.entries()
    assert (entry.actor, entry.caused_by) == ("ecs_action", stage.cause.id)
    assert entry.fact == refused("it is not proved that ana approved this")
    assert stage.world.looked == 0


def test_a_target_that_does_not_answer_is_asked_later() -> None:
    stage = Stage(looks=[fails(Unavailable("throttled"))])

    with pytest.raises(Unavailable, match="throttled"):
        stage.run()

    assert stage.told() == []


@pytest.mark.parametrize("objection", [HELD, ASKED_AGAIN], ids=["held", "asked again"])
def test_what_comes_up_after_the_intent_ends_it_for_good(objection: Any) -> None:
    stage = Stage(objections=[None, objection])

    stage.run()

    assert stage.told() == [STARTED, refused(objection.why)]
    assert stage.world.done == 0


@pytest.mark.parametrize(
    "world",
    [
        {"acts": [fails(Refused("not allowed"))]},
        {"acts": [fails(Unavailable("not allowed"))]},
        {"looks": [nothing, fails(Refused("not allowed"))]},
        {"looks": [nothing, fails(Unavailable("not allowed"))]},
    ],
    ids=["refused", "unavailable", "gone", "not to be read"],
)
def test_an_action_that_changed_nothing_failed(world: Mapping[str, Any]) -> None:
    stage = Stage(**world)

    stage.run()

    assert stage.told() == [STARTED, facts.ActionFailed(proposal_id=PROPOSAL.id, why="not allowed")]
    assert {(each.actor, each.caused_by) for each in stage.entries()} == {("ecs_action", stage.cause.id)}


def unclear(stage: Stage) -> None:
    """The first attempt got no reply."""
    stage.world.acts = [fails(Unclear("no reply"))]
    with pytest.raises(Unavailable, match="no reply") as later:
        stage.run()
    assert later.value.retry_after == DEAD_AFTER.total_seconds()
    assert stage.told() == [STARTED]


def test_what_the_world_shows_of_an_attempt_without_a_reply_is_its_outcome() -> None:
    stage = Stage()
    unclear(stage)
    stage.world.done = 1
    stage.clock.forward(seconds=30)

    stage.run()

    assert stage.told() == [STARTED, completed(reconciled=True, check_at=stage.clock.now + timedelta(minutes=2))]
    intent, outcome = stage.entries()
    assert (outcome.actor, outcome.caused_by) == ("ecs_action", intent.id)


@pytest.mark.parametrize(
    ("looks", "because"),
    [([], ""), ([fails(Refused("no such service"))], ", and cannot be read: no such service")],
    ids=["seen", "not to be read"],
)
def test_an_attempt_without_a_reply_is_given_its_time_and_then_to_people(
    looks: list[Callable[[], None]], because: str
) -> None:
    stage = Stage()
    unclear(stage)
    stage.clock.forward(seconds=89)
    stage.world.looks = [*looks]

    with pytest.raises(Unavailable) as later:
        stage.run()

    waits = f"scale_service on ecs:shop/orders was started and cannot be seen yet{because}"
    assert (str(later.value), later.value.retry_after) == (waits, 1)
    began = as_text(stage.clock.now - timedelta(seconds=89))
    stage.clock.forward(seconds=1)
    stage.world.looks = [*looks]

    stage.run()

    intent, outcome = stage.entries()
    assert outcome.fact == facts.ActionOutcomeUnknown(
        proposal_id=PROPOSAL.id,
        why=f"scale_service was started at {began}; ecs:shop/orders does not show whether it ran{because}",
    )
    assert (outcome.actor, outcome.caused_by) == ("ecs_action", intent.id)
    assert stage.world.done == 0


def test_a_spent_budget_refuses_the_action() -> None:
    stage = Stage()
    stage.limit = 0

    stage.run()

    (entry,) = stage.entries()
    assert entry.fact == refused(f"the hour's budget {BUDGET} is spent")
    assert (entry.actor, entry.caused_by, stage.world.done) == ("ecs_action", stage.cause.id, 0)


def test_a_budget_that_another_attempt_at_the_same_action_took_refuses_nothing() -> None:
    stage = Stage()
    stage.store.happens = {1: stage.run}

    stage.run()

    assert stage.told() == [STARTED, completed()]
    assert stage.world.done == 1


@pytest.mark.parametrize("append", [1, 2], ids=["before the intent", "before the outcome"])
def test_what_is_appended_meanwhile_stops_no_action_and_repeats_none(append: int) -> None:
    stage = Stage()
    stage.store.happens = {append: stage.meanwhile}

    stage.run()

    assert [each for each in stage.told() if each.type != "NoteAdded"] == [STARTED, completed()]
    assert stage.world.done == 1


def test_a_spent_budget_is_asked_about_again_where_something_was_appended_meanwhile() -> None:
    stage = Stage()
    stage.limit = 0
    stage.store.happens = {2: stage.meanwhile}

    stage.run()

    assert [each.type for each in stage.told()] == ["NoteAdded", "ActionRefused"]


def test_an_outcome_is_recorded_behind_a_second_word_of_the_policy() -> None:
    stage = Stage()
    stage.store.happens = {2: lambda: stage.meanwhile(approved(proposal=PROPOSAL))}

    stage.run()

    assert stage.told() == [STARTED, approved(proposal=PROPOSAL), completed()]


def test_an_outcome_is_recorded_once_whichever_attempt_learns_it_first() -> None:
    stage = Stage()

    def another_attempt() -> None:
        stage.meanwhile(completed(reconciled=True))

    stage.store.happens = {2: another_attempt}

    history = stage.run()

    assert stage.told() == [STARTED, completed(reconciled=True)]
    assert types(history)[-1] == "ActionCompleted"


@pytest.mark.parametrize(
    ("first", "why"),
    [
        (1, f"{INCIDENT} changed 8 times before ecs_action could act"),
        (2, f"the outcome of {INCIDENT}/3 could not be recorded 8 times"),
    ],
    ids=["before the intent", "before the outcome"],
)
def test_a_timeline_that_never_rests_is_left_to_the_queue(first: int, why: str) -> None:
    stage = Stage()
    stage.store.happens = dict.fromkeys(range(first, first + ATTEMPTS), stage.meanwhile)

    with pytest.raises(Unavailable, match=why):
        stage.run()

    assert stage.world.done == first - 1


def test_a_timeline_that_rests_at_last_is_acted_on() -> None:
    stage = Stage()
    stage.store.happens = dict.fromkeys(range(1, ATTEMPTS), stage.meanwhile)

    stage.run()

    assert stage.told()[-2:] == [STARTED, completed()]


def test_another_proposals_intent_is_not_this_ones() -> None:
    stage = Stage()
    other = a_proposal(id="other")
    history = stage.store.read(INCIDENT)
    begun = STARTED.model_copy(update={"proposal_id": "other"})
    history = more(history, proposed(id="other"), approved(proposal=other), begun, store=stage.store)

    stage.run()

    assert stage.told()[-2:] == [STARTED, completed()]
