"""Alerts from a file: what they say."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from cli import show
from shared.alerts.parse import Parsed, as_json, parse
from shared.alerts.safe_json import MAX_BYTES, loads


def content(file: str) -> bytes:
    """What the file holds (`-`: stdin), and at most one byte more than is read of any alert."""
    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as opened:
        return opened.read(MAX_BYTES + 1)


def say(file: str, source: str) -> None:
    """One JSON object for each alert in the file."""
    parsed = parse(loads(content(file)), source, datetime.now(UTC))
    for alert in parsed.alerts:
        show.json(as_json(alert))
    note(parsed)


def note(parsed: Parsed) -> None:
    """A word on what in the file is no alert."""
    if parsed.note or not parsed.alerts:
        show.aside(parsed.note or "not an alert")
