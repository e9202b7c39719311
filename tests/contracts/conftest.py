"""The real stores that the contract suite can be held against here."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import BotoCoreError

from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from shared.integrations.dynamodb import DynamoStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JARS = Path(__file__).parents[2] / ".local" / "dynamodb-local"
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
    java = shutil.which("java")
    if java is None or not JARS.is_dir():
        pytest.skip("DynamoDB Local is not here: it needs Java 17 and `make dynamodb-local` (Maven)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [java, f"-Djava.library.path={JARS}", "-cp", f"{JARS}/*",
               "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-port", str(port),
               "-disableTelemetry"]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = boto3.client(
        "dynamodb",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    try:
        _wait_for(client)
        yield client
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def dynamodb_local(dynamodb_local_client: "DynamoDBClient") -> DynamoStore:
    return a_store(dynamodb_local_client)


def _wait_for(client: "DynamoDBClient") -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            client.list_tables()
        except BotoCoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
