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


@pytest.mark.parametrize("inmost", [b"", b'"\\u0041"'])
def test_sixty_four_levels_are_read_in_no_time(inmost: bytes) -> None:
    assert loads(b"[" * 64 + inmost + b"]" * 64)


@pytest.mark.parametrize("raw", [b'"' + b"a" * 20 + b'"', '"' + "é" * 10 + '"'])
def test_size_counts_in_bytes_and_has_an_error_of_its_own(raw: bytes | str) -> None:
    with pytest.raises(TooLarge, match="22 bytes long; 21 is the most"):
        loads(raw, max_bytes=21)
    assert loads(raw, max_bytes=22)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_anything_at_all_is_read_or_refused(raw: bytes | str) -> None:
    with suppress(Refused):
        loads(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (f"[{MAX_INTEGER + 1}]", f"the integer {MAX_INTEGER + 1}... is too large; send it as text"),
        (f"[-{MAX_INTEGER + 1}]", f"the integer -{MAX_INTEGER + 1}... is too large; send it as text"),
        ("9" * 30, f"the integer {'9' * 24}... is too large; send it as text"),
        ("1.5" + "0" * 30 + "e999", f"the number 1.5{'0' * 21} is too large; send it as text"),
        (f'{{"{"k" * 90}": 1, "{"k" * 90}": 2}}', f"the key {'k' * 80!r} stands twice in one object"),
        ('{"a": 1, "b": 2, "c": 3, "b": 4, "a": 5}', "the key 'b' stands twice in one object"),
        ('"' + "x" * 50 + '\\ud83d"', f"the text {'x' * 40!r} holds half of a surrogate pair"),
        ('{"a": ["\\ud83d"]}', "the text '\\ud83d' holds half of a surrogate pair"),
        ('{"a": {"\\udc00": 1}}', "the text '\\udc00' holds half of a surrogate pair"),
        ("", "the payload is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('[{"a": [1]}]', "the payload is nested deeper than 2 levels"),
        ('{"a": {"b": {}}}', "the payload is nested deeper than 2 levels"),
    ],
)
def test_a_refusal_quotes_what_is_wrong_in_a_few_words(raw: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        loads(raw, max_depth=2)
    assert str(refused.value) == why


def test_brackets_beside_each_other_or_in_a_text_are_no_depth() -> None:
    assert loads('[[], {"a": 1}, [], {"b": "[[[[{{{{"}]', max_depth=2) == [[], {"a": 1}, [], {"b": "[[[[{{{{"}]


@pytest.mark.parametrize("number", [MAX_INTEGER, -MAX_INTEGER, 0, -1, 1.5, -1e308])
def test_a_number_that_64_bits_hold_is_read(number: float) -> None:
    assert loads(f"[{number!r}]") == [number]
