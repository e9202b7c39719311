"""Did we ourselves read the breach? The alarm's own condition, applied to the values that we read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import ge, gt, le, lt

Point = tuple[datetime, float]
"""When a period began (UTC), and its value."""

COMPARISONS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": (">", gt),
    "GreaterThanOrEqualToThreshold": (">=", ge),
    "LessThanThreshold": ("<", lt),
    "LessThanOrEqualToThreshold": ("<=", le),
}
"""CloudWatch's static comparisons; those with a band (anomaly detection) have no number to compare with."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When an alarm rings: `needed` of its last `periods` periods (each `period` seconds long) violate the bound."""

    threshold: float | None
    comparison: str
    period: int
    periods: int = 1
    needed: int = 1

    def violates(self, value: float) -> bool | None:
        """Whether `value` is on the wrong side; None where the condition is not a plain number."""
        if self.threshold is None or self.comparison not in COMPARISONS:
            return None
        _, compare = COMPARISONS[self.comparison]
        return compare(value, self.threshold)

    @property
    def bound(self) -> str:
        """The condition as people write it: `> 5`."""
        if self.threshold is None or self.comparison not in COMPARISONS:
            return "its bound"
        sign, _ = COMPARISONS[self.comparison]
        return f"{sign} {self.threshold:g}"


def confirmed(condition: Condition, points: Sequence[Point], since: datetime) -> bool | None:
    """True if as many periods as the alarm needs are seen to violate it since it began, False if none does.

    Looked at are the periods that the alarm can have judged when it rang at `since`, and all later ones. None where it
    cannot be told: no plain bound, no values, or fewer violations than the alarm needs.
    """
    first = since - timedelta(seconds=condition.period * (condition.periods + 1))
    verdicts = [condition.violates(value) for at, value in points if at >= first]
    if not verdicts or None in verdicts:
        return None
    violations = sum(verdict is True for verdict in verdicts)
    if violations >= condition.needed:
        return True
    return None if violations else False


def together(answers: Sequence[bool | None]) -> bool | None:
    """True if any alarm's breach was read, False if every one was looked for and none was there."""
    if True in answers:
        return True
    return False if answers and None not in answers else None
