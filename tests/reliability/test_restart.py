"""The whole emulator may be restarted in the middle of an incident; tables, queues and stream go on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from shared import facts
from tests.reliability.share import share

if TYPE_CHECKING:
    from local.aws.moto_server import Fault
    from tests.reliability.moments import Asked
    from tests.reliability.theatre import Story, Theatre

MOMENTS = ("investigating", "awaiting approval", "effect without an outcome", "verifying", "waiting to resolve")


@pytest.mark.parametrize("moments", [MOMENTS[:4], *share([(moment,) for moment in MOMENTS], 0)], ids=", ".join)
def test_a_restart_in_the_middle_of_an_incident_loses_nothing_and_repeats_nothing(
    theatre: Theatre, moments: tuple[str, ...]
) -> None:
    acted = threading.Event()

    def cut_off(asked: Asked) -> Fault | None:
        if "ActionCompleted" in asked.moments and "effect without an outcome" in moments and not acted.is_set():
            acted.set()
            theatre.kill("ecs_action")
            return "lost request"
        return None

    with theatre.story() as story:
        theatre.watch.answer = cut_off
        _restart_if("investigating" in moments, theatre, story, facts.IncidentOpened)
        story.until_asked()
        _restart_if("awaiting approval" in moments, theatre, story, facts.ApprovalRequested)
        theatre.press("U0ANA", "approve")
        if "effect without an outcome" in moments:
            assert acted.wait(60)
            theatre.restart()
        _restart_if("verifying" in moments, theatre, story, facts.CheckDue)
        _restart_if("waiting to resolve" in moments, theatre, story, facts.RecoveryVerified)
        history = story.end()

        assert isinstance(history.incident.recovery, facts.RecoveryVerified)
        assert history.incident.ticket is not None
        story.nothing_twice(history, mails_lost_track_of=len(moments))


def _restart_if(wanted: bool, theatre: Theatre, story: Story, *kinds: type[facts.Fact]) -> None:
    if wanted:
        story.until(*kinds)
        theatre.restart()
