"""While too much of the fleet is unhealthy nothing runs without a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.policy_gate.fleet import PAGE, watch
from functions.policy_gate.gate import Gate
from functions.policy_gate.input import recall
from functions.policy_gate.policy import Policy
from shared import facts, keys
from shared.alert import as_text
from shared.config import Config, Storm
from shared.configuration import load
from shared.decide import Message, Stage, decide
from shared.facts import Fact
from shared.history import History
from shared.ports import Page
from shared.target import Target
from shared.writes import Put
from tests.builders import (
    INCIDENT,
    T0,
    Clock,
    a_config,
    a_history,
    a_person,
    a_proposal,
    a_service,
    an_alert,
    an_assessment,
    more,
    opened,
    resolved,
)
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore

SHIPPED = load(Path("config"))
PATIENCE = timedelta(minutes=20)
STORM = Storm(unhealthy=0.3, least=3, calm=0.2, calm_seconds=600)
NAMES = ["orders", *(f"s{number}" for number in range(1, 10))]


def target(name: str) -> Target:
    return Target(kind="ecs", account="123456789012", region="eu-west-1", name=f"shop/{name}")


def ten(storm: Storm = STORM) -> Config:
    services = tuple(a_service(name=name, target=target(name)) for name in NAMES)
    config = a_config(services=services, people=(a_person(),), policy=SHIPPED.policy, policy_data=SHIPPED.policy_data)
    return config.model_copy(update={"storm": storm})


class Fleet:
    """Ten services, and one proposal after the other about `orders`."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or ten()
        self.store = MemoryStore()
        self.clock = Clock(T0 + timedelta(minutes=1))
        self.history = a_history(store=self.store)
        self.ask = Policy.of(self.config).decide
        self.proposals = 0

    def ill(self, *names: str) -> None:
        for name in names:
            alert = an_alert(target=target(name), fingerprint="f1", title=f"{name}-5xx")
            fact = opened(alert=alert, service=name if name in NAMES else "")
            self.store.append(
                History(f"INC-{name}"), [fact], actor="alert_intake", caused_by=f"alert-{name}", now=self.clock()
            )

    def well(self, *names: str) -> None:
        for name in names:
            more(self.store.read(f"INC-{name}"), resolved(hold_until=self.clock.now), store=self.store)

    def proposes(self, **later: float) -> Sequence[Fact]:
        """What the gate says to the next proposal; asked twice, it says it once."""
        self.clock.forward(**later)
        self.proposals += 1
        proposal = a_proposal(id=f"p{self.proposals}", expires_at=self.clock.now + timedelta(minutes=30))
        evidence = facts.EvidenceCollected(
            round=1, items=(), gaps=(), binding={"deployment": "ecs-svc/1"}, breach_confirmed=True, digest="e" * 64
        )
        made = facts.AssessmentMade(round=1, assessment=an_assessment(), evidence_digest="e" * 64, proposes=True)
        proposed = facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash)
        self.history = more(self.store.read(self.history.incident_id), evidence, made, proposed, store=self.store)
        return self.turn()

    def turn(self) -> Sequence[Fact]:
        cause = self.history.entries[-1]
        gate = Gate(self.config, self.ask, PATIENCE)
        memory = recall(self.store, self.clock, MemorySeals(), fleet=watch(self.store, self.config))
        message = Message(cause.incident_id, cause.id, cause.hash, cause.fact.type)
        grown = decide(message, Stage("policy_gate", gate.conclude, memory), self.store, self.clock)
        assert decide(message, Stage("policy_gate", gate.conclude, memory), self.store, self.clock) == self.store.read(
            cause.incident_id
        )
        return [entry.fact for entry in grown.entries[len(self.history.entries) :]]


def types(answer: Sequence[Fact]) -> list[str]:
    return [fact.type for fact in answer]


def test_three_of_ten_unhealthy_are_no_storm() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2")  # and orders itself
    assert types(fleet.proposes()) == ["ActionApproved"]


def test_more_than_the_share_asks_a_person_whatever_the_mode_and_says_so_once() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2", "s3")

    request, escalated = fleet.proposes()

    assert isinstance(request, facts.ApprovalRequested)
    words = "4 or more of 10 services are unhealthy: nothing runs without a person"
    assert request.reasons == (words,)
    assert escalated == facts.IncidentEscalated(reason=words)
    (again,) = fleet.proposes(minutes=1)
    assert isinstance(again, facts.ApprovalRequested)
    assert again.reasons == (words,)


def test_a_second_storm_is_told_like_the_first() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2", "s3")
    fleet.proposes()
    fleet.well("s1", "s2", "s3")
    assert types(fleet.proposes(minutes=11)) == ["ActionApproved"]

    fleet.ill("s4", "s5", "s6")
    assert types(fleet.proposes(minutes=1)) == ["ApprovalRequested", "IncidentEscalated"]
    assert types(fleet.proposes(minutes=1)) == ["ApprovalRequested"]


