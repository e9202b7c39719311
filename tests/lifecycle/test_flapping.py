"""What becomes of alerts that change too often to be followed, where their last change and the hold's end meet."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from functions.lifecycle.follow import Course, lifecycle
from functions.timekeeper.ring import ring
from shared import facts, keys
from shared.decide import Message, decide
from shared.entry import Entry
from shared.errors import Unavailable
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident
from shared.intake import FLAPPING_AFTER, receive
from shared.ports import Item
from shared.writes import Put, Write, one_each
from tests.builders import T0, Clock, a_history, an_alert, an_intake, resolved, types
from tests.fakes.store import MemoryStore

COURSE = Course(hold=timedelta(minutes=15), reopen=timedelta(minutes=30))


class Racing(MemoryStore):
    """Something happens right after the next read of the item `key`."""

    key = ""
    adds: int = 0
    happens: Callable[[], object] | None = None
    most: int = 0

    def append(self, history: History, facts: Sequence[Fact], **given: Any) -> History:
        self.adds = len(facts)
        return super().append(history, facts, **given)

    def write(self, *writes: Write) -> None:
        """The most writes of one transaction are counted."""
        self.most = max(self.most, self.adds + len(one_each(writes)))
        self.adds = 0
        super().write(*writes)

    def get(self, key: str) -> Item | None:
        item = super().get(key)
        if key == self.key and self.happens:
            happens, self.happens = self.happens, None
            happens()
        return item


class Night:
    """One alarm, its incident, and lifecycle."""

    def __init__(self) -> None:
        self.store, self.clock = Racing(), Clock(T0)
        self.intake = an_intake(self.store, clock=self.clock)

    def say(self, state: str, fingerprint: str = "f1") -> None:
        receive(an_alert(fingerprint=fingerprint, state=state, changed_at=self.clock.forward(seconds=5)), self.intake)

    def flap(self, times: int = FLAPPING_AFTER, fingerprint: str = "f1") -> None:
        for number in range(times):
            self.say("resolved" if number % 2 else "firing", fingerprint)

    def incident(self) -> Incident:
        return self.store.read("INC-1").incident

    def follow(self, entry: Entry) -> None:
        pointer = Message(entry.incident_id, entry.id, entry.hash, entry.fact.type)
        decide(pointer, lifecycle(COURSE, self.store), self.store, self.clock)

    def later(self, **span: float) -> None:
        """Time passes, and lifecycle answers what is told."""
        until = self.clock.now + timedelta(**span)
        while self.clock.now < until:
            self.clock.now = min(until, self.clock.now + timedelta(minutes=5))
            self.ring()
            for entry in self.store.read("INC-1").entries:
                self.follow(entry)

    def ring(self) -> None:
        ring(self.store, self.store, self.clock, stall=timedelta(days=1))


def test_a_ring_at_the_very_end_of_the_hold_is_not_taken_for_silence() -> None:
    night = Night()
    night.flap()
    night.clock.forward(minutes=16)
    night.ring()
    held = night.store.read("INC-1").last
    assert held is not None
    assert held.fact == facts.HoldElapsed(of="clear")
    night.store.key, night.store.happens = keys.alarm("INC-1", "f1"), lambda: night.say("firing")

    with pytest.raises(Unavailable, match="changed while lifecycle decided"):
        night.follow(held)
    night.later(hours=2)

    assert night.incident().status == "open"
    night.say("resolved")
    night.later(hours=2)
    assert night.incident().status == "closed"


@pytest.mark.parametrize("rings", [False, True])
def test_only_an_alert_that_stayed_as_it_was_read_is_told_to_have_cleared(*, rings: bool) -> None:
    store, key = Racing(), keys.alarm("INC-1", "f1")
    flaps = facts.AlertFlapped(
        fingerprint="f1", title="orders-5xx", state="resolved", changed_at=T0, changes=20, look_again_at=T0
    )
    history = a_history(flaps, facts.HoldElapsed(of="clear"), store=store, incident_id="INC-1")
    known = store.get(key)
    assert known
    if rings:
        store.key, store.happens = key, lambda: store.write(Put(key, known.value | {"state": "firing"}))
    (*_, held) = history.entries
    message = Message("INC-1", held.id, held.hash, held.fact.type)
    stage, clock = lifecycle(COURSE, store), Clock(T0 + timedelta(hours=1))

    if rings:
        with pytest.raises(Unavailable, match="changed while lifecycle decided"):
            decide(message, stage, store, clock)
        assert types(store.read("INC-1")) == types(history)
    else:
        ended = decide(message, stage, store, clock)
        assert types(ended)[3:] == ["AlertResolved", "IncidentResolved"]
        assert {entry.actor for entry in ended.entries[3:]} == {"lifecycle"}


def test_a_change_while_the_hold_is_set_anew_is_not_lost() -> None:
    night = Night()
    night.flap(FLAPPING_AFTER + 1)
    night.clock.forward(minutes=16)
    night.ring()
    (*_, held) = night.store.read("INC-1").entries
    night.store.key, night.store.happens = keys.alarm("INC-1", "f1"), lambda: night.say("resolved")

    night.follow(held)
    night.later(hours=1)

    assert night.incident().status in {"resolved", "closed"}


def test_an_alarm_whose_last_ring_makes_it_flap_as_its_incident_is_about_to_close_keeps_it_open() -> None:
    night = Night()
    for state in ("firing", "resolved", "unknown"):
        night.say(state)
    night.flap(FLAPPING_AFTER - 4)
    night.later(minutes=16)
    assert night.incident().status == "resolved"
    night.clock.forward(minutes=31)
    night.ring()
    (*_, over) = night.store.read("INC-1").entries
    assert over.fact == facts.HoldElapsed(of="reopen")

    night.say("firing")
    assert night.incident().our_move
    night.follow(over)
    night.later(seconds=1)

    assert night.incident().status == "open"


def test_however_many_alerts_flap_they_end_in_transactions_that_dynamodb_takes() -> None:
    night = Night()
    names = [f"g{number}" for number in range(60)]
    joined = [facts.AlertJoined(alert=an_alert(fingerprint=each)) for each in names]
    quiet: dict[str, Any] = {"state": "resolved", "changed_at": T0, "changes": 20, "look_again_at": T0}
    flapped = [facts.AlertFlapped(fingerprint=each, title=each, **quiet) for each in names]
    history = a_history(*joined, *flapped, resolved(), store=night.store, incident_id="INC-1")
    night.clock.now = history.incident.last.at + timedelta(hours=1)

    for _ in range(2):
        night.ring()
        (*_, held) = night.store.read("INC-1").entries
        assert held.fact == facts.HoldElapsed(of="clear")
        night.follow(held)

    assert night.incident().status == "resolved"
    assert not night.incident().flapping
    assert night.store.most <= 100
