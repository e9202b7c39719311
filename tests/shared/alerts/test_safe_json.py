import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.safe_json import MAX_INTEGER, TooLarge, loads
from shared.errors import Refused

SAFE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(SAFE)
def test_safe_json_is_read_as_it_was_written(value: object) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": 1} {"a": 2}', "not JSON"),
        (b'{"a": "\x00"}', "not JSON"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "too large"),
        (b"[9223372036854775808]", "too large"),
        (b"[" + b"9" * 100_000 + b"]", "too large"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a": "\\ud83d"}', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b"[" * 400_000, "deeper than 64"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeper than 64"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        loads(raw)


def test_a_text_with_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(Refused, match="surrogate"):
        loads('{"a": "\ud83d"}')


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "😀"


def test_sixty_four_levels_are_read() -> None:
    assert loads(b"[" * 64 + b"]" * 64)


@pytest.mark.parametrize("raw", [b'"' + b"a" * 20 + b'"', '"' + "é" * 10 + '"'])
def test_size_counts_in_bytes_and_has_an_error_of_its_own(raw: bytes | str) -> None:
    with pytest.raises(TooLarge, match="22 bytes long; 21 is the most"):
        loads(raw, max_bytes=21)
    assert loads(raw, max_bytes=22)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_anything_at_all_is_read_or_refused(raw: bytes | str) -> None:
    with suppress(Refused):
        loads(raw)
