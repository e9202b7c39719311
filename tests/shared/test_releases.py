"""Releases side by side: what an earlier one wrote is read, and what a later one adds does not get in the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local import reference
from shared.facts import BY_TYPE, UnknownFact, read_fact
from shared.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

FACTS = reference.ROOT / "events" / "facts"
EARLIER = sorted((FACTS / "earlier").glob("*.json"))
"""Every form that a fact had before: `<type>.<number>.json`. A changed fact leaves its old sample here."""
NOW = sorted(FACTS.glob("*.json"))


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_what_an_earlier_release_wrote_is_read_and_nothing_of_it_is_lost(path: Path) -> None:
    content = json.loads(path.read_text("utf-8"))

    fact = read_fact(content)

    assert fact.type == path.stem.partition(".")[0]
    assert not isinstance(fact, UnknownFact)
    assert sentence(fact)
    assert _within(content, fact.model_dump(mode="json"))


@pytest.mark.parametrize("path", NOW, ids=lambda path: path.stem)
def test_what_a_later_release_adds_to_a_fact_changes_nothing_for_this_one(path: Path) -> None:
    content = json.loads(path.read_text("utf-8"))

    assert read_fact(_grown(content)) == read_fact(content)


def test_the_earlier_forms_are_earlier_ones() -> None:
    assert EARLIER
    for path in EARLIER:
        kind = path.stem.partition(".")[0]
        assert kind in BY_TYPE
        assert json.loads(path.read_text("utf-8")) != json.loads((FACTS / f"{kind}.json").read_text("utf-8"))


def _grown(content: dict[str, Any]) -> dict[str, Any]:
    """The fact with a field that nobody knows yet."""
    return {**content, "of_tomorrow": {"nobody": ["knows", None, 1.5]}}


def _within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and _within(part[name], whole[name]) for name in part)
    if isinstance(part, list):
        pairs = zip(part, whole, strict=True) if isinstance(whole, list) else ()
        return isinstance(whole, list) and all(_within(one, other) for one, other in pairs)
    return bool(part == whole)
