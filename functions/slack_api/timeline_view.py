"""The dialog that shows a timeline; pure. Slack takes 100 blocks of 3,000 characters, and 250,000 in all."""

from collections.abc import Sequence
from typing import Any

from shared.entry import Entry
from shared.history import History
from shared.mrkdwn import Block, moment, safe
from shared.sentences import sentence

MOST = 90
"""Entries that are shown, each a block of its own; of a longer timeline the first few and the newest."""
FIRST = 10


def loading() -> dict[str, Any]:
    """What is shown until the timeline has been read."""
    return _view([_block("Reading the timeline …")])


def timeline(history: History) -> dict[str, Any]:
    """One line for each entry: when, by whom, and what."""
    entries, left_out = history.entries, len(history.entries) - MOST
    if left_out > 0:
        note = [_block(f"… {left_out} entries are left out here; `middlewatch incidents timeline` shows them all.")]
        shown = [
            *_lines(entries[:FIRST]),
            *note,
            *_lines(entries[FIRST + left_out :]),
        ]
    else:
        shown = _lines(entries)
    return _view([_block(_heading(history)), *shown])


def sorry(why: str) -> dict[str, Any]:
    """What is shown where there is no timeline to show."""
    return _view([_block(safe(why))])


def _heading(history: History) -> str:
    incident = history.incident
    stands = f"{incident.status}, {incident.phase}" if incident.status == "open" else incident.status
    about = f"{safe(incident.service, 60)}: " if incident.service else ""
    return f"*{about}{safe(incident.title)}*\n{safe(history.incident_id)}, {stands}"


def _lines(entries: Sequence[Entry]) -> list[Block]:
    """The day is said where it changes."""
    before = [None, *(entry.at.date() for entry in entries)]
    return [_line(entry, day=entry.at.date() != day) for entry, day in zip(entries, before, strict=False)]


def _line(entry: Entry, *, day: bool) -> Block:
    who = safe(entry.actor.replace("_", " "), 40)
    return _block(f"{moment(entry.at, day=day, seconds=True)} *{who}* {safe(sentence(entry.fact))}")


def _block(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _view(blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Timeline"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks,
    }
