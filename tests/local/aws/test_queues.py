"""Queues call functions as SQS and Lambda do together."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.local.aws.conftest import Rig, until


def test_a_message_arrives_once_and_is_deleted(rig: Rig) -> None:
    sent = rig.send(hello=1)
    (note,) = until(lambda: rig.notes(sent))
    assert note["body"] == {"hello": 1}
    assert note["count"] == 1
    until(lambda: rig.left() == 0)


def test_messages_that_wait_come_as_one_batch(rig: Rig) -> None:
    napping = [rig.send(do="nap", times=9), rig.send(do="nap", times=9)]
    until(lambda: all(rig.notes(nap) for nap in napping))
    url = rig.aws.queue_url("worker")
    entries = [{"Id": str(n), "MessageBody": json.dumps({"n": n})} for n in range(6)]
    sent = rig.sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    until(lambda: all(rig.notes(message["MessageId"]) for message in sent))
    assert max(rig.notes(message["MessageId"])[0]["batch"] for message in sent) > 1


def test_only_the_reported_message_of_a_batch_comes_again(rig: Rig) -> None:
    url = rig.aws.queue_url("worker")
    bodies = [{"do": "partial", "times": 1}, {"fine": 1}, {"fine": 2}]
    entries = [{"Id": str(n), "MessageBody": json.dumps(body)} for n, body in enumerate(bodies)]
    failing, *fine = [m["MessageId"] for m in rig.sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]]
    until(lambda: len(rig.notes(failing)) == 2)
    assert [note["count"] for note in rig.notes(failing)] == [1, 2]
    assert [len(rig.notes(message)) for message in fine] == [1, 1]
    until(lambda: rig.left() == 0)


def test_an_unknown_identifier_fails_the_whole_batch(rig: Rig) -> None:
    sent = rig.send(do="unknown", times=1)
    until(lambda: len(rig.notes(sent)) == 2)


def test_a_failed_message_comes_again_when_its_visibility_time_out_has_passed(rig: Rig) -> None:
    sent = rig.send(do="fail", times=1)
    until(lambda: len(rig.notes(sent)) == 2)
    first, second = rig.notes(sent)
    assert second["count"] == 2
    assert 0.9 < second["at"] - first["at"] < 1.6


def test_a_function_may_change_when_its_message_comes_again(rig: Rig) -> None:
    sent = rig.send(do="hide", seconds=0, times=1)
    until(lambda: len(rig.notes(sent)) == 2)
    first, second = rig.notes(sent)
    assert second["at"] - first["at"] < 0.8


def test_after_ten_receives_a_message_is_a_dead_letter(rig: Rig) -> None:
    sent = rig.send(do="hide", seconds=0)
    until(lambda: rig.left("middlewatch-worker-dlq") == 1)
    assert [note["count"] for note in rig.notes(sent)] == list(range(1, 11))
    assert rig.left() == 0
    url = rig.sqs.get_queue_url(QueueName="middlewatch-worker-dlq")["QueueUrl"]
    (dead,) = rig.sqs.receive_message(QueueUrl=url)["Messages"]
    assert dead["MessageId"] == sent
    rig.sqs.delete_message(QueueUrl=url, ReceiptHandle=dead["ReceiptHandle"])


def test_no_message_is_lost_when_many_send_while_others_are_deleted(rig: Rig) -> None:
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda n: rig.send(n=n), range(80)))
    until(lambda: rig.left() == 0)
    noted = {note["body"]["n"] for note in rig.notes() if "n" in note["body"]}
    assert noted >= set(range(80))
    assert len(set(sent)) == 80


def test_a_warm_function_sees_a_message_within_a_fraction_of_a_second(rig: Rig) -> None:
    waits = []
    for n in range(10):
        at = time.time()
        sent = rig.send(quick=n)
        (note,) = until(partial(rig.notes, sent))
        waits.append(note["at"] - at)
    assert sorted(waits)[5] < 0.1


def test_a_second_process_starts_only_when_the_first_is_busy(rig: Rig) -> None:
    rig.aws.kill("worker")
    for n in range(5):
        sent = rig.send(n=n)
        until(partial(rig.notes, sent))
        until(lambda: rig.left() == 0)
    assert len(rig.aws.functions["worker"].processes()) == 1
    naps = [rig.send(do="nap"), rig.send(do="nap")]
    until(lambda: all(rig.notes(nap) for nap in naps))
    until(lambda: rig.left() == 0)
    assert len(rig.aws.functions["worker"].processes()) <= 2
