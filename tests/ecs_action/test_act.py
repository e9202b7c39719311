import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from functions.ecs_action.act import EcsEffect, budgets, objection, unproved
from shared import facts, keys
from shared.config import Scale
from shared.decide import Message
from shared.errors import Exhausted, Refused, Unavailable
from shared.facts import Fact
from shared.history import History
from shared.perform import Acting, Seen, perform
from shared.ports import Item
from shared.target import Target
from shared.writes import Put, Write
from tests.builders import (
    INCIDENT,
    SEEN,
    T0,
    TARGET,
    Clock,
    a_config,
    a_history,
    a_proposal,
    a_service,
    an_approval,
    approved,
    let_go,
    more,
    proposed,
    requested,
    resolved,
    types,
)
from tests.fakes.ecs import Died, FakeEcs
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore

DEAD_AFTER = timedelta(seconds=90)


class Raced(MemoryStore):
    """A timeline to which somebody else appends right before each of the next `races` appends of the action."""

    races = 0

    def append(self, history: History, *args: Any, **kwargs: Any) -> History:
        if self.races and kwargs["actor"] == "ecs_action":
            self.races -= 1
            more(self.read(INCIDENT), facts.NoteAdded(person="ana", text="meanwhile"), store=self)
        return super().append(history, *args, **kwargs)


class Bench:
    """One approved restart, and everything that it needs."""

    def __init__(self, *before: Fact, **proposal: Any) -> None:
        self.store: MemoryStore = Raced()
        self.ecs = FakeEcs()
        self.clock = Clock(T0 + timedelta(seconds=5))
        self.config = a_config(services=(a_service(actions=("restart_service", "scale_service", "rollback_service")),))
        proposal_ = a_proposal(**proposal)
        self.seals = MemorySeals()
        self.unproved = 0
        asked = facts.ActionProposed(proposal=proposal_, proposal_hash=proposal_.hash)
        history = a_history(*before, asked, store=self.store)
        self.history = more(history, let_go(history, proposal=proposal_), store=self.store)
        entry = self.history.entries[-1]
        self.message = Message(INCIDENT, entry.id, entry.hash, entry.fact.type)
        self.per_target = 2

    def run(self) -> list[str]:
        effect = EcsEffect(
            services=self.ecs,  # type: ignore[arg-type]
            state=self.store,
            config=self.config,
            approval_holds=timedelta(minutes=2),
            look_again=timedelta(minutes=1),
        )
        acting = Acting(
            name="ecs_action",
            effect=effect,
            unproved=partial(unproved, seals=self.seals, told=self.tell),
            timeline=self.store,
            clock=self.clock,
            dead_after=DEAD_AFTER,
            check_after=timedelta(minutes=1),
            budgets=partial(budgets, in_all=10, per_target=self.per_target),
        )
        perform(self.message, acting)
        return self.told()

    def tell(self) -> None:
        self.unproved += 1

    def told(self) -> list[str]:
        return list(types(self.store.read(INCIDENT)))[3:]

    def last(self) -> Fact:
        return self.store.read(INCIDENT).entries[-1].fact


