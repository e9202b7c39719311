"""A stack on which stories are played again and again, and what must hold after each, whatever went wrong in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from local.stack import ROOT, SECONDS, STANDIN_SECRETS, Stack
from local.standins.slack.clicks import Clicks
from local.standins.slack.workspace import Workspace
from local.world.stage import Stage
from shared import facts
from shared.entry import broken_link
from shared.errors import Unavailable
from shared.integrations.dynamodb import DynamoStore
from shared.integrations.slack import EVENT
from shared.listing import incidents
from tests.reliability.moments import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.history import History

T = TypeVar("T")
QUICK: dict[str, float | str] = {
    **SECONDS,
    "HOLD_SECONDS": 1,
    "REOPEN_SECONDS": 1,
    "STALL_SECONDS": 12,
    "CHECK_WINDOW_SECONDS": 1,
    "CHECK_LIMIT_SECONDS": 40,
    "DEAD_AFTER_SECONDS": 3,
    "ACTIONS_PER_HOUR": 1000,
    "ACTIONS_PER_TARGET_PER_HOUR": 1000,
}
COMES_BACK = 3.0
"""Seconds until a message whose function died is tried again."""
PATIENCE = 60.0
"""Seconds that one step may take on a machine with two busy cores, with what goes wrong on the way."""
ONCE = (
    facts.IncidentOpened, facts.ActionProposed, facts.ApprovalRequested, facts.ApprovalGiven, facts.ActionStarted,
    facts.ActionCompleted, facts.ActionFailed, facts.ActionOutcomeUnknown, facts.RecoveryVerified, facts.RecoveryFailed,
    facts.TicketCreated, facts.IncidentResolved, facts.IncidentClosed,
)  # fmt: skip
"""Facts that a story about one alarm and one action has at most once."""


class Theatre:
    """A running stack, the world's levers, the stand-ins' memories, and a watch over every AWS request."""

    def __init__(self, folder: Path, **settings: float | str) -> None:
        """Start a stack with a configuration that does not count actions per hour: many stories share one hour."""
        self.stack = Stack(
            folder / "state",
            speed=4.0,
            tick_seconds=0.3,
            settings=QUICK | settings,
            config_dir=_generous(folder / "config"),
            longest_hidden=COMES_BACK,
        )
        self.broken = False
        self.stack.start()
        self.world = Stage(self.stack.world_url)
        self.functions = tuple(self.stack.aws.specs)
        self.watch = Watch(self.functions)
        self.stack.aws.inject(self.watch)
        names = self.stack.aws.names
        self.store = DynamoStore(
            self.stack.aws.client("dynamodb"), names.timeline, names.state, stall=timedelta(seconds=12)
        )

    def restart(self) -> None:
        """Restart the whole emulator."""
        self.stack.aws.restart()
        self.stack.aws.inject(self.watch)

    def kill(self, function: str) -> None:
        """Kill a function's processes."""
        self.stack.aws.kill(function)

    def slack(self) -> dict[str, Any]:
        """All that Slack holds."""
        return _json("GET", f"{self.stack.slack_url}/_standin/messages")

    def tickets(self, incident_id: str) -> list[dict[str, Any]]:
        """The tickets of an incident."""
        issues = _json("GET", f"{self.stack.jira_url}/_standin/tickets")["issues"]
        return [issue for issue in issues if f"middlewatch-{incident_id}" in issue["fields"]["labels"]]

    def outage(self, url: str, mode: str, seconds: float = 1.0) -> None:
        """Let a stand-in fail."""
        _json("POST", f"{url}/_standin/outage", {"mode": mode, "seconds": seconds})

    def act(self, what: str, **asked: object) -> dict[str, Any]:
        """Have a person do something in Slack; the answer's `status` is what our API said, 0 for nothing in 3 s."""
        return _json("POST", f"{self.stack.slack_url}/_standin/{what}", asked)

    def press(self, user: str, button: str, **asked: object) -> dict[str, Any]:
        """Press a button as a person does: again, when Slack shows that the app did not answer."""

        def heard() -> dict[str, Any] | None:
            told = self.act("click", user=user, action_id=button, **asked)
            return told if told.get("status") == 200 else None

        return until(heard, lambda: f"{user} pressed {button} and was not heard")

    def whispers(self, user: str) -> list[str]:
        """What only this person was told, oldest first."""
        return [message["text"] for message in self.slack()["ephemerals"] if message["to"] == user]

    @contextlib.contextmanager
    def story(self, service: str = "payments", fault: str | None = None) -> Iterator[Story]:
        """Break a service and yield its incident; what goes wrong in between makes the theatre useless for others."""
        self.stack.renew_world()
        before = self._updates(service)
        known = {item.value["incident_id"] for item in incidents(self.store, ["open", "resolved", "closed"]).items}
        self.world.break_(service, fault)
        try:
            yield Story(self, service, known, before)
        except BaseException:
            self.broken = True
            raise
        finally:
            self.watch.answer = None

    def _updates(self, service: str) -> int:
        return int(self.world.state()["services"][service]["updates"])

    def left(self) -> dict[str, int]:
        """How many messages each queue holds, hidden ones too, where it holds any."""
        sqs = self.stack.aws.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = {}
        for url in sqs.list_queues()["QueueUrls"]:
            held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            counts[url.rpartition("/")[2]] = sum(int(held[name]) for name in names)
        return {name: count for name, count in counts.items() if count}


