import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused, Unavailable
from shared.queue import FIRST_DELAY, LASTING, LONGEST_DELAY, Queue, consume, quarantine
from tests.builders import Clock
from tests.fakes.store import MemoryStore


class FakeSqs:
    def __init__(self, *, down: bool = False) -> None:
        self.hidden: dict[str, int] = {}
        self.down = down

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803 - boto3's own names
        assert QueueUrl == "http://queue"
        if self.down:
            raise EndpointConnectionError(endpoint_url=QueueUrl)
        self.hidden[ReceiptHandle] = VisibilityTimeout


class Bench:
    def __init__(self, *, down: bool = False) -> None:
        self.sqs = FakeSqs(down=down)
        self.store = MemoryStore()
        self.alarms: list[str] = []
        self.queue = Queue(
            function="lifecycle",
            url="http://queue",
            sqs=self.sqs,  # type: ignore[arg-type]
            state=self.store,
            logger=Logger(service="test"),
            clock=Clock(),
            quarantined=lambda: self.alarms.append("Quarantined"),
            failing=lambda: self.alarms.append("StillFailing"),
            jitter=lambda _low, high: high,
        )
        self.turned: list[Any] = []

    def turn(self, body: Mapping[str, Any]) -> None:
        match body.get("do"):
            case "wait":
                raise Unavailable("not now", retry_after=body.get("after"))
            case "refuse":
                raise Refused("never")
            case "break":
                raise ZeroDivisionError
        self.turned.append(body)

    def consume(self, *bodies: str, receipts: int = 1) -> list[str]:
        records = [
            {
                "messageId": f"m{place}",
                "receiptHandle": f"r{place}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receipts)},
            }
            for place, body in enumerate(bodies)
        ]
        reply = consume({"Records": records}, self.turn, self.queue)
        return [each["itemIdentifier"] for each in reply["batchItemFailures"]]

    def quarantined(self) -> list[dict[str, Any]]:
        return [item.value for item in self.store.listed("quarantine").items]


def say(**body: Any) -> str:
    return json.dumps(body)


@given(st.lists(st.sampled_from(["well", "wait", "refuse", "break"]), max_size=10))
def test_exactly_what_failed_comes_back_and_everything_else_is_done(deeds: list[str]) -> None:
    bench = Bench()

    failed = bench.consume(*[say(do=deed) for deed in deeds])

    assert failed == [f"m{place}" for place, deed in enumerate(deeds) if deed in {"wait", "break"}]
    assert len(bench.turned) == deeds.count("well")
    assert len(bench.quarantined()) == min(1, deeds.count("refuse"))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "1",
        "null",
        '{"a": NaN}',
        '{"a": 1, "a": 2}',
        "[" * 2000,
        '{"a": ' * 100 + "1" + "}" * 100,
        '{"a": "\\ud800"}',
    ],
)
def test_what_nobody_can_read_is_kept_with_the_reason_and_not_tried_again(body: str) -> None:
    bench = Bench()

    assert bench.consume(body, say(do="well")) == []

    (kept,) = bench.quarantined()
    assert kept["body"] == body[:16_000]
    assert kept["reason"]
    assert kept["function"] == "lifecycle"
    assert len(bench.turned) == 1
    assert bench.alarms == ["Quarantined"]


def test_why_a_message_was_refused_is_kept_with_it() -> None:
    bench = Bench()

    bench.consume(say(do="refuse"))

    (kept,) = bench.quarantined()
    assert (kept["reason"], kept["body"], kept["whole"]) == ("never", say(do="refuse"), True)


def test_a_message_stays_away_for_half_of_the_delay_at_least_so_that_not_all_come_back_at_once() -> None:
    bench = Bench()
    asked: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    bench.queue = replace(bench.queue, jitter=least)
    bench.consume(say(do="wait"), receipts=4)

    assert asked == [(8, 16)]
    assert bench.sqs.hidden == {"r0": 8}


def test_a_secret_is_not_kept_with_a_bad_message() -> None:
    bench = Bench()

    bench.consume('{"password": "hunter2-and-more", oops')

    (kept,) = bench.quarantined()
    assert "hunter2" not in json.dumps(kept)
    assert kept["whole"] is False


def test_the_same_bad_message_is_kept_once() -> None:
    bench = Bench()

    bench.consume("bad", "bad")
    bench.consume("bad")

    assert len(bench.quarantined()) == 1


