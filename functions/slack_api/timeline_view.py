"""The dialog that shows a timeline; pure. Slack takes 100 blocks of 3,000 characters, and 250,000 in all."""

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
    """One line for each entry: when, what, and by whom."""
    entries, left_out = history.entries, len(history.entries) - MOST
    if left_out > 0:
        note = [_block(f"… {left_out} entries are left out here; `middlewatch incidents timeline` shows them all.")]
        shown = [
            *map(_line, entries[:FIRST]),
            *note,
            *map(_line, entries[FIRST + left_out :]),
        ]
    else:
        shown = [_line(entry) for entry in entries]
    return _view([_block(f"*{safe(history.incident.title)}*\n{safe(history.incident_id)}"), *shown])


def sorry(why: str) -> dict[str, Any]:
    """What is shown where there is no timeline to show."""
    return _view([_block(safe(why))])


def _line(entry: Entry) -> Block:
    return _block(f"{moment(entry.at, day=True)} {safe(sentence(entry.fact))} _{safe(entry.actor, 40)}_")


def _block(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _view(blocks: list[Block]) -> dict[str, Any]:
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Timeline"},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks,
    }
