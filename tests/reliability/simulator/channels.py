"""Slack and Jira as the product's own clients see them: what was said, and what people can press."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

from jira import JIRAError
from requests import ConnectTimeout, ReadTimeout
from slack_sdk.errors import SlackApiError

from tests.reliability.simulator.loop import Loop


@dataclass
class Said:
    """One message in Slack: when, on what message's account, under which key, in which thread, and what it shows."""

    at: float
    about: str
    ts: str
    key: str
    thread: str
    text: str
    buttons: tuple[tuple[str, str], ...]
    edits: int = 0


def _buttons(blocks: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        (str(each["action_id"]), str(each["value"]))
        for block in blocks or ()
        for each in block.get("elements", ())
        if "action_id" in each
    )


@dataclass
class Slack:
    """Slack's Web API as slack_sdk's WebClient offers it; `asked` hears of each new message that has buttons."""

    loop: Loop
    asked: Callable[[Said], None]
    said: list[Said] = field(default_factory=list)
    whispered: int = 0
    name: str = "slack"

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        match how:
            case "unreachable":
                return URLError(ConnectionRefusedError(f"{call}: refused"))
            case "time-out":
                return TimeoutError(f"{call}: timed out")
            case "5xx":
                return _slack_error(500, "internal_error")
            case "refused":
                return _slack_error(200, "msg_too_long")
        return _slack_error(429, "ratelimited")

    def chat_postMessage(  # noqa: N802 - slack_sdk's name
        self, *, channel: str, text: str, blocks: Any, thread_ts: str | None, metadata: dict[str, Any], **_: Any
    ) -> dict[str, str]:
        """Says it, each time anew."""
        key = str(metadata["event_payload"]["key"])
        return self.loop.call(
            self, "chat.postMessage", lambda: self._post(channel, text, key, thread_ts or "", _buttons(blocks))
        )

    def conversations_history(self, *, limit: int, **_: Any) -> dict[str, Any]:
        """The newest messages of the channel."""
        return self.loop.call(self, "conversations.history", lambda: self._found("", limit))

    def conversations_replies(self, *, ts: str, limit: int, **_: Any) -> dict[str, Any]:
        """The newest messages of a thread."""
        return self.loop.call(self, "conversations.replies", lambda: self._found(ts, limit))

    def chat_update(self, *, ts: str, text: str, blocks: Any, **_: Any) -> None:
        """Replaces what a message says."""
        self.loop.call(self, "chat.update", lambda: self._update(ts, text, _buttons(blocks)))

    def views_open(self, **_: Any) -> dict[str, Any]:
        """No dialog can be opened."""
        raise self.failure("refused", "views.open")

    def chat_postEphemeral(self, **_: Any) -> None:  # noqa: N802 - slack_sdk's name
        """Whispers."""
        self.loop.call(self, "chat.postEphemeral", self._whisper)

    def _whisper(self) -> None:
        self.whispered += 1

    def _post(
        self, channel: str, text: str, key: str, thread: str, buttons: tuple[tuple[str, str], ...]
    ) -> dict[str, str]:
        running = self.loop.running
        ts = f"{len(self.said) + 1}.0"
        said = Said(self.loop.now, running.about if running is not None else "", ts, key, thread, text, buttons)
        self.said.append(said)
        if buttons and not thread:
            self.asked(said)
        return {"channel": channel, "ts": ts}

    def _found(self, thread: str, limit: int) -> dict[str, Any]:
        found = [each for each in reversed(self.said) if each.thread == thread][:limit]
        return {
            "messages": [
                {"ts": each.ts, "metadata": {"event_type": "middlewatch", "event_payload": {"key": each.key}}}
                for each in found
            ]
        }

    def _update(self, ts: str, text: str, buttons: tuple[tuple[str, str], ...]) -> None:
        said = self.said[int(ts.partition(".")[0]) - 1]
        said.text, said.buttons = text, buttons
        said.edits += 1


def _slack_error(status: int, code: str) -> SlackApiError:
    data = {"ok": False, "error": code}
    reply = SimpleNamespace(status_code=status, data=data, headers={"Retry-After": "7"} if status == 429 else {})
    return SlackApiError(code, reply)  # type: ignore[no-untyped-call]


@dataclass
class Ticket:
    """One ticket."""

    key: str
    label: str
    comments: list[str] = field(default_factory=list)
    state: str = "To Do"


@dataclass
class Jira:
    """Jira as the client `jira.JIRA` offers it."""

    loop: Loop
    tickets: list[Ticket] = field(default_factory=list)
    name: str = "jira"
    _is_cloud: bool = False

    def failure(self, how: str, call: str) -> Exception:
        """See Port."""
        match how:
            case "unreachable":
                return ConnectTimeout(call)
            case "time-out":
                return ReadTimeout(call)
            case "5xx":
                return JIRAError("failed", status_code=500)
        return JIRAError("busy", status_code=429)

    def create_issue(self, *, fields: dict[str, Any], **_: Any) -> Any:
        """Creates it, each time anew."""
        return self.loop.call(self, "issue.create", lambda: self._create(fields["labels"][0]))

    def search_issues(self, jql: str, **_: Any) -> list[Any]:
        """The oldest ticket with the label that the query names."""
        return self.loop.call(
            self,
            "issue.search",
            lambda: [SimpleNamespace(key=each.key) for each in self.tickets if f'"{each.label}"' in jql][:1],
        )

    def add_comment(self, key: str, body: str) -> Any:
        """Adds it, each time anew."""
        return self.loop.call(self, "issue.comment", lambda: self._comment(key, body))

    def comments(self, key: str) -> list[Any]:
        """All comments of a ticket."""
        return self.loop.call(
            self,
            "issue.comments",
            lambda: [SimpleNamespace(id=str(n), body=body) for n, body in enumerate(self._ticket(key).comments)],
        )

    def transitions(self, _key: str) -> list[dict[str, Any]]:
        """The same from everywhere."""
        names = ("To Do", "In Progress", "Done")
        return self.loop.call(
            self, "issue.transitions", lambda: [{"id": name, "name": name, "to": {"name": name}} for name in names]
        )

    def transition_issue(self, key: str, name: str) -> None:
        """Moves it."""
        self.loop.call(self, "issue.move", lambda: setattr(self._ticket(key), "state", name))

    def _create(self, label: str) -> Any:
        self.tickets.append(Ticket(f"OPS-{len(self.tickets) + 1}", label))
        return SimpleNamespace(key=self.tickets[-1].key)

    def _comment(self, key: str, body: str) -> Any:
        comments = self._ticket(key).comments
        comments.append(body)
        return SimpleNamespace(id=str(len(comments) - 1))

    def _ticket(self, key: str) -> Ticket:
        return next(each for each in self.tickets if each.key == key)
