"""What the request under way has changed, and who waits for it."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moto.sqs.models import Message


class Changes:
    """The one lock around moto, the messages changed since the last commit, and the waiters.

    moto is not made for threads and Python's own lock lets one thread run anyway, so one lock for all
    of moto costs nothing and makes every request atomic.
    """

    def __init__(self) -> None:
        """Start with nothing changed and nobody waiting."""
        self.lock = threading.RLock()
        self.closed = False
        self.messages: dict[str, tuple[str, Message] | None] = {}
        self._waiters: dict[str, threading.Condition] = defaultdict(lambda: threading.Condition(self.lock))

    def waiter(self, resource: str) -> threading.Condition:
        """Give the condition that is notified whenever `resource` (`queue/…` or `stream/…`) changes."""
        with self.lock:
            return self._waiters[resource]

    def touched(self, resource: str) -> None:
        """Wake those who wait for `resource`."""
        with self.lock:
            if resource in self._waiters:
                self._waiters[resource].notify_all()

    def wake_all(self) -> None:
        """Wake every waiter, so that it sees that it should stop."""
        with self.lock:
            for waiter in self._waiters.values():
                waiter.notify_all()
