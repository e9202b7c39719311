"""Poison, messages of other releases and messages from the past, through the emulator: kept for people, or harmless."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.exceptions import ClientError

from shared import facts
from shared.writes import Release
from tests.reliability.share import share
from tests.reliability.storm.house import READERS, event_of
from tests.reliability.test_stalls import QUEUES, bodies
from tests.reliability.theatre import of, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.ports import Item
    from tests.reliability.theatre import Theatre


def put(theatre: Theatre, function: str, body: str) -> bool:
    """Puts a message on a function's queue; False where SQS itself takes no such message."""
    sqs = theatre.stack.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=theatre.stack.aws.names.queue(function))["QueueUrl"]
    try:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    except ClientError:
        return False
    return True


@contextlib.contextmanager
def quarantine(theatre: Theatre) -> Iterator[Any]:
    """What is kept there, and cleared afterwards for the next test."""

    def kept() -> tuple[Item, ...]:
        return theatre.store.listed("quarantine", limit=1000).items

    try:
        yield kept
    finally:
        for item in kept():
            theatre.store.write(Release(item.key))


def test_poison_in_every_queue_is_kept_for_people_and_keeps_no_incident_from_its_end(theatre: Theatre) -> None:
    with quarantine(theatre) as kept, theatre.story() as story:
        every = [(function, name) for function in QUEUES for name, body in bodies().items() if body]
        taken = {(function, name) for function, name in share(every, 80) if put(theatre, function, bodies()[name])}
        story.until_asked()
        theatre.press("U0ANA", "approve")
        story.until(facts.RecoveryVerified)
        history = story.end()
        until(lambda: len(kept()) >= len(taken) or None, lambda: f"{len(kept())} of {len(taken)} are kept", 180)

        assert len(taken) > 60
        assert {item.value["function"] for item in kept()} == set(QUEUES)
        assert all(item.value["reason"] for item in kept())
        assert {name: count for name, count in theatre.left().items() if name.endswith("-dlq")} == {}
        assert story.updates() == 1
        assert history.incident.status == "closed"


def test_messages_sent_again_twice_after_the_end_do_nothing(theatre: Theatre) -> None:
    with theatre.story() as story:
        story.until_asked()
        theatre.press("U0ANA", "approve")
        history = story.end()
        said = sum(len(place) for place in theatre.slack()["messages"].values())
        for _ in range(2):
            for entry in history.entries:
                for function in READERS.get(entry.fact.type, ()):
                    assert put(theatre, function, event_of(entry))
            until(lambda: not theatre.left() or None, lambda: f"messages are left: {theatre.left()}")

        again = story.history()
        assert again
        added = [entry.fact for entry in again.entries[len(history.entries) :]]
        shown = {fact.external_id for fact in of(history, facts.MessageSent)}
        assert all(isinstance(fact, facts.MessageSent) and fact.external_id in shown for fact in added), added
        assert sum(len(place) for place in theatre.slack()["messages"].values()) == said
        story.nothing_twice(again)


def test_a_webhook_that_is_too_large_gets_an_answer_that_says_so(theatre: Theatre) -> None:
    url = f"{theatre.stack.api_url}/alerts/generic"
    answer = urllib3.request("POST", url, body=b"x" * 1_100_000, timeout=20.0, retries=False)

    assert answer.status == 413
    assert b"bytes" in answer.data


def test_a_dead_function_keeps_no_incident_for_good(theatre: Theatre) -> None:
    """Every message about the evidence ends among the dead letters; the stall timer brings the incident back."""
    broken: list[str] = []

    def refuse(asked: Any) -> Any:
        if asked.function == "ai_assessment" and len(broken) < 200:
            broken.append(asked.operation)
            return "throttle"
        return None

    with theatre.story() as story:
        theatre.watch.answer = refuse
        story.until(facts.IncidentStalled, seconds=120)
        broken.extend([""] * 200)
        story.until_asked()
        theatre.press("U0ANA", "approve")
        history = story.until(facts.RecoveryVerified)

        assert story.updates() == 1
        assert history.incident.stalls == 0
