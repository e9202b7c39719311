"""Every sample in events/alerts says what is to be read from it, in events/alerts/expected under the same name.

`python -m tests.shared.alerts.test_samples` writes the expectation of each sample that has none; read it before you
keep it.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.alert import Alert
from shared.alerts.parse import SOURCES, as_json, parse
from shared.alerts.safe_json import loads

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES = Path(__file__).parents[3] / "events" / "alerts"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))


def read(name: str, source: str = "auto") -> dict[str, Any]:
    parsed = parse(loads((SAMPLES / f"{name}.json").read_bytes()), source, NOW)
    return {
        "note": parsed.note,
        "confirmation": asdict(parsed.confirmation) if parsed.confirmation else None,
        "alerts": [alert.model_dump(mode="json") for alert in parsed.alerts],
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_read_as_its_expectation_says(name: str) -> None:
    assert read(name) == json.loads((SAMPLES / "expected" / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_naming_the_source_reads_the_same(name: str) -> None:
    assert read(name, name.partition("_")[0]) == read(name)


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_survives_being_stored(name: str) -> None:
    for alert in parse(loads((SAMPLES / f"{name}.json").read_bytes()), "auto", NOW).alerts:
        assert Alert.model_validate_json(alert.model_dump_json()) == alert
        assert json.loads(json.dumps(as_json(alert)))["source"] == alert.source


def test_each_expectation_has_its_sample_and_each_source_has_some() -> None:
    assert sorted(path.stem for path in (SAMPLES / "expected").glob("*.json")) == NAMES
    assert {name.partition("_")[0] for name in NAMES} == set(SOURCES) - {"auto"}


if __name__ == "__main__":
    for each in NAMES:
        expectation = SAMPLES / "expected" / f"{each}.json"
        if not expectation.exists():
            expectation.write_text(json.dumps(read(each), indent=2, ensure_ascii=False) + "\n")
