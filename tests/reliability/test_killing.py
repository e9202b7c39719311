"""Whatever function dies, at whatever moment of a critical service's incident, the incident goes on.

What holds, exactly: ECS is changed once. If `ecs_action` dies between writing its intent and calling ECS, it is not
changed at all: nobody can tell that from a lost reply, so people are told to look, and it is never tried again. Slack's
messages and Jira's ticket and comments are there once; an e-mail, which nobody can look up, may be said once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from shared import facts
from tests.reliability.share import share
from tests.reliability.theatre import of

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.moto_server import Fault
    from shared.history import History
    from tests.reliability.moments import Asked
    from tests.reliability.theatre import Story, Theatre

When = Literal["before", "after"]

WRITES: dict[str, tuple[str, ...]] = {
    "alert_intake": ("IncidentOpened", "AlertResolved"),
    "relay": (
        "publishes IncidentOpened", "publishes EvidenceCollected", "publishes AssessmentMade",
        "publishes ApprovalRequested", "publishes ApprovalGiven", "publishes ActionApproved",
        "publishes ActionCompleted", "publishes CheckDue", "publishes RecoveryVerified", "publishes AlertResolved",
        "publishes HoldElapsed", "publishes IncidentResolved",
    ),
    "investigation": ("EvidenceCollected",),
    "ai_assessment": ("AssessmentMade",),
    "policy_gate": ("ApprovalRequested", "ActionApproved"),
    "notification": (
        "Claim sent slack", "Put sent slack", "Claim sent slack card", "Put sent slack card",
        "Claim sent slack thread", "Put sent slack thread", "Put sent slack render", "Put sent slack shown",
        "Claim sent email", "SendEmail", "Put sent email", "MessageSent",
    ),
    "ticketing": (
        "Claim sent jira ticket", "Put sent jira ticket", "TicketCreated", "Claim sent jira", "Put sent jira",
        "TicketUpdated",
    ),
    "slack_api": ("SendMessage",),
    "approval": ("ApprovalGiven",),
    "ecs_action": ("ActionStarted", "ActionCompleted"),
    "timekeeper": ("CheckDue", "HoldElapsed"),
    "verification": ("RecoveryVerified",),
    "lifecycle": ("IncidentResolved", "IncidentClosed"),
}  # fmt: skip
"""What each function writes in this story. Between two writes of a function its death changes nothing that lasts here;
what it did to Slack, Jira or ECS meanwhile is done before the write that follows, and not done after the one before."""
WHENS: tuple[When, ...] = ("before", "after")
MOMENTS = [(function, write, when) for function, writes in WRITES.items() for write in writes for when in WHENS]
FACTS = (
    "IncidentOpened", "EvidenceCollected", "AssessmentMade", "ActionProposed", "IncidentEscalated", "ApprovalRequested",
    "TicketCreated", "MessageSent", "ApprovalGiven", "ActionApproved", "ActionStarted", "ActionCompleted",
    "TicketUpdated", "AlertResolved", "CheckDue", "RecoveryVerified", "HoldElapsed", "IncidentResolved",
)  # fmt: skip


@pytest.mark.parametrize(("function", "write", "when"), share(MOMENTS, 2))
def test_a_function_that_dies_at_a_write_loses_nothing_and_repeats_nothing(
    theatre: Theatre, function: str, write: str, when: When
) -> None:
    with theatre.story() as story:
        struck = _dies(theatre, function, write, when)
        history = _played(theatre, story)

        assert struck(), f"{function} never came to {write}: {story.told()}"
        lost_intent = (function, write, when) == ("ecs_action", "ActionStarted", "after")
        story.nothing_twice(history, effects=0 if lost_intent else 1, mails_lost_track_of=function == "notification")


def test_an_action_whose_function_dies_after_the_effect_is_recognised_and_not_done_again(theatre: Theatre) -> None:
    with theatre.story() as story:
        struck = _dies(theatre, "ecs_action", "ActionCompleted", "before")
        history = _played(theatre, story)

        assert struck()
        assert [fact.reconciled for fact in of(history, facts.ActionCompleted)] == [True]
        assert isinstance(history.incident.recovery, facts.RecoveryVerified)
        story.nothing_twice(history)


def test_an_action_whose_function_dies_before_the_effect_is_never_tried_again_and_people_are_told(
    theatre: Theatre,
) -> None:
    with theatre.story() as story:
        struck = _dies(theatre, "ecs_action", "ActionStarted", "after")
        history = _played(theatre, story)

        assert struck()
        assert len(of(history, facts.ActionOutcomeUnknown)) == 1
        assert "look at the service" in of(history, facts.IncidentEscalated)[-1].reason
        story.nothing_twice(history, effects=0)


@pytest.mark.parametrize("turn", share(range(len(WRITES)), 1))
def test_a_different_function_dies_after_every_fact(theatre: Theatre, turn: int) -> None:
    """In `len(WRITES)` turns every function dies once after every type of fact."""
    functions = list(WRITES)
    doomed = {fact: functions[(place + turn) % len(functions)] for place, fact in enumerate(FACTS)}
    fallen: list[str] = []
    with theatre.story() as story:

        def die(asked: Asked) -> None:
            for moment in asked.moments:
                published = moment.removeprefix("publishes ")
                if published != moment and published in doomed:
                    fallen.append(published)
                    theatre.kill(doomed.pop(published))

        theatre.watch.answer = die
        history = _played(theatre, story)

        assert set(fallen) >= {"IncidentOpened", "ApprovalGiven", "ActionStarted", "IncidentResolved"}
        unknown = bool(of(history, facts.ActionOutcomeUnknown))
        story.nothing_twice(history, effects=0 if unknown else 1, mails_lost_track_of=2)


def _dies(theatre: Theatre, function: str, write: str, when: When) -> Callable[[], bool]:
    """Kills the function at the first such write, which takes effect or not; returns whether that has happened."""
    done: list[str] = []

    def at(asked: Asked) -> Fault | None:
        if done or asked.function != function or write not in asked.moments:
            return None
        done.append(write)
        theatre.kill(function)
        return "lost request" if when == "before" else "lost reply"

    theatre.watch.answer = at
    return lambda: bool(done)


def _played(theatre: Theatre, story: Story) -> History:
    """The incident from alarm to its end: Ana approves, and repairs the service where we could not."""
    story.until_asked()
    theatre.press("U0ANA", "approve")
    history = story.until(facts.RecoveryVerified, facts.ActionOutcomeUnknown)
    if not history.incident.recovery:
        theatre.world.heal(story.service)
    return story.end()
