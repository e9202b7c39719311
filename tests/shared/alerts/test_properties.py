"""Whatever comes in: alerts, nothing, or a refusal; never another error."""

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alert import Alert
from shared.alerts.parse import MAX_BYTES, SOURCES, as_json, parse
from shared.alerts.safe_json import loads
from shared.errors import Refused
from shared.redaction import redact

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SAMPLES = [json.loads(path.read_text()) for path in sorted(Path(__file__).parents[3].glob("events/alerts/*.json"))]
WORDS = st.sampled_from(
    [
        "ALARM",
        "firing",
        "resolved",
        "aws.ecs",
        "*",
        "",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "arn:aws:a:b:c:d",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | WORDS, inner, max_size=3),
    max_leaves=8,
)


def paths(value: object, so_far: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield so_far
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(inner, (*so_far, key))


def changed(value: Any, path: tuple[str | int, ...], by: object) -> Any:
    if not path:
        return by
    copy = deepcopy(value)
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return copy


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(each) for each in value] if isinstance(value, list) else value


def read(payload: object, source: str = "auto") -> tuple[Alert, ...]:
    with suppress(Refused):
        return parse(payload, source, NOW).alerts
    return ()


def hold(alert: Alert) -> None:
    """What is true of every alert, whatever it was read from."""
    assert Alert.model_validate_json(alert.model_dump_json()) == alert
    assert len(rfc8785.dumps(alert.model_dump(mode="json"))) <= MAX_BYTES
    assert set(as_json(alert)) >= {"source", "state", "title", "summary", "severity", "target", "external_id", "links"}
    assert alert.title.strip()
    assert alert.starts_at <= alert.changed_at
    assert redact(alert.summary) == alert.summary or alert.summary.endswith("…")


@settings(deadline=None)
@given(JSON, st.sampled_from(SOURCES))
def test_any_json_is_read_or_refused(payload: object, source: str) -> None:
    for alert in read(payload, source):
        hold(alert)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_a_sample_with_anything_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from(SAMPLES))
    path = data.draw(st.sampled_from(list(paths(payload))))
    for alert in read(changed(payload, path, data.draw(JSON))):
        hold(alert)


@settings(deadline=None)
@given(st.sampled_from(SAMPLES), st.sampled_from([None, 1, 7]), st.booleans())
def test_order_and_spacing_say_nothing(payload: Any, indent: int | None, escaped: bool) -> None:
    again = loads(json.dumps(reordered(payload), indent=indent, ensure_ascii=escaped))
    assert [alert.fingerprint for alert in read(again)] == [alert.fingerprint for alert in read(payload)]
    assert read(again) == read(payload)