@dataclass
class Story:
    """One incident from its alarm on."""

    theatre: Theatre
    service: str
    known: set[str]
    updates_before: int
    incident_id: str = ""
    unread: Exception | None = None

    def history(self) -> History | None:
        """The timeline as it stands; None before there is one, or while the tables do not answer."""
        try:
            if not self.incident_id:
                heads = [item.value for item in incidents(self.theatre.store, ["open", "resolved", "closed"]).items]
                mine = [
                    head for head in heads if head["service"] == self.service and head["incident_id"] not in self.known
                ]
                if not mine:
                    return None
                self.incident_id = str(mine[-1]["incident_id"])
            return self.theatre.store.read(self.incident_id)
        except (Unavailable, BotoCoreError, ClientError) as error:
            self.unread = error
            return None

    def until(self, *kinds: type[facts.Fact], seconds: float = PATIENCE) -> History:
        """The timeline once it has one of these facts."""

        def there() -> History | None:
            history = self.history()
            return history if history and any(isinstance(entry.fact, kinds) for entry in history.entries) else None

        return until(there, lambda: f"no {[kind.__name__ for kind in kinds]} in {self.told()}", seconds)

    def until_asked(self) -> History:
        """The timeline once Slack has the question with its buttons."""
        history = self.until(facts.ApprovalRequested)
        about = next(entry.id for entry in history.entries if isinstance(entry.fact, facts.ApprovalRequested))

        def asked() -> History | None:
            now = self.history()
            sent = [entry.fact for entry in now.entries] if now else []
            return now if any(isinstance(fact, facts.MessageSent) and fact.about == about for fact in sent) else None

        return until(asked, lambda: f"no question in {self.told()}")

    def end(self) -> History:
        """The timeline once the incident is closed and every queue is empty."""
        self.until(facts.IncidentClosed)
        until(lambda: not self.theatre.left() or None, lambda: f"messages are left: {self.theatre.left()}")
        history = self.history()
        assert history is not None
        return history

    def told(self) -> list[str]:
        """The types of the facts so far, or why they cannot be read."""
        history = self.history()
        return [entry.fact.type for entry in history.entries] if history else [f"nothing ({self.unread})"]

    def updates(self) -> int:
        """How often ECS was told to change the service in this story."""
        return self.theatre._updates(self.service) - self.updates_before  # noqa: SLF001 - a part of the theatre

    def nothing_twice(self, history: History, *, effects: int = 1, mails_lost_track_of: int = 0) -> None:
        """Asserts that nothing was done, said or ticketed twice, and that the chain is whole.

        Slack's messages and Jira's comments carry their key, so that after any crash the first is found and none is
        said twice. An e-mail cannot be looked up: each crash between its sending and its record may say it once more.
        """
        assert broken_link(history.entries) == ""
        assert [entry.seq for entry in history.entries] == list(range(1, len(history.entries) + 1))
        counted = Counter(type(entry.fact) for entry in history.entries)
        assert {kind.__name__: counted[kind] for kind in ONCE if counted[kind] > 1} == {}
        assert self.updates() == effects, self.told()
        self._said_once()
        mails = sum(n for subject, n in self.theatre.watch.mails.items() if self.incident_id in subject)
        assert mails <= counted[facts.IncidentEscalated] + counted[facts.IncidentResolved] + mails_lost_track_of
        assert {name: count for name, count in self.theatre.left().items() if name.endswith("-dlq")} == {}
        assert self.theatre.store.listed("quarantine", limit=5).items == ()

    def _said_once(self) -> None:
        messages = [message for place in self.theatre.slack()["messages"].values() for message in place]
        tags = [message.get("metadata", {}) for message in messages]
        said = Counter(tag["event_payload"]["key"] for tag in tags if tag.get("event_type") == EVENT)
        assert {key: n for key, n in said.items() if n > 1} == {}
        assert any(self.incident_id in key for key in said)
        tickets = self.theatre.tickets(self.incident_id)
        assert len(tickets) <= 1
        for ticket in tickets:
            marks = Counter(re.findall(r"INC-\w+-\w+/\d+", _text(ticket["fields"]["comment"])))
            assert {mark: n for mark, n in marks.items() if n > 1} == {}


