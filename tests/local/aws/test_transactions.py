"""Transactions are all or nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import Rig

TABLE = "middlewatch-timeline"
STATE = "middlewatch-state"


def key(incident: str, seq: int) -> dict[str, Any]:
    return {"incident_id": {"S": incident}, "seq": {"N": str(seq)}}


def put(incident: str, seq: int, *, new: bool = False, **attributes: Any) -> dict[str, Any]:
    action: dict[str, Any] = {"TableName": TABLE, "Item": {**key(incident, seq), **attributes}}
    if new:
        action["ConditionExpression"] = "attribute_not_exists(incident_id)"
    return {"Put": action}


def rows(rig: Rig, incident: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rig.dynamodb.query(
        TableName=TABLE, KeyConditionExpression="incident_id = :i", ExpressionAttributeValues={":i": {"S": incident}}
    )["Items"]
    return found


def test_of_eight_threads_one_wins_each_seat_and_losers_leave_nothing_behind(rig: Rig) -> None:
    wins: Counter[int] = Counter()
    reasons: set[tuple[str, ...]] = set()

    def race(racer: int) -> None:
        dynamodb = rig.aws.client("dynamodb")
        for seat in range(20):
            try:
                dynamodb.transact_write_items(TransactItems=[put("seats", seat, new=True), put(f"racer-{racer}", seat)])
            except dynamodb.exceptions.TransactionCanceledException as lost:
                reasons.add(tuple(reason["Code"] for reason in lost.response["CancellationReasons"]))
            else:
                wins[seat] += 1

    threads = [threading.Thread(target=race, args=(racer,)) for racer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wins == dict.fromkeys(range(20), 1)
    assert reasons == {("ConditionalCheckFailed", "None")}
    assert sum(len(rows(rig, f"racer-{racer}")) for racer in range(8)) == 20


def test_each_action_gets_its_own_reason_in_order_and_the_old_item_if_asked(rig: Rig) -> None:
    rig.append("reasons", 1, entry="old")
    second = put("reasons", 1, new=True)
    second["Put"]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    with pytest.raises(rig.dynamodb.exceptions.TransactionCanceledException) as failed:
        rig.dynamodb.transact_write_items(TransactItems=[put("reasons", 2, new=True), second])
    first_reason, second_reason = failed.value.response["CancellationReasons"]
    assert first_reason == {"Code": "None"}
    assert second_reason["Code"] == "ConditionalCheckFailed"
    assert second_reason["Item"]["entry"] == {"S": "old"}
    assert len(rows(rig, "reasons")) == 1


def test_conditions_see_the_table_as_it_was_before_the_transaction(rig: Rig) -> None:
    check = {
        "ConditionCheck": {
            "TableName": TABLE,
            "Key": key("before", 1),
            "ConditionExpression": "attribute_not_exists(incident_id)",
        }
    }
    rig.dynamodb.transact_write_items(TransactItems=[put("before", 2), check])
    assert [row["seq"]["N"] for row in rows(rig, "before")] == ["2"]


def test_put_update_and_delete_happen_together(rig: Rig) -> None:
    rig.append("all", 1)
    update = {
        "Update": {
            "TableName": STATE,
            "Key": {"key": {"S": "counter"}},
            "UpdateExpression": "ADD hits :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    delete = {"Delete": {"TableName": TABLE, "Key": key("all", 1)}}
    rig.dynamodb.transact_write_items(TransactItems=[put("all", 2), update, delete])
    assert [row["seq"]["N"] for row in rows(rig, "all")] == ["2"]
    assert rig.dynamodb.get_item(TableName=STATE, Key={"key": {"S": "counter"}})["Item"]["hits"] == {"N": "1"}
    rig.dynamodb.delete_item(TableName=STATE, Key={"key": {"S": "counter"}})


def test_an_action_that_cannot_be_done_undoes_those_before_it(rig: Rig) -> None:
    rig.append("undo", 1, entry="text")
    update = {
        "Update": {
            "TableName": TABLE,
            "Key": key("undo", 1),
            "UpdateExpression": "ADD entry :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    with pytest.raises(ClientError):
        rig.dynamodb.transact_write_items(TransactItems=[put("undo", 2), update])
    assert [(row["seq"]["N"], row["entry"]["S"]) for row in rows(rig, "undo")] == [("1", "text")]


def test_the_same_token_does_the_same_transaction_once(rig: Rig) -> None:
    actions = [put("token", 1, new=True)]
    rig.dynamodb.transact_write_items(TransactItems=actions, ClientRequestToken="t-1")
    rig.dynamodb.transact_write_items(TransactItems=actions, ClientRequestToken="t-1")
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        rig.dynamodb.transact_write_items(TransactItems=[put("token", 2)], ClientRequestToken="t-1")
    assert len(rows(rig, "token")) == 1


def test_two_actions_on_one_item_are_refused(rig: Rig) -> None:
    with pytest.raises(ClientError, match="multiple operations on one item"):
        rig.dynamodb.transact_write_items(TransactItems=[put("twice", 1), put("twice", 1, a={"S": "b"})])
    assert rows(rig, "twice") == []


def test_an_update_that_would_pass_400_kb_leaves_the_item_as_it_was(rig: Rig) -> None:
    rig.append("big", 1, a="x" * 300_000)
    with pytest.raises(ClientError, match="size"):
        rig.dynamodb.update_item(
            TableName=TABLE,
            Key=key("big", 1),
            UpdateExpression="SET b = :b",
            ExpressionAttributeValues={":b": {"S": "y" * 200_000}},
        )
    assert "b" not in rows(rig, "big")[0]


def test_a_refused_update_of_a_new_item_creates_nothing(rig: Rig) -> None:
    with pytest.raises(ClientError):
        rig.dynamodb.update_item(
            TableName=TABLE,
            Key=key("ghost", 1),
            UpdateExpression="SET a = b + :n",
            ExpressionAttributeValues={":n": {"N": "1"}},
        )
    assert rows(rig, "ghost") == []


def test_binary_attributes_come_back_as_they_were(rig: Rig) -> None:
    rig.dynamodb.put_item(TableName=STATE, Item={"key": {"S": "bytes"}, "b": {"B": b"\x00\xff"}})
    assert rig.dynamodb.get_item(TableName=STATE, Key={"key": {"S": "bytes"}})["Item"]["b"] == {"B": b"\x00\xff"}
    rig.dynamodb.delete_item(TableName=STATE, Key={"key": {"S": "bytes"}})


def test_a_transaction_costs_the_same_in_a_table_of_three_thousand_items(rig: Rig) -> None:
    def cost(name: str) -> float:
        times = []
        for seq in range(30):
            began = time.perf_counter()
            rig.dynamodb.transact_write_items(TransactItems=[put(name, seq, new=True), put(f"{name}-2", seq)])
            times.append(time.perf_counter() - began)
        return sorted(times)[len(times) // 2]

    small = cost("small")
    for start in range(0, 3000, 25):
        writes = [{"PutRequest": {"Item": key(f"filler-{start % 70}", start + n)}} for n in range(25)]
        rig.dynamodb.batch_write_item(RequestItems={TABLE: writes})
    assert cost("large") < 3 * small
