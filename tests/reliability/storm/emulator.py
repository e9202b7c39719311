"""The same storm through the emulator, with a process of its own for every function.

`python -m tests.reliability.storm.emulator`.

`--alerts 5000` is the long form. The services of the storm do not exist in the emulator's world, so that each of their
incidents ends with people; what has to hold is that none is lost, and that no channel gets more than its hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import urllib3
import yaml

from local.stack import ROOT, SECONDS, Stack
from shared import facts, keys
from shared.alerts.parse import parse
from shared.configuration import load, located
from shared.entry import broken_link
from shared.integrations.dynamodb import DynamoStore
from shared.integrations.slack import EVENT
from shared.listing import incidents
from shared.settings import Settings
from tests.reliability.storm.weather import ACCOUNT, alerts, name_of
from tests.reliability.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.config import Config

STORM = {"messages_per_hour": 300, "prompts_per_hour": 10, "emails_per_hour": 20, "together_seconds": 30}
IN_A_BATCH = 10
QUIET = 3.0
"""Seconds for which every queue has to be empty before we take it to be over."""


def run(size: int, seed: int, patience: float = 3600) -> list[Row]:
    """The rows of `size` alerts about a twentieth as many services, through a stack of its own."""
    services = max(5, size // 50)
    with TemporaryDirectory() as folder, ExitStack() as opened:
        config_dir = configured(Path(folder) / "config", services)
        settings = {**SECONDS, "HOLD_SECONDS": 60, "STALL_SECONDS": 120, "EVIDENCE_SECONDS": 3}
        stack = opened.enter_context(
            Stack(Path(folder) / "state", tick_seconds=2.0, settings=settings, config_dir=config_dir)
        )
        sqs = stack.aws.client("sqs")
        names = stack.aws.names
        store = DynamoStore(
            stack.aws.client("dynamodb"),
            names.timeline,
            names.state,
            Settings(timeline_table="", state_table="").span("stall"),
        )
        began = time.monotonic()
        sent = _send(sqs, names.queue("alert_intake"), [body for _, body in alerts(size, services, seed)])
        over = _over(sqs, began + patience)
        seconds = time.monotonic() - began
        slack = urllib3.request("GET", f"{stack.slack_url}/_standin/messages", timeout=30.0).json()
        config = load(config_dir)
        lost = _lost(store, config, size, services, seed)
        return _rows(store, config, _held(sqs), slack, lost, sent, seconds, over=over)


def configured(folder: Path, services: int) -> Path:
    """The starter configuration with the services of the storm, written as a team would."""
    folder.mkdir(parents=True)
    for path in (ROOT / "config").rglob("*"):
        if path.is_file():
            copy = folder / path.relative_to(ROOT / "config")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    file = folder / "services.yaml"
    content = yaml.safe_load(file.read_text("utf-8"))
    content["storm"] |= STORM
    content["services"] += [
        {
            "name": name_of(number),
            "target": f"ecs:shop/{name_of(number)}",
            "tier": "critical" if number % 10 == 0 else "standard",
            "owner": "storm",
            "mode": "observe",
            "approvers": ["on-call"],
        }
        for number in range(services)
    ]
    file.write_text(yaml.safe_dump(content), "utf-8")
    return folder


def _send(sqs: Any, name: str, bodies: list[str]) -> int:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    for start in range(0, len(bodies), IN_A_BATCH):
        batch = bodies[start : start + IN_A_BATCH]
        entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(batch)]
        assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
    return len(bodies)


def _held(sqs: Any) -> dict[str, int]:
    counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    held = {}
    for url in sqs.list_queues()["QueueUrls"]:
        said = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counted)["Attributes"]
        held[url.rpartition("/")[2]] = sum(int(said[name]) for name in counted)
    return held


def _over(sqs: Any, deadline: float) -> bool:
    """Waits until every queue of a function has been empty for a while."""
    empty_since = 0.0
    while time.monotonic() < deadline:
        left = sum(count for name, count in _held(sqs).items() if not name.endswith("-dlq"))
        now = time.monotonic()
        empty_since = 0.0 if left else empty_since or now
        if empty_since and now - empty_since > QUIET:
            return True
        time.sleep(1)
    return False


def _rows(
    store: DynamoStore,
    config: Config,
    held: dict[str, int],
    slack: dict[str, Any],
    lost: list[str],
    sent: int,
    seconds: float,
    *,
    over: bool,
) -> list[Row]:
    histories = [store.read(head["incident_id"]) for head in _heads(store)]
    unheard = [h.incident_id for h in histories if h.incident.calls or not _told(h, facts.MessageSent)]
    broken = [h.incident_id for h in histories if broken_link(h.entries)]
    dead = {name: count for name, count in held.items() if name.endswith("-dlq") and count}
    kept = len(store.listed("quarantine", limit=50).items)
    said = Counter(
        channel
        for channel, messages in slack["messages"].items()
        for message in messages
        if (message.get("metadata") or {}).get("event_type") == EVENT
    )
    together = json.dumps(slack["messages"]).count("sent#together#")
    most = config.storm.messages_per_hour * 2  # the hour may turn meanwhile
    many = {channel: count for channel, count in said.items() if count > most}
    remark = f"{sent / seconds:.1f} alerts/s to the last message" + ("" if over else "; it was not over in time")
    return [
        Row("storm through the emulator: alerts, none lost", sent, len(lost) + (not over), seconds, remark),
        Row("storm through the emulator: incidents that people heard of", len(histories), len(unheard), 0.0),
        Row("storm through the emulator: chains whole", len(histories), len(broken), 0.0),
        Row(
            "storm through the emulator: dead letters, quarantined",
            sent,
            sum(dead.values()) + kept,
            0.0,
            str(dead or ""),
        ),
        Row(
            "storm through the emulator: Slack messages", sum(said.values()), len(many), 0.0, f"{together} told of many"
        ),
    ]


def _heads(store: DynamoStore) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = incidents(store, ["open", "resolved", "closed"], limit=100, cursor=cursor)
        found += [item.value for item in page.items]
        cursor = page.next
        if not cursor:
            return found


def _told(history: Any, kind: type[Any]) -> bool:
    return any(isinstance(entry.fact, kind) for entry in history.entries)


def _lost(store: DynamoStore, config: Config, size: int, services: int, seed: int) -> list[str]:
    lost = []
    for _, body in alerts(size, services, seed):
        for alert in parse(loads(body), "auto", now=_far()).alerts:
            key = keys.delivery(located(config, alert, account=ACCOUNT, region="eu-west-1").delivery)
            cleared = alert.state != "firing" and store.get(f"cleared#{alert.fingerprint}")
            if store.get(key) is None and not cleared:
                lost.append(key)
    return lost


def _far() -> Any:
    from datetime import UTC, datetime  # noqa: PLC0415 - only here

    return datetime(2100, 1, 1, tzinfo=UTC)


def main(play: Callable[..., list[Row]] = run) -> int:
    """Play it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=3600)
    asked = parser.parse_args()
    rows = play(asked.alerts, asked.seed, asked.patience)
    for row in rows:
        sys.stdout.write(f"{row.what:<60} {row.tried:>7,} {row.violations:>6} {row.seconds:>8.1f}  {row.remark}\n")
    return int(any(row.violations for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
