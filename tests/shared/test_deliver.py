"""Saying something once, however often an attempt dies, waits or is overtaken."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from shared.alert import as_text
from shared.errors import Exhausted, Refused, Unavailable, Unclear
from shared.perform import SOON, Delivery, deliver
from shared.writes import Put, Release, Spend, Write
from tests.builders import T0, Clock
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


BUDGET = "budget#slack"


def never() -> str:
    raise AssertionError("nothing may be said, or looked for, here")


def fails(error: Exception) -> Callable[[], str]:
    def fail() -> str:
        raise error

    return fail


def kept(store: MemoryStore) -> dict[str, Any] | None:
    item = store.get(KEY)
    return item.value if item else None


def test_what_was_said_is_known_by_the_id_it_has_there_and_cost_its_share_once() -> None:
    store, clock = MemoryStore(), Clock()
    spend = [Spend(BUDGET, 1, T0)]

    first = deliver(Delivery(KEY, lambda: "C/1", never), store, clock, dead_after=DEAD_AFTER, spend=spend)
    second = deliver(Delivery(KEY, never, never), store, clock, dead_after=DEAD_AFTER, spend=spend)

    assert (first, second) == (("C/1", True), ("C/1", False))
    assert kept(store) == {"external_id": "C/1"}
    assert store.items[BUDGET].count == 1


def test_what_there_is_no_room_for_is_not_said_and_not_claimed() -> None:
    store = MemoryStore()

    with pytest.raises(Exhausted):
        deliver(Delivery(KEY, never, never), store, Clock(), dead_after=DEAD_AFTER, spend=[Spend(BUDGET, 0, T0)])

    assert kept(store) is None


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (Unclear("no reply"), {"claimed_at": as_text(T0)}),
        (Unavailable("throttled"), None),
        (Refused("no such channel"), {"external_id": "", "refused": "no such channel"}),
        (ValueError("a bug"), {"claimed_at": as_text(T0)}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_an_attempt_that_failed_leaves_what_the_next_one_has_to_know(
    error: Exception, stays: dict[str, Any] | None
) -> None:
    store = MemoryStore()

    with pytest.raises(type(error), match=str(error)):
        deliver(Delivery(KEY, fails(error), never), store, Clock(), dead_after=DEAD_AFTER)

    assert kept(store) == stays


def unclear(store: MemoryStore, clock: Clock) -> None:
    with pytest.raises(Unclear):
        deliver(Delivery(KEY, fails(Unclear("no reply")), never), store, clock, dead_after=DEAD_AFTER)


def test_what_an_attempt_without_a_reply_said_is_found_and_not_said_again() -> None:
    store, clock = MemoryStore(), Clock()
    unclear(store, clock)

    assert deliver(Delivery(KEY, never, lambda: "C/1"), store, clock, dead_after=DEAD_AFTER) == ("C/1", False)
    assert kept(store) == {"external_id": "C/1"}


def test_what_cannot_be_found_is_said_once_the_first_attempt_must_be_dead() -> None:
    store, clock = MemoryStore(), Clock()
    unclear(store, clock)
    clock.forward(seconds=89)
    again = Delivery(KEY, lambda: "C/2", lambda: None)
    with pytest.raises(Unavailable) as later:
        deliver(again, store, clock, dead_after=DEAD_AFTER)
    assert later.value.retry_after == 1
    clock.forward(seconds=1)

    assert deliver(again, store, clock, dead_after=DEAD_AFTER, spend=[Spend(BUDGET, 1, T0)]) == ("C/2", True)
    assert store.items[BUDGET].count == 1


def test_an_attempt_that_took_over_may_not_say_it_without_room_for_it() -> None:
    store, clock = MemoryStore(), Clock()
    unclear(store, clock)
    clock.now += DEAD_AFTER

    nobody = Delivery(KEY, never, lambda: None)
    with pytest.raises(Exhausted):
        deliver(nobody, store, clock, dead_after=DEAD_AFTER, spend=[Spend(BUDGET, 0, T0)])


def test_of_two_attempts_that_take_over_at_once_one_says_it_and_the_other_comes_back_soon() -> None:
    store, clock = MemoryStore(), Clock()
    unclear(store, clock)
    clock.now += DEAD_AFTER
    said: list[tuple[str, bool]] = []

    def overtaken() -> None:
        clock.forward(seconds=1)  # so that the two claims differ
        said.append(deliver(Delivery(KEY, lambda: "C/2", lambda: None), store, clock, dead_after=DEAD_AFTER))

    with pytest.raises(Unavailable, match="just taken over") as later:
        deliver(Delivery(KEY, never, overtaken), store, clock, dead_after=DEAD_AFTER)

    assert said == [("C/2", True)]
    assert later.value.retry_after == SOON == 2


@dataclass
class Freed(MemoryStore):
    """A claim that is given up right after somebody else met it."""

    def write(self, *writes: Write) -> None:
        try:
            super().write(*writes)
        except Exception:
            self.items.pop(KEY, None)
            raise


def test_a_claim_that_was_given_up_in_this_moment_is_asked_for_again_later() -> None:
    store = Freed()
    store.write(Put(KEY, {"claimed_at": as_text(T0)}))

    with pytest.raises(Unavailable, match="just released"):
        deliver(Delivery(KEY, never, never), store, Clock(), dead_after=DEAD_AFTER)


def test_a_claim_that_is_gone_when_an_attempt_failed_is_not_its_to_give_up() -> None:
    store = MemoryStore()

    def swept_away() -> str:
        store.write(Release(KEY))
        raise Unavailable("throttled")

    with pytest.raises(Unavailable, match="throttled"):
        deliver(Delivery(KEY, swept_away, never), store, Clock(), dead_after=DEAD_AFTER)
