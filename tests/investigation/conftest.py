from collections.abc import Iterator

import pytest

from tests.investigation.demo import Demo, demo


@pytest.fixture
def world() -> Iterator[Demo]:
    with demo() as started:
        yield started
