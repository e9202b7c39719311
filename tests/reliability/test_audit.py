"""A share of `python -m tests.reliability.audit`: whatever is changed in an exported incident is found."""

import os

import pytest

from tests.reliability.audit import Bureau, played, run
from tests.reliability.share import SEED

SIZE = 0 if os.environ.get("RELIABILITY") == "all" else 40


def test_whatever_is_changed_in_an_exported_incident_is_found() -> None:
    rows = run(SIZE, SEED)

    assert {row.what: row.violations for row in rows if row.violations} == {}
    assert all(row.tried for row in rows)


def test_the_same_timeline_and_anchors_are_the_same_bytes() -> None:
    bureau = Bureau()
    name = bureau.play()

    assert bureau.bundle(name) == bureau.bundle(name)
    assert bureau.told == 0


@pytest.mark.parametrize("kind", ["entries", "anchors"])
def test_it_is_a_whole_incident_that_is_changed(kind: str) -> None:
    bundle, _ = played()

    assert bundle.count(b'"entry":') > 15
    assert bundle.count(b'"version_id":') > 5
    assert kind.encode() in bundle
