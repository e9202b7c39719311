"""An anchor as the bucket holds it, and what we need of a bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An anchor as the bucket holds it: its bytes, which version it is, and how and until when it is locked."""

    key: str
    body: bytes
    version_id: str
    mode: str = ""
    until: datetime | None = None

    def locked(self, now: datetime) -> bool:
        """Whether Object Lock keeps it."""
        return bool(self.mode and self.until and self.until > now)


class Bucket(Protocol):
    """Where anchors are kept. Every method raises Unavailable."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def put(self, number: int, body: bytes) -> bool:
        """Creates the anchor of that number; False where there is one, which stays as it is."""
        ...

    def get(self, number: int) -> Stored | None:
        """The anchor of that number."""
        ...

    def numbers(self, after: int = 0) -> Iterator[tuple[int, datetime]]:
        """The number of each anchor above `after`, upwards, with the time at which the bucket took it."""
        ...
