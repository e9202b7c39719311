"""The stream hands every record to the function, in order, until it succeeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.local.aws.conftest import Rig, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _healed_again(rig: Rig) -> Iterator[None]:
    yield
    (rig.folder / "healed").unlink(missing_ok=True)


def seqs(rig: Rig, incident: str) -> list[int]:
    return [int(r["Keys"]["seq"]["N"]) for r in rig.seen() if r["Keys"]["incident_id"]["S"] == incident]


def heal(rig: Rig) -> None:
    Path(rig.folder / "healed").touch()


def test_records_arrive_in_order_with_keys_and_images(rig: Rig) -> None:
    for seq in range(30):
        rig.append("order", seq, entry=f"e{seq}")
    until(lambda: len(seqs(rig, "order")) == 30)
    assert seqs(rig, "order") == list(range(30))
    record = rig.seen()[-1]
    assert record["event"] == "INSERT"
    assert record["NewImage"]["entry"] == {"S": "e29"}
    assert isinstance(record["ApproximateCreationDateTime"], float)


def test_a_change_and_a_removal_say_what_was_there(rig: Rig) -> None:
    rig.append("change", 1, entry="a")
    rig.append("change", 1, entry="b")
    rig.dynamodb.delete_item(TableName="middlewatch-timeline", Key={"incident_id": {"S": "change"}, "seq": {"N": "1"}})
    until(lambda: len(seqs(rig, "change")) == 3)
    _, changed, removed = [r for r in rig.seen() if r["Keys"]["incident_id"]["S"] == "change"]
    assert (changed["event"], changed["OldImage"]["entry"]["S"], changed["NewImage"]["entry"]["S"]) == (
        "MODIFY",
        "a",
        "b",
    )
    assert (removed["event"], removed["OldImage"]["entry"]["S"]) == ("REMOVE", "b")


def test_an_update_that_creates_an_item_is_told_once(rig: Rig) -> None:
    rig.dynamodb.update_item(
        TableName="middlewatch-timeline",
        Key={"incident_id": {"S": "upsert"}, "seq": {"N": "1"}},
        UpdateExpression="SET entry = :e",
        ExpressionAttributeValues={":e": {"S": "x"}},
    )
    rig.append("upsert", 2)
    until(lambda: 2 in seqs(rig, "upsert"))
    assert seqs(rig, "upsert") == [1, 2]
    assert next(r for r in rig.seen() if r["Keys"]["incident_id"]["S"] == "upsert")["NewImage"]["entry"] == {"S": "x"}


def test_a_record_that_fails_holds_back_what_follows_until_it_succeeds(rig: Rig) -> None:
    rig.append("poison", 1)
    rig.append("poison", 2, do="raise")
    rig.append("poison", 3)
    until(lambda: seqs(rig, "poison") == [1])
    heal(rig)
    until(lambda: seqs(rig, "poison") == [1, 2, 3])


def test_a_reported_record_and_those_after_it_come_again_but_none_before_it(rig: Rig) -> None:
    actions: list[dict[str, Any]] = [
        {
            "Put": {
                "TableName": "middlewatch-timeline",
                "Item": {"incident_id": {"S": "partial"}, "seq": {"N": str(seq)}},
            }
        }
        for seq in range(4)
    ]
    actions[2]["Put"]["Item"]["do"] = {"S": "partial"}
    rig.dynamodb.transact_write_items(TransactItems=actions)
    until(lambda: seqs(rig, "partial") == [0, 1])
    heal(rig)
    until(lambda: len(seqs(rig, "partial")) == 4)
    assert seqs(rig, "partial") == [0, 1, 2, 3]


def test_a_refused_transaction_tells_the_stream_nothing(rig: Rig) -> None:
    rig.append("refused", 1)
    again = {
        "TableName": "middlewatch-timeline",
        "Item": {"incident_id": {"S": "refused"}, "seq": {"N": "1"}},
        "ConditionExpression": "attribute_not_exists(seq)",
    }
    new = {"TableName": "middlewatch-timeline", "Item": {"incident_id": {"S": "refused"}, "seq": {"N": "2"}}}
    with pytest.raises(rig.dynamodb.exceptions.TransactionCanceledException):
        rig.dynamodb.transact_write_items(TransactItems=[{"Put": new}, {"Put": again}])
    rig.append("refused", 3)
    until(lambda: 3 in seqs(rig, "refused"))
    assert seqs(rig, "refused") == [1, 3]
