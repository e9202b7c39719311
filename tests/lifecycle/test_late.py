"""What was told long ago and is answered only now: nothing came of it then, or its message was a dead letter."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from functions.lifecycle.follow import Course, follow
from shared import facts
from shared.facts import Fact
from shared.history import History
from tests.builders import SEEN, T0, TARGET, a_history, a_proposal, an_alert, approved, proposed, resolved

COURSE = Course(hold=timedelta(minutes=15), reopen=timedelta(minutes=30))
PROPOSAL = a_proposal().id
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=T0)
FAILED = facts.RecoveryFailed(proposal_id=PROPOSAL, measures=(), seen="5xx is 40")
ACTED: list[Fact] = [proposed(), approved(), STARTED]
RINGS: Fact = facts.AlertJoined(alert=an_alert(), again=True)
LATER = T0 + timedelta(hours=5)
QUIET: Fact = facts.IncidentResolved(reason="quiet", close_at=T0)
QUIET_AGAIN: Fact = facts.IncidentResolved(reason="quiet", close_at=LATER)
REOPENED: Fact = facts.IncidentReopened(reason="it rang again")


def answers(history: History, kind: type[Fact]) -> list[Sequence[Fact]]:
    """What lifecycle says now to each fact of that kind."""
    causes = [entry for entry in history.entries if isinstance(entry.fact, kind)]
    return [follow(history.incident, cause, {}, history.entries[-1].at, course=COURSE) for cause in causes]


@pytest.mark.parametrize(
    "happened",
    [
        [*ACTED, COMPLETED, resolved(), facts.HoldElapsed(of="clear"), FAILED, RINGS, resolved(hold_until=LATER)],
        [resolved(), QUIET, facts.HoldElapsed(of="reopen"), RINGS, REOPENED, resolved(), QUIET_AGAIN],
    ],
    ids=["hold", "reopen"],
)
def test_the_end_of_an_earlier_hold_does_not_end_a_later_one(happened: list[Fact]) -> None:
    assert answers(a_history(*happened), facts.HoldElapsed) == [[]]


def test_what_rang_during_an_action_is_part_of_what_people_were_called_for() -> None:
    others: list[Fact] = [facts.AlertJoined(alert=an_alert(fingerprint=f"g{number}")) for number in range(5)]
    called: Fact = facts.IncidentEscalated(reason="the action did not help")
    history = a_history(*ACTED, *others, resolved(hold_until=None), RINGS, COMPLETED, FAILED, called)

    assert answers(history, facts.AlertJoined) == [[]] * 6


def test_an_alert_that_rings_again_after_people_were_called_is_told_again() -> None:
    called: Fact = facts.IncidentEscalated(reason="the action did not help")
    (told,) = answers(a_history(*ACTED, COMPLETED, FAILED, called, resolved(), RINGS), facts.AlertJoined)

    assert [fact.type for fact in told] == ["IncidentEscalated"]
