"""The audit bucket in memory: creates, never overwrites; keeps a lock; can be away, or forget who was answered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.audit.anchor import key_of
from shared.audit.kept import Stored
from shared.errors import Unavailable


@dataclass
class MemoryBucket:
    clock: Callable[[], datetime]
    mode: str = "COMPLIANCE"
    days: int = 400
    name: str = "audit"
    objects: dict[int, Stored] = field(default_factory=dict)
    taken_at: dict[int, datetime] = field(default_factory=dict)
    away: bool = False
    loses_replies: int = 0
    before_put: Callable[[int], None] | None = None

    def put(self, number: int, body: bytes) -> bool:
        self._here()
        if self.before_put:
            then, self.before_put = self.before_put, None
            then(number)
        if number in self.objects:
            return False
        now = self.clock()
        locked = {"mode": self.mode, "until": now + timedelta(days=self.days)} if self.mode else {}
        self.objects[number] = Stored(key_of(number), body, f"v{number}", **locked)  # type: ignore[arg-type]
        self.taken_at[number] = now
        if self.loses_replies:
            self.loses_replies -= 1
            raise Unavailable("the reply was lost")
        return True

    def get(self, number: int) -> Stored | None:
        self._here()
        return self.objects.get(number)

    def numbers(self, after: int = 0) -> Iterator[tuple[int, datetime]]:
        self._here()
        for number in sorted(self.objects):
            if number > after:
                yield number, self.taken_at.get(number, datetime(2026, 1, 1, tzinfo=UTC))

    def tamper(self, number: int, body: bytes) -> None:
        self.objects[number] = replace(self.objects[number], body=body)

    def _here(self) -> None:
        if self.away:
            raise Unavailable("the audit bucket did not answer")
