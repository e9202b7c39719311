"""An embedded AWS with functions that do what a test tells them to."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.aws.embedded import EmbeddedAws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent / "fixtures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Loopback sockets are what these tests are about."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.enable_socket)


class Rig:
    """The embedded AWS and what its functions have noted."""

    def __init__(self, folder: Path, *, state: bool = False, tick_seconds: float = 60) -> None:
        """Provision and start."""
        self.folder = folder
        self.lines: list[tuple[str, str]] = []
        environment = {
            "SEEN": str(folder / "seen"),
            "HEALED": str(folder / "healed"),
            "TICKS": str(folder / "ticks"),
            "SLACK_BOT_TOKEN": "slack",
            "JIRA_TOKEN": "jira",
        }
        self.aws = EmbeddedAws(
            ROOT,
            folder / "state" if state else None,
            environment,
            tick_seconds=tick_seconds,
            longest_hidden=3 if state else 1,
            on_log=lambda function, line: self.lines.append((function, line)),
        )
        self.aws.provision()
        self.aws.start()
        # A start on a busy machine may outlast the short time that messages stay hidden here.
        self.aws.invoke("worker", {"Records": []})
        self.sqs = self.aws.client("sqs")
        self.dynamodb = self.aws.client("dynamodb")
        self.events = self.aws.client("events")

    def send(self, **body: Any) -> str:
        """Send a message to `worker`; give its id."""
        url = self.aws.queue_url("worker")
        return str(self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))["MessageId"])

    def notes(self, message_id: str = "") -> list[dict[str, Any]]:
        """What `worker` noted about a message, oldest first."""
        items = self.dynamodb.scan(TableName="middlewatch-state", ConsistentRead=True)["Items"]
        notes = [json.loads(item["note"]["S"]) for item in items if item["key"]["S"].startswith(message_id)]
        return sorted(notes, key=lambda note: note["at"])

    def append(self, incident: str, seq: int, **attributes: str) -> None:
        """Put an item on the timeline."""
        item = {"incident_id": {"S": incident}, "seq": {"N": str(seq)}, **{k: {"S": v} for k, v in attributes.items()}}
        self.dynamodb.put_item(TableName="middlewatch-timeline", Item=item)

    def seen(self) -> list[dict[str, Any]]:
        """What `relay` has seen, in its order."""
        path = self.folder / "seen"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def left(self, queue: str = "middlewatch-worker") -> int:
        """How many messages a queue holds, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)


def until(look: Callable[[], Any], seconds: float = 10) -> Any:
    """Look until there is something to see."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            msg = "nothing happened in time"
            raise AssertionError(msg)
        time.sleep(0.02)
    return seen


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One embedded AWS for the tests of a file."""
    rig = Rig(tmp_path_factory.mktemp("aws"))
    yield rig
    rig.aws.stop()
