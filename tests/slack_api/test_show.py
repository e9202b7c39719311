"""`/middlewatch show`: how an incident that was told together with others is seen, and answered, by itself."""

from datetime import timedelta
from typing import Any

import pytest

from shared import facts
from tests.builders import INCIDENT, T0, a_history, a_person, a_proposal, more, proposed, requested
from tests.slack_api.test_app import APP, Slack


def ask(slack: Slack, words: str, user: str = "U0ANA") -> dict[str, Any]:
    fields = {"api_app_id": APP, "team_id": "T0SHOP", "user_id": user, "command": "/middlewatch", "text": words}
    answer: dict[str, Any] = slack.send("/slack/commands", fields).json()
    return answer


def buttons(answer: dict[str, Any]) -> dict[str, str]:
    return {each["action_id"]: each["value"] for block in answer["blocks"] for each in block.get("elements", ())}


@pytest.fixture
def asked() -> Slack:
    """An incident that waits for a yes."""
    slack = Slack()
    a_history(proposed(), requested(expires_at=T0 + timedelta(minutes=30)), store=slack.store)
    return slack


@pytest.mark.parametrize("words", [f"show {INCIDENT}", f"SHOW  {INCIDENT.lower()} "])
def test_an_incident_is_shown_with_the_buttons_of_its_question(asked: Slack, words: str) -> None:
    answer = ask(asked, words)

    assert buttons(answer) == {
        "approve": f"{INCIDENT}/3#{a_proposal().hash}",
        "reject": f"{INCIDENT}/3",
        "timeline": f"{INCIDENT}/1",
        "take": f"{INCIDENT}/1",
    }
    text = answer["blocks"][0]["text"]["text"]
    assert "replaces 4 tasks, rolling, about 3 min" in text
    assert "critical service" in text
    assert answer["response_type"] == "ephemeral"


def test_a_question_that_was_answered_is_shown_without_its_buttons(asked: Slack) -> None:
    refused = facts.ApprovalRefused(proposal_id=a_proposal().id, person="ana", channel="slack")
    more(asked.store.read(INCIDENT), refused, store=asked.store)

    assert set(buttons(ask(asked, f"show {INCIDENT}"))) == {"timeline", "take"}


@pytest.mark.parametrize("words", ["show", "show INC-1", f"show {'x' * 5000}", "show INC-261121-K7Q2M4/1"])
def test_what_is_no_incident_is_said_to_be_none(asked: Slack, words: str) -> None:
    assert "no such incident" in ask(asked, words)["text"]


def test_strangers_are_shown_nothing(asked: Slack) -> None:
    asked.config = {"people": (a_person(slack=()),)}

    answer = ask(asked, f"show {INCIDENT}", user="U0STRANGER")

    assert "not in config/people.yaml" in answer["text"]
    assert INCIDENT not in str(answer)
