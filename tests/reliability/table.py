"""What was tried, how often, and what came of it: the rows of the table that `make reliability` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was tried: how many times, how many broke a promise, and in how many seconds."""

    what: str
    tried: int
    violations: int
    seconds: float
    remark: str = ""
