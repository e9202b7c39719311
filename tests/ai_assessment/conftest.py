from collections.abc import Iterator

import pydantic_ai.models
import pytest

from local.world.stage import Stage, staged


@pytest.fixture(autouse=True)
def no_model_can_be_called() -> Iterator[None]:
    with pydantic_ai.models.override_allow_model_requests(allow_model_requests=False):
        yield


@pytest.fixture
def world() -> Iterator[Stage]:
    with staged() as stage:
        yield stage
