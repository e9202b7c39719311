"""The same AWS calls twice: as the product makes them, and by bare boto3 on twin tables of the same content."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from local.aws.provision import Names, Provisioner
from local.bench.measure import seconds
from shared.integrations.dynamodb import DynamoStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.aws.embedded import EmbeddedAws

TIMELINE, STATE = "middlewatch-timeline", "middlewatch-state"
TWINS = {TIMELINE: "bareboto3ab-timeline", STATE: "bareboto3ab-state"}
"""Names of the same length, so that the bytes on the wire are as many."""


def store_on(aws: EmbeddedAws, client: Any, timeline: str = TIMELINE, state: str = STATE) -> DynamoStore:  # noqa: ANN401
    """The product's store on tables made for it, whose stream nobody reads."""
    Provisioner(aws.client, Names(timeline=timeline, state=state)).tables()
    return DynamoStore(client, timeline, state, timedelta(seconds=300))


class Twins:
    """The product's store on one pair of tables, and a replay of each of its calls on another pair.

    Whatever the product writes is written to the twins too, so that every read finds as much and every condition holds.
    """

    def __init__(self, aws: EmbeddedAws) -> None:
        """Make both pairs of tables."""
        client = aws.client("dynamodb")
        self._bare = aws.client("dynamodb")
        self._calls: list[tuple[str, dict[str, Any]]] = []
        client.meta.events.register("provide-client-params.dynamodb.*", self._remember)
        self.store = store_on(aws, client)
        store_on(aws, self._bare, TWINS[TIMELINE], TWINS[STATE])

    def _remember(self, params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's event
        self._calls.append((_METHODS[model.name], dict(params)))

    def both(self, ours: Callable[[], object]) -> tuple[float, float]:
        """Do `ours`, then its AWS calls by bare boto3 on the twins; the seconds that each took."""
        self._calls.clear()
        took = seconds(ours)
        calls = [(getattr(self._bare, method), _on_twins(params)) for method, params in self._calls]
        self._calls.clear()

        def bare() -> None:
            for call, params in calls:
                call(**params)

        return took, seconds(bare)

    def operations(self, ours: Callable[[], object]) -> list[str]:
        """Do it on both pairs of tables, and name the AWS calls that it took."""
        names: list[str] = []

        def named() -> None:
            ours()
            names.extend(method for method, _ in self._calls)

        self.both(named)
        return names


_METHODS = {"GetItem": "get_item", "Query": "query", "TransactWriteItems": "transact_write_items"}


def _on_twins(params: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(params)
    for name, twin in TWINS.items():
        text = text.replace(f'"TableName": "{name}"', f'"TableName": "{twin}"')
    found: dict[str, Any] = json.loads(text)
    return found
