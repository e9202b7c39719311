"""A chat, a mailbox and a queue of clicks in memory, which can be told to fail."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from shared.click import Click
from shared.errors import MiddlewatchError, Refused, Unavailable
from shared.ports import Post


@dataclass
class Shown:
    id: str
    channel: str
    post: Post
    key: str
    thread: str
    edits: int = 0

    @property
    def lines(self) -> str:
        return str(self.post.blocks[0]["text"]["text"])

    @property
    def buttons(self) -> list[str]:
        return [str(each["action_id"]) for block in self.post.blocks for each in block.get("elements", ())]


@dataclass
class MemoryChat:
    """Each call raises the next of `fails`; each of `lost` is the reply of a post that happens all the same."""

    messages: list[Shown] = field(default_factory=list)
    whispers: list[tuple[str, str, str]] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)
    fails: list[MiddlewatchError] = field(default_factory=list)
    lost: list[MiddlewatchError] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def post(self, channel: str, post: Post, key: str, thread: str = "") -> str:
        self._fail()
        shown = Shown(f"{channel}/{next(self.numbers)}.0", channel, post, key, thread)
        self.messages.append(shown)
        if self.lost:
            raise self.lost.pop(0)
        return shown.id

    def find(self, channel: str, key: str, thread: str = "") -> str | None:
        self._fail()
        found = (m.id for m in self.messages if (m.channel, m.key, m.thread) == (channel, key, thread))
        return next(found, None)

    def update(self, message_id: str, post: Post) -> None:
        self._fail()
        shown = self._message(message_id)
        shown.post = post
        shown.edits += 1

    def whisper(self, channel: str, user: str, text: str) -> None:
        self._fail()
        self.whispers.append((channel, user, text))

    def open_view(self, trigger: str, view: dict[str, Any]) -> str:
        self._fail()
        if not trigger:
            message = "Slack's 3 seconds for opening a dialog are over: click again"
            raise Refused(message)
        view_id = f"V{next(self.numbers)}"
        self.views[view_id] = view
        return view_id

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        self._fail()
        if view_id not in self.views:
            message = "there is no such dialog"
            raise Refused(message)
        self.views[view_id] = view

    @property
    def top(self) -> list[Shown]:
        """What stands in channels, threads left out."""
        return [message for message in self.messages if not message.thread]

    def _message(self, message_id: str) -> Shown:
        for message in self.messages:
            if message.id == message_id:
                return message
        message_gone = "the message was deleted"
        raise Refused(message_gone)

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop(0)


@dataclass
class MemoryMail:
    letters: list[tuple[str, str, str]] = field(default_factory=list)
    fails: list[MiddlewatchError] = field(default_factory=list)

    def send(self, subject: str, text: str, html: str) -> str:
        if self.fails:
            raise self.fails.pop(0)
        self.letters.append((subject, text, html))
        return f"mail-{len(self.letters)}"


@dataclass
class MemoryClicks:
    clicks: list[Click] = field(default_factory=list)
    down: bool = False

    def send(self, click: Click) -> None:
        if self.down:
            message = "the queue does not answer"
            raise Unavailable(message)
        self.clicks.append(click)
