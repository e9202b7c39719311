"""Jira's wiki markup as far as tickets use it: bold, bullets, backslashes; everything else is text."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_BOLD = re.compile(r"(?<![\w\\])\*(\S(?:[^*\n]*\S)?)\*(?!\w)")
_ESCAPED = re.compile(r"\\([\\{}\[\]|!*])")


def render(text: str) -> Markup:
    """Markup as HTML in which only our own tags are tags."""
    shown = Markup()
    for line in text.splitlines():
        bullet = line.startswith("* ")
        said = _ESCAPED.sub(r"\1", _BOLD.sub(r"<b>\1</b>", str(escape(line.removeprefix("* ")))))
        tag = Markup("<ul><li>{}</li></ul>") if bullet else Markup("<p>{}</p>")
        shown += tag.format(Markup(said))  # noqa: S704  # escaped first, the tags are our own
    return Markup(shown.replace("</ul><ul>", ""))  # noqa: S704  # as above
