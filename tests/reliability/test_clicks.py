"""A click that must not count does nothing, and the clicker is told why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared import facts
from tests.reliability.theatre import Screen, of, until

if TYPE_CHECKING:
    from tests.reliability.conftest import Theatres
    from tests.reliability.theatre import Theatre

A_WHILE = 15.0
"""Seconds in which a request for approval can be answered here."""


@pytest.fixture
def theatre(theatres: Theatres) -> Theatre:
    return theatres.open(APPROVAL_SECONDS=A_WHILE)


def test_a_strangers_click_a_forged_one_and_a_second_one_change_nothing_and_the_first_yes_counts_once(
    theatre: Theatre,
) -> None:
    with theatre.story() as story:
        story.until_asked()
        question = Screen(theatre)
        assert Screen(theatre, secret="not Slack's").click("U0ANA", "approve") == 401
        assert "you are not in config/people.yaml" in _told(theatre, "U0EVE", "approve")
        assert "you may not decide this" in _told(theatre, "U0BO", "approve")
        standing = story.history()
        assert standing is not None
        assert standing.incident.phase == "awaiting approval"
        assert "Your yes" in _told(theatre, "U0ANA", "approve", question)
        assert "already" in _told(theatre, "U0ANA", "approve", question)
        assert "already approved" in _told(theatre, "U0CY", "approve", question)
        story.until(facts.RecoveryVerified)
        assert "already" in _told(theatre, "U0ANA", "approve", question)
        assert "already approved" in _told(theatre, "U0ANA", "reject", question)
        history = story.end()

        assert [fact.person for fact in of(history, facts.ApprovalGiven)] == ["ana"]
        assert {fact.person for fact in of(history, facts.ClickDeclined)} == {
            "slack:T0ELSEWHERE/U0EVE",
            "bo",
            "ana",
            "cy",
        }
        assert of(history, facts.ApprovalRefused) == []
        story.nothing_twice(history)


def test_a_click_after_expiry_does_nothing_and_says_so(theatre: Theatre) -> None:
    with theatre.story() as story:
        story.until_asked()
        question = Screen(theatre)
        story.until(facts.ApprovalExpired)
        assert "it expired" in _told(theatre, "U0ANA", "approve", question)
        theatre.world.heal(story.service)
        history = story.end()

        assert of(history, facts.ApprovalGiven) == []
        assert of(history, facts.ActionApproved) == []
        assert any("was not decided in time" in fact.reason for fact in of(history, facts.IncidentEscalated))
        story.nothing_twice(history, effects=0)


def test_a_click_after_the_alarm_cleared_does_nothing_and_says_so(theatre: Theatre) -> None:
    with theatre.story() as story:
        story.until_asked()
        question = Screen(theatre)
        theatre.world.heal(story.service)
        story.until(facts.ProposalVoided)
        assert "withdrawn: the alarm cleared" in _told(theatre, "U0ANA", "approve", question)
        history = story.end()

        assert of(history, facts.ApprovalGiven) == []
        assert of(history, facts.ActionApproved) == []
        story.nothing_twice(history, effects=0)


def test_after_a_no_with_a_reason_nothing_runs_and_a_later_yes_is_told_so(theatre: Theatre) -> None:
    with theatre.story() as story:
        story.until_asked()
        question = Screen(theatre)
        theatre.press("U0CY", "reject")
        dialog = until(lambda: _dialog(theatre, "U0CY"), lambda: "no dialog asks for the reason")
        values = {"reason": {"reason": {"value": "the database is being moved"}}}
        theatre.act("submit", user="U0CY", view_id=dialog, values=values)
        story.until(facts.ApprovalRefused)
        assert "Your no counts" in until(lambda: theatre.whispers("U0CY"), lambda: "nothing was said to Cy")[-1]
        assert "said no" in _told(theatre, "U0ANA", "approve", question)
        theatre.world.heal(story.service)
        history = story.end()

        assert [fact.reason for fact in of(history, facts.ApprovalRefused)] == ["the database is being moved"]
        assert of(history, facts.ActionApproved) == []
        story.nothing_twice(history, effects=0)


def _told(theatre: Theatre, user: str, button: str, screen: Screen | None = None) -> str:
    """What this person is told about a press of this button, on a screen that may be out of date."""
    before = len(theatre.whispers(user))
    if screen:
        screen.press(user, button)
    else:
        theatre.press(user, button)
    return until(lambda: theatre.whispers(user)[before:], lambda: f"nothing was said to {user}")[-1]


def _dialog(theatre: Theatre, user: str) -> str | None:
    views = theatre.slack()["views"].values()
    return next((view["id"] for view in views if view["to"] == user and view["callback_id"] == "rejection"), None)
