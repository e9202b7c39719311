import pytest

from shared import buttons, facts
from shared.facts import Fact
from tests.builders import INCIDENT, a_history, a_proposal, proposed, requested


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def test_a_yes_is_asked_for_twice_and_carries_what_was_shown_and_a_no_carries_the_question() -> None:
    history = a_history(proposed(), requested())
    work = history.incident.proposal
    assert work is not None

    assert buttons.yes_or_no("Restart ecs:shop/orders", work, history.entries[-1]) == [
        {
            "type": "button",
            "text": text("Approve"),
            "action_id": "approve",
            "value": f"{INCIDENT}/3#{a_proposal().hash}",
            "style": "primary",
            "confirm": {
                "title": text("Restart ecs:shop/orders?"),
                "text": text("replaces 4 tasks, rolling, about 3 min"),
                "confirm": text("Approve"),
                "deny": text("Not yet"),
            },
        },
        {
            "type": "button",
            "text": text("Reject"),
            "action_id": "reject",
            "value": f"{INCIDENT}/3",
            "style": "danger",
        },
    ]


def test_the_timeline_is_opened_by_the_incidents_first_entry() -> None:
    assert buttons.timeline(a_history().incident) == {
        "type": "button",
        "text": text("View timeline"),
        "action_id": "timeline",
        "value": f"{INCIDENT}/1",
    }


TAKE = {"type": "button", "text": text("I'll take it"), "action_id": "take", "value": f"{INCIDENT}/1"}


@pytest.mark.parametrize(
    ("happened", "shown"),
    [
        ([], [TAKE]),
        ([facts.IncidentAcknowledged(person="ana", channel="slack")], []),
        ([facts.IncidentClosed(reason="quiet")], []),
    ],
    ids=["open", "taken", "closed"],
)
def test_an_incident_can_be_taken_while_it_is_open_and_nobodys(happened: list[Fact], shown: list[object]) -> None:
    assert buttons.take(a_history(*happened).incident) == shown