def test_an_approved_restart_is_intended_done_and_recorded() -> None:
    bench = Bench()

    assert bench.run() == ["ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == ["restart"]


def said_by_the_policy(bench: Bench, **changes: Any) -> None:
    """Puts another word of the policy in the place of the bench's own."""
    bench.store = Raced()
    history = a_history(bench.history.entries[1].fact, store=bench.store)
    bench.history = more(history, let_go(history).model_copy(update=changes), store=bench.store)
    entry = bench.history.entries[-1]
    bench.message = Message(INCIDENT, entry.id, entry.hash, entry.fact.type)


@pytest.mark.parametrize(
    "changes",
    [{"seal": ""}, {"seal": "approved"}, {"approved_by": ("ana",)}, {"config_digest": "d" * 64}, {"reasons": ("x",)}],
    ids=["no seal", "nonsense", "a person added", "another configuration", "other reasons"],
)
def test_what_the_policy_is_not_proved_to_have_said_is_refused_for_good_and_told(changes: dict[str, Any]) -> None:
    bench = Bench()
    said_by_the_policy(bench, **changes)

    assert bench.run() == ["ActionRefused"]
    refused = bench.last()
    assert isinstance(refused, facts.ActionRefused)
    assert (refused.why, refused.again) == ("it is not proved that the policy said this", False)
    assert (bench.unproved, bench.ecs.reads, bench.ecs.updates) == (1, 0, [])


def test_another_deployments_key_proves_nothing() -> None:
    bench = Bench()
    bench.seals.secret = "another deployment's"

    assert bench.run() == ["ActionRefused"]


def test_while_kms_is_away_nothing_is_done_and_the_message_comes_back() -> None:
    bench = Bench()
    bench.seals.down = True
    with pytest.raises(Unavailable, match="KMS does not answer"):
        bench.run()
    assert bench.told() == []
    bench.seals.down = False

    assert bench.run() == ["ActionStarted", "ActionCompleted"]


def agreed(*given: Fact, quorum: int = 1, approved_by: tuple[str, ...] = ("ana",)) -> Bench:
    """A bench on which people were asked, these approvals came, and the policy names these people."""
    bench = Bench()
    asked = (bench.history.entries[1].fact, requested(quorum=quorum), *given)
    bench.store = MemoryStore()
    history = a_history(*asked, store=bench.store)
    bench.history = more(history, let_go(history, approved_by=approved_by), store=bench.store)
    entry = bench.history.entries[-1]
    bench.message = Message(INCIDENT, entry.id, entry.hash, entry.fact.type)
    return bench


def test_an_action_that_people_approved_asks_for_the_proof_of_each() -> None:
    bench = agreed(an_approval(), an_approval(person="cy"), quorum=2, approved_by=("ana", "cy"))

    assert bench.run()[-2:] == ["ActionStarted", "ActionCompleted"]
    assert bench.seals.asked == ["check decision-seal", "check approval-seal", "check approval-seal"]


@pytest.mark.parametrize(
    ("bench", "why"),
    [
        (agreed, "it is not proved that ana approved this"),
        (lambda: agreed(an_approval(seal="made up")), "it is not proved that ana approved this"),
        (lambda: agreed(an_approval(proposal_hash="0" * 64)), "it is not proved that ana approved this"),
        (lambda: agreed(an_approval(incident_id="INC-OTHER")), "it is not proved that ana approved this"),
        (lambda: agreed(an_approval(), approved_by=("ana", "cy")), "it is not proved that cy approved this"),
        (lambda: agreed(an_approval(), quorum=2), "of 2 people who had to approve this, 1 are proved to have done so"),
        (lambda: agreed(approved_by=()), "of 1 people who had to approve this, 0 are proved to have done so"),
    ],
    ids=["no click", "made up", "another proposal", "another incident", "one of two", "too few", "nobody named"],
)
def test_a_policy_that_names_people_who_did_not_agree_is_not_believed(bench: Callable[[], Bench], why: str) -> None:
    made = bench()

    made.run()

    refused = made.last()
    assert isinstance(refused, facts.ActionRefused)
    assert (refused.why, made.ecs.updates, made.unproved) == (why, [], 1)


def test_a_service_that_needs_a_person_is_not_touched_without_one_whatever_the_policy_says() -> None:
    bench = Bench()
    bench.config = a_config(services=(a_service(mode="approve"),))

    assert bench.run() == ["ActionRefused"]
    refused = bench.last()
    assert isinstance(refused, facts.ActionRefused)
    assert refused.why == "orders is in mode approve, and nobody approved this"


def test_a_redelivered_approval_restarts_nothing_again() -> None:
    bench = Bench()

    for _ in range(5):
        bench.run()

    assert bench.told() == ["ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == ["restart"]


@pytest.mark.parametrize("fault", ["", "died", "lost reply", "lost request", "died before"])
def test_an_approval_that_comes_again_after_fifteen_days_does_nothing_even_if_the_state_is_empty(fault: str) -> None:
    bench = Bench()
    bench.ecs.fault = fault
    with contextlib.suppress(Unavailable, Died):
        bench.run()
    bench.clock.forward(days=15)
    bench.store.items.clear()
    done = list(bench.ecs.updates)

    told = [bench.run() for _ in range(3)][-1]

    assert bench.ecs.updates == done == (["restart"] if fault in {"", "died", "lost reply"} else [])
    assert told == ["ActionStarted", "ActionCompleted" if done else "ActionOutcomeUnknown"]


def test_an_approval_that_first_comes_after_fifteen_days_is_asked_for_again() -> None:
    bench = Bench()
    bench.clock.forward(days=15)

    assert bench.run() == ["ActionRefused"]
    assert bench.ecs.updates == []


def test_a_lost_reply_is_learned_from_the_world_and_nothing_is_done_twice() -> None:
    bench = Bench()
    bench.ecs.fault = "lost reply"
    with pytest.raises(Unavailable):
        bench.run()

    assert bench.run() == ["ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == ["restart"]
    outcome = bench.last()
    assert isinstance(outcome, facts.ActionCompleted)
    assert outcome.reconciled


@pytest.mark.parametrize("fault", ["lost request", "died before"])
def test_an_intent_whose_effect_cannot_be_seen_is_never_repeated(fault: str) -> None:
    bench = Bench()
    bench.ecs.fault = fault
    with pytest.raises((Unavailable, Died)):
        bench.run()

    with pytest.raises(Unavailable, match="cannot be seen yet") as waiting:
        bench.run()
    assert waiting.value.retry_after == pytest.approx(DEAD_AFTER.total_seconds())
    bench.clock.now += DEAD_AFTER

    assert bench.run() == ["ActionStarted", "ActionOutcomeUnknown"]
    assert bench.ecs.updates == []


def test_a_process_killed_after_the_effect_leaves_an_outcome_to_be_learned() -> None:
    bench = Bench()
    bench.ecs.fault = "died"
    with pytest.raises(Died):
        bench.run()

    assert bench.run() == ["ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == ["restart"]


@pytest.mark.parametrize("fault", ["refused", "busy"])
def test_a_no_of_ecs_is_a_failure_that_changed_nothing(fault: str) -> None:
    bench = Bench()
    bench.ecs.fault = fault

    assert bench.run() == ["ActionStarted", "ActionFailed"]
    assert bench.run() == ["ActionStarted", "ActionFailed"]
    assert bench.ecs.updates == []


def test_somebody_elses_deployment_does_not_pass_for_our_restart() -> None:
    bench = Bench()
    bench.ecs.fault = "lost request"
    with pytest.raises(Unavailable):
        bench.run()
    bench.ecs.seen |= {"deployment": "ecs-svc/9", "task_definition": "orders:8"}
    bench.clock.now += DEAD_AFTER

    assert bench.run() == ["ActionStarted", "ActionOutcomeUnknown"]


def test_a_stopped_middlewatch_does_nothing_and_says_who_stopped_it() -> None:
    bench = Bench()
    bench.store.write(Put(keys.KILL_SWITCH, {"stopped": True, "person": "bo", "reason": "change freeze"}))

    assert bench.run() == ["ActionRefused"]
    refused = bench.last()
    assert isinstance(refused, facts.ActionRefused)
    assert refused.why == "everything is stopped by bo: change freeze"


@pytest.mark.parametrize("value", [{}, {"stopped": "no"}, {"stopped": None}, {"stopped": 0}], ids=repr)
def test_a_switch_that_says_neither_yes_nor_no_stops_everything(value: dict[str, Any]) -> None:
    bench = Bench()
    bench.store.write(Put(keys.KILL_SWITCH, value))

    assert bench.run() == ["ActionRefused"]
    assert bench.ecs.updates == []


@pytest.mark.parametrize(
    ("readings", "told"),
    [(0, []), (1, ["ActionStarted", "ActionFailed"])],
    ids=["before the intent", "between intent and effect"],
)
def test_while_the_switch_cannot_be_read_nothing_is_done(readings: int, told: list[str]) -> None:
    class Away(MemoryStore):
        read_so_far = 0

        def get(self, key: str) -> Item | None:
            self.read_so_far += key == keys.KILL_SWITCH
            if key == keys.KILL_SWITCH and self.read_so_far > readings:
                raise Unavailable("DynamoDB does not answer")
            return super().get(key)

    bench = Bench()
    bench.store = Away(timelines=bench.store.timelines, items=bench.store.items)

    with contextlib.suppress(Unavailable):
        bench.run()

    assert bench.told() == told
    assert bench.ecs.updates == []


def test_a_resumed_middlewatch_goes_on() -> None:
    bench = Bench()
    bench.store.write(Put(keys.KILL_SWITCH, {"stopped": False, "person": "bo"}))

    assert bench.run() == ["ActionStarted", "ActionCompleted"]


def test_a_switch_thrown_between_intent_and_effect_stops_the_effect() -> None:
    class Thrown(FakeEcs):
        def read(self, target: Any) -> Any:
            if self.reads == 1:
                bench.store.write(Put(keys.KILL_SWITCH, {"stopped": True, "person": "bo", "reason": "wait"}))
            return super().read(target)

    bench = Bench()
    bench.ecs = Thrown()

    assert bench.run() == ["ActionStarted", "ActionRefused"]
    assert bench.ecs.updates == []


def test_a_deployment_in_progress_is_waited_for_not_acted_into() -> None:
    bench = Bench()
    bench.ecs.seen |= {"rollout": "IN_PROGRESS"}

    assert bench.run() == ["ActionHeld"]
    assert bench.ecs.updates == []
    assert bench.store.read(INCIDENT).incident.timers["action"].due_at == bench.clock.now + timedelta(minutes=1)


@pytest.mark.parametrize(("later", "again"), [(timedelta(minutes=2, seconds=1), True), (timedelta(minutes=2), False)])
def test_an_old_answer_of_the_policy_is_asked_again(later: timedelta, again: bool) -> None:
    bench = Bench()
    bench.clock.now = bench.history.entries[-1].at + later

    bench.run()

    last = bench.last()
    assert (isinstance(last, facts.ActionRefused) and last.again) is again


def test_an_answer_under_another_configuration_is_asked_again() -> None:
    bench = Bench()
    bench.config = bench.config.model_copy(update={"digest": "d" * 64})

    assert bench.run() == ["ActionRefused"]
    last = bench.last()
    assert isinstance(last, facts.ActionRefused)
    assert last.again


def test_an_alarm_that_cleared_after_the_approval_stops_the_action() -> None:
    bench = Bench()
    more(bench.history, resolved(), store=bench.store)

    assert bench.run() == ["AlertResolved", "ActionRefused"]
    last = bench.last()
    assert isinstance(last, facts.ActionRefused)
    assert last.why == "the alarm has cleared"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"deployment": "ecs-svc/9"}, "deployment was ecs-svc/1, is ecs-svc/9"),
        ({"task_definition": "orders:8"}, "task definition was"),
    ],
)
def test_a_service_that_changed_since_the_proposal_is_left_alone(change: dict[str, str], why: str) -> None:
    bench = Bench()
    bench.ecs.seen |= change

    assert bench.run() == ["ActionRefused"]
    last = bench.last()
    assert isinstance(last, facts.ActionRefused)
    assert why in last.why


