from collections.abc import Iterator

import pytest

from local.world.stage import Stage, staged


@pytest.fixture
def world() -> Iterator[Stage]:
    with staged() as stage:
        yield stage
