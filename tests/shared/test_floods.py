"""One source's flood costs one source's share, is told as one, and hides nothing that anybody else says."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from functions.lifecycle.follow import Course, follow, lifecycle
from functions.timekeeper.ring import ring
from shared import facts, keys
from shared.alert import Alert, as_text
from shared.config import Limits
from shared.decide import Message, decide
from shared.flood import power_of_ten
from shared.intake import MOST_ALARMS, Intake, Received, receive, told_by
from shared.ports import Item
from shared.target import Target
from shared.writes import Put, Write
from tests.builders import T0, Clock, a_config, a_service, an_alert, an_intake, types
from tests.fakes.store import MemoryStore

LIAR, HONEST = "arn:aws:sns:eu-west-1:123456789012:noise", "arn:aws:sns:eu-west-1:123456789012:alarms"
HOLD = timedelta(minutes=15)
SERVICES = [("orders", "standard"), ("search", "standard"), ("payments", "critical")]


def target(name: str) -> Target:
    return Target(kind="ecs", account="123456789012", region="eu-west-1", name=f"shop/{name}")


class Racing(MemoryStore):
    """Something happens right after the next read of a flood's own alarm, or after so many of them."""

    happens: Callable[[], object] | None = None
    reads: int = 1

    def get(self, key: str) -> Item | None:
        item = super().get(key)
        if key.startswith("alarm#") and "#flood:" in key and self.happens:
            self.reads -= 1
            if not self.reads:
                happens, self.happens = self.happens, None
                happens()
        return item


class Sea:
    def __init__(self, **limits: int) -> None:
        self.store, self.clock = Racing(), Clock(T0)
        services = tuple(a_service(name=name, target=target(name), tier=tier) for name, tier in SERVICES)
        self.intake: Intake = an_intake(
            self.store,
            config=a_config(services=services),
            clock=self.clock,
            limits=Limits(**({"rounds_per_source_per_hour": 3, "rounds_reserved": 2} | limits)),
        )

    def alert(self, name: str | None, origin: str, fingerprint: str, state: str = "firing") -> Alert:
        about = target(name) if name else None
        alert = an_alert(target=about, fingerprint=fingerprint, state=state, changed_at=self.clock.forward(seconds=1))
        return told_by(alert, origin)

    def ring(self, name: str | None, origin: str = LIAR, fingerprint: str = "f", state: str = "firing") -> Received:
        return receive(self.alert(name, origin, fingerprint, state), self.intake)

    def flood(self, times: int, origin: str = LIAR) -> list[Received]:
        return [self.ring(None, origin, f"n{number}") for number in range(times)]

    def told(self, received: Received) -> list[str]:
        assert received.incident_id
        return list(types(self.store.read(received.incident_id)))


def test_after_its_share_a_source_is_counted_in_one_incident_that_calls_people_once() -> None:
    sea = Sea()

    received = sea.flood(1_000)

    assert [each.outcome for each in received] == ["opened"] * 3 + ["repeated"] * 997
    assert len({each.incident_id for each in received}) == 4
    flood = sea.store.read(str(received[-1].incident_id))
    assert types(flood) == ["IncidentOpened", "AlertFlapped", "IncidentEscalated", *["AlertRepeated"] * 2]
    assert flood.incident.escalations == (
        f"3 alerts of {LIAR} were looked into this hour, so nothing looks into this one",
    )
    assert flood.incident.target is None
    assert flood.incident.phase == "waiting"


def test_every_alert_of_a_flood_is_on_record() -> None:
    sea = Sea()
    (*_, last) = sea.flood(60)
    kept = sea.store.listed(keys.counted_in(str(last.incident_id)), limit=100).items
    assert len(kept) == 57
    assert {line.value["title"] for line in kept} == {"orders-5xx"}
    assert {line.value["state"] for line in kept} == {"firing"}
    assert sorted(line.value["changed_at"] for line in kept) == sorted(
        as_text(T0 + timedelta(seconds=number)) for number in range(4, 61)
    )


def test_a_flood_is_looked_at_again_after_the_hold_and_every_line_names_who_wrote_it() -> None:
    sea = Sea()
    (*_, last) = sea.flood(4)
    flood = sea.store.read(str(last.incident_id))
    flapped = flood.entries[1].fact
    assert isinstance(flapped, facts.AlertFlapped)
    assert flapped.look_again_at == sea.clock.now + HOLD
    assert {entry.actor for entry in flood.entries} == {sea.intake.actor}


