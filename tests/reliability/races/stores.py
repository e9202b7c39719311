"""The real stores that races are run on: the launcher's moto, and DynamoDB Local."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from local.aws.embedded import EmbeddedAws

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JARS = Path(__file__).parents[3] / ".local" / "dynamodb-local"
AS_FUNCTIONS = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=30)
"""The SDK as functions have it (`DynamoStore.connect`), but for the patience that a busy machine needs."""
Connect = Callable[[], "DynamoDBClient"]
"""A client of its own for everyone who asks."""


@contextmanager
def moto() -> Iterator[Connect]:
    """The launcher's moto, over HTTP."""
    with tempfile.TemporaryDirectory() as nothing, EmbeddedAws(Path(nothing)) as aws:
        yield lambda: _client(aws.endpoint, aws.region)


def missing() -> str:
    """Why DynamoDB Local cannot be run here; empty where it can."""
    if shutil.which("java") is None or not JARS.is_dir():
        return "DynamoDB Local is not here: it needs Java 17 and `make dynamodb-local` (Maven)"
    return ""


@contextmanager
def dynamodb_local() -> Iterator[Connect]:
    """DynamoDB Local, in memory, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(shutil.which("java")), f"-Djava.library.path={JARS}", "-cp", f"{JARS}/*",
               "com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-port", str(port),
               "-disableTelemetry"]  # fmt: skip
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _wait_for(_client(endpoint, "eu-west-1"))
        yield lambda: _client(endpoint, "eu-west-1")
    finally:
        server.terminate()
        server.wait()


def _client(endpoint: str, region: str) -> "DynamoDBClient":
    made: Any = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="AKIALOCALOPERATOR000",
        aws_secret_access_key="local",
        config=AS_FUNCTIONS,
    )
    return made  # type: ignore[no-any-return]


def _wait_for(client: "DynamoDBClient") -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client.list_tables()
        except BotoCoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return
