"""The canary: it rings, and it tells outside only of a test that came through every stage."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from functions.canary.missing import missing
from functions.canary.sing import Canary, sing
from shared import facts
from shared.errors import MiddlewatchError, Unavailable
from shared.facts import Fact
from shared.history import History
from tests.builders import T0, Clock, an_alert, an_assessment, more, opened
from tests.fakes.store import MemoryStore
from tests.notification.story import an_item

STAGES: dict[str, Fact] = {
    "investigation": facts.EvidenceCollected(
        round=1, items=(an_item(1, "cloudwatch.alarm", "it rings"),), gaps=(), digest="d" * 64
    ),
    "ai_assessment": facts.AssessmentMade(
        round=1, assessment=an_assessment(action="ignore"), evidence_digest="d" * 64, proposes=False
    ),
    "policy_gate": facts.DryRunCompleted(stage="policy_gate", would="said deny"),
    "notification": facts.MessageSent(channel="slack", about="INC-T/4", external_id="C/1", summary="came through"),
    "alert_intake (all-clear)": facts.AlertResolved(
        fingerprint="f1", title="middlewatch-canary", cleared_at=T0, hold_until=T0 + timedelta(minutes=2)
    ),
    "timekeeper": facts.HoldElapsed(of="clear"),
    "lifecycle": facts.IncidentClosed(reason="it stayed quiet"),
}


@dataclass
class Cage:
    """A canary, and what it did."""

    alarm: str = "middlewatch-canary"
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    switch: MiddlewatchError | None = None
    there: bool = True
    broken: MiddlewatchError | None = None
    rung: int = 0
    pinged: int = 0
    lost: int = 0

    def sing(self) -> dict[str, Any]:
        canary = Canary(
            timeline=self.store,
            state=self.store,
            clock=self.clock,
            alarm=self.alarm,
            patience=timedelta(minutes=15),
            ring=self._ring,
            ping=self._ping,
            lost=self._lose,
            logger=Logger(service="test"),
        )
        return sing(canary)

    def cross(self, name: str, happened: Sequence[Fact]) -> History:
        """A test that came so far, begun a second from now."""
        at = self.clock.now + timedelta(seconds=1)
        first = opened(alert=an_alert(target=None, fingerprint=name), test=True, service="")
        history = self.store.append(History(name), [first], actor="alert_intake", caused_by=name, now=at)
        named = [
            fact.model_copy(update={"fingerprint": name}) if isinstance(fact, facts.AlertResolved) else fact
            for fact in happened
        ]
        return more(history, *named, store=self.store)

    def _ring(self) -> None:
        if self.broken:
            raise self.broken
        self.rung += 1

    def _ping(self) -> bool:
        if self.switch:
            raise self.switch
        self.pinged += self.there
        return self.there

    def _lose(self) -> None:
        self.lost += 1


def test_the_first_run_rings_and_has_nothing_to_tell() -> None:
    cage = Cage()

    assert cage.sing() == {"rang": True, "missing": None}
    assert (cage.rung, cage.pinged, cage.lost) == (1, 0, 0)


def test_a_test_that_came_through_is_told_outside_and_the_next_begins() -> None:
    cage = Cage()
    cage.sing()
    cage.cross("INC-T1", list(STAGES.values()))
    cage.clock.forward(hours=1)

    assert cage.sing() == {"rang": True, "missing": []}
    assert (cage.rung, cage.pinged, cage.lost) == (2, 1, 0)


@pytest.mark.parametrize("absent", STAGES)
def test_a_stage_that_did_not_answer_is_named_and_nobody_is_told_that_all_is_well(absent: str) -> None:
    cage = Cage()
    cage.sing()
    cage.cross("INC-T1", [fact for stage, fact in STAGES.items() if stage != absent])
    cage.clock.forward(hours=1)

    assert cage.sing() == {"rang": True, "missing": [absent]}
    assert (cage.rung, cage.pinged, cage.lost) == (2, 0, 1)


def test_a_test_that_never_arrived_is_lost() -> None:
    cage = Cage()
    cage.cross("INC-T0", list(STAGES.values()))
    cage.clock.forward(hours=1)
    cage.sing()
    cage.clock.forward(hours=1)

    assert cage.sing() == {"rang": True, "missing": ["alert_intake"]}
    assert (cage.pinged, cage.lost) == (0, 1)


def test_the_next_test_that_comes_through_is_told_again() -> None:
    cage = Cage()
    for happened in ([], list(STAGES.values())):
        cage.sing()
        cage.cross(f"INC-T{cage.rung}", happened)
        cage.clock.forward(hours=1)

    assert cage.sing()["missing"] == []
    assert (cage.pinged, cage.lost) == (1, 1)


def test_a_test_that_somebody_else_began_meanwhile_counts_and_takes_nothing_away() -> None:
    cage = Cage()
    cage.sing()
    cage.cross("INC-T1", list(STAGES.values()))
    cage.clock.forward(minutes=59)
    cage.cross("INC-T2", [])
    cage.clock.forward(minutes=1)

    assert cage.sing()["missing"] == []


def test_a_second_run_at_once_lets_the_first_have_its_time() -> None:
    cage = Cage()
    cage.sing()
    cage.clock.forward(minutes=14)

    assert cage.sing() == {"rang": False, "missing": None}
    assert (cage.rung, cage.lost) == (1, 0)


def test_without_an_alarm_it_does_nothing() -> None:
    cage = Cage(alarm="")

    assert cage.sing() == {"rang": False, "missing": None}
    assert (cage.rung, cage.store.items) == (0, {})


def test_a_switch_that_does_not_answer_or_is_not_there_stops_no_test() -> None:
    for cage in (Cage(switch=Unavailable("no answer")), Cage(there=False)):
        cage.sing()
        cage.cross("INC-T1", list(STAGES.values()))
        cage.clock.forward(hours=1)

        assert cage.sing() == {"rang": True, "missing": []}
        assert (cage.pinged, cage.lost) == (0, 0)


def test_an_alarm_that_cannot_be_rung_fails_the_run_and_the_next_one_says_so() -> None:
    cage = Cage(broken=Unavailable("denied"))
    with pytest.raises(Unavailable):
        cage.sing()
    cage.broken = None
    cage.clock.forward(hours=1)

    assert cage.sing() == {"rang": True, "missing": ["alert_intake"]}


def test_evidence_without_the_alarm_itself_shows_that_investigation_sees_nothing() -> None:
    blind = facts.EvidenceCollected(round=1, items=(an_item(1, "alert", "it says so"),), gaps=(), digest="d" * 64)
    history = Cage().cross("INC-T1", list({**STAGES, "investigation": blind}.values()))

    assert missing(history) == ["investigation"]


def test_a_broken_timeline_is_no_success() -> None:
    history = Cage().cross("INC-T1", list(STAGES.values()))
    entries = (*history.entries[:3], *history.entries[4:])

    assert missing(History("INC-T1", entries)) == ["timeline (entry 4 is missing)"]
