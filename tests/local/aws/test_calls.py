"""Every AWS call is known by its function, operation and resource."""

from __future__ import annotations

from pathlib import Path

from local.aws.embedded import EmbeddedAws
from tests.local.aws.conftest import Rig, until


def test_a_functions_calls_are_attributed_to_it(rig: Rig) -> None:
    sent = rig.send(do="hide", seconds=0, times=1)
    until(lambda: len(rig.notes(sent)) == 2)
    calls = {(call.service, call.operation, call.resource) for call in rig.aws.calls if call.function == "worker"}
    assert calls == {
        ("dynamodb", "PutItem", "middlewatch-state"),
        ("sqs", "ChangeMessageVisibility", rig.aws.queue_url("worker")),
    }


def test_a_transaction_names_its_actions_and_others_are_nobody(rig: Rig) -> None:
    put = {"TableName": "middlewatch-timeline", "Item": {"incident_id": {"S": "c"}, "seq": {"N": "1"}}}
    check = {
        "TableName": "middlewatch-state",
        "Key": {"key": {"S": "x"}},
        "ConditionExpression": "attribute_not_exists(#k)",
    }
    check["ExpressionAttributeNames"] = {"#k": "key"}
    rig.dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
    call = next(call for call in reversed(rig.aws.calls) if call.operation == "TransactWriteItems")
    assert call.function is None
    assert call.parts == ("Put middlewatch-timeline", "ConditionCheck middlewatch-state")
    assert call.resource == "middlewatch-timeline,middlewatch-state"
    assert call.status == 200
    assert call.bytes > 100


def test_two_in_one_process_know_nothing_of_each_other(rig: Rig, tmp_path: Path) -> None:
    rig.append("mine", 1)
    with EmbeddedAws(tmp_path) as other:
        assert other.account != rig.aws.account
        other.provision()
        dynamodb = other.client("dynamodb")
        assert dynamodb.scan(TableName="middlewatch-timeline")["Count"] == 0
        assert "middlewatch-worker" not in str(other.client("sqs").list_queues())
    assert rig.dynamodb.scan(TableName="middlewatch-timeline")["Count"] >= 1
    sent = rig.send(after=1)
    until(lambda: rig.notes(sent))