def test_an_autoscaling_step_does_not_void_a_restart() -> None:
    bench = Bench()
    bench.ecs.seen |= {"desired_count": 6, "running_count": 6}

    assert bench.run() == ["ActionStarted", "ActionCompleted"]


def test_the_hours_budget_is_the_last_word() -> None:
    bench = Bench()
    bench.per_target = 0

    assert bench.run() == ["ActionRefused"]
    last = bench.last()
    assert isinstance(last, facts.ActionRefused)
    assert "budget" in last.why
    assert bench.ecs.updates == []


def test_a_target_outside_the_inventory_is_never_touched() -> None:
    bench = Bench()
    bench.config = a_config(services=())

    assert bench.run() == ["ActionRefused"]
    assert bench.ecs.updates == []


def test_an_unreadable_service_is_left_for_later() -> None:
    bench = Bench()
    bench.ecs.unreadable = True

    with pytest.raises(Unavailable):
        bench.run()

    assert bench.told() == []


def said(history: History, **changes: Any) -> str:
    config = a_config(
        services=(
            a_service(actions=("restart_service", "scale_service", "rollback_service"), scale=Scale(least=2, most=8)),
        )
    )
    return objection(history.incident, history.entries[-1], {**SEEN, **changes}, config, T0)


@pytest.mark.parametrize("count", [0, -1, 1, 9, 100_000, "4", 4.5, True, None])
def test_scaling_outside_its_bounds_or_to_no_number_is_refused(count: object) -> None:
    proposal = a_proposal(action="scale_service", inputs={"desired_count": count}, binding={"desired_count": 4})
    happened = (facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash), approved(proposal=proposal))

    assert "outside 2 to 8" in said(a_history(*happened))


