"""What AWS, Slack, Jira or ECS do not take at once is done later, and nothing is done twice because of it."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from shared import facts
from tests.reliability.theatre import of

if TYPE_CHECKING:
    from local.aws.moto_server import Fault
    from tests.reliability.moments import Asked
    from tests.reliability.theatre import Theatre


def test_the_reply_to_the_first_of_every_kind_of_write_is_lost(theatre: Theatre) -> None:
    lost: set[tuple[str, str]] = set()

    def lose(asked: Asked) -> Fault | None:
        fresh = {(asked.function, moment) for moment in asked.moments} - lost
        if not fresh or asked.operation == "SendEmail":
            return None
        lost.update(fresh)
        return "lost reply"

    with theatre.story() as story:
        theatre.watch.answer = lose
        story.until_asked()
        theatre.press("U0ANA", "approve")
        story.until(facts.RecoveryVerified)
        history = story.end()

        idle = {"http_api", "canary", "sweep", "archive"}  # what clocks and HTTP call has nothing to do with this story
        assert {function for function, _ in lost} >= set(theatre.functions) - idle
        story.nothing_twice(history)


def test_aws_throttles_one_request_in_ten_and_refuses_entries_of_the_bus(theatre: Theatre) -> None:
    chance = random.Random(1)
    hit: list[str] = []

    def refuse(asked: Asked) -> Fault | None:
        if chance.random() > (0.5 if asked.operation == "PutEvents" else 0.1) or asked.operation == "SendEmail":
            return None
        hit.append(asked.operation)
        return "first entry" if asked.operation == "PutEvents" else "throttle"

    with theatre.story() as story:
        theatre.watch.answer = refuse
        story.until_asked()
        theatre.press("U0ANA", "approve")
        story.until(facts.RecoveryVerified)
        history = story.end()

        assert {"PutEvents", "Query", "TransactWriteItems"} <= set(hit)
        story.nothing_twice(history)


def test_slack_and_jira_are_away_during_an_escalation_and_hear_of_it_once_they_are_back(theatre: Theatre) -> None:
    slack, jira = theatre.stack.slack_url, theatre.stack.jira_url
    with theatre.story() as story:
        theatre.outage(slack, "down")
        theatre.outage(jira, "down")
        history = story.until(facts.ApprovalRequested)
        time.sleep(1.5)
        theatre.outage(slack, "429", seconds=1)
        time.sleep(1.5)
        assert of(story.history() or history, facts.TicketCreated) == []
        theatre.outage(slack, "ok")
        theatre.outage(jira, "ok")
        story.until_asked()
        story.until(facts.TicketCreated)
        theatre.press("U0ANA", "approve")
        story.until(facts.RecoveryVerified)
        history = story.end()

        assert of(history, facts.MessageFailed) == []
        assert {fact.channel for fact in of(history, facts.MessageSent)} == {"slack", "email"}
        story.nothing_twice(history)


def test_ecs_goes_away_at_the_moment_of_the_action_which_is_escalated_and_never_tried_again(theatre: Theatre) -> None:
    def cut(asked: Asked) -> None:
        if "ActionStarted" in asked.moments:
            theatre.world.outage("ecs", "down")

    with theatre.story() as story:
        theatre.watch.answer = cut
        story.until_asked()
        theatre.press("U0ANA", "approve")
        history = story.until(facts.ActionFailed, facts.ActionOutcomeUnknown)
        story.until(facts.TicketUpdated)
        theatre.world.outage("ecs", "ok")
        time.sleep(2)
        theatre.world.heal(story.service)
        history = story.end()

        reasons = [fact.reason for fact in of(history, facts.IncidentEscalated)]
        assert any("the action failed" in reason or "look at the service" in reason for reason in reasons), reasons
        story.nothing_twice(history, effects=0)
