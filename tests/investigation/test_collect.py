import threading
import time
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError

from functions.investigation.investigate import collect, investigate, stage
from functions.investigation.reading import Draft, Job, Reading, gap_of
from shared.decide import Message, decide
from shared.facts import EvidenceCollected, IncidentClosed, InvestigationRequested
from shared.history import History
from tests.builders import T0, Clock, a_history, an_alert, more, opened, types
from tests.fakes.store import MemoryStore


def same(text: str) -> str:
    return text


def a_reading(kind: str = "ecs.service", **fields: object) -> Reading:
    return Reading((Draft(kind, "ecs", "q", "found", {}),), **fields)  # type: ignore[arg-type]


def finds(reading: Reading) -> Job:
    return Job("ecs", "q", lambda: reading)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeServices")


def raises(error: Exception) -> Job:
    def read() -> Reading:
        raise error

    return Job("ecs", "DescribeServices", read)


def test_jobs_run_side_by_side() -> None:
    together = threading.Barrier(3, timeout=5)

    def read() -> Reading:
        together.wait()
        return a_reading()

    assert len(collect([Job("ecs", "q", read)] * 3, 5)) == 3


def test_what_follows_from_a_reading_is_read_too() -> None:
    readings = collect([finds(a_reading(then=(finds(a_reading("ecs.events")),)))], 5)
    assert [reading.drafts[0].kind for reading in readings] == ["ecs.service", "ecs.events"]


def test_a_slow_source_is_a_gap_and_the_others_are_kept() -> None:
    release = threading.Event()

    def read() -> Reading:
        release.wait(5)
        return a_reading()

    began = time.monotonic()
    readings = collect([finds(a_reading()), Job("logs", "FilterLogEvents", read)], 0.2)
    assert time.monotonic() - began < 1
    release.set()
    assert readings[0].drafts
    (gap,) = readings[1].gaps
    assert (gap.source, gap.query, gap.reason) == ("logs", "FilterLogEvents", "slow")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused("AccessDeniedException"), "denied"),
        (refused("AccessDenied"), "denied"),
        (refused("ResourceNotFoundException"), "absent"),
        (refused("ClusterNotFoundException"), "absent"),
        (refused("ThrottlingException"), "failed"),
        (refused("InternalFailure"), "failed"),
        (ConnectTimeoutError(endpoint_url="https://ecs"), "slow"),
        (EndpointConnectionError(endpoint_url="https://ecs"), "failed"),
    ],
    ids=str,
)
def test_each_failure_is_a_gap_with_its_reason(error: ClientError, reason: str) -> None:
    (reading,) = collect([raises(error)], 5)
    assert [gap.reason for gap in reading.gaps] == [reason]
    assert gap_of("ecs", "q", error).detail == str(error)


def test_a_bug_in_a_source_is_not_mistaken_for_a_gap() -> None:
    with pytest.raises(KeyError):
        collect([raises(KeyError("taskArns"))], 5)


def test_a_bug_leaves_no_threads_behind() -> None:
    """The process lives on, and the message comes back."""
    with pytest.raises(KeyError):
        collect([raises(KeyError("taskArns"))], 5)
    left = [thread for thread in threading.enumerate() if thread.name.startswith("evidence")]
    for thread in left:
        thread.join(2)
    assert not any(thread.is_alive() for thread in left)


def pointer(history: History) -> Message:
    last = history.entries[-1]
    return Message(last.incident_id, last.id, last.hash, last.fact.type)


def test_the_opening_is_answered_once_with_evidence() -> None:
    store = MemoryStore()
    asked: list[int] = []

    def plan(_incident: object, _now: object) -> list[Job]:
        asked.append(1)
        return [finds(a_reading(binding={"deployment": "d"}, breaches=(True,)))]

    message = pointer(a_history(store=store))
    for _ in range(2):
        history = decide(message, stage(plan, same, 5, Clock()), store, Clock(T0 + timedelta(seconds=9)))
    fact = history.entries[-1].fact
    assert isinstance(fact, EvidenceCollected)
    assert types(history) == ["IncidentOpened", "EvidenceCollected"]
    assert (fact.round, fact.binding, fact.breach_confirmed) == (1, {"deployment": "d"}, True)
    assert asked == [1]


def test_a_round_that_a_later_one_has_overtaken_reads_nothing() -> None:
    store = MemoryStore()
    opening = pointer(history := a_history(store=store))
    more(history, InvestigationRequested(round=2, reason="another alarm"), store=store)

    def plan(_incident: object, _now: object) -> list[Job]:
        raise AssertionError

    history = decide(opening, stage(plan, same, 5, Clock()), store, Clock())
    assert "EvidenceCollected" not in types(history)


def test_a_closed_incident_is_not_investigated() -> None:
    store = MemoryStore()
    opening = pointer(history := a_history(store=store))
    more(history, IncidentClosed(reason="over"), store=store)
    assert "EvidenceCollected" not in types(decide(opening, stage(lambda *_: [], same, 5, Clock()), store, Clock()))


def test_the_second_round_says_that_it_is_the_second() -> None:
    store = MemoryStore()
    history = more(a_history(store=store), InvestigationRequested(round=2, reason="stale"), store=store)
    history = decide(pointer(history), stage(lambda *_: [], same, 5, Clock()), store, Clock())
    fact = history.entries[-1].fact
    assert isinstance(fact, EvidenceCollected)
    assert fact.round == 2


def test_where_nothing_else_can_be_read_the_alert_itself_is_the_evidence() -> None:
    alert = an_alert(source="grafana", target=None, external_id="rule-1", summary="token=canary-1234567890")
    history = MemoryStore().append(
        History("i"), [opened(alert=alert, target=None, service="")], actor="test", caused_by="test", now=T0
    )
    found = investigate(history.incident, 1, lambda *_: [], same, 5, T0)
    assert [item.kind for item in found.items] == ["alert"]
    assert found.breach_confirmed is None
    assert found.binding == {}
