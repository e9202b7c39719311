import io
import json
from datetime import timedelta
from typing import get_args

import pytest
from aws_lambda_powertools import Logger

from shared import facts
from shared.entry import chain
from shared.history import History
from shared.telemetry import Failing, count, measured, meter, tell
from tests.builders import INCIDENT, T0, a_history, every_fact, more, opened
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


METRICS: dict[str, list[tuple[str, str, float]]] = {
    "IncidentEscalated": [("Escalations", "Count", 1)],
    "AssessmentMade": [("Assessments", "Count", 1)],
    "ActionApproved": [("ActionsApproved", "Count", 1)],
    "ActionDenied": [("ActionsDenied", "Count", 1)],
    "ActionCompleted": [("ActionsCompleted", "Count", 1)],
    "ActionFailed": [("ActionsFailed", "Count", 1)],
    "ActionOutcomeUnknown": [("ActionOutcomesUnknown", "Count", 1)],
    "RecoveryVerified": [("RecoveriesVerified", "Count", 1), ("TimeToRecover", "Seconds", 61)],
    "RecoveryFailed": [("RecoveriesFailed", "Count", 1)],
    "MessageFailed": [("MessagesFailed", "Count", 1)],
    "IncidentStalled": [("IncidentsStalled", "Count", 1)],
    "EvidenceCollected": [("IncidentsInvestigated", "Count", 1)],
    "IncidentAcknowledged": [("TimeToAcknowledge", "Seconds", 61)],
    "ApprovalGiven": [("TimeToAcknowledge", "Seconds", 61)],
    "ApprovalRefused": [("TimeToAcknowledge", "Seconds", 61)],
}


@pytest.mark.parametrize("kind", sorted(facts.BY_TYPE))
def test_what_a_fact_counts_as_is_what_the_dashboards_show(kind: str) -> None:
    at = T0 + timedelta(seconds=61)
    entries = chain(INCIDENT, [every_fact()[kind]], after=None, actor="x", caused_by="x", now=at)
    found = [(name, unit.value, value) for name, unit, value in measured(entries, T0)]
    assert found == METRICS.get(kind, [])


def test_a_turn_is_one_line_that_says_what_it_appended_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    store, stream = MemoryStore(), io.StringIO()
    history = more(a_history(store=store), every_fact()["IncidentAcknowledged"], store=store)
    logger = Logger(service="telemetry", stream=stream)

    tell(history, "INC-1/4", logger, meter("middlewatch"))

    (line,) = map(json.loads, stream.getvalue().splitlines())
    told = {name: line[name] for name in ("message", "incident_id", "cause", "appended", "version")}
    assert told == {
        "message": "turn",
        "incident_id": INCIDENT,
        "cause": "INC-1/4",
        "appended": ["IncidentAcknowledged"],
        "version": 2,
    }
    written = json.loads(capsys.readouterr().out)
    assert written["TimeToAcknowledge"] == [1.0]
    assert written["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "TimeToAcknowledge", "Unit": "Seconds"}]


def test_a_turn_that_appended_nothing_counts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryStore()
    a_history(store=store)

    tell(store.read(INCIDENT), "x", Logger(service="test", level="CRITICAL"), meter("middlewatch"))

    assert capsys.readouterr().out == ""


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
