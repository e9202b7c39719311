from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from functions.verification.judge import Patience, Reading, Seen, judge, measured
from shared import facts
from shared.config import Measure
from shared.facts import Fact
from shared.history import History
from tests.builders import SEEN, T0, TARGET, a_history, a_proposal, an_alert, approved, proposed

PROPOSAL = a_proposal().id
PATIENCE = Patience(window=timedelta(minutes=3), every=timedelta(minutes=1), limit=timedelta(minutes=20))
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=T0)
HEALTHY = Measure(name="healthy hosts", namespace="n", metric="m", above=0, positive=True)
ERRORS = Measure(name="5xx", namespace="n", metric="e", below=5, missing="zero")
BUSY = Measure(name="busy", namespace="n", metric="b", below=80, missing="ignore")
DONE = T0 + timedelta(seconds=5)
"""When the action of `checked` was completed."""
QUIETLY = HEALTHY.model_copy(update={"missing": "ignore"})
UP = {**SEEN, "deployment": "ecs-svc/2", "rollout_since": (T0 + timedelta(minutes=2)).isoformat()}
NAME = "orders-5xx"


def checked(source: str = "cloudwatch") -> History:
    joined = facts.AlertJoined(alert=an_alert(source=source))
    check = facts.CheckDue(proposal_id=PROPOSAL, number=1)
    return a_history(joined, proposed(), approved(), STARTED, COMPLETED, check)


def seen(
    *readings: Reading,
    service: Mapping[str, Any] | None = UP,
    alarm: str = "OK",
    gaps: tuple[str, ...] = (),
) -> Seen:
    well = (Reading(HEALTHY, (1.0,), (4.0, 4.0)), Reading(ERRORS, (40.0,), (0.0,)))
    return Seen(service, {NAME: alarm}, readings or well, gaps)


def verdict(what: Seen, now: datetime = T0 + timedelta(minutes=6), source: str = "cloudwatch") -> Fact:
    history = checked(source)
    (fact,) = judge(history.incident, history.entries[-1], what, now, patience=PATIENCE)
    return fact


LATE = T0 + timedelta(minutes=30)


def shown(what: Seen) -> tuple[facts.Measure, ...]:
    return tuple(measured(reading) for reading in what.readings)


def test_all_well_for_a_whole_window_is_recovery_and_says_what_improved() -> None:
    healthy = facts.Measure(name="healthy hosts", before=1, after=4, bound="> 0", ok=True, positive=True)
    errors = facts.Measure(name="5xx", before=40, after=0, bound="< 5", ok=True)

    assert verdict(seen()) == facts.RecoveryVerified(
        proposal_id=PROPOSAL,
        measures=(healthy, errors),
        seen="rollout complete, alarms clear, healthy hosts 1 → 4, 5xx 40 → 0",
        look_again_at=T0 + timedelta(minutes=26),
    )


def test_what_nobody_measured_before_or_since_is_not_compared() -> None:
    what = seen(Reading(HEALTHY, (), (4.0, 5.0)), Reading(ERRORS.model_copy(update={"missing": "ignore"}), (1.0,), ()))
    fact = verdict(what)

    assert isinstance(fact, facts.RecoveryVerified)
    assert fact.seen == "rollout complete, alarms clear, healthy hosts 4.5"


@pytest.mark.parametrize(
    ("what", "doubt"),
    [
        (seen(service={**UP, "rollout": "IN_PROGRESS"}), "the rollout goes on: 4 of 4 tasks run"),
        (seen(service={**UP, "running_count": 3}), "the rollout goes on: 3 of 4 tasks run"),
        (seen(service={**UP, "rollout_since": (T0 + timedelta(minutes=4)).isoformat()}),
         "it has been up for 120 s of 180"),
        (seen(alarm="ALARM"), "orders-5xx still rings"),
        (seen(alarm="INSUFFICIENT_DATA"), "orders-5xx is INSUFFICIENT_DATA"),
        (seen(alarm="DELETED"), "orders-5xx is DELETED"),
        (replace(seen(), alarms={"a": "ALARM", "b": "OK", "c": "ALARM", "d": "DELETED"}),
         "a and c still ring; d is DELETED"),
        (seen(Reading(HEALTHY, (), (4.0,)), Reading(ERRORS, (), (0.0, 9.0))), "5xx is 4.5, wants < 5"),
        (seen(Reading(HEALTHY, (), ())),
         "healthy hosts is no data, wants > 0; no measure shows that the service serves"),
        (seen(Reading(HEALTHY, (), (0.0,))),
         "healthy hosts is 0, wants > 0; no measure shows that the service serves"),
        (seen(Reading(HEALTHY, (), None, "denied")),
         "no measure shows that the service serves; healthy hosts denied"),
        (seen(Reading(ERRORS, (), (0.0,))), "no measure shows that the service serves"),
        (seen(Reading(QUIETLY, (), ()), Reading(ERRORS, (), (0.0,))),
         "no measure shows that the service serves"),
        (seen(gaps=("ECS did not answer", "CloudWatch is slow")), "ECS did not answer; CloudWatch is slow"),
        (seen(service=None, gaps=("ECS did not answer",)), "ECS did not answer"),
        (seen(service={**UP, "running_count": 3}, alarm="ALARM", gaps=("x",)),
         "the rollout goes on: 3 of 4 tasks run; orders-5xx still rings; x"),
    ],
)  # fmt: skip
def test_anything_short_of_that_is_looked_at_again(what: Seen, doubt: str) -> None:
    assert verdict(what) == facts.RecoveryChecked(
        proposal_id=PROPOSAL, number=1, seen=doubt, check_at=T0 + timedelta(minutes=7)
    )


