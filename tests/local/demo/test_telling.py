"""What the demo says, in a terminal of any width, and what it counts."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from local.aws.calls import Call
from local.demo.narrator import line, worth_telling
from local.demo.report import beyond, spent
from shared import facts
from shared.entry import chain

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def a_call(operation: str = "Query", function: str | None = "relay", resource: str = "timeline", at: float = 5) -> Call:
    return Call("dynamodb", operation, function, resource, 10, 200, (), at)


def test_what_is_told_stays_in_its_own_column() -> None:
    (entry,) = chain(
        "i1", [facts.IncidentClosed(reason="word " * 20)], after=None, actor="lifecycle", caused_by="", now=NOON
    )
    console = Console(file=StringIO(), width=70)
    console.print(line("payments", entry))
    first, *others = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert first.startswith("12:00:00.0 payments   lifecycle     Closed: word")
    assert others
    assert all(other.startswith(" " * 36 + "word") for other in others)


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (facts.CheckDue(proposal_id="p", number=1), False),
        (facts.RecoveryChecked(proposal_id="p", number=1, seen="s", check_at=NOON), True),
        (facts.RecoveryChecked(proposal_id="p", number=2, seen="s", check_at=NOON), False),
        (facts.TicketUpdated(key="OPS-1", about="ActionStarted", change="commented"), False),
        (facts.TicketUpdated(key="OPS-1", about="ActionStarted", change="moved to Done"), True),
    ],
)
def test_timers_and_comments_are_not_narrated(fact: facts.Fact, told: bool) -> None:
    assert worth_telling(fact) is told


def test_an_incident_costs_what_functions_ask_in_its_time_and_not_the_idle_looks_of_timekeeper() -> None:
    calls = [
        a_call(),
        a_call("GetItem", "timekeeper"),
        a_call(function="timekeeper", resource="state"),
        a_call(function="timekeeper"),
        a_call(function=None),
        a_call(at=9),
    ]
    assert spent(calls, 4, 6, "state") == {"dynamodb:Query": 2, "dynamodb:GetItem": 1}


def test_the_world_is_charged_by_what_it_was_asked_in_between() -> None:
    before = {"A": {"ecs:DescribeServices": 2}}
    after = {"A": {"ecs:DescribeServices": 3}, "B": {"ecs:DescribeServices": 1, "ecs:UpdateService": 1}}
    assert beyond(before, after) == {"ecs:DescribeServices": 2, "ecs:UpdateService": 1}