@pytest.mark.parametrize("count", [2, 5, 8])
def test_scaling_within_its_bounds_is_not(count: int) -> None:
    proposal = a_proposal(action="scale_service", inputs={"desired_count": count}, binding={"desired_count": 4})
    happened = (facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash), approved(proposal=proposal))

    assert said(a_history(*happened)) == ""


@pytest.mark.parametrize("revision", [None, "", "previous", "orders", SEEN["task_definition"]])
def test_a_rollback_needs_the_arn_of_another_revision(revision: object) -> None:
    proposal = a_proposal(action="rollback_service", inputs={"task_definition": revision})
    happened = (facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash), approved(proposal=proposal))

    assert said(a_history(*happened)) != ""


def test_a_proposal_altered_after_its_approval_is_refused() -> None:
    forged = approved(proposal_hash="0" * 64)

    assert said(a_history(proposed(), forged)) == "the proposal is not the one that was approved"


def test_a_superseded_proposal_is_refused() -> None:
    newer = a_proposal(id=f"{INCIDENT}-p2")
    happened = (proposed(), approved(), facts.ActionProposed(proposal=newer, proposal_hash=newer.hash))
    history = a_history(*happened)

    text = objection(history.incident, history.entries[2], SEEN, a_config(), T0)

    assert "does not stand any more" in text


