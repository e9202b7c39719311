"""All that is tried with hostile input, and how much of each for one size."""

from collections.abc import Callable, Iterator, Mapping

from tests.hostile import alerts, canaries, models, sinks, slack_requests
from tests.reliability.table import Row

Check = Callable[[int, int], tuple[Row, list[str]]]
"""Tries so many with a seed; the row of the table, and each violation in words."""
FULL = 100_000
"""Mutated Slack requests in a whole run."""
CHECKS: Mapping[str, tuple[Check, int, int]] = {
    "requests": (slack_requests.mutated, 1, 1),
    "signed": (slack_requests.signed_hostile, 5, 100),
    "time": (slack_requests.in_constant_time, 100, 200),
    "queue": (alerts.queued, 2, 400),
    "api": (alerts.posted, 5, 200),
    "sinks": (sinks.rendered, 50, 30),
    "log": (sinks.logged, 20, 100),
    "canaries": (canaries.planted, 5, 500),
    "malformed": (models.misanswered, 400, 24),
    "instructions": (models.obeyed, 500, 2),
}
"""Each check, of how many Slack requests it tries one, and how many it tries at least."""


def tried(size: int, seed: int, only: str = "") -> Iterator[tuple[Row, list[str]]]:
    """One row after the other, each as soon as it is known."""
    for name, (check, share, least) in CHECKS.items():
        if only in {"", name}:
            yield check(max(least, size // share), seed)


def run(size: int, seed: int) -> list[Row]:
    """Everything, with `size` mutated Slack requests and all else in proportion (100,000 is a whole run)."""
    return [row for row, _ in tried(size, seed)]
