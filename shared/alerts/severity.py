"""How bad the sender says it is, in our five words."""

import re
from collections.abc import Mapping

from shared.alert import Severity

_WORDS: dict[Severity, str] = {
    "critical": "critical crit page paging p0 p1 sev0 sev1 s1 fatal emergency disaster urgent",
    "high": "high error err major p2 sev2 s2",
    "medium": "medium moderate warning warn minor average p3 sev3 s3",
    "low": "low info information informational notice debug p4 p5 sev4 sev5 s4",
}
_BY_WORD = {word: severity for severity, words in _WORDS.items() for word in words.split()}
_KEYS = ("severity", "priority", "level")
_IN_TEXT = re.compile(r"\bseverity\s{0,4}[=:]\s{0,4}([A-Za-z0-9-]{1,20})", re.IGNORECASE)


def of_labels(labels: Mapping[str, str]) -> Severity:
    """The first of the labels `severity`, `priority` and `level` whose word we know."""
    by_name = {name.lower(): value for name, value in labels.items()}
    return next((found for key in _KEYS if (found := of_word(by_name.get(key, ""))) != "unknown"), "unknown")


def of_word(word: str) -> Severity:
    """Our word for the sender's."""
    return _BY_WORD.get(word.strip().lower().replace("-", ""), "unknown")


def of_text(description: str) -> Severity:
    """What a description says by the convention `severity=high`."""
    found = _IN_TEXT.search(description)
    return of_word(found[1]) if found else "unknown"
