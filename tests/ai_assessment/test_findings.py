"""What the rules ask the evidence, where the answer hangs on a word, a moment or an order."""

from datetime import timedelta
from typing import Any

import pytest

from functions.ai_assessment.findings import Findings
from shared.assessment import Gap
from shared.facts import (
    ActionApproved,
    ActionCompleted,
    ActionFailed,
    ActionOutcomeUnknown,
    ActionRefused,
    ActionStarted,
    AlertJoined,
    Fact,
    ProposalVoided,
    RecoveryInconclusive,
    RecoveryVerified,
)
from tests.ai_assessment.evidence import (
    AN_ALARM,
    BEFORE,
    CURRENT,
    a_deployment,
    a_metric,
    a_stop,
    evidence,
    findings,
    text,
)
from tests.ai_assessment.test_rules import deployed, lines, stopped
from tests.builders import BINDING, T0, TARGET, a_history, a_proposal, a_service, an_alert, approved, proposed, resolved

PROPOSAL = a_proposal().id
STARTED = ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=BINDING
)
COMPLETED = ActionCompleted(proposal_id=PROPOSAL, after={}, check_at=T0)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
OLDER = CURRENT.replace(":7", ":5")


def released(*steady: tuple[str, timedelta], now: str = CURRENT, ago: timedelta = timedelta(minutes=5)) -> Findings:
    """`steady`: revisions that were deployed well so long ago, newest first; the present one is as old as `ago`."""
    return findings(
        ecs_deployments={"deployments": [a_deployment(task_definition=now, created_at=text(T0 - ago))]},
        ecs_releases={
            "steady": [
                {"task_definition": each, "finished_at": text(T0 - before), "seconds": 60 * place}
                for place, (each, before) in enumerate(steady, start=3)
            ]
        },
    )


def test_what_ecs_did_not_say_is_nothing_and_no_trouble() -> None:
    bare = findings(ecs_service=None, ecs_deployments=None, ecs_releases=None, ecs_events=None, logs_lines=None)
    assert (bare.desired, bare.running, bare.primary, bare.steady_releases) == (0, 0, {}, [])
    assert (bare.deploying, bare.deployed_recently, bare.released_recently, bare.unhealthy) == (False,) * 4
    assert (bare.last_steady, bare.rollout_seconds, bare.pool_lines, bare.dependency_lines) == ("", 0, [], [])
    assert (findings(ecs_service={}).desired, findings(ecs_service={}).running) == (0, 0)
    assert findings(ecs_deployments={}, ecs_releases={}, ecs_events={}, ecs_stopped_tasks={}).crashes == []


@pytest.mark.parametrize(
    ("ago", "recently"), [(HOUR - SECOND, True), (HOUR, False), (HOUR + SECOND, False), (-HOUR, True)]
)
def test_tasks_are_fresh_if_they_were_replaced_within_the_hour_before_the_alarm_or_since(
    ago: timedelta, recently: bool
) -> None:
    found = released((CURRENT, timedelta(days=9)), ago=ago)
    assert (found.deployed_recently, found.released_recently) == (recently, False)


def test_the_alarm_that_rang_first_of_those_that_still_ring_tells_what_is_recent() -> None:
    earlier = AlertJoined(alert=an_alert(fingerprint="f2", starts_at=T0 - HOUR))
    later = AlertJoined(alert=an_alert(fingerprint="f3", starts_at=T0 + HOUR))
    assert findings(later, earlier).since == T0 - HOUR
    assert findings(later, earlier, resolved(fingerprint="f2")).since == T0
    assert findings(resolved()).since == T0


@pytest.mark.parametrize(
    ("found", "release", "last_steady"),
    [
        (released((BEFORE, timedelta(days=9))), True, BEFORE),
        (released((CURRENT, timedelta(days=3)), (BEFORE, timedelta(days=9))), False, BEFORE),
        (released((CURRENT, timedelta(minutes=2)), (BEFORE, timedelta(days=9))), True, BEFORE),
        (released((BEFORE, timedelta(days=3)), (OLDER, timedelta(days=9))), True, BEFORE),
        (released((CURRENT, timedelta(minutes=2)), (CURRENT, timedelta(days=9))), False, ""),
        (released((CURRENT, timedelta(minutes=5))), True, ""),
        (released((BEFORE, timedelta(days=9)), ago=timedelta(days=1)), False, BEFORE),
    ],
    ids=["new", "replaced", "went well", "the newest counts", "twice the same", "in the same moment", "old"],
)
def test_a_release_is_another_revision_than_the_one_that_ran_well_before(
    found: Findings, release: bool, last_steady: str
) -> None:
    assert (found.released_recently, found.last_steady) == (release, last_steady)


