"""How much of an exhaustive test runs: a seeded share by default, all of it with RELIABILITY=all."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
SEED = int(os.environ.get("RELIABILITY_SEED", "1"))
"""Another seed chooses another share; it is part of no test's name, so say it when you report a failure."""


def share(cases: Sequence[T], size: int) -> list[T]:
    """Every case with RELIABILITY=all, otherwise `size` of them, the same in every process."""
    if os.environ.get("RELIABILITY") == "all":
        return list(cases)
    return random.Random(SEED).sample(list(cases), size)
