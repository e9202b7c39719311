"""Nobody forges an approval or the policy's word, and the trial that says so finds whoever could."""

from dataclasses import replace

import pytest

from local.reference import manifests
from tests.lifecycle.house import House
from tests.reliability import forging
from tests.reliability.forging import ATTEMPTS, Thief, forge, mutated

ROLES = sorted(manifests())


@pytest.mark.parametrize("role", ROLES)
def test_a_function_that_can_write_to_the_timeline_can_forge_nothing(role: str) -> None:
    """Each way is tried by every role that has a seal, and by every third of the others; `run` tries all of them."""
    attempts = ATTEMPTS if Thief.of(role).seals.may else ATTEMPTS[ROLES.index(role) % 3 :: 3]

    assert {attempt.__name__: wrong for attempt in attempts if (wrong := forge(role, attempt))} == {}


def test_the_one_that_makes_an_approvals_seal_would_be_believed_if_it_could_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writing = replace(Thief.of("slack_api"), writes=True)
    monkeypatch.setattr(forging.Thief, "of", lambda _role: writing)

    assert forge("slack_api", forging.approval_with_what_seal_it_can_make) == "['restart'] was done"


def test_what_a_person_really_said_is_done() -> None:
    house = House("payments")
    house.alarm()
    house.settle()
    house.click("U0ANA", "approve")
    house.settle()

    assert house.ecs.updates == ["restart"]
    assert house.seals.asked == [
        *("make approval-seal", "check approval-seal", "make decision-seal"),
        *("check decision-seal", "check approval-seal"),
    ]


def test_no_seal_holds_once_anything_that_it_binds_is_another() -> None:
    assert mutated(400, seed=3).violations == 0