@pytest.mark.parametrize(("seconds", "kind"), [(179, facts.RecoveryChecked), (180, facts.RecoveryVerified)])
def test_a_service_is_up_for_long_enough_at_the_very_end_of_the_window(seconds: int, kind: type[Fact]) -> None:
    now = T0 + timedelta(minutes=2, seconds=seconds)
    assert isinstance(verdict(seen(), now), kind)


@pytest.mark.parametrize(("seconds", "kind"), [(179, facts.RecoveryChecked), (180, facts.RecoveryVerified)])
def test_the_window_begins_with_the_action_where_the_rollout_is_older(seconds: int, kind: type[Fact]) -> None:
    what = seen(service={**UP, "rollout_since": (T0 - timedelta(days=3)).isoformat()})
    assert isinstance(verdict(what, DONE + timedelta(seconds=seconds)), kind)


def test_more_tasks_than_wanted_are_no_rollout_that_goes_on() -> None:
    assert isinstance(verdict(seen(service={**UP, "running_count": 5})), facts.RecoveryVerified)


@pytest.mark.parametrize(("spare", "kind"), [(-1, facts.RecoveryChecked), (0, facts.RecoveryFailed)])
def test_patience_ends_when_the_limit_is_over_since_the_action(spare: int, kind: type[Fact]) -> None:
    now = DONE + timedelta(seconds=spare) + PATIENCE.limit
    assert isinstance(verdict(seen(alarm="ALARM"), now), kind)


def test_one_healthy_tick_in_a_bad_window_is_no_recovery() -> None:
    what = seen(Reading(HEALTHY, (), (4.0, 4.0)), Reading(ERRORS, (40.0,), (40.0, 38.0, 0.0)))

    assert isinstance(verdict(what), facts.RecoveryChecked)
    assert isinstance(verdict(what, LATE), facts.RecoveryFailed)


@pytest.mark.parametrize(
    ("what", "kind", "doubt"),
    [
        (seen(alarm="ALARM"), facts.RecoveryFailed, "orders-5xx still rings"),
        (seen(Reading(HEALTHY, (), (4.0,)), Reading(ERRORS, (), (9.0,))), facts.RecoveryFailed,
         "5xx is 9, wants < 5"),
        (seen(Reading(HEALTHY, (), ())), facts.RecoveryFailed,
         "healthy hosts is no data, wants > 0; no measure shows that the service serves"),
        (seen(alarm="INSUFFICIENT_DATA"), facts.RecoveryInconclusive, "orders-5xx is INSUFFICIENT_DATA"),
        (seen(Reading(HEALTHY, (), None, "denied")), facts.RecoveryInconclusive,
         "no measure shows that the service serves; healthy hosts denied"),
        (seen(Reading(HEALTHY, (), (4.0,)), Reading(ERRORS, (), None, "denied"), Reading(BUSY, (), None, "denied")),
         facts.RecoveryInconclusive, "5xx and busy denied"),
        (seen(Reading(ERRORS, (), (0.0,))), facts.RecoveryInconclusive, "no measure shows that the service serves"),
        (seen(service=None, gaps=("ECS did not answer",)), facts.RecoveryInconclusive, "ECS did not answer"),
        (seen(service={**UP, "running_count": 3}), facts.RecoveryInconclusive,
         "the rollout goes on: 3 of 4 tasks run"),
    ],
)  # fmt: skip
def test_out_of_time_bad_is_failed_and_unknown_is_inconclusive(
    what: Seen, kind: type[facts.RecoveryFailed | facts.RecoveryInconclusive], doubt: str
) -> None:
    assert verdict(what, LATE) == kind(proposal_id=PROPOSAL, measures=shown(what), seen=doubt)


def test_out_of_time_what_its_source_has_not_cleared_is_bad() -> None:
    history = checked("grafana")
    for told, kind in ((frozenset({"f1"}), facts.RecoveryFailed), (frozenset({"f2"}), facts.RecoveryInconclusive)):
        what = Seen(None, {}, seen().readings, ("ECS did not answer",), told=told)
        (fact,) = judge(history.incident, history.entries[-1], what, LATE, patience=PATIENCE)
        assert isinstance(fact, kind)


