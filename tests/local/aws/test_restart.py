"""What the embedded AWS held is there again after a restart."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from local.aws.provision import MAX_RECEIVES
from tests.local.aws.conftest import ROOT, Rig, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path, state=True)
    yield rig
    rig.aws.stop()


def test_tables_queues_rules_and_topics_are_there_again_on_the_same_ports(durable: Rig) -> None:
    def resources() -> list[Any]:
        sns = durable.aws.client("sns")
        return [
            durable.dynamodb.list_tables()["TableNames"],
            [url.rpartition("/")[2] for url in durable.sqs.list_queues()["QueueUrls"]],
            durable.events.list_rules(EventBusName="middlewatch")["Rules"],
            durable.events.list_targets_by_rule(Rule="worker", EventBusName="middlewatch")["Targets"],
            [t["TopicArn"] for t in sns.list_topics()["Topics"]],
            [(s["TopicArn"], s["Endpoint"]) for s in sns.list_subscriptions()["Subscriptions"]],
            durable.sqs.get_queue_attributes(
                QueueUrl=durable.aws.queue_url("worker"), AttributeNames=["RedrivePolicy", "VisibilityTimeout"]
            )["Attributes"],
        ]

    before, url = resources(), durable.aws.endpoint
    durable.aws.restart()
    assert resources() == before
    assert durable.aws.endpoint == url
    durable.aws.provision()
    assert resources() == before


def test_what_was_sealed_before_still_holds(durable: Rig) -> None:
    what = {"KeyId": "alias/middlewatch-approval-seal", "Message": b"yes", "MacAlgorithm": "HMAC_SHA_256"}
    other = {**what, "KeyId": "alias/middlewatch-decision-seal"}
    kms = durable.aws.client("kms")
    code = kms.generate_mac(**what)["Mac"]

    durable.aws.restart()
    durable.aws.provision()

    assert kms.verify_mac(**what, Mac=code)["MacValid"]
    assert kms.generate_mac(**other)["Mac"] != code


def test_items_of_every_kind_are_there_again(durable: Rig) -> None:
    durable.append("kept", 1, entry="é" * 1000)
    durable.dynamodb.put_item(
        TableName="middlewatch-state",
        Item={"key": {"S": "b"}, "b": {"B": b"\x00\xff"}, "m": {"M": {"l": {"L": [{"N": "1"}]}}}},
    )
    durable.dynamodb.put_item(TableName="middlewatch-state", Item={"key": {"S": "gone"}})
    durable.dynamodb.delete_item(TableName="middlewatch-state", Key={"key": {"S": "gone"}})
    update = {":l": {"S": "open"}, ":a": {"S": "1"}}
    durable.dynamodb.update_item(
        TableName="middlewatch-state",
        Key={"key": {"S": "listed"}},
        UpdateExpression="SET #l = :l, list_at = :a",
        ExpressionAttributeNames={"#l": "list"},
        ExpressionAttributeValues=update,
    )
    tables = ("middlewatch-timeline", "middlewatch-state")
    before = [durable.dynamodb.scan(TableName=table)["Items"] for table in tables]
    durable.aws.restart()
    assert [durable.dynamodb.scan(TableName=table)["Items"] for table in tables] == before
    listed = durable.dynamodb.query(
        TableName="middlewatch-state",
        IndexName="by_list",
        KeyConditionExpression="#l = :l",
        ExpressionAttributeNames={"#l": "list"},
        ExpressionAttributeValues={":l": {"S": "open"}},
    )
    assert [item["key"]["S"] for item in listed["Items"]] == ["listed"]


def test_a_message_under_work_comes_again_and_a_finished_one_does_not(durable: Rig) -> None:
    done = durable.send(fine=1)
    until(lambda: durable.notes(done))
    until(lambda: durable.left() == 0)
    cut = durable.send(do="sleep", times=1)
    until(lambda: durable.notes(cut))
    durable.aws.restart()
    until(lambda: len(durable.notes(cut)) == 2)
    assert durable.notes(cut)[1]["count"] == 2
    until(lambda: durable.left() == 0)
    assert len(durable.notes(done)) == 1


def test_stream_records_not_yet_seen_are_handed_over_after_a_restart_and_seen_ones_are_not(durable: Rig) -> None:
    durable.append("s", 1)
    durable.append("s", 2, do="raise")
    durable.append("s", 3)
    until(lambda: [r["Keys"]["seq"]["N"] for r in durable.seen()] == ["1"])
    durable.aws.restart()
    (durable.folder / "healed").touch()
    durable.append("s", 4)
    until(lambda: len(durable.seen()) == 4)
    assert [r["Keys"]["seq"]["N"] for r in durable.seen()] == ["1", "2", "3", "4"]
    numbers = [int(r["SequenceNumber"]) for r in durable.seen()]
    assert numbers == sorted(set(numbers))


def test_the_stream_goes_on_after_a_restart_when_everything_had_been_seen(durable: Rig) -> None:
    durable.append("t", 1)
    until(lambda: len(durable.seen()) == 1)
    time.sleep(0.1)
    durable.aws.restart()
    durable.append("t", 2)
    until(lambda: len(durable.seen()) == 2)
    durable.aws.restart()
    durable.aws.restart()
    durable.append("t", 3)
    until(lambda: len(durable.seen()) == 3)
    assert [r["Keys"]["seq"]["N"] for r in durable.seen()] == ["1", "2", "3"]


def test_a_dead_letter_stays_dead(durable: Rig) -> None:
    sent = durable.send(do="hide", seconds=0)
    until(lambda: durable.left("middlewatch-worker-dlq") == 1)
    durable.aws.restart()
    assert durable.left("middlewatch-worker-dlq") == 1
    time.sleep(0.2)
    assert len(durable.notes(sent)) == MAX_RECEIVES


def test_the_schedule_ticks_with_the_schedulers_event(tmp_path: Path) -> None:
    rig = Rig(tmp_path, tick_seconds=0.2)
    try:
        until(lambda: (tmp_path / "ticks").exists() and len((tmp_path / "ticks").read_text().splitlines()) > 2)
    finally:
        rig.aws.stop()
    event = json.loads((tmp_path / "ticks").read_text().splitlines()[0])
    assert event["source"] == "aws.scheduler"
    assert event["resources"] == [f"arn:aws:scheduler:us-east-1:{rig.aws.account}:schedule/default/middlewatch-clock"]
    assert event["detail"] == "{}"


def test_as_a_process_of_its_own_it_survives_being_killed_and_its_functions_end_with_it(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "local.aws",
        "--root",
        str(ROOT),
        "--state-dir",
        str(tmp_path / "state"),
        "--longest-hidden",
        "1",
    ]

    def start() -> tuple[subprocess.Popen[bytes], Any]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        with urllib.request.urlopen(ports["api_url"] + "/plain") as answer:  # noqa: S310 - loopback
            assert answer.status == 200
        return process, boto3.client(
            "dynamodb",
            endpoint_url=ports["endpoint"],
            region_name="us-east-1",
            aws_access_key_id="AKIALOCALOPERATOR000",
            aws_secret_access_key="local",
        )

    first, dynamodb = start()
    dynamodb.put_item(TableName="middlewatch-state", Item={"key": {"S": "survivor"}})
    functions = psutil.Process(first.pid).children()
    assert functions
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert psutil.wait_procs(functions, timeout=5)[1] == []
    second, dynamodb = start()
    try:
        assert "Item" in dynamodb.get_item(TableName="middlewatch-state", Key={"key": {"S": "survivor"}})
    finally:
        second.terminate()
        second.communicate(timeout=10)
    assert second.returncode == 0


def test_provisioning_after_every_restart_does_not_make_the_memory_grow(tmp_path: Path) -> None:
    def kept() -> int:
        rig = Rig(tmp_path, state=True)
        rig.aws.stop()
        with sqlite3.connect(tmp_path / "state" / "aws.sqlite") as database:
            (count,) = database.execute("select count(*) from request").fetchone()
        database.close()
        return int(count)

    assert kept() == kept()
