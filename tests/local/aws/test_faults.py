"""A test can have any AWS request fail in the ways that requests do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import Rig, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.aws.calls import Identity
    from local.aws.moto_server import Fault


@pytest.fixture(autouse=True)
def _well_again(rig: Rig) -> Iterator[None]:
    yield
    rig.aws.inject(None)


def of(operation: str, fault: Fault) -> Callable[[Identity], Fault | None]:
    def say(identity: Identity) -> Fault | None:
        return fault if identity.operation == operation else None

    return say


@pytest.mark.parametrize(("fault", "there"), [("throttle", False), ("lost request", False), ("lost reply", True)])
def test_a_write_fails_and_only_a_lost_reply_has_written(rig: Rig, fault: Fault, there: bool) -> None:
    rig.aws.inject(of("PutItem", fault))
    with pytest.raises(ClientError):
        rig.append(fault, 1)
    rig.aws.inject(None)
    key = {"incident_id": {"S": fault}, "seq": {"N": "1"}}
    assert ("Item" in rig.dynamodb.get_item(TableName="middlewatch-timeline", Key=key)) is there


def test_one_entry_of_put_events_fails_and_the_other_arrives(rig: Rig) -> None:
    rig.aws.inject(of("PutEvents", "first entry"))
    entry = {"Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change"}
    answer = rig.events.put_events(Entries=[{**entry, "Detail": json.dumps({"n": n})} for n in (1, 2)])
    assert answer["FailedEntryCount"] == 1
    assert "ErrorCode" in answer["Entries"][0]
    until(lambda: [note["body"]["detail"] for note in rig.notes()] == [{"n": 2}])
