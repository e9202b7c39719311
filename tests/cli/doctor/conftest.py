import pytest

from cli.doctor.stack import Stack
from local.aws.embedded import EmbeddedAws
from tests.cli.conftest import NUMBERS
from tests.cli.doctor.deployed import Client, deploy


@pytest.fixture
def deployed(aws: EmbeddedAws) -> tuple[Stack, Client]:
    """A healthy deployment of its own."""
    return deploy(aws, f"watch-{next(NUMBERS)}")
