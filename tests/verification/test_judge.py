from collections.abc import Mapping
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


def test_all_well_for_a_whole_window_is_recovery_and_says_what_improved() -> None:
    fact = verdict(seen())

    assert isinstance(fact, facts.RecoveryVerified)
    assert fact.seen == "rollout complete, alarms clear, healthy hosts 1 → 4, 5xx 40 → 0"


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (seen(service={**UP, "rollout": "IN_PROGRESS"}), "rollout goes on"),
        (seen(service={**UP, "running_count": 3}), "3 of 4 tasks"),
        (seen(service={**UP, "rollout_since": (T0 + timedelta(minutes=4)).isoformat()}), "up for 120 s of 180"),
        (seen(alarm="ALARM"), "orders-5xx still rings"),
        (seen(alarm="INSUFFICIENT_DATA"), "orders-5xx is INSUFFICIENT_DATA"),
        (seen(alarm="DELETED"), "orders-5xx is DELETED"),
        (seen(Reading(HEALTHY, (), (4.0,)), Reading(ERRORS, (), (0.0, 9.0))), "5xx is 4.5, wants < 5"),
        (seen(Reading(HEALTHY, (), ())), "healthy hosts is no data"),
        (seen(Reading(ERRORS, (), (0.0,))), "no measure shows that the service serves"),
        (seen(gaps=("ECS did not answer",)), "ECS did not answer"),
    ],
)
def test_anything_short_of_that_is_looked_at_again(what: Seen, word: str) -> None:
    fact = verdict(what)

    assert isinstance(fact, facts.RecoveryChecked)
    assert word in fact.seen
    assert fact.check_at == T0 + timedelta(minutes=7)


def test_one_healthy_tick_in_a_bad_window_is_no_recovery() -> None:
    what = seen(Reading(HEALTHY, (), (4.0, 4.0)), Reading(ERRORS, (40.0,), (40.0, 38.0, 0.0)))

    assert isinstance(verdict(what), facts.RecoveryChecked)
    assert isinstance(verdict(what, LATE), facts.RecoveryFailed)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (seen(alarm="ALARM"), facts.RecoveryFailed),
        (seen(Reading(HEALTHY, (), ())), facts.RecoveryFailed),
        (seen(alarm="INSUFFICIENT_DATA"), facts.RecoveryInconclusive),
        (seen(Reading(HEALTHY, (), None, "denied")), facts.RecoveryInconclusive),
        (seen(Reading(ERRORS, (), (0.0,))), facts.RecoveryInconclusive),
        (seen(service=None, gaps=("ECS did not answer",)), facts.RecoveryInconclusive),
    ],
)
def test_out_of_time_bad_is_failed_and_unknown_is_inconclusive(what: Seen, kind: type[Fact]) -> None:
    assert isinstance(verdict(what, LATE), kind)


def test_no_measures_at_all_never_prove_a_recovery() -> None:
    what = Seen(UP, {NAME: "OK"}, ())

    assert isinstance(verdict(what, LATE), facts.RecoveryInconclusive)


@pytest.mark.parametrize(
    "service",
    [{**UP, "rollout": "FAILED"}, {**UP, "task_definition": "orders:8"}],
    ids=["rolled back", "other release"],
)
def test_a_rollout_that_cannot_end_well_is_not_waited_for(service: dict[str, Any]) -> None:
    assert isinstance(verdict(seen(service=service)), facts.RecoveryFailed)


def test_an_alert_that_cannot_be_read_counts_by_what_its_source_last_said() -> None:
    history = checked("grafana")
    what = Seen(UP, {}, seen().readings, told=frozenset({"f1"}))
    cause = history.entries[-1]

    (fact,) = judge(history.incident, cause, what, T0 + timedelta(minutes=6), patience=PATIENCE)

    assert isinstance(fact, facts.RecoveryChecked)
    assert "orders-5xx has not cleared" in fact.seen


def test_a_recovery_that_a_person_has_to_confirm_is_handed_to_people() -> None:
    check = facts.CheckDue(proposal_id=PROPOSAL, number=1)
    history = a_history(proposed(), approved(verification="both"), STARTED, COMPLETED, check)

    (fact,) = judge(history.incident, history.entries[-1], seen(), T0 + timedelta(minutes=6), patience=PATIENCE)

    assert isinstance(fact, facts.RecoveryInconclusive)
    assert fact.seen.endswith("the policy wants a person to confirm it")


def test_a_check_of_an_action_that_is_judged_already_says_nothing() -> None:
    verified = facts.RecoveryVerified(proposal_id=PROPOSAL, measures=(), seen="well")
    check = facts.CheckDue(proposal_id=PROPOSAL, number=2)
    history = a_history(proposed(), approved(), STARTED, COMPLETED, verified, check)

    assert judge(history.incident, history.entries[-1], seen(), LATE, patience=PATIENCE) == []


@pytest.mark.parametrize(("missing", "ok"), [("unhealthy", False), ("zero", True), ("ignore", None)])
def test_no_data_means_what_the_measure_says(missing: Any, ok: bool | None) -> None:
    measure = ERRORS.model_copy(update={"missing": missing})

    assert measured(Reading(measure, (), ())).ok is ok
