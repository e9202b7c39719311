import json
from datetime import timedelta
from typing import get_args

import pytest
from aws_lambda_powertools import Logger

from shared import facts
from shared.history import History
from shared.telemetry import Failing, count, measured, meter, tell
from tests.builders import INCIDENT, T0, a_history, more, opened
from tests.fakes.store import MemoryStore


@pytest.mark.parametrize("name", get_args(Failing))
def test_what_fails_is_one_metric_of_the_deployment_whichever_function_counts_it(
    name: Failing, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "relay")

    count(meter("middlewatch-staging"), name)

    written = json.loads(capsys.readouterr().out)
    (said,) = written["_aws"]["CloudWatchMetrics"]
    assert said["Namespace"] == "middlewatch-staging"
    assert said["Dimensions"] == [[]]
    assert said["Metrics"] == [{"Name": name, "Unit": "Count"}]
    assert written[name] == [1.0]


def test_an_incident_counts_when_it_is_looked_into_first() -> None:
    rounds = [facts.EvidenceCollected(round=number, items=(), gaps=(), digest="e" * 64) for number in (1, 2)]

    named = [name for name, _, _ in measured(a_history(*rounds).entries, T0 - timedelta(minutes=1))]

    assert named == ["IncidentsInvestigated"]


@pytest.mark.parametrize(("test", "counted"), [(False, True), (True, False)])
def test_a_test_of_ours_counts_as_no_incident(test: bool, counted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore()
    history = store.append(History(INCIDENT), [opened(test=test)], actor="alert_intake", caused_by="x", now=T0)
    looked_into = facts.EvidenceCollected(round=1, items=(), gaps=(), digest="e" * 64)

    tell(more(history, looked_into, store=store), "x", Logger(service="test", level="CRITICAL"), meter("middlewatch"))

    assert ("IncidentsInvestigated" in capsys.readouterr().out) is counted
