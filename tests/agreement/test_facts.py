"""What is said in more than one place must be said alike."""

import json
from pathlib import Path

import pytest

from local import reference
from shared.facts import BY_TYPE, read_fact
from shared.sentences import LONGEST, sentence

SAMPLES = sorted((reference.ROOT / "events" / "facts").glob("*.json"))
PEOPLE_ONLY = {"ClickDeclined", "NoteAdded", "TicketUpdated", "MessageFailed", "MessageSent"}
"""Facts that nothing waits for: they are for whoever reads the timeline."""


def test_there_is_one_sample_of_every_fact_and_of_nothing_else() -> None:
    assert {path.stem for path in SAMPLES} == set(BY_TYPE)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_reads_as_its_fact_and_says_something(path: Path) -> None:
    content = json.loads(path.read_text("utf-8"))

    fact = read_fact(content)

    assert fact.type == path.stem
    assert fact.model_dump(mode="json") == content
    assert 0 < len(sentence(fact)) <= LONGEST


def test_every_fact_has_somebody_who_appends_it() -> None:
    appended = {kind for manifest in reference.manifests().values() for kind in manifest["appends"]}

    assert set(BY_TYPE) - appended - {"NoteAdded"} == set()
    assert appended <= set(BY_TYPE)


def test_no_fact_is_without_a_reader() -> None:
    consumed = {kind for manifest in reference.manifests().values() for kind in reference.consumed(manifest)}
    unread = {kind for kind in BY_TYPE if kind not in consumed and not reference.changes(kind)}

    assert unread <= PEOPLE_ONLY
    assert consumed <= set(BY_TYPE)


def test_the_lifecycle_page_is_what_the_code_says() -> None:
    assert reference.LIFECYCLE.read_text("utf-8") == reference.lifecycle(), "run `make docs`"


def test_the_settings_page_is_what_the_code_says() -> None:
    assert reference.SETTINGS.read_text("utf-8") == reference.settings(), "run `make docs`"


def test_the_readme_lists_the_functions_as_their_manifests_do() -> None:
    text = reference.README.read_text("utf-8")

    assert text == reference.readme(text), "run `make docs`"
    assert len(text.splitlines()) <= 150
