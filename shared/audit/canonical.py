"""The one way in which a value is written, so that every other byte is a change."""

from collections.abc import Mapping
from json import dumps, loads
from typing import Any


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON without spaces, keys sorted, in UTF-8: for strings, whole numbers, lists and objects what RFC 8785 says.

    Raises ValueError for what has no such form (NaN, half of a surrogate pair).
    """
    return dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parsed(body: bytes) -> dict[str, Any]:
    """The object that is written so; raises ValueError for anything else, however alike it means."""
    try:
        value = loads(body.decode())
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - what was given is wrong, not its type in Python
    if canonical(value) != body:
        raise ValueError("not in its canonical form: a space, an order or a spelling differs")
    return value
