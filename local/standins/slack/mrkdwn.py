"""Slack's mrkdwn as safe HTML: everything is escaped first, then what Slack would mark up is marked up."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping

EMOJI = {
    "rotating_light": "🚨", "white_check_mark": "✅", "x": "❌", "warning": "⚠️", "hourglass_flowing_sand": "⏳",
    "hourglass": "⌛", "fire": "🔥", "eyes": "👀", "large_green_circle": "🟢", "red_circle": "🔴",
    "large_yellow_circle": "🟡", "large_orange_circle": "🟠", "large_blue_circle": "🔵", "white_circle": "⚪",
    "octagonal_sign": "🛑", "no_entry": "⛔", "no_entry_sign": "🚫", "bell": "🔔", "no_bell": "🔕", "lock": "🔒",
    "raised_hand": "✋", "raising_hand": "🙋", "ticket": "🎫", "arrows_counterclockwise": "🔄", "gear": "⚙️",
    "mag": "🔍", "question": "❓", "grey_question": "❔", "exclamation": "❗", "clock3": "🕒", "stopwatch": "⏱️",
    "tada": "🎉", "heavy_check_mark": "✔️", "bulb": "💡", "memo": "📝", "robot_face": "🤖", "ambulance": "🚑",
    "heart": "❤️", "+1": "👍", "-1": "👎", "link": "🔗", "chart_with_upwards_trend": "📈", "pushpin": "📌",
    "speech_balloon": "💬", "rewind": "⏪", "zzz": "💤", "construction": "🚧", "bust_in_silhouette": "👤",
}  # fmt: skip
CODE_BLOCK = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
ANGLE = re.compile(r"&lt;(.+?)&gt;")
DATE = re.compile(r"!date\^(\d{1,10})\^([^^|]*)(?:\^[^|]*)?\|(.*)")
MARKS = (
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(\S(?:[^_\n]*\S)?)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])"), r"<s>\1</s>"),
)
QUOTE = re.compile(r"^&gt; ?(.*)$", re.MULTILINE)


def emoji(text: str) -> str:
    """Return the text with the emoji names that are known here replaced."""
    return re.sub(r":([a-z0-9_+\-]+):", lambda match: EMOJI.get(match[1], match[0]), text)


def render_plain(text: str) -> Markup:
    """Return plain text as HTML."""
    return Markup(escape(emoji(_unescape(text))).replace("\n", "<br>"))  # noqa: S704  # escaped just here


def render(text: str, names: Mapping[str, str], me: str = "") -> Markup:
    """Return mrkdwn as HTML; `names` are the users by id, `me` is whose mention stands out."""
    kept: list[str] = []

    def keep(html: str) -> str:
        kept.append(html)
        return f"\x00{len(kept) - 1}\x00"

    safe = escape(text.replace("\x00", ""), quote=True)
    safe = CODE_BLOCK.sub(lambda match: keep(f"<pre>{match[1]}</pre>"), safe)
    safe = CODE.sub(lambda match: keep(f"<code>{match[1]}</code>"), safe)
    safe = ANGLE.sub(lambda match: keep(_angle(match[1], names, me)), safe)
    for pattern, html in MARKS:
        safe = pattern.sub(html, safe)
    safe = QUOTE.sub(r"<blockquote>\1</blockquote>", emoji(safe)).replace("</blockquote>\n", "</blockquote>")
    safe = safe.replace("\n", "<br>")
    while "\x00" in safe:
        safe = re.sub(r"\x00(\d+)\x00", lambda match: kept[int(match[1])], safe)
    for once in ("lt", "gt", "amp"):  # Slack's authors escape these three, so they are escaped twice by now
        safe = safe.replace(f"&amp;{once};", f"&{once};")
    return Markup(safe.replace("</pre><br>", "</pre>"))  # noqa: S704  # escaped first, tags are our own


def _angle(inside: str, names: Mapping[str, str], me: str) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        user = target[1:]
        mine = " me" if user == me else ""
        return f'<span class="mention{mine}">@{escape(names.get(user, label or user))}</span>'
    if target.startswith("#"):
        return f'<span class="mention">#{label or target[1:]}</span>'
    if date := DATE.fullmatch(inside):
        at = datetime.fromtimestamp(int(date[1])).astimezone()
        shapes = {
            "{date_num}": "%Y-%m-%d", "{date}": "%B %-d, %Y", "{date_short}": "%b %-d, %Y", "{time}": "%H:%M",
            "{time_secs}": "%H:%M:%S", "{date_short_pretty}": "%b %-d", "{date_pretty}": "%B %-d",
        }  # fmt: skip
        text = date[2]
        for name, shape in shapes.items():
            text = text.replace(name, at.strftime(shape))
        return f'<time title="{date[3]}">{text}</time>'
    if target.startswith("!subteam^"):
        group = target.removeprefix("!subteam^").removeprefix("S0").lower()
        return f'<span class="mention me">@{label or group}</span>'
    if target.startswith("!"):
        return f'<span class="mention me">@{(label or target[1:]).split("^")[0]}</span>'
    if target.startswith(("https://", "http://", "mailto:")):
        return f'<a href="{target}" target="_blank" rel="noopener noreferrer">{label or target}</a>'
    return f"&lt;{inside}&gt;"


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
