"""Incidents by status, newest first, over all the shards that their lists are spread on."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from heapq import merge
from json import dumps, loads

from shared import keys
from shared.errors import Refused
from shared.incident import Status
from shared.ports import Item, Page, State

_POSITION = re.compile(r"|[0-9TZ:.+-]{1,40}\|head#[\x21-\x7e]{1,100}")
STATUSES: tuple[Status, ...] = ("open", "resolved", "closed")


def incidents(
    state: State, statuses: Sequence[Status], *, limit: int = 50, cursor: str = "", tests: bool = False
) -> Page:
    """A page of heads, newest first; raises Refused for a cursor that is not one of ours for these statuses.

    With `tests`, those of Middlewatch's tests of itself are among them, whatever their status. An incident whose status
    changes while somebody pages may be seen twice or not at all.
    """
    names = [f"{status}#{number}" for status in statuses for number in range(keys.SHARDS)]
    names += [keys.TESTS] if tests else []
    starts = _read(cursor, names) if cursor else dict.fromkeys(names, "")
    pages = {name: state.listed(name, limit=limit, cursor=start) for name, start in starts.items()}
    found = [[(_position(item), name, item) for item in page.items] for name, page in pages.items()]
    merged = list(merge(*found, key=lambda each: each[0], reverse=True))
    following = starts | {name: position for position, name, _ in merged[:limit]}
    left = {name for _, name, _ in merged[limit:]} | {name for name, page in pages.items() if page.next}
    rest = {name: start for name, start in following.items() if name in left}
    return Page(tuple(item for _, _, item in merged[:limit]), _write(rest) if rest else "")


def _position(item: Item) -> str:
    """Where the head stands on its list, in the form of the port's own cursors."""
    return f"{item.value['opened_at']}|{item.key}"


def _write(starts: dict[str, str]) -> str:
    return urlsafe_b64encode(dumps(starts, separators=(",", ":")).encode()).decode().rstrip("=")


def _read(cursor: str, names: Sequence[str]) -> dict[str, str]:
    reason = "cursor is not one that a page of these incidents gave"
    try:
        starts = loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise Refused(reason) from error
    if not isinstance(starts, dict) or not set(starts) <= set(names):
        raise Refused(reason)
    if not all(isinstance(start, str) and _POSITION.fullmatch(start) for start in starts.values()):
        raise Refused(reason)
    return starts
