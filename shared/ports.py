"""What the stages need of the world, each in the fewest methods that tell the story."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.facts import Fact
from shared.history import History
from shared.writes import Write

Clock = Callable[[], datetime]
"""The time now, in UTC."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the state table: its value, and its counter (1 where it never counted)."""

    key: str
    value: dict[str, Any]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list; `next` is the cursor of the next page, empty at the end."""

    items: tuple[Item, ...]
    next: str = ""


class Timeline(Protocol):
    """The append-only timelines of all incidents."""

    def read(self, incident_id: str) -> History:
        """All that stands on the timeline, strongly consistent; an empty history where there is none."""
        ...

    def append(
        self,
        history: History,
        facts: Sequence[Fact],
        *,
        actor: str,
        caused_by: str,
        now: datetime,
        also: Sequence[Write] = (),
    ) -> History:
        """Puts `facts` behind `history` in one transaction with `also` and all that follows from them.

        Raises Conflict if anybody appended since `history` was read, Taken or Exhausted for one of `also`.
        """
        ...


class State(Protocol):
    """Everything that is not a timeline: heads, open targets, timers, budgets, deliveries, the kill switch."""

    def get(self, key: str) -> Item | None:
        """The item under `key`, strongly consistent."""
        ...

    def write(self, *writes: Write) -> None:
        """All of `writes` or none; raises Taken or Exhausted."""
        ...

    def listed(self, name: str, *, limit: int = 50, cursor: str = "", newest_first: bool = True) -> Page:
        """A page of the list `name` by position (eventually consistent)."""
        ...

    def due(self, now: datetime, *, limit: int = 100) -> tuple[Item, ...]:
        """The timers whose time has come, oldest first (eventually consistent)."""
        ...