def of(history: History, kind: type[T]) -> list[T]:
    """The facts of one kind on a timeline."""
    return [entry.fact for entry in history.entries if isinstance(entry.fact, kind)]


class Screen:
    """Slack as somebody's screen shows it from now on: it does not follow, so that old buttons can be pressed."""

    def __init__(self, theatre: Theatre, secret: str = STANDIN_SECRETS["SLACK_SIGNING_SECRET"]) -> None:
        """Copy what Slack shows now; clicks are signed with `secret`."""
        shown = theatre.slack()
        space = Workspace(channels=shown["channels"], messages=shown["messages"])
        url = f"{theatre.stack.api_url}/slack"
        self._clicks = Clicks(space, secret, f"{url}/actions", f"{url}/commands", theatre.stack.slack_url)

    def click(self, user: str, button: str) -> int:
        """Press the newest button of that kind; the status that our API answered, 0 for nothing in 3 s."""
        return asyncio.run(self._clicks.click(user, {"action_id": button})).status

    def press(self, user: str, button: str) -> None:
        """Press it until our API answers."""
        until(lambda: self.click(user, button) == 200 or None, lambda: f"{user} pressed {button} and was not heard")


def until(look: Callable[[], T | None], why: Callable[[], str], seconds: float = PATIENCE) -> T:
    """Look until there is something to see; TimeoutError that says why otherwise."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(why())
        time.sleep(0.05)
    return seen


def _json(method: str, url: str, body: object = None) -> dict[str, Any]:
    answer = urllib3.request(method, url, json=body, timeout=10.0, retries=False)
    told: dict[str, Any] = json.loads(answer.data)
    return told


def _text(value: object) -> str:
    return json.dumps(value)


def _generous(folder: Path) -> Path:
    """The repository's configuration, with room for as many actions and messages an hour as tests want."""
    folder.mkdir(parents=True)
    for path in sorted((ROOT / "config").rglob("*")):
        if path.is_file():
            copy = folder / path.relative_to(ROOT / "config")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    services = folder / "services.yaml"
    text = re.sub(r"(actions_per(?:_target_per)?_hour): \d+", r"\1: 1000", services.read_text("utf-8"))
    text = re.sub(r"(messages|prompts|emails)_per_hour: \d+", r"\1_per_hour: 100000", text)
    services.write_text(text, "utf-8")
    return folder
