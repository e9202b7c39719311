"""What can go wrong across a port, and what the caller does about it.

* MiddlewatchError
  + Unavailable   try again later: the message returns to its queue after a growing delay
    - Unclear       it may or may not have happened; look before trying again
  + Refused       never again: becomes a fact, or a quarantine record, that a person can read
  + Conflict      somebody wrote first: a driver reads and decides again (never leaves the drivers)
    - Taken       a claim is somebody else's
    - Exhausted   a budget is spent
"""

from shared.redaction import redact


class MiddlewatchError(Exception):
    """Anything below. What it says goes into logs, onto timelines and to callers, so no secret is left in it."""

    def __init__(self, why: str = "") -> None:
        """Say why, in words for a person."""
        super().__init__(redact(why))


class Unavailable(MiddlewatchError):
    """Something that we need did not answer; `retry_after` (seconds) is its own word on when to ask again."""

    def __init__(self, why: str, *, retry_after: float | None = None) -> None:
        """Say what did not answer, in words for a log line."""
        super().__init__(why)
        self.retry_after = retry_after


class Unclear(Unavailable):
    """No reply, or one that says neither yes nor no: the request may have taken effect."""


class Refused(MiddlewatchError):
    """It will never work like this; the text says why in words for the person on call."""


class Conflict(MiddlewatchError):
    """The timeline moved on since it was read."""


class Taken(Conflict):
    """The claim under `key` is held already."""

    def __init__(self, key: str) -> None:
        """Name the claim."""
        super().__init__(f"{key} is taken")
        self.key = key


class Exhausted(Conflict):
    """The budget under `key` is spent."""

    def __init__(self, key: str) -> None:
        """Name the budget."""
        super().__init__(f"{key} is spent")
        self.key = key
