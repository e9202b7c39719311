import json
from datetime import timedelta

import pytest
from aws_lambda_powertools import Logger

from functions.alert_intake.intake import take_in
from local import reference
from shared.configuration import load
from shared.errors import Refused
from shared.intake import Intake
from tests.builders import Clock
from tests.fakes.store import MemoryStore

SAMPLES = reference.ROOT / "events" / "alerts"


def taken(*names: str) -> MemoryStore:
    store = MemoryStore()
    intake = Intake(
        timeline=store,
        state=store,
        config=load(reference.ROOT / "config"),
        clock=Clock(),
        new_id=lambda _now: f"INC-{len(store.timelines) + 1}",
        actor="alert_intake",
        hold=timedelta(minutes=15),
        retell=timedelta(minutes=30),
        account="123456789012",
        region="eu-west-1",
    )
    for name in names:
        payload = json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))
        take_in(payload, intake, Logger(service="test"))
    return store


def test_every_sample_that_aws_sends_is_taken_in_or_says_why_not() -> None:
    for path in sorted(SAMPLES.glob("cloudwatch_*.json")) + sorted(SAMPLES.glob("ecs_*.json")):
        expected = json.loads((SAMPLES / "expected" / path.name).read_text("utf-8"))
        fires = any(alert["state"] == "firing" for alert in expected.get("alerts", []))
        try:
            store = taken(path.stem)
        except Refused:
            assert not fires, path.name
            continue
        assert bool(store.timelines) is fires, path.name


def test_a_message_that_is_no_alarm_of_ours_is_refused_with_a_reason() -> None:
    store = MemoryStore()
    intake = Intake(
        timeline=store,
        state=store,
        config=load(reference.ROOT / "config"),
        clock=Clock(),
        new_id=lambda _now: "INC-1",
        actor="alert_intake",
        hold=timedelta(minutes=15),
        retell=timedelta(minutes=30),
        account="",
        region="",
    )

    with pytest.raises(Refused):
        take_in({"hello": "world"}, intake, Logger(service="test"))

    assert store.timelines == {}
