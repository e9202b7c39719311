"""What was found before, so that it need not be found again."""

from collections.abc import Callable
from typing import Any


class Kept:
    """What was found before: at least the newest `most` findings."""

    def __init__(self, most: int) -> None:
        """Nothing yet."""
        self.most, self.young, self.old = most, dict[Any, Any](), dict[Any, Any]()

    def of(self, key: object, find: Callable[[], Any]) -> Any:
        """What was found under this key, or is now."""
        found = self.young.get(key)
        if found is None:
            found = self.old.get(key)
            found = find() if found is None else found
            if len(self.young) >= self.most:
                self.old, self.young = self.young, {}
            self.young[key] = found
        return found

    def get(self, key: object) -> Any:
        """What was found under this key, or None."""
        return self.young.get(key) or self.old.get(key)

    def forget(self) -> None:
        """Nothing is known any more."""
        self.young, self.old = {}, {}