def test_a_tenfold_count_says_since_when() -> None:
    sea = Sea()
    (*_, last) = sea.flood(13)
    repeated = sea.store.read(str(last.incident_id)).entries[-1]
    assert isinstance(repeated.fact, facts.AlertRepeated)
    assert (repeated.fact.count, repeated.fact.changed_at) == (10, repeated.at)


def test_the_flood_of_one_source_takes_nothing_from_another() -> None:
    sea = Sea()
    sea.flood(100)
    honest = sea.ring("orders", HONEST)
    assert sea.told(honest) == ["IncidentOpened"]
    assert sea.store.read(str(honest.incident_id)).incident.phase == "investigating"


def test_what_is_in_the_inventory_has_an_incident_of_its_own_that_people_hear_of() -> None:
    sea = Sea()
    sea.flood(10)
    received = sea.ring("orders")
    incident = sea.store.read(str(received.incident_id)).incident
    assert sea.told(received) == ["IncidentOpened", "IncidentEscalated"]
    assert (incident.identity, incident.phase, incident.round) == (target("orders").key, "waiting", 0)


def test_an_alert_of_another_source_has_such_an_incident_looked_into_after_all() -> None:
    sea = Sea()
    sea.flood(10)
    opened = sea.ring("orders")
    sea.ring("orders", HONEST)
    history = sea.store.read(str(opened.incident_id))
    joined = history.entries[-1]
    (fact,) = follow(history.incident, joined, {}, T0, course=Course(HOLD, HOLD))
    assert fact == facts.InvestigationRequested(round=1, reason="orders-5xx joined", origin=HONEST)


def test_no_flood_uses_up_the_reserve_of_a_critical_service() -> None:
    sea = Sea()
    sea.flood(100)
    assert sea.told(sea.ring("payments")) == ["IncidentOpened"]


def test_the_reserve_of_a_critical_service_ends_too() -> None:
    sea = Sea(rounds_reserved=1)
    sea.flood(10)
    opened = sea.store.read(str(sea.ring("payments").incident_id))
    closed = facts.IncidentClosed(reason="over")
    sea.store.append(opened, [closed], actor="lifecycle", caused_by="x", now=sea.clock.now)

    assert sea.told(sea.ring("payments", fingerprint="f1")) == ["IncidentOpened", "IncidentEscalated"]


def test_what_joins_while_it_is_being_looked_into_costs_nothing() -> None:
    sea = Sea()
    for number in range(20):
        sea.ring("orders", fingerprint=f"f{number}")
    assert sea.told(sea.ring("search")) == ["IncidentOpened"]


def test_an_hour_later_a_source_has_its_share_again() -> None:
    sea = Sea()
    first = sea.flood(10)[-1]
    sea.clock.forward(hours=1)
    later = [sea.ring(None, fingerprint=f"later{number}") for number in range(5)]
    assert [each.outcome for each in later] == ["opened"] * 3 + ["repeated"] * 2
    assert later[-1].incident_id != first.incident_id


def test_a_flood_that_stays_away_is_over_and_one_that_comes_back_is_told_again() -> None:
    sea = Sea()
    flood = str(sea.flood(10)[-1].incident_id)
    _pass(sea, minutes=10)
    assert sea.ring(None, fingerprint="more").incident_id == flood
    _pass(sea, minutes=10)
    assert sea.store.read(flood).incident.status == "open"
    _pass(sea, minutes=25)
    assert sea.store.read(flood).incident.status == "resolved"

    assert sea.ring(None, fingerprint="again").incident_id == flood
    _pass(sea, seconds=1)
    incident = sea.store.read(flood).incident
    assert (incident.status, len(incident.escalations)) == ("open", 2)
    _pass(sea, minutes=80)
    assert sea.store.read(flood).incident.status == "closed"


@pytest.mark.parametrize("reads", [1, 2])
def test_a_flood_that_begins_again_with_two_alerts_at_once_comes_to_its_end(reads: int) -> None:
    sea = Sea()
    flood = str(sea.flood(10)[-1].incident_id)
    _pass(sea, minutes=25)
    assert sea.store.read(flood).incident.status == "resolved"

    sea.store.happens, sea.store.reads = lambda: sea.ring(None, fingerprint="one"), reads
    assert sea.ring(None, fingerprint="other").incident_id == flood
    sea.ring(None, fingerprint="third")
    _pass(sea, seconds=1)
    assert sea.store.read(flood).incident.status == "open"
    _pass(sea, minutes=80)

    assert sea.store.read(flood).incident.status == "closed"


