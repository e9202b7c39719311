"""The real stores that the contract suite can be held against here."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from shared.integrations.dynamodb import DynamoStore
from tests.reliability.races.stores import dynamodb_local as in_memory
from tests.reliability.races.stores import missing

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NUMBERS = count()


def a_store(client: "DynamoDBClient") -> DynamoStore:
    """A store with tables of its own."""
    number = next(NUMBERS)
    names = Names(timeline=f"timeline-{number}", state=f"state-{number}")
    Provisioner(lambda _service: client, names).tables()
    return DynamoStore(client, names.timeline, names.state, stall=timedelta(minutes=5))


@pytest.fixture(scope="session")
def moto_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator["DynamoDBClient"]:
    with EmbeddedAws(tmp_path_factory.mktemp("no-functions")) as aws:
        yield aws.client("dynamodb")


@pytest.fixture
def moto(moto_client: "DynamoDBClient") -> DynamoStore:
    return a_store(moto_client)


@pytest.fixture(scope="session")
def dynamodb_local_client() -> Iterator["DynamoDBClient"]:
    if missing():
        pytest.skip(missing())
    with in_memory() as connect:
        yield connect()


@pytest.fixture
def dynamodb_local(dynamodb_local_client: "DynamoDBClient") -> DynamoStore:
    return a_store(dynamodb_local_client)
