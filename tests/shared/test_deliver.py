"""Saying something once, however often an attempt dies, waits or is overtaken."""

from datetime import timedelta

import pytest

from shared.errors import Refused, Unavailable, Unclear
from shared.perform import Delivery, deliver
from tests.builders import Clock
from tests.fakes.store import MemoryStore

KEY = "sent#INC-1#slack#card"
DEAD_AFTER = timedelta(seconds=90)


def test_an_attempt_that_was_taken_over_does_not_give_up_what_the_other_one_holds() -> None:
    store, clock = MemoryStore(), Clock()
    said: list[str] = []

    def second() -> str:
        said.append("second")
        raise Unclear("no reply")

    def slow_first() -> str:
        clock.now += DEAD_AFTER
        with pytest.raises(Unclear):
            deliver(Delivery(KEY, second, lambda: None), store, clock, dead_after=DEAD_AFTER)
        raise Unavailable("throttled")

    with pytest.raises(Unavailable, match="throttled"):
        deliver(Delivery(KEY, slow_first, lambda: None), store, clock, dead_after=DEAD_AFTER)

    with pytest.raises(Unavailable, match="being said by another attempt"):
        deliver(Delivery(KEY, second, lambda: None), store, clock, dead_after=DEAD_AFTER)
    assert said == ["second"]


def test_while_another_attempt_may_be_speaking_nothing_is_said() -> None:
    store, clock = MemoryStore(), Clock()
    said: list[str] = []

    def second() -> str:
        said.append("second")
        return "C/2"

    def slow_first() -> str:
        clock.now += DEAD_AFTER - timedelta(milliseconds=1)
        with pytest.raises(Unavailable, match="being said by another attempt") as later:
            deliver(Delivery(KEY, second, lambda: None), store, clock, dead_after=DEAD_AFTER)
        assert later.value.retry_after == pytest.approx(0.001)
        return "C/1"

    assert deliver(Delivery(KEY, slow_first, lambda: None), store, clock, dead_after=DEAD_AFTER) == ("C/1", True)
    assert said == []


def test_what_was_not_said_can_be_said_at_once() -> None:
    store, clock = MemoryStore(), Clock()

    def throttled() -> str:
        raise Unavailable("throttled")

    with pytest.raises(Unavailable):
        deliver(Delivery(KEY, throttled, lambda: None), store, clock, dead_after=DEAD_AFTER)

    assert deliver(Delivery(KEY, lambda: "C/1", lambda: None), store, clock, dead_after=DEAD_AFTER) == ("C/1", True)


def test_what_was_refused_is_not_tried_again() -> None:
    store, clock = MemoryStore(), Clock()

    def refused() -> str:
        raise Refused("no such channel")

    with pytest.raises(Refused):
        deliver(Delivery(KEY, refused, lambda: None), store, clock, dead_after=DEAD_AFTER)

    assert deliver(Delivery(KEY, refused, lambda: None), store, clock, dead_after=DEAD_AFTER) == ("", False)