def test_the_newest_good_deployment_tells_how_long_one_takes() -> None:
    assert released((CURRENT, timedelta(days=3)), (BEFORE, timedelta(days=9))).rollout_seconds == 180


def test_only_the_primary_deployment_is_what_the_service_is() -> None:
    old, new = a_deployment(status="ACTIVE", id="old"), a_deployment(id="new", rollout="IN_PROGRESS")
    found = findings(**deployed(old, new))
    assert found.primary == new
    assert found.deploying
    assert findings(**deployed(old)).primary == {}
    assert [findings(**deployed(*each)).deploying for each in ([old], [a_deployment()], [new])] == [False, False, True]


def test_of_several_alerts_the_one_whose_breach_we_read_is_the_source_else_the_first_that_rings() -> None:
    other = AlertJoined(alert=an_alert(fingerprint="f2", origin="grafana"))
    third = AlertJoined(alert=an_alert(fingerprint="f3", origin="generic"))

    def source(*happened: Fact, **metric: Any) -> str:
        return findings(other, third, *happened, cloudwatch_metric=a_metric(**metric)).source

    first = findings().source
    assert source(fingerprint="f3") == "generic"
    assert source(fingerprint="f3", breach_read=False) == first
    assert source(fingerprint="f4") == first
    assert source(resolved(), fingerprint="f1") == "grafana"
    assert source(*(resolved(fingerprint=each) for each in ("f1", "f2", "f3"))) == first


ALLOWED: ActionApproved = approved()


@pytest.mark.parametrize(
    ("happened", "acted"),
    [
        ([], ""),
        ([ALLOWED], ""),
        ([ProposalVoided(proposal_id=PROPOSAL, why="x")], ""),
        ([ALLOWED, ActionRefused(proposal_id=PROPOSAL, why="x")], ""),
        ([ALLOWED, STARTED], "restart_service"),
        ([ALLOWED, STARTED, ActionFailed(proposal_id=PROPOSAL, why="x")], ""),
        ([ALLOWED, STARTED, ActionOutcomeUnknown(proposal_id=PROPOSAL, why="x")], "restart_service"),
        ([ALLOWED, STARTED, COMPLETED], "restart_service"),
        ([ALLOWED, STARTED, COMPLETED, RecoveryVerified(proposal_id=PROPOSAL, measures=(), seen="")],
         "restart_service"),
        ([ALLOWED, STARTED, COMPLETED, RecoveryInconclusive(proposal_id=PROPOSAL, measures=(), seen="")],
         "restart_service"),
    ],
    ids=lambda happened: happened[-1].type if happened and not isinstance(happened, str) else str(happened),
)  # fmt: skip
def test_an_action_counts_from_the_moment_in_which_it_may_have_touched_the_target(
    happened: list[Fact], acted: str
) -> None:
    assert findings(proposed(), *happened).acted == acted


def test_of_two_actions_the_last_is_told() -> None:
    scaled = proposed(id="p2", action="scale_service", inputs={"desired_count": 5})
    second = STARTED.model_copy(update={"proposal_id": "p2", "action": "scale_service"})
    happened: list[Fact] = [ALLOWED, STARTED, COMPLETED, scaled, approved(proposal=scaled.proposal), second]
    assert findings(proposed(), *happened).acted == "scale_service"


def test_what_could_not_be_read_is_told_by_its_source() -> None:
    denied = [Gap(source=each, query="q", reason="denied") for each in ("ecs", "logs", "cloudwatch")]
    absent = [Gap(source=each, query="q", reason="absent") for each in ("ecs", "logs")]
    found = findings(gaps=[*denied, *absent])
    assert found.unseen("ecs", "logs") == ("ecs (denied)", "logs (denied)", "ecs (absent)")
    assert found.unseen("logs") == ("logs (denied)",)
    assert found.unseen() == ()


def test_a_crash_is_a_task_that_ended_by_itself_and_its_reason_may_stand_with_its_container() -> None:
    own = a_stop(reason="x") | {"container_reasons": {"app": "OutOfMemoryError: killed"}}
    failed = a_stop("TaskFailedToStart", "CannotPullContainerError: denied")
    found = findings(**stopped(a_stop("UserInitiated", "OutOfMemoryError"), own, failed))
    assert found.crashes == [own, failed]
    assert (found.crashed_with("OutOfMemory"), found.crashed_with("CannotPull")) == ([own], [failed])


