"""JSON from strangers, read strictly: what two readers could understand differently is refused."""

import json
import math
import re
from typing import Any, NoReturn

from shared.errors import Refused

MAX_BYTES = 1_048_576
"""More than any of our sources sends; API Gateway itself takes 10 MB, SQS and EventBridge 1 MB."""
MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")


class TooLarge(Refused):
    """The payload is larger than we read (HTTP 413)."""


def loads(raw: bytes | str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401
    """The value that `raw` says, in RFC 7493's sense of safe JSON; raises Refused, saying where it is not.

    Refused are: more than `max_bytes` (as TooLarge), invalid UTF-8, duplicate keys, NaN and Infinity, integers beyond
    64 bits, numbers beyond a double, unpaired surrogates, nesting deeper than `max_depth`.
    """
    size = len(raw) if isinstance(raw, bytes) else len(raw.encode(errors="surrogatepass"))
    if size > max_bytes:
        raise TooLarge(f"the payload is {size} bytes long; {max_bytes} is the most")
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = json.loads(
            text, object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
    except UnicodeDecodeError as error:
        raise Refused(f"the payload is not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise Refused(f"the payload is not JSON: {error}") from error
    except RecursionError as error:
        raise Refused(f"the payload is nested deeper than {max_depth} levels") from error
    if not (text.isascii() and "\\u" not in text and text.count("[") + text.count("{") <= max_depth):
        _check(value, max_depth)  # otherwise there is nothing that it could find
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Refused(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > len(str(MAX_INTEGER)) + 1 or abs(number := int(digits)) > MAX_INTEGER:
        raise Refused(f"the integer {digits[:24]}... is too large; send it as text")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Refused(f"the number {digits[:24]} is too large; send it as text")
    return number


def _constant(name: str) -> NoReturn:
    raise Refused(f"{name} is not JSON")


def _check(value: object, max_depth: int) -> None:
    """Walks without recursion: a payload that nests deeply must not end us either."""
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if isinstance(item, str):
            _whole(item)
        elif isinstance(item, dict | list):
            if depth > max_depth:
                raise Refused(f"the payload is nested deeper than {max_depth} levels")
            if isinstance(item, dict):
                pending += [(key, depth + 1) for key in item]
            pending += [(part, depth + 1) for part in (item.values() if isinstance(item, dict) else item)]


def _whole(text: str) -> None:
    if not text.isascii() and _SURROGATE.search(text):
        raise Refused(f"the text {text[:40]!a} holds half of a surrogate pair")
