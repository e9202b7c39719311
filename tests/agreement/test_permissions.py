"""What function.yaml allows is what the functions do, through the emulator, on a day on which everything happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import reference
from tests.agreement.day import Day
from tests.agreement.permissions import declared
from tests.reliability.theatre import Theatre

NOT_HERE = {
    ("http_api", "sns:ConfirmSubscription", "alarms"): "only Amazon can sign what it confirms",
    ("ai_assessment", "dynamodb:UpdateItem", "state"): "it counts a language model's calls, and none is configured",
    ("ai_assessment", "dynamodb:DeleteItem", "state"): "only where nothing is wrong any more by the time it judges",
    ("sweep", "dynamodb:UpdateItem", "state"): "only where an event overtakes the sweep of the same alarm",
    ("sweep", "dynamodb:DeleteItem", "state"): "only where what it finds ends a waiting time",
    ("verification", "dynamodb:DeleteItem", "state"): "only where a look was due anew before the last one was answered",
}
"""What is declared and cannot be provoked here, or not every time, and why."""
PLATFORM = {("sqs:ChangeMessageVisibility", name) for name in reference.manifests()}
"""What comes with a queue: its function polls it and says when a message may come back. (What comes with `secrets:`,
secretsmanager:GetSecretValue, is not called here, where secrets come from the environment.)"""
TIMES: dict[str, float | str] = {
    "STALL_SECONDS": 3,
    "APPROVAL_SECONDS": 15,
    "CHECK_LIMIT_SECONDS": 6,
    "SWEEP_GRACE_SECONDS": 1,
    "TEST_SECONDS": 1,
    "TEST_ALARM": "middlewatch-canary",
}


@pytest.mark.enable_socket
@pytest.mark.emulator
def test_every_aws_call_is_declared_and_every_declared_one_is_made(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, **TIMES)
    try:
        made = Day(theatre).play()
    finally:
        theatre.stack.stop()
    done = {(name, *each) for name, calls in made.items() for each in calls - PLATFORM}
    allowed = {(name, *each) for name, manifest in reference.manifests().items() for each in declared(manifest)}

    assert sorted(done - allowed) == []
    assert sorted(allowed - done - set(NOT_HERE)) == []
    assert sorted(set(NOT_HERE) - allowed) == []


@pytest.mark.parametrize(("name", "manifest"), sorted(reference.manifests().items()))
def test_a_call_names_its_actions_and_what_they_are_allowed_on(name: str, manifest: dict[str, object]) -> None:
    assert isinstance(manifest["calls"], list)
    for call in manifest["calls"]:
        assert set(call) == {"actions", "on"}, f'{name}: write "on" in quotes, because YAML reads the word as true'