@pytest.mark.parametrize(
    ("said", "unhealthy"),
    [
        ("(service orders) (instance i-1) is unhealthy in (target-group t)", True),
        ("(service orders) (task t) failed container health checks.", True),
        ("(service orders) has reached a steady state.", False),
    ],
)
def test_ecs_says_in_one_of_two_ways_that_a_task_is_unhealthy(said: str, unhealthy: bool) -> None:
    events = [{"message": "(service orders) has started 1 tasks."}, {"message": said}]
    found = findings(ecs_events={"events": events})
    assert found.unhealthy is unhealthy
    assert found.events_with("(service orders)") == [each["message"] for each in events]


def test_an_incident_is_clear_again_once_every_alarm_that_should_ring_reads_clear() -> None:
    other = AlertJoined(alert=an_alert(fingerprint="f2"))
    well = AN_ALARM | {"state": "OK"}
    assert findings(cloudwatch_alarm=well).clear_again
    assert not findings(cloudwatch_alarm=AN_ALARM).clear_again
    assert not findings(cloudwatch_alarm=None).clear_again
    assert not findings(other, cloudwatch_alarm=well).clear_again
    assert findings(other, resolved(fingerprint="f2"), cloudwatch_alarm=well).clear_again


@pytest.mark.parametrize(
    "name",
    [
        "HTTPCode_Target_5XX_Count", "Errors", "FailedRequests", "PageFaults", "UnHealthyHostCount", "Latency",
        "TargetResponseTime", "response_time", "Duration", "GatewayTimeouts",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["metrics", "label", "alarm"])
def test_a_metric_of_failing_or_slow_answers_is_known_by_a_name_of_its_own(name: str, place: str) -> None:
    neutral = {"metrics": ["m1"], "label": "", "alarm": "orders"}
    named = neutral | {place: ["m1", name] if place == "metrics" else name}
    read = findings(cloudwatch_metric=a_metric(**named))
    assert read.failing == read.metrics != ()
    assert findings(cloudwatch_metric=a_metric(**named, breach_read=False)).failing == ()
    assert findings(cloudwatch_metric=a_metric(**neutral)).failing == ()


def test_a_metric_is_watched_by_its_whole_name_once_its_breach_was_read() -> None:
    busy = a_metric(metrics=["MemoryUtilization", "CPUUtilization"])
    found = findings(cloudwatch_metric=busy)
    assert found.watches("CPUUtilization") == found.metrics != ()
    assert found.watches("CPU") == ()
    assert findings(cloudwatch_metric=busy | {"breach_read": False}).watches("CPUUtilization") == ()


def test_a_metric_that_still_violates_among_others_is_told() -> None:
    round_ = evidence(cloudwatch_metric=a_metric(violates_now=False))
    (well,) = (item for item in round_.items if item.kind == "cloudwatch.metric")
    ill = well.model_copy(update={"id": "e99", "data": a_metric(violates_now=True)})
    history, service = a_history(), a_service()
    for items, violated in (((well,), False), ((well, ill), True)):
        found = Findings(history.incident, service, round_.model_copy(update={"items": items}))
        assert found.still_violated is violated


@pytest.mark.parametrize(
    "line",
    [
        "HikariPool-1 - Connection is not available, request timed out after 30000ms",
        "Connection pool exhausted", "the POOL IS EXHAUSTED", "FATAL: too many connections for role",
        "remaining connection slots are reserved", "max client connections reached",
        "maximum number of connections",
    ],
)  # fmt: skip
def test_a_log_line_of_an_exhausted_pool_is_known(line: str) -> None:
    found = findings(logs_lines={"shapes": [{"text": "GET /"}, {"text": line}]})
    assert (found.pool_lines, found.dependency_lines) == ([line], [])


@pytest.mark.parametrize(
    "line",
    [
        "ConnectionRefusedError: [Errno 111]", "java.net.ConnectException: Connection refused",
        "connect ECONNREFUSED 10.0.0.1:5432", "No route to host", "Name or service not known",
        "getaddrinfo ENOTFOUND index", "dependency index is unavailable", "upstream index unavailable",
        "Circuit breaker is open", "circuit breaker open",
    ],
)  # fmt: skip
def test_a_log_line_of_something_else_that_does_not_answer_is_known(line: str) -> None:
    found = findings(logs_lines={"shapes": [{"text": "GET /"}, {"text": line}]})
    assert (found.pool_lines, found.dependency_lines) == ([], [line])


def test_evidence_is_found_by_its_kind() -> None:
    found = findings(logs_lines=lines("x"))
    assert [item.kind for item in found.items("ecs.service")] == ["ecs.service"]
    assert found.item("ecs.service") == found.items("ecs.service")[0]
    assert found.item("alert") is None
    assert found.ids("alert") == ()
    assert found.ids("logs.lines", "cloudwatch.alarm") == ("e1", "e8")
