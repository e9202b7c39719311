"""What the store asks of DynamoDB; that DynamoDB does it, tests/contracts asks."""

from datetime import timedelta
from typing import Any, cast

from shared import keys
from shared.history import History
from shared.integrations.dynamodb import DynamoStore
from shared.writes import Claim
from tests.builders import INCIDENT, T0, opened


class Recorder:
    """Takes every transaction and keeps what it was asked to write, by table and key."""

    def __init__(self) -> None:
        self.transactions: list[set[str]] = []

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803 - boto3's own name
        puts = [item["Put"]["Item"] for item in TransactItems]
        self.transactions.append({(put.get("key") or put["seq"]).popitem()[1] for put in puts})


def test_a_fact_and_all_that_follows_from_it_are_one_transaction() -> None:
    client = Recorder()
    store = DynamoStore(cast("Any", client), "timeline", "state", timedelta(minutes=5))

    store.append(
        History(INCIDENT), [opened()], actor="alert_intake", caused_by="a", now=T0, also=[Claim(keys.delivery("a"))]
    )

    (written,) = client.transactions
    assert {
        "1",
        keys.delivery("a"),
        keys.head(INCIDENT),
        keys.open_target(opened().identity),
        keys.alarm(INCIDENT, "f1"),
        keys.timer(INCIDENT, "stall"),
    } <= written
