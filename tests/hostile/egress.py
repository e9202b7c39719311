"""No host is spoken to that the product does not mean: each attempt to connect or to look one up is kept."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ATTEMPTS: list[list[str]] = []
"""The lists of the guards that are on; the hook itself can never be taken away again."""
_HOOKED: list[bool] = []


class EgressRefused(OSError):
    """What an attempt meets, so that clients see a network that does not answer."""


@contextmanager
def guarded() -> Iterator[list[str]]:
    """The hosts that anybody tried to reach, by whichever library, while this is open."""
    if not _HOOKED:
        sys.addaudithook(_watch)
        _HOOKED.append(True)
    attempts: list[str] = []
    _ATTEMPTS.append(attempts)
    try:
        yield attempts
    finally:
        _ATTEMPTS.remove(attempts)


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if not _ATTEMPTS or event not in _PLACES:
        return
    place = _PLACES[event]
    address = given[place]
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    for attempts in _ATTEMPTS:
        attempts.append(host)
    raise EgressRefused(f"{host} is not to be reached")


_PLACES = {"socket.connect": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.sendto": 1}
"""Which of the event's arguments names the host."""