def test_no_measures_at_all_never_prove_a_recovery() -> None:
    what = Seen(UP, {NAME: "OK"}, ())

    assert isinstance(verdict(what, LATE), facts.RecoveryInconclusive)


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ({**UP, "rollout": "FAILED"}, "the rollout failed"),
        ({**UP, "task_definition": "orders:8"}, "another release took over: orders:8"),
    ],
    ids=["rolled back", "other release"],
)
def test_a_rollout_that_cannot_end_well_is_not_waited_for(service: dict[str, Any], why: str) -> None:
    what = seen(service=service)
    assert verdict(what) == facts.RecoveryFailed(proposal_id=PROPOSAL, measures=shown(what), seen=why)


def test_the_release_that_a_rollback_brought_is_what_was_wanted() -> None:
    proposal = a_proposal(action="rollback_service", inputs={"task_definition": "orders:6"})
    happened: list[Fact] = [
        facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash),
        approved(proposal=proposal),
        STARTED.model_copy(update={"action": "rollback_service"}),
        COMPLETED,
        facts.CheckDue(proposal_id=PROPOSAL, number=1),
    ]
    history = a_history(*happened)
    what = seen(service={**UP, "task_definition": "orders:6"})
    (fact,) = judge(history.incident, history.entries[-1], what, T0 + timedelta(minutes=6), patience=PATIENCE)

    assert isinstance(fact, facts.RecoveryVerified)


def test_an_alert_that_cannot_be_read_counts_by_what_its_source_last_said() -> None:
    history = checked("grafana")
    what = Seen(UP, {}, seen().readings, told=frozenset({"f1"}))
    cause = history.entries[-1]

    (fact,) = judge(history.incident, cause, what, T0 + timedelta(minutes=6), patience=PATIENCE)

    assert isinstance(fact, facts.RecoveryChecked)
    assert fact.seen == "orders-5xx has not cleared"


def test_a_recovery_that_a_person_has_to_confirm_is_handed_to_people() -> None:
    check = facts.CheckDue(proposal_id=PROPOSAL, number=1)
    history = a_history(proposed(), approved(verification="both"), STARTED, COMPLETED, check)

    (fact,) = judge(history.incident, history.entries[-1], seen(), T0 + timedelta(minutes=6), patience=PATIENCE)

    assert fact == facts.RecoveryInconclusive(
        proposal_id=PROPOSAL,
        measures=shown(seen()),
        seen="rollout complete, alarms clear, healthy hosts 1 → 4, 5xx 40 → 0; the policy wants a person to confirm it",
    )


def test_a_check_of_an_action_that_is_judged_already_says_nothing() -> None:
    verified = facts.RecoveryVerified(proposal_id=PROPOSAL, measures=(), seen="well")
    check = facts.CheckDue(proposal_id=PROPOSAL, number=2)
    history = a_history(proposed(), approved(), STARTED, COMPLETED, verified, check)

    assert judge(history.incident, history.entries[-1], seen(), LATE, patience=PATIENCE) == []


def test_nothing_but_a_check_that_is_due_is_judged() -> None:
    history = checked()

    for cause in history.entries[:-1]:
        assert judge(history.incident, cause, seen(), LATE, patience=PATIENCE) == []


@pytest.mark.parametrize(
    ("missing", "ok", "after", "detail"),
    [("unhealthy", False, None, "no data"), ("zero", True, 0, ""), ("ignore", None, None, "no data")],
)
def test_no_data_means_what_the_measure_says(missing: Any, ok: bool | None, after: float | None, detail: str) -> None:
    measure = ERRORS.model_copy(update={"missing": missing})

    assert measured(Reading(measure, (), ())) == facts.Measure(
        name="5xx", before=None, after=after, bound="< 5", ok=ok, detail=detail
    )


@pytest.mark.parametrize("missing", ["unhealthy", "zero", "ignore"])
def test_what_could_not_be_read_is_neither_good_nor_bad_and_says_why(missing: Any) -> None:
    measure = HEALTHY.model_copy(update={"missing": missing})

    assert measured(Reading(measure, (1.0, 2.0), None, "denied")) == facts.Measure(
        name="healthy hosts", before=1.5, after=None, bound="> 0", ok=None, positive=True, detail="denied"
    )


@pytest.mark.parametrize(
    ("below", "above", "bound", "good", "bad"),
    [
        (5.0, None, "< 5", (4.99, -1.0), (5.0, 6.0)),
        (None, 0.5, "> 0.5", (0.51, 9.0), (0.5, 0.0)),
        (5.0, 0.5, "< 5 and > 0.5", (0.6, 4.9), (0.5, 5.0)),
        (0.0, None, "< 0", (-1.0,), (0.0,)),
        (None, 0.0, "> 0", (1.0,), (0.0,)),
    ],
)
def test_a_measure_is_well_while_every_value_is_strictly_within_its_bounds(
    below: float | None, above: float | None, bound: str, good: tuple[float, ...], bad: tuple[float, ...]
) -> None:
    measure = ERRORS.model_copy(update={"below": below, "above": above})

    assert [measured(Reading(measure, (), (value,))).ok for value in good] == [True] * len(good)
    assert [measured(Reading(measure, (), (value,))).ok for value in bad] == [False] * len(bad)
    assert measured(Reading(measure, (), (*good, *bad))).ok is False
    assert measured(Reading(measure, (), good)).bound == bound
