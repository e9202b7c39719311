"""Slack's markup, written so that nothing from outside can be markup.

Limits are Slack's own (docs.slack.dev/reference/block-kit): 3,000 characters of a section, 75 of a button, 50 blocks
of a message, 100 of a dialog.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from shared.sentences import plain

SECTION = 3000
Block = dict[str, Any]

_HARMLESS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "*": "\u2217", "~": "\u223c"})
"""`&`, `<` and `>` as Slack wants them; what makes text bold, struck or code becomes its look-alike."""
_ITALIC = re.compile(r"(?<!\w)_|_(?!\w)")
"""An underscore at the edge of a word may make italics; one inside is left alone, so that names can be copied."""
_QUOTE = re.compile(r"^>+")
"""At the start of a line even the escaped sign makes a quotation."""
_LINK = re.compile(
    r"(?:https://[A-Za-z0-9.-]+|http://(?:127\.0\.0\.1|localhost))(?::[0-9]+)?(?:/[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?"
)


@lru_cache(maxsize=1024)
def safe(text: str, longest: int = 200) -> str:
    """Text from anywhere as one line, of at most `longest` characters before escaping, that marks up nothing."""
    return _ITALIC.sub("\u02cd", _QUOTE.sub("\u203a", plain(text, longest)).translate(_HARMLESS))


def link(url: str, label: str) -> str:
    """A link where the URL is plain https (or http on this very machine), the label alone otherwise."""
    if len(url) > 1500 or not _LINK.fullmatch(url):  # noqa: PLR2004 - half of a section
        return safe(label)
    return f"<{url.replace('&', '&amp;')}|{safe(label).replace('|', '/')}>"


def moment(at: datetime, *, day: bool = False, seconds: bool = False) -> str:
    """A time as the reader's own clock shows it, in UTC where it cannot."""
    shape = f"{'{date_short_pretty} ' if day else ''}{'{time_secs}' if seconds else '{time}'}"
    plainly = f"{'%-d %b ' if day else ''}%H:%M{':%S' if seconds else ''}"
    return f"<!date^{int(at.timestamp())}^{shape}|{at:{plainly}} UTC>"


def section(lines: Iterable[str]) -> Block:
    """Lines of markup as one block; lines that do not fit are left out, and it says how many."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(fitting(lines)), "verbatim": True}}


def fitting(lines: Iterable[str], longest: int = SECTION) -> list[str]:
    """As many of the lines as fit into `longest` characters, whole, and how many were left out."""
    every = list(lines)
    kept, room = list[str](), longest - 30
    for number, line in enumerate(every):
        if (room := room - len(line) - 1) < 0:
            return [*kept, f"… {len(every) - number} more left out"]
        kept.append(line)
    return kept


def button(label: str, action: str, value: str, **more: object) -> Block:
    """A button that carries an opaque id."""
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": plain(label, 75)},
        "action_id": action,
        "value": value,
        **more,
    }


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    """The question that Slack asks before it sends a click."""
    return {
        "title": {"type": "plain_text", "text": plain(title, 100) or "?"},
        "text": {"type": "plain_text", "text": plain(text, 300) or "?"},
        "confirm": {"type": "plain_text", "text": plain(yes, 30)},
        "deny": {"type": "plain_text", "text": plain(no, 30)},
    }


def actions(buttons: Iterable[Block]) -> list[Block]:
    """The block of these buttons; none where there are none."""
    elements = list(buttons)
    return [{"type": "actions", "elements": elements}] if elements else []
