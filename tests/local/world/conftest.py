from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.world.stage import staged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.world.stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage
