"""What may be written to the state table, alone or in one transaction with new entries of a timeline."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Claim:
    """Holds `key` if nobody does; otherwise the whole transaction fails with `Taken`."""

    key: str
    value: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Sets `key`, whatever was there.

    `listed` puts it on a list (name, position); `due` on the list of timers; `when` demands that what is there now has
    exactly that value (otherwise `Taken`). `count` sets the counter (None: it starts anew).
    """

    key: str
    value: Mapping[str, Any]
    count: int | None = None
    listed: tuple[str, str] | None = None
    due: datetime | None = None
    expires_at: datetime | None = None
    when: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Removes `key`; where `when` is given, only if exactly that value is there (otherwise `Taken`)."""

    key: str
    when: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """Takes one of at most `limit` from the budget `key`; fails with `Exhausted` when there is none left."""

    key: str
    limit: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """Adds one to the counter of the existing `key`; fails with `Taken` where there is none."""

    key: str


Write = Claim | Put | Release | Spend | Count


def one_each(writes: Iterable[Write]) -> list[Write]:
    """At most one write of each key, as a transaction wants it.

    The later one is the newer truth; a condition that an earlier one sets (`when`) still has to hold.
    """
    unique: dict[str, Write] = {}
    for write in writes:
        earlier = unique.get(write.key)
        if isinstance(earlier, Put) and isinstance(write, Put) and write.when is None:
            unique[write.key] = replace(write, when=earlier.when)
        else:
            unique[write.key] = write
    return list(unique.values())
