"""Each sink read back as its reader reads it: what is markup there, what is a link, and what is only text."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

_ANGLE = re.compile(r"<([^<>]*)>")
_ITALIC = re.compile(r"(?<!\w)_(?=\S)[^_\n]*(?<=\S)_(?!\w)")


@dataclass
class Read:
    """What a reader of the sink is shown beside plain text."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


def mrkdwn(source: str, *, verbatim: bool) -> Read:
    """Slack's markup by its own description (docs.slack.dev/messaging/formatting-message-text)."""
    read = Read()

    def angle(found: re.Match[str]) -> str:
        target, _, label = found[1].partition("|")
        if target.startswith("!date^"):
            return label
        if target.startswith(("@", "!", "#")):
            read.mentions.append(target)
        else:
            read.links.append(target)
        return label or target

    shown = _ANGLE.sub(angle, source)
    read.marks += [mark for mark in ("<", ">") if mark in shown]
    read.marks += ["`"] * shown.count("`") + ["~"] * shown.count("~") + ["*"] * shown.count("*")
    read.marks += ["_" for _ in _ITALIC.findall(shown)]
    read.marks += ["quote" for line in source.splitlines() if line.startswith((">", "&gt;"))]
    if not verbatim:
        read.links += re.findall(r"(?:https?://|www\.|mailto:)[^\s|]+", unescape(shown))
        read.mentions += re.findall(r"@(?:channel|here|everyone)\b", shown)
    read.text = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return read


_PROTOCOL = re.compile(
    r"(?:https?|ftps?|nntp|irc|smb|git|ssh|telnet|ldap)://[^\s\u2060]+|\b(?:mailto|file|news|tel|sms|skype|callto):[^\s\u2060]|"
    r"\bwww\.[^\s\u2060]",
    re.IGNORECASE,
)


def addresses(text: str) -> list[str]:
    """What a mail program makes links of by itself; bare names of hosts, of which some do as well, left out."""
    return _PROTOCOL.findall(text)


_LINE = re.compile(r"\s*(?:h[1-6]\.\s|bq\.\s|[*#-]+\s|-{4,}\s*$|\|)")
_PHRASES = tuple(
    (mark, re.compile(rf"(?<![\w\\]){sign}(?=\S)(?:(?!{sign})[^\n])+?(?<=[^\s\\]){sign}(?!\w)"))
    for mark in ("*", "_", "-", "+", "^", "~", "??")
    for sign in [re.escape(mark)]
)  # fmt: skip
_ICON = re.compile(r"(?<!\\)\((?:[-/x!?+*iyn]|on|off|\*[rgby]|flag|flagoff)\)")


def wiki(source: str) -> Read:
    """Jira's wiki markup by its own description (jira.atlassian.com, WikiRendererHelpAction, all sections).

    First a backslash takes the meaning from the sign behind it (two are a line break), then come macros, links, images
    and tables, then what lines begin with, then phrases.
    """
    read = Read()
    hidden = re.sub(r"\\([^\w\s\\])", "\ue000", source.replace("\\\\", "\ue001"))
    read.links += re.findall(r"\[([^\]\n]+)\]", hidden)
    read.links += _PROTOCOL.findall(hidden)
    read.mentions += re.findall(r"\[~[^\]\n]+\]", hidden)
    read.marks += ["macro" for _ in re.findall(r"\{[^}\n]*\}", hidden)]
    read.marks += ["image" for _ in re.findall(r"!\S[^!\n]*!", hidden)]
    read.marks += ["table" for line in hidden.splitlines() if "|" in line]
    read.marks += ["icon" for _ in _ICON.findall(hidden)]
    for line in hidden.splitlines():
        if found := _LINE.match(line):
            read.marks.append(f"line {found[0].strip()}")
        for mark, pattern in _PHRASES:
            read.marks += [f"phrase {mark}"] * len(pattern.findall(line))
    read.text = re.sub(r"\\([^\w\s\\])", r"\1", source)
    return read


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.read = Read()
        self.tags: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.read.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self.read.text += data

    def handle_comment(self, _data: str) -> None:
        self.read.marks.append("comment")

    def handle_decl(self, _decl: str) -> None:
        self.read.marks.append("declaration")

    def unknown_decl(self, _data: str) -> None:
        self.read.marks.append("declaration")

    def handle_pi(self, _data: str) -> None:
        self.read.marks.append("instruction")


def html(source: str) -> tuple[Read, list[tuple[str, tuple[str, ...]]]]:
    """What a browser makes of it, and its tags with the names of their attributes."""
    parser = _Html()
    parser.feed(source)
    parser.close()
    return parser.read, parser.tags


UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, terminal escapes, marks that break lines or reorder text, halves of surrogate pairs."""
