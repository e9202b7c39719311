"""The command against tables that a real DynamoDB client talks to, in moto on loopback."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from shared.integrations.dynamodb import DynamoStore
from shared.settings import Settings

NUMBERS = count()
Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `middlewatch` with these arguments in a wide terminal."""
    monkeypatch.setenv("COLUMNS", "300")
    runner = CliRunner()
    return lambda *arguments, **more: runner.invoke(app, list(arguments), **more)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(tmp_path_factory.mktemp("no-functions")) as aws:
        yield aws


@pytest.fixture
def store(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> DynamoStore:
    """New tables, which the command finds in its environment as a function would."""
    number = next(NUMBERS)
    names = Names(timeline=f"cli-timeline-{number}", state=f"cli-state-{number}")
    Provisioner(lambda _service: aws.client("dynamodb"), names).tables()
    environment = {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_REGION": aws.region,
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "TIMELINE_TABLE": names.timeline,
        "STATE_TABLE": names.state,
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return DynamoStore.connect(Settings.read(environment))
