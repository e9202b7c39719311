import pytest

from shared.alert import Severity
from shared.alerts import severity

WORDS: dict[Severity, str] = {
    "critical": "critical crit page paging p0 p1 sev0 sev1 s1 fatal emergency disaster urgent",
    "high": "high error err major p2 sev2 s2",
    "medium": "medium moderate warning warn minor average p3 sev3 s3",
    "low": "low info information informational notice debug p4 p5 sev4 sev5 s4",
    "unknown": "none ok purple",
}


@pytest.mark.parametrize(("word", "ours"), [(word, ours) for ours, words in WORDS.items() for word in words.split()])
def test_a_senders_word_has_one_of_ours(word: str, ours: str) -> None:
    assert severity.of_word(word) == ours
    assert severity.of_word(f" {word.upper()} ") == ours


def test_a_hyphen_and_nothing_say_no_more() -> None:
    assert severity.of_word("SEV-1") == "critical"
    assert severity.of_word("") == "unknown"


@pytest.mark.parametrize(
    ("labels", "ours"),
    [
        ({"severity": "low", "priority": "p1", "level": "p2"}, "low"),
        ({"priority": "p1", "level": "p2"}, "critical"),
        ({"LEVEL": "p2"}, "high"),
        ({"severity": "purple", "priority": "", "level": "warn"}, "medium"),
        ({"urgency": "p1"}, "unknown"),
    ],
)
def test_the_first_label_whose_word_we_know_counts(labels: dict[str, str], ours: str) -> None:
    assert severity.of_labels(labels) == ours


@pytest.mark.parametrize(
    ("description", "ours"),
    [
        ("Memory of orders. severity=high", "high"),
        ("SEVERITY : P1, call somebody", "critical"),
        ("severity= sev-3", "medium"),
        ("myseverity=high", "unknown"),
        ("the severity is high", "unknown"),
        ("severity=purple", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_description_says_its_severity_by_the_convention(description: str, ours: str) -> None:
    assert severity.of_text(description) == ours