def test_what_is_told_again_keeps_a_flood_open_and_is_not_counted_again() -> None:
    sea = Sea()
    (*_, last) = sea.flood(12)
    flood = str(last.incident_id)
    item = sea.store.get(keys.alarm(flood, sea.store.read(flood).incident.identity))
    assert item is not None
    assert item.count == 9
    standing = [sea.alert(None, LIAR, f"standing{number}") for number in range(3)]

    for _ in range(4):
        assert {receive(alert, sea.intake).incident_id for alert in standing} == {flood}
        _pass(sea, minutes=5)

    again = sea.store.get(item.key)
    assert again is not None
    assert again.count == 12
    assert types(sea.store.read(flood)).count("AlertRepeated") == 1
    assert sea.store.read(flood).incident.status == "open"


def test_two_alerts_of_a_flood_in_one_moment_are_two() -> None:
    sea = Sea()
    flood = str(sea.flood(5)[-1].incident_id)
    sea.store.happens = lambda: receive(told_by(an_alert(target=None, fingerprint="one"), LIAR), sea.intake)

    receive(told_by(an_alert(target=None, fingerprint="other"), LIAR), sea.intake)

    item = sea.store.get(keys.alarm(flood, sea.store.read(flood).incident.identity))
    assert item is not None
    assert item.count == 4


@pytest.mark.parametrize("origin", ["", "nagios"])
def test_who_is_not_known_has_one_share_as_well(origin: str) -> None:
    sea = Sea()
    received = sea.flood(5, origin)
    assert [each.outcome for each in received] == ["opened"] * 3 + ["repeated"] * 2


@dataclass
class Noted(Racing):
    """Remembers what was written beside the timelines."""

    noted: list[Write] = field(default_factory=list)

    def write(self, *writes: Write) -> None:
        super().write(*writes)
        self.noted += writes

    def of_key(self, prefix: str) -> list[Write]:
        return [write for write in self.noted if write.key.startswith(prefix)]


@pytest.mark.parametrize(
    ("origin", "teller", "counted"), [(LIAR, LIAR, LIAR), ("", "nobody that we know", "unknown senders")]
)
def test_all_that_a_flood_says_of_itself_when_it_begins(origin: str, teller: str, counted: str) -> None:
    sea = Sea(rounds_per_source_per_hour=1)
    sea.store = Noted()
    sea.intake = replace(sea.intake, timeline=sea.store, state=sea.store)
    (*_, received) = sea.flood(2, origin)

    identity, why = f"flood:{origin}/2026-11-21T03", f"1 alerts of {counted} were looked into this hour"
    why += ", so nothing looks into this one"
    assert received == Received("INC-2", "repeated", why)
    flood = Alert(
        source="cloudwatch",
        state="firing",
        title=f"More alerts of {teller} than can be looked into",
        summary="They are counted and kept, and nothing else is done. The first: orders-5xx",
        severity="high",
        starts_at=sea.clock.now,
        changed_at=sea.clock.now,
        external_id=identity,
        fingerprint=identity,
        origin=origin,
    )
    history = sea.store.read("INC-2")
    assert [entry.fact for entry in history.entries] == [
        facts.IncidentOpened(
            alert=flood,
            identity=identity,
            target=None,
            service="",
            title=flood.title,
            severity="high",
            config_digest="c" * 64,
            unattended=why,
        ),
        facts.AlertFlapped(
            fingerprint=identity,
            title=flood.title,
            state="resolved",
            changed_at=sea.clock.now,
            changes=1,
            look_again_at=sea.clock.now + HOLD,
        ),
        facts.IncidentEscalated(reason=why),
    ]
    assert {(entry.actor, entry.caused_by) for entry in history.entries} == {("alert_intake", identity)}
    assert sea.store.of_key("counted#") == [
        Put(
            f"counted#INC-2#{origin}.n1",
            {
                "title": "orders-5xx",
                "state": "firing",
                "target": "",
                "changed_at": as_text(sea.clock.now),
            },
            listed=("counted#INC-2", as_text(sea.clock.now)),
            expires_at=sea.clock.now + timedelta(days=30),
        )
    ]


def test_an_alert_about_what_its_source_was_not_given_is_counted_with_what_it_named() -> None:
    sea = Sea()
    sea.flood(5, "nagios")

    received = sea.ring("orders", "nagios")

    (*_, kept) = sea.store.listed(keys.counted_in(str(received.incident_id)), newest_first=False).items
    assert kept.value["target"] == "ecs:shop/orders"