def test_an_expired_proposal_is_refused_to_the_millisecond() -> None:
    history = a_history(proposed(), approved())
    expires_at = a_proposal().expires_at

    assert objection(history.incident, history.entries[-1], SEEN, a_config(), expires_at) == "the proposal has expired"
    just = expires_at - timedelta(milliseconds=1)
    assert objection(history.incident, history.entries[-1], SEEN, a_config(), just) == ""


def test_another_target_than_the_incidents_is_refused() -> None:
    other = TARGET.model_copy(update={"name": "shop/payments"})
    proposal = a_proposal(target=other)
    happened = (facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash), approved(proposal=proposal))
    history = a_history(*happened)
    config = a_config(services=(a_service(), a_service(name="payments", target=other)))

    assert "not what this incident is about" in objection(history.incident, history.entries[-1], SEEN, config, T0)


def late(bench: Bench, races: int) -> None:
    """So many of the next appends of the action come too late."""
    assert isinstance(bench.store, Raced)
    bench.store.races = races


def test_an_intent_that_came_too_late_is_decided_anew_and_done_once() -> None:
    bench = Bench()
    late(bench, 2)

    assert bench.run() == ["NoteAdded", "NoteAdded", "ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == ["restart"]


def test_an_action_that_always_comes_too_late_is_left_to_the_queue_and_not_done() -> None:
    bench = Bench()
    late(bench, 100)

    with pytest.raises(Unavailable, match="times before ecs_action could act"):
        bench.run()
    assert "ActionStarted" not in bench.told()
    assert bench.ecs.updates == []


def interrupted(bench: Bench, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many appends find that somebody was first, once the restart is under way."""

    def restart(target: Target) -> Seen:
        late(bench, times)
        return FakeEcs.restart(bench.ecs, target)

    monkeypatch.setattr(bench.ecs, "restart", restart)


def test_an_outcome_is_recorded_behind_whatever_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    interrupted(bench, 2, monkeypatch)

    assert bench.run() == ["ActionStarted", "NoteAdded", "NoteAdded", "ActionCompleted"]
    assert bench.ecs.updates == ["restart"]


def test_an_outcome_that_never_finds_a_place_is_learned_at_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    interrupted(bench, 100, monkeypatch)
    with pytest.raises(Unavailable, match="could not be recorded"):
        bench.run()
    late(bench, 0)

    assert bench.run()[-1] == "ActionCompleted"
    assert bench.ecs.updates == ["restart"]


def test_a_message_that_points_at_no_approval_does_nothing() -> None:
    bench = Bench()
    asked = bench.history.entries[1]
    bench.message = Message(INCIDENT, asked.id, asked.hash, asked.fact.type)

    with pytest.raises(Refused, match="ActionProposed approves nothing"):
        bench.run()
    assert bench.told() == []
    assert bench.ecs.reads == 0


REVISION = "arn:aws:ecs:eu-west-1:123456789012:task-definition/orders:6"
OTHERS = pytest.mark.parametrize(
    ("action", "inputs", "update"),
    [
        ("rollback_service", {"task_definition": REVISION}, "rollback"),
        ("scale_service", {"desired_count": 6}, "scale"),
    ],
    ids=["rollback", "scale"],
)


def another(action: str, inputs: dict[str, Any]) -> Bench:
    bench = Bench(action=action, inputs=inputs)
    bench.config = a_config(services=(a_service(actions=(action,), scale=Scale(least=2, most=8)),))
    return bench


@OTHERS
def test_a_rollback_and_a_scaling_do_what_was_proposed(action: str, inputs: dict[str, Any], update: str) -> None:
    bench = another(action, inputs)

    assert bench.run() == ["ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == [update]
    assert bench.ecs.seen.items() >= inputs.items()


@OTHERS
def test_a_lost_reply_to_a_rollback_or_a_scaling_is_learned_from_what_it_changed(
    action: str, inputs: dict[str, Any], update: str
) -> None:
    bench = another(action, inputs)
    bench.ecs.fault = "lost reply"
    with pytest.raises(Unavailable):
        bench.run()

    assert bench.run() == ["ActionStarted", "ActionCompleted"]
    assert bench.ecs.updates == [update]


@OTHERS
def test_a_lost_request_for_a_rollback_or_a_scaling_does_not_pass_for_done(
    action: str, inputs: dict[str, Any], update: str
) -> None:
    bench = another(action, inputs)
    bench.ecs.fault = "lost request"
    with pytest.raises(Unavailable):
        bench.run()
    bench.clock.now += DEAD_AFTER

    assert bench.run() == ["ActionStarted", "ActionOutcomeUnknown"]
    assert update not in bench.ecs.updates


def test_what_is_no_action_on_a_service_is_neither_done_nor_found_done() -> None:
    bench = Bench()
    effect = EcsEffect(bench.ecs, bench.store, bench.config, timedelta(), timedelta())  # type: ignore[arg-type]
    proposal = a_proposal(action="notify_team")

    with pytest.raises(Refused, match="notify_team is nothing that can be done"):
        effect.act(proposal)
    assert not effect.happened(proposal, SEEN, SEEN)
    assert bench.ecs.updates == []


def test_a_timeline_with_facts_of_a_newer_release_lets_nothing_run() -> None:
    sung = facts.UnknownFact(type="IncidentSung", content={"type": "IncidentSung"})

    assert said(a_history(proposed(), sung, approved())) == (
        "the timeline holds facts of a newer release, which may forbid this"
    )


def test_an_action_that_the_service_does_not_allow_is_refused() -> None:
    history = a_history(proposed(), approved())
    config = a_config(services=(a_service(actions=("scale_service",)),))

    why = objection(history.incident, history.entries[-1], SEEN, config, T0)
    assert why == "restart_service is not among the actions that orders allows"


def test_a_service_without_bounds_is_not_scaled() -> None:
    proposal = a_proposal(action="scale_service", inputs={"desired_count": 5})
    happened = (facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash), approved(proposal=proposal))
    history = a_history(*happened)
    config = a_config(services=(a_service(actions=("scale_service",)),))

    assert objection(history.incident, history.entries[-1], SEEN, config, T0) == "orders has no bounds for scaling"


def test_an_entry_that_approves_nothing_is_no_approval() -> None:
    history = a_history(proposed())

    with pytest.raises(Refused, match="ActionProposed approves nothing"):
        said(history)


def test_an_intent_on_a_service_that_is_gone_ends_in_an_unknown_outcome() -> None:
    bench = Bench()
    bench.ecs.fault = "lost request"
    with pytest.raises(Unavailable):
        bench.run()
    bench.ecs.name = "shop/elsewhere"
    with pytest.raises(Unavailable, match="no active ECS service"):
        bench.run()
    bench.clock.now += DEAD_AFTER

    assert bench.run() == ["ActionStarted", "ActionOutcomeUnknown"]


def test_what_nobody_approved_does_not_run_once_a_person_took_the_incident() -> None:
    bench = Bench()
    more(bench.history, facts.IncidentAcknowledged(person="ana", channel="slack"), store=bench.store)

    assert bench.run()[1:] == ["ActionRefused"]
    assert bench.ecs.updates == []


class Busy(MemoryStore):
    """The last of the budget goes while a duplicate reads, and the first attempt's intent comes right behind."""

    intent: Fact | None = None

    def append(
        self,
        history: History,
        facts: Sequence[Fact],
        *,
        actor: str,
        caused_by: str,
        now: datetime,
        also: Sequence[Write] = (),
    ) -> History:
        if self.intent and facts[0].type == "ActionStarted":
            intent, self.intent = self.intent, None
            super().append(self.read(history.incident_id), [intent], actor=actor, caused_by=caused_by, now=now)
            raise Exhausted("budget#actions")
        return super().append(history, facts, actor=actor, caused_by=caused_by, now=now, also=also)


def test_a_duplicate_that_finds_the_budget_spent_leaves_the_running_attempt_alone() -> None:
    first = Bench()
    first.ecs.fault = "died before"
    with pytest.raises(Died):
        first.run()
    (intent,) = (e.fact for e in first.store.read(INCIDENT).entries if isinstance(e.fact, facts.ActionStarted))
    duplicate = Bench()
    duplicate.store = Busy(timelines=duplicate.store.timelines, items=duplicate.store.items)
    duplicate.store.intent = intent

    with pytest.raises(Unavailable, match="cannot be seen yet"):
        duplicate.run()

    assert duplicate.told() == ["ActionStarted"]


def test_an_action_takes_from_its_sources_share_and_leaves_what_is_reserved() -> None:
    def taken(source: str = "grafana", critical: tuple[str, ...] = ()) -> dict[str, int]:
        spends = budgets(
            a_proposal(source=source),
            T0,
            in_all=10,
            per_target=2,
            per_source=6,
            reserved=2,
            critical=critical,
        )
        assert {spend.expires_at for spend in spends} == {T0 + timedelta(hours=2)}
        return {spend.key.removesuffix("#2026-11-21T03").removeprefix("budget#"): spend.limit for spend in spends}

    assert taken() == {"actions": 8, f"actions#{TARGET.key}": 2, "actions@grafana": 6}
    assert taken(critical=(TARGET.key,)) == {"actions": 10, f"actions#{TARGET.key}": 2}


def test_no_sources_actions_keep_another_sources_from_being_done() -> None:
    store = MemoryStore()

    def act(source: str, number: int) -> bool:
        proposal = a_proposal(source=source, target=TARGET.model_copy(update={"name": f"shop/s{number}"}))
        try:
            store.write(*budgets(proposal, T0, in_all=10, per_target=2, per_source=6, reserved=2))
        except Exhausted:
            return False
        return True

    assert [act("liar", number) for number in range(8)] == [True] * 6 + [False] * 2
    assert act("honest", 9)
