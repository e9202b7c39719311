from shared.switch import position
from tests.builders import T0


def test_the_switch_says_who_threw_it_why_and_when() -> None:
    at = "2026-11-21T03:00:00.000Z"

    assert position("ana", "a change freeze", T0, stop=True) == {
        "stopped": True,
        "person": "ana",
        "reason": "a change freeze",
        "at": at,
    }
    assert position("bo", "r" * 400, T0, stop=False) == {
        "stopped": False,
        "person": "bo",
        "reason": "r" * 300,
        "at": at,
    }