def test_one_incident_holds_200_alerts_of_one_source_and_any_of_another() -> None:
    sea = Sea()
    sea.ring("orders", fingerprint="f1")
    alerts = [sea.alert("orders", LIAR, f"f{number}") for number in range(2, 201)]
    joined = [facts.AlertJoined(alert=alert) for alert in alerts]
    first = sea.store.read("INC-1")
    sea.store.append(first, joined[:-1], actor="alert_intake", caused_by="x", now=sea.clock.now)
    assert receive(alerts[-1], sea.intake) == Received("INC-1", "joined")
    assert len(sea.store.read("INC-1").incident.alarms) == MOST_ALARMS

    received = sea.ring("orders", fingerprint="another")

    why = f"{LIAR} has rung with 200 different alerts about ecs:shop/orders, so more of them are only counted"
    assert received == Received("INC-2", "repeated", why)
    (kept,) = sea.store.listed(keys.counted_in("INC-2")).items
    assert kept.value["target"] == "ecs:shop/orders"
    assert sea.ring("orders", HONEST) == Received("INC-1", "joined")
    assert sea.ring("orders", fingerprint="f1", state="resolved") == Received("INC-1", "resolved")
    assert sea.ring("orders", fingerprint="f1") == Received("INC-1", "joined")


def test_a_tenfold_count_is_recorded_because_of_the_alert_that_made_it() -> None:
    sea = Sea()
    (*_, last) = sea.flood(13)
    flood = sea.store.read(str(last.incident_id))

    assert flood.entries[-1].fact == facts.AlertRepeated(
        fingerprint=flood.incident.identity, title=flood.incident.title, count=10, changed_at=sea.clock.now
    )
    delivery = f"{LIAR}.n12/firing/{as_text(sea.clock.now)}"
    assert flood.entries[-1].caused_by == f"{flood.incident.identity}/{delivery}"
    assert flood.entries[-1].actor == "alert_intake"


def test_what_says_something_else_than_before_is_counted_once_more() -> None:
    sea = Sea()
    (*_, last) = sea.flood(5)
    item = keys.alarm(str(last.incident_id), sea.store.read(str(last.incident_id)).incident.identity)

    counts = []
    for state in ("firing", "resolved", "firing"):
        alert = sea.alert(None, LIAR, "n4", state)
        for _ in range(2):
            receive(alert if state == "firing" else alert.model_copy(update={"state": "firing"}), sea.intake)
        known = sea.store.get(item)
        assert known is not None
        counts.append((known.count, known.value["changes"], known.value["since"] == as_text(sea.clock.now)))

    assert counts == [(3, 3, True), (4, 4, True), (5, 5, True)]


def test_a_flood_that_comes_back_is_looked_at_again_after_the_hold() -> None:
    sea = Sea()
    flood = str(sea.flood(10)[-1].incident_id)
    _pass(sea, minutes=25)

    sea.ring(None, fingerprint="again")

    last = sea.store.read(flood).entries[-1]
    identity = sea.store.read(flood).incident.identity
    assert isinstance(last.fact, facts.AlertFlapped)
    assert last.fact.model_copy(update={"changes": 0}) == facts.AlertFlapped(
        fingerprint=identity,
        title=f"More alerts of {LIAR} than can be looked into",
        state="firing",
        changed_at=sea.clock.now,
        changes=0,
        look_again_at=sea.clock.now + HOLD,
    )


@pytest.mark.parametrize(
    ("count", "is_one"),
    [(0, False), (1, True), (2, False), (10, True), (11, False), (20, False), (100, True), (101, False), (1000, True)],
)
def test_a_power_of_ten_is_a_one_with_nothing_but_noughts(count: int, is_one: bool) -> None:
    assert power_of_ten(count) is is_one


def _pass(sea: Sea, **span: float) -> None:
    """Time passes, and lifecycle answers what the timers say."""
    until = sea.clock.now + timedelta(**span)
    stage = lifecycle(Course(HOLD, timedelta(minutes=30)), sea.store)
    while sea.clock.now < until:
        sea.clock.now = min(until, sea.clock.now + timedelta(minutes=1))
        ring(sea.store, sea.store, sea.clock, stall=timedelta(days=1))
        for timeline in list(sea.store.timelines.values()):
            for entry in list(timeline):
                pointer = Message(entry.incident_id, entry.id, entry.hash, entry.fact.type)
                if isinstance(entry.fact, facts.HoldElapsed | facts.AlertFlapped):
                    decide(pointer, stage, sea.store, sea.clock)