def test_services_are_counted_over_all_that_is_open_however_much_lies_between() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2")
    fleet.clock.forward(seconds=1)
    fleet.ill(*(f"x{number}" for number in range(PAGE + 10)))
    fleet.clock.forward(seconds=1)
    fleet.ill("s3")
    assert types(fleet.proposes()) == ["ApprovalRequested", "IncidentEscalated"]


class Endless(MemoryStore):
    """A list of open incidents of which every page has a next one."""

    def listed(self, name: str, *, limit: int = 50, cursor: str = "", newest_first: bool = True) -> Page:
        page = super().listed(name, limit=limit, newest_first=newest_first)
        return Page(page.items, next=cursor or f"{as_text(T0)}|incident#{INCIDENT}") if page.items else page


def test_more_open_incidents_than_can_be_counted_are_a_storm() -> None:
    fleet = Fleet()
    fleet.store = Endless(timelines=fleet.store.timelines, items=fleet.store.items)
    (request, *_) = fleet.proposes()
    assert isinstance(request, facts.ApprovalRequested)
    assert request.reasons == ("14 or more of 10 services are unhealthy: nothing runs without a person",)


def test_a_person_may_still_approve_in_a_storm() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2", "s3")
    fleet.proposes()
    fleet.history = fleet.store.read(fleet.history.incident_id)
    work = fleet.history.incident.proposal
    assert work
    given = facts.ApprovalGiven(
        proposal_id=work.proposal.id, proposal_hash=work.proposal.hash, person="ana", channel="slack"
    )
    memory = recall(fleet.store, fleet.clock, MemorySeals(), fleet=watch(fleet.store, fleet.config))
    gate = Gate(fleet.config, fleet.ask, PATIENCE)
    fleet.history = more(fleet.history, given, store=fleet.store)
    cause = fleet.history.entries[-1]
    remembered = memory(fleet.history.incident, cause)
    assert remembered
    assert remembered.fleet.stopped
    genuine = {"genuine": frozenset([given]), "forged": frozenset()}
    concluded = gate.conclude(fleet.history.incident, cause, replace(remembered, **genuine), fleet.clock())  # type: ignore[arg-type]
    assert types(concluded) == ["ActionApproved"]


def test_a_storm_ends_only_when_it_is_calm_and_has_lasted() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2", "s3", "s4")
    fleet.proposes()

    fleet.well("s1", "s2")  # three are left: no storm would begin, but none ends
    assert types(fleet.proposes(minutes=20)) == ["ApprovalRequested"]
    fleet.well("s3")
    assert types(fleet.proposes(minutes=1)) == ["ActionApproved"]
    assert fleet.store.get(keys.STORM).value["stopped"] is False  # type: ignore[union-attr]


def test_a_storm_lasts_its_time_at_least() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2", "s3")
    fleet.proposes()
    fleet.well("s1", "s2", "s3")

    assert types(fleet.proposes(minutes=9)) == ["ApprovalRequested"]
    assert types(fleet.proposes(minutes=2)) == ["ActionApproved"]


def test_few_services_are_no_fleet() -> None:
    fleet = Fleet(ten(Storm(unhealthy=0.3, least=5)))
    fleet.ill("s1", "s2", "s3")
    assert types(fleet.proposes()) == ["ActionApproved"]


def test_what_is_not_in_the_inventory_does_not_count() -> None:
    fleet = Fleet()
    fleet.ill("x1", "x2", "x3", "x4")
    assert types(fleet.proposes()) == ["ActionApproved"]


@pytest.mark.parametrize(
    "marker",
    [
        {},
        {"stopped": "no"},
        {"stopped": True},
        {"stopped": True, "at": "soon", "since": "x"},
        {"stopped": False, "at": "2026-11-21T03:00:00", "since": "x"},
        {"stopped": True, "at": 5, "since": "x"},
    ],
)
def test_a_marker_that_cannot_be_read_stops(marker: dict[str, Any]) -> None:
    fleet = Fleet()
    fleet.store.write(Put(keys.STORM, marker))

    (request,) = fleet.proposes()

    assert isinstance(request, facts.ApprovalRequested)
    assert request.reasons == ("it cannot be told how many services are unhealthy: nothing runs without a person",)


def test_a_head_that_cannot_be_read_stops() -> None:
    fleet = Fleet()
    fleet.store.write(Put("head#INC-x", {"opened_at": "2026", "status": "open"}, listed=("open#0", "2026")))
    assert types(fleet.proposes()) == ["ApprovalRequested"]


def test_a_head_of_before_is_taken_to_fire() -> None:
    fleet = Fleet()
    for name in ("s1", "s2", "s3"):
        fleet.store.write(Put(f"head#INC-{name}", {"opened_at": "2026", "service": name}, listed=("open#0", "2026")))
    assert types(fleet.proposes())[0] == "ApprovalRequested"


def test_only_a_new_proposal_begins_a_storm_so_that_it_is_told() -> None:
    fleet = Fleet()
    fleet.ill("s1", "s2", "s3")
    entry = more(fleet.history, facts.NoteAdded(person="ana", text="looking"), store=fleet.store).entries[-1]

    seen = watch(fleet.store, fleet.config)(entry, fleet.clock())

    assert seen.stopped
    assert not seen.began
    assert fleet.store.get(keys.STORM) is None