@pytest.mark.parametrize(("receipts", "seconds"), [(1, 2), (2, 4), (4, 16), (9, 512), (10, 900), (60, 900)])
def test_a_message_stays_away_longer_each_time(receipts: int, seconds: int) -> None:
    bench = Bench()

    bench.consume(say(do="wait"), receipts=receipts)

    assert bench.sqs.hidden == {"r0": seconds}
    assert FIRST_DELAY <= seconds <= LONGEST_DELAY


def test_people_hear_of_what_still_fails_after_a_minute_and_of_nothing_sooner() -> None:
    bench = Bench()
    for receipts in range(1, 7):
        bench.consume(say(do="wait"), say(do="break"), say(do="well"), receipts=receipts)
    assert bench.alarms == []
    assert 60 <= sum(FIRST_DELAY * 2**failure for failure in range(LASTING - 1)) <= 150

    bench.consume(say(do="wait"), say(do="break"), say(do="well"), receipts=7)

    assert bench.alarms == ["StillFailing", "StillFailing"]


def test_what_can_never_work_is_tried_once() -> None:
    bench = Bench()

    assert bench.consume("no message", say(do="refuse")) == []
    assert (len(bench.quarantined()), bench.alarms) == (2, ["Quarantined", "Quarantined"])


def test_a_message_comes_back_when_the_other_side_said_so() -> None:
    bench = Bench()

    bench.consume(say(do="wait", after=75))

    assert bench.sqs.hidden == {"r0": 75}


def test_a_message_whose_delay_cannot_be_set_comes_back_at_the_queues_own_time() -> None:
    bench = Bench(down=True)

    assert bench.consume(say(do="wait"), say(do="well")) == ["m0"]
    assert len(bench.turned) == 1


def test_a_bug_is_left_to_the_queues_own_time_out() -> None:
    bench = Bench()

    assert bench.consume(say(do="break")) == ["m0"]
    assert bench.sqs.hidden == {}


@pytest.mark.parametrize(
    ("after", "receipts", "seconds"), [(1, 5, 32), (31.6, 5, 32), (75, 5, 75), (899, 1, 899), (5_000, 1, 900)]
)
def test_a_message_stays_away_for_the_longer_of_both_delays_but_never_beyond_the_longest(
    after: float, receipts: int, seconds: int
) -> None:
    bench = Bench()

    bench.consume(say(do="wait", after=after), receipts=receipts)

    assert bench.sqs.hidden == {"r0": seconds}


def test_whoever_says_nothing_of_jitter_has_it_all_the_same() -> None:
    bench = Bench()
    queue = bench.queue
    bench.queue = Queue(queue.function, queue.url, queue.sqs, queue.state, queue.logger, queue.clock)

    bench.consume(say(do="wait"), say(do="refuse"), receipts=LASTING)

    assert 64 <= bench.sqs.hidden["r0"] <= 128


def test_all_that_is_kept_of_a_bad_message() -> None:
    bench = Bench()

    bench.consume("[1]")

    key = f"quarantine#lifecycle#{sha256(b'[1]').hexdigest()[:32]}"
    (item,) = bench.store.listed("quarantine").items
    assert (item.key, item.value) == (
        key,
        {
            "function": "lifecycle",
            "reason": "not a JSON object but list",
            "body": "[1]",
            "whole": True,
            "at": "2026-11-21T03:00:00.000Z",
        },
    )
    assert bench.store.items[key].listed == ("quarantine", "2026-11-21T03:00:00.000Z")


@pytest.mark.parametrize(("length", "whole"), [(16_000, True), (16_001, False)])
def test_of_a_long_message_its_beginning_is_kept(length: int, whole: bool) -> None:
    store = MemoryStore()

    quarantine("x" * length, "token=hunter2-and-more", "relay", store, Clock())

    (item,) = store.listed("quarantine").items
    assert (len(item.value["body"]), item.value["whole"]) == (16_000, whole)
    assert "hunter2" not in item.value["reason"]


def test_a_message_that_is_no_text_is_kept_as_well() -> None:
    store = MemoryStore()

    quarantine("\ud800", "never", "relay", store, Clock())

    assert [item.value["function"] for item in store.listed("quarantine").items] == ["relay"]
