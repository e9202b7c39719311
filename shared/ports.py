"""What the stages need of the world, each in the fewest methods that tell the story."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from shared.facts import Fact
from shared.history import History
from shared.writes import Write

Clock = Callable[[], datetime]
"""The time now, in UTC."""
SealKey = Literal["approval-seal", "decision-seal"]
"""The keys of seals; who may use which is said by function.yaml (see shared/seal.py)."""


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
        """All of `writes` or none; raises Taken or Exhausted for one of them, Unavailable, and no other Conflict."""
        ...

    def listed(self, name: str, *, limit: int = 50, cursor: str = "", newest_first: bool = True) -> Page:
        """A page of the list `name` by position (eventually consistent)."""
        ...

    def due(self, now: datetime, *, limit: int = 100) -> tuple[Item, ...]:
        """The timers whose time has come, oldest first (eventually consistent)."""
        ...


class Store(Timeline, State, Protocol):
    """Both in one adapter, as every adapter has them."""


@dataclass(frozen=True, slots=True)
class Post:
    """One chat message: the one-line text that a lock screen shows, and the Block Kit blocks that the channel shows."""

    text: str
    blocks: tuple[dict[str, Any], ...] = ()


class Chat(Protocol):
    """A chat in which messages can be found again and changed. Every method raises Unavailable, Unclear or Refused."""

    def post(self, channel: str, post: Post, key: str, thread: str = "") -> str:
        """Says it (under the message `thread` where given) and returns the message's id; `find` knows it by `key`."""
        ...

    def find(self, channel: str, key: str, thread: str = "") -> str | None:
        """The id of the recent message that was posted under `key`."""
        ...

    def update(self, message_id: str, post: Post) -> None:
        """Replaces what the message says."""
        ...

    def whisper(self, channel: str, user: str, text: str) -> None:
        """Says it to one user of the channel alone."""
        ...

    def open_view(self, trigger: str, view: dict[str, Any]) -> str:
        """Opens a dialog for whoever pulled `trigger` in the last 3 s, and returns its id."""
        ...

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        """Replaces what an open dialog shows."""
        ...


class Tickets(Protocol):
    """A ticket system. Every method raises Unavailable, Unclear or Refused."""

    def create(self, project: str, kind: str, summary: str, description: str, label: str) -> str:
        """Creates a ticket and returns its key."""
        ...

    def find(self, project: str, label: str) -> str | None:
        """The key of the ticket with that label."""
        ...

    def comment(self, key: str, text: str, mark: str) -> str:
        """Adds a comment that carries `mark`, and returns its id."""
        ...

    def commented(self, key: str, mark: str) -> str | None:
        """The id of the comment that carries `mark`."""
        ...

    def move(self, key: str, name: str) -> bool:
        """Makes the transition of that name, or to the state of that name; False where there is none from here."""
        ...

    def url(self, key: str) -> str:
        """Where people read the ticket."""
        ...


class Mail(Protocol):
    """A way to send e-mail; raises Unavailable, Unclear or Refused."""

    def send(self, subject: str, text: str, html: str) -> str:
        """Sends it to the configured recipients and returns the message's id."""
        ...


class Seals(Protocol):
    """Codes that only those may make who are allowed to, and that others can check. Both raise Unavailable."""

    def make(self, key: SealKey, message: bytes) -> str:
        """The code of `message` under `key`, in base64."""
        ...

    def holds(self, key: SealKey, message: bytes, code: str) -> bool:
        """Whether `code` was made of exactly this message under this key; False for what is no code at all."""
        ...
