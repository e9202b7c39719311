from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import facts, keys
from shared.alerts.parse import parse
from shared.config import Limits
from shared.entry import broken_link
from shared.errors import Unavailable
from shared.facts import Fact
from shared.history import History
from shared.intake import FLAPPING_AFTER, Intake, Received, heard, new_incident_id, receive, told_by
from shared.listing import STATUSES, incidents
from shared.settings import Settings
from shared.target import Target
from shared.writes import Claim, Put, Spend, Write
from tests.builders import (
    SEEN,
    T0,
    TARGET,
    Clock,
    a_config,
    a_proposal,
    a_service,
    an_alert,
    an_intake,
    approved,
    more,
    proposed,
    requested,
    types,
)
from tests.fakes.store import MemoryStore

HOLD = timedelta(minutes=15)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def intake(store: MemoryStore, clock: Clock) -> Intake:
    return an_intake(store, clock=clock)


def test_the_first_alert_about_a_target_opens_an_incident(intake: Intake, store: MemoryStore) -> None:
    received = receive(an_alert(), intake)

    assert (received.incident_id, received.outcome) == ("INC-1", "opened")
    assert types(store.read("INC-1")) == ["IncidentOpened"]
    assert store.read("INC-1").incident.service == "orders"


@pytest.mark.parametrize("times", [2, 5])
def test_a_redelivered_alert_counts_once(intake: Intake, store: MemoryStore, times: int) -> None:
    outcomes = [receive(an_alert(), intake).outcome for _ in range(times)]

    assert outcomes == ["opened", *["duplicate"] * (times - 1)]
    assert len(store.timelines) == 1
    assert types(store.read("INC-1")) == ["IncidentOpened"]


@pytest.mark.parametrize("later", [timedelta(minutes=6), timedelta(days=15), timedelta(days=31)], ids=str)
@pytest.mark.parametrize("cleared", [False, True])
def test_a_duplicate_that_every_memory_of_deliveries_forgot_is_counted_in_the_open_incident(
    intake: Intake, store: MemoryStore, clock: Clock, later: timedelta, cleared: bool
) -> None:
    receive(an_alert(), intake)
    if cleared:
        receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=1)), intake)
    clock.now += later
    for key in [key for key in store.items if key.startswith("delivery#")]:
        del store.items[key]

    received = receive(an_alert(), intake)

    assert (received.incident_id, received.outcome in {"repeated", "duplicate"}) == ("INC-1", True)
    assert {"AlertJoined", "IncidentReopened"}.isdisjoint(types(store.read("INC-1")))
    assert bool(store.read("INC-1").incident.firing) is not cleared
    clock.forward(hours=1)
    assert receive(an_alert(), intake).outcome == "duplicate"
    assert len(store.timelines) == 1
    assert (types(store.read("INC-1"))[-1] == "AlertRepeated") is not cleared


def test_another_alert_about_the_same_target_joins(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)

    received = receive(an_alert(fingerprint="f2", source="grafana"), intake)

    assert (received.incident_id, received.outcome) == ("INC-1", "joined")
    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertJoined"]


def test_alerts_that_name_no_target_have_incidents_of_their_own(intake: Intake) -> None:
    one = receive(an_alert(target=None, title="who knows"), intake)
    two = receive(an_alert(target=None, title="who knows", fingerprint="f2"), intake)

    assert [one.outcome, two.outcome] == ["opened", "opened"]


@pytest.mark.parametrize(
    ("cluster", "labels", "identity"),
    [
        ("shop", {"service_name": "orders"}, "ecs:123456789012:eu-west-1:shop/orders"),
        ("shop", {"service_name": "*"}, "alert:cloudwatch/f1"),
        ("shop", {}, "alert:cloudwatch/f1"),
        ("", {"service_name": "orders"}, "alert:cloudwatch/f1"),
    ],
)
def test_a_service_without_a_cluster_is_of_the_deployments_own_cluster_if_it_has_one(
    intake: Intake, store: MemoryStore, cluster: str, labels: dict[str, str], identity: str
) -> None:
    receive(an_alert(target=None, title="who knows", labels=labels), replace(intake, cluster=cluster))

    assert store.read("INC-1").incident.identity == identity


def test_an_alert_that_clears_starts_the_hold(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)
    clock.forward(minutes=5)

    received = receive(an_alert(state="resolved", changed_at=clock.now), intake)

    assert received.outcome == "resolved"
    assert store.read("INC-1").incident.timers["hold"].due_at == clock.now + HOLD


def test_the_hold_waits_for_the_last_alert(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)
    receive(an_alert(fingerprint="f2"), intake)
    clock.forward(minutes=5)
    receive(an_alert(state="resolved", changed_at=clock.now), intake)
    assert "hold" not in store.read("INC-1").incident.timers

    receive(an_alert(fingerprint="f2", state="resolved", changed_at=clock.now), intake)

    assert "hold" in store.read("INC-1").incident.timers


def test_only_the_alert_that_rang_can_clear(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)

    received = receive(an_alert(fingerprint="other", state="resolved", changed_at=clock.forward(minutes=1)), intake)

    assert received.outcome == "ignored"
    assert store.read("INC-1").incident.firing


def test_an_all_clear_without_an_incident_opens_none(intake: Intake, store: MemoryStore) -> None:
    received = receive(an_alert(state="resolved"), intake)

    assert (received.incident_id, received.outcome) == (None, "ignored")
    assert store.timelines == {}


def test_an_alarm_overtaken_by_its_own_all_clear_is_told_but_does_not_fire(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=1)), intake)

    receive(an_alert(changed_at=T0), intake)

    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertResolved"]
    assert store.read("INC-1").incident.firing == ()


def test_an_older_state_never_replaces_a_newer_one(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(changed_at=T0 + timedelta(minutes=2)), intake)

    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=1)), intake)

    assert store.read("INC-1").incident.firing


@pytest.mark.parametrize("last", ["firing", "resolved"])
def test_in_whichever_order_five_changes_arrive_the_newest_one_counts(last: str) -> None:
    other = {"firing": "resolved", "resolved": "firing"}[last]
    changes = [
        an_alert(state=other if minute % 2 else last, changed_at=T0 + timedelta(minutes=minute)) for minute in range(5)
    ]
    for arriving in permutations(changes):
        store = MemoryStore()
        intake = an_intake(store)
        for alert in arriving:
            receive(alert, intake)

        (incident_id,) = store.timelines
        assert bool(store.read(incident_id).incident.firing) == (last == "firing"), arriving


def test_no_data_is_not_all_clear(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)

    receive(an_alert(state="unknown", changed_at=clock.forward(minutes=1)), intake)

    assert store.read("INC-1").incident.firing


def test_no_data_after_the_all_clear_ends_the_hold_and_is_looked_at_again(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=clock.forward(minutes=5)), intake)

    received = receive(an_alert(state="unknown", changed_at=clock.forward(minutes=5)), intake)

    incident = store.read("INC-1").incident
    assert received.outcome == "joined"
    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertResolved", "AlertLapsed"]
    assert incident.firing
    assert {name: timer.due_at for name, timer in incident.timers.items()} == {"look": clock.now + HOLD}

    receive(an_alert(state="resolved", changed_at=clock.forward(minutes=1)), intake)
    incident = store.read("INC-1").incident
    assert {name: timer.due_at for name, timer in incident.timers.items()} == {"hold": clock.now + HOLD}


def test_an_alert_that_lapsed_while_another_fired_does_not_count_as_clear(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    receive(an_alert(), intake)
    receive(an_alert(fingerprint="f2"), intake)
    receive(an_alert(state="resolved", changed_at=clock.forward(minutes=1)), intake)
    receive(an_alert(state="unknown", changed_at=clock.forward(minutes=1)), intake)
    receive(an_alert(fingerprint="f2", state="resolved", changed_at=clock.forward(minutes=1)), intake)

    assert "hold" not in store.read("INC-1").incident.timers


def test_an_alert_that_flaps_and_lapses_is_not_quiet(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    for number in range(FLAPPING_AFTER):
        state = "firing" if number % 2 == 0 else "resolved"
        receive(an_alert(state=state, changed_at=clock.forward(seconds=18)), intake)
    receive(an_alert(state="unknown", changed_at=clock.forward(seconds=18)), intake)

    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert item.value["state"] == "unknown"


def test_no_data_reopens_nothing_that_is_resolved(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=clock.forward(minutes=5)), intake)
    more(store.read("INC-1"), facts.IncidentResolved(reason="quiet", close_at=T0), store=store)

    received = receive(an_alert(state="unknown", changed_at=clock.forward(minutes=5)), intake)

    assert received.outcome == "repeated"
    assert store.read("INC-1").incident.status == "resolved"


def test_ten_thousand_repeats_leave_a_handful_of_lines(intake: Intake, store: MemoryStore) -> None:
    for second in range(10_000):
        receive(an_alert(changed_at=T0 + timedelta(milliseconds=second)), intake)

    repeats = [entry.fact for entry in store.read("INC-1").entries if isinstance(entry.fact, facts.AlertRepeated)]
    assert [fact.count for fact in repeats] == [10, 100, 1000, 10_000]
    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert item.count == 10_000


def test_a_source_that_goes_on_saying_so_is_recorded_every_half_hour(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    for _ in range(8):
        receive(an_alert(), intake)
        clock.forward(minutes=15)

    assert types(store.read("INC-1")) == ["IncidentOpened", *["AlertRepeated"] * 3]


def test_an_alert_that_flaps_is_recorded_to_a_bound_and_then_counted(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    for number in range(200):
        state = "firing" if number % 2 == 0 else "resolved"
        receive(an_alert(state=state, changed_at=clock.forward(seconds=18)), intake)

    history = store.read("INC-1")
    assert len(history.entries) == FLAPPING_AFTER
    assert types(history)[-1] == "AlertFlapped"
    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert (item.value["state"], item.value["changes"]) == ("resolved", 200)


def test_a_target_rings_anew_after_its_incident_closed(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=1)), intake)
    history = store.read("INC-1")
    store.append(history, [facts.IncidentClosed(reason="quiet")], actor="lifecycle", caused_by="x", now=clock.now)

    assert receive(an_alert(), intake).outcome == "duplicate"
    received = receive(an_alert(changed_at=clock.forward(hours=1)), intake)

    assert received.outcome == "opened"
    assert received.incident_id != "INC-1"


@pytest.mark.parametrize("meanwhile", [False, True])
def test_an_alarm_that_rings_on_after_its_incident_closed_is_taken_in_anew(
    intake: Intake, store: MemoryStore, clock: Clock, meanwhile: bool
) -> None:
    receive(an_alert(), intake)
    more(store.read("INC-1"), facts.IncidentClosed(reason="quiet"), store=store)
    clock.forward(hours=1)
    if meanwhile:
        receive(an_alert(fingerprint="f2", changed_at=clock.now), intake)
    assert not heard(an_alert(), intake)

    received = [receive(an_alert(), intake) for _ in range(3)]

    (incident_id,) = {each.incident_id for each in received}
    assert incident_id != "INC-1"
    assert [each.outcome for each in received] == ["joined" if meanwhile else "opened", "duplicate", "duplicate"]
    assert heard(an_alert(), intake)


def test_two_copies_of_an_alarm_that_rings_on_are_taken_in_once(intake: Intake, clock: Clock) -> None:
    store = Moment()
    intake = replace(intake, timeline=store, state=store)
    receive(an_alert(), intake)
    more(store.read("INC-1"), facts.IncidentClosed(reason="quiet"), store=store)
    clock.forward(hours=1)
    store.meanwhile = lambda: receive(an_alert(), intake)

    received = receive(an_alert(), intake)

    assert (received.outcome, sorted(store.timelines)) == ("duplicate", sorted({"INC-1", str(received.incident_id)}))


def test_an_id_is_easy_to_say() -> None:
    made = new_incident_id(T0)

    assert made.startswith("INC-261121-")
    assert len(made) == len("INC-261121-K7Q2M4")
    assert set(made.removeprefix("INC-261121-")) <= set("ABCDEFGHJKMNPQRSTUVWXYZ23456789")


@pytest.mark.parametrize("chosen", ["INC-1", "INC-1/1", "head#INC-1", "*"])
def test_an_id_that_a_sender_chose_is_no_incidents(intake: Intake, store: MemoryStore, chosen: str) -> None:
    receive(an_alert(), intake)
    before, known = store.read("INC-1").entries, set(store.items)
    (alert,) = parse({"incident_id": chosen, "detail": {"summary": "search is down"}}, "generic", T0).alerts

    received = receive(alert, intake)

    assert alert.external_id == chosen
    assert received.incident_id == "INC-2"
    assert store.read("INC-1").entries == before
    assert not [key for key in set(store.items) - known if key.endswith(f"#{chosen}")]


def test_an_id_that_is_taken_is_given_to_nobody_else(store: MemoryStore) -> None:
    ids = iter(["INC-1", "INC-1", "INC-2"])
    intake = an_intake(store, new_id=lambda _now: next(ids))
    receive(an_alert(), intake)

    received = receive(an_alert(fingerprint="f2", target=None, title="who knows"), intake)

    assert received.incident_id == "INC-2"
    assert types(store.read("INC-1")) == ["IncidentOpened"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["f1", "f2", "f3"]), st.sampled_from(["firing", "resolved"])), max_size=12))
def test_whatever_arrives_in_one_moment_nothing_overwrites_anything(said: list[tuple[str, str]]) -> None:
    store = MemoryStore()
    intake = an_intake(store)
    for fingerprint, state in [("f0", "firing"), *said]:
        receive(an_alert(fingerprint=fingerprint, state=state), intake)

    history = store.read("INC-1")
    assert broken_link(history.entries) == ""
    assert [entry.seq for entry in history.entries] == list(range(1, len(history.entries) + 1))
    rang = {fingerprint for fingerprint, state in said if state == "firing"}
    assert set(history.incident.alarms) == {"f0", *rang}


def test_an_all_clear_that_a_newer_alarm_overtook_clears_nothing(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)
    receive(an_alert(changed_at=T0 + timedelta(minutes=3)), intake)

    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=2)), intake)

    assert store.read("INC-1").incident.firing


@dataclass
class Between(MemoryStore):
    """Something happens right before the first transaction with a timeline."""

    happens: Callable[[], object] | None = None

    def append(self, *given: Any, **named: Any) -> History:
        happens, self.happens = self.happens, None
        if happens:
            happens()
        return super().append(*given, **named)


@pytest.mark.parametrize("joins", [False, True])
@pytest.mark.parametrize("later", [0, 5])
def test_an_all_clear_that_comes_while_its_alarm_is_taken_in_is_not_missed(joins: bool, later: int) -> None:
    store = Between()
    intake = an_intake(store)
    if joins:
        receive(an_alert(fingerprint="f2"), intake)
    clear = an_alert(state="resolved", changed_at=T0 + timedelta(minutes=later))
    store.happens = lambda: receive(clear, intake)

    received = receive(an_alert(), intake)

    assert received.incident_id == "INC-1"
    assert store.read("INC-1").incident.alarms["f1"].state == "resolved"


@dataclass
class Afterwards(MemoryStore):
    """Something happens right after the first transaction with a timeline."""

    happens: Callable[[], object] | None = None

    def append(self, *given: Any, **named: Any) -> History:
        happens, self.happens = self.happens, None
        appended = super().append(*given, **named)
        if happens:
            happens()
        return appended


@pytest.mark.parametrize("joins", [False, True])
def test_an_older_all_clear_that_comes_while_its_alarm_is_taken_in_clears_no_newer_ring(joins: bool) -> None:
    store = Afterwards()
    intake = an_intake(store)
    if joins:
        receive(an_alert(fingerprint="f2"), intake)
    later = [
        an_alert(changed_at=T0 + timedelta(minutes=3)),
        an_alert(state="resolved", changed_at=T0 + timedelta(minutes=2)),
    ]
    store.happens = lambda: [receive(each, intake) for each in later]

    receive(an_alert(), intake)

    assert store.read("INC-1").incident.alarms["f1"].state == "firing"


def test_an_alarm_that_joins_while_its_newer_ring_does_is_not_older_for_that() -> None:
    store = Between()
    intake = an_intake(store)
    receive(an_alert(fingerprint="f2"), intake)
    store.happens = lambda: receive(an_alert(changed_at=T0 + timedelta(minutes=3)), intake)

    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=2)), intake)

    assert store.read("INC-1").incident.alarms["f1"].state == "firing"


@pytest.mark.parametrize("clears", [(5,), (5, 20)])
def test_an_alarm_that_an_all_clear_overtook_does_not_fire_even_after_the_incident_closed(
    intake: Intake, store: MemoryStore, clears: tuple[int, ...]
) -> None:
    receive(an_alert(), intake)
    for minutes in clears:
        receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=minutes)), intake)
    more(
        store.read("INC-1"),
        facts.IncidentResolved(reason="quiet", close_at=T0),
        facts.IncidentClosed(reason="quiet"),
        store=store,
    )

    receive(an_alert(changed_at=T0 + timedelta(minutes=clears[-1] - 1)), intake)

    assert types(store.read("INC-2")) == ["IncidentOpened", "AlertResolved"]


def test_an_alarm_that_a_newer_all_clear_overtook_does_not_fire_again(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=1)), intake)
    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=4)), intake)

    receive(an_alert(changed_at=T0 + timedelta(minutes=3)), intake)

    assert not store.read("INC-1").incident.firing


def test_a_recorded_repeat_does_not_make_the_alert_look_older(intake: Intake, store: MemoryStore) -> None:
    for minute in range(10):
        receive(an_alert(changed_at=T0 + timedelta(minutes=minute)), intake)
    assert types(store.read("INC-1"))[-1] == "AlertRepeated"

    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=8, seconds=30)), intake)

    assert store.read("INC-1").incident.firing


def test_an_alarm_that_joins_after_its_own_all_clear_does_not_fire(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)
    receive(an_alert(fingerprint="f2", state="resolved", changed_at=T0 + timedelta(minutes=2)), intake)

    receive(an_alert(fingerprint="f2", changed_at=T0 + timedelta(minutes=1)), intake)

    assert types(store.read("INC-1"))[1:] == ["AlertJoined", "AlertResolved"]
    assert [alarm.alert.fingerprint for alarm in store.read("INC-1").incident.firing] == ["f1"]


def test_an_alarm_whose_data_ended_is_not_taken_for_cleared(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(state="unknown", changed_at=T0 + timedelta(minutes=1)), intake)

    receive(an_alert(), intake)

    assert store.read("INC-1").incident.firing


@dataclass
class Moment(MemoryStore):
    """Lets something else happen right before the next read of a timeline."""

    meanwhile: Callable[[], object] | None = None

    def read(self, incident_id: str) -> History:
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()
        return super().read(incident_id)


@pytest.mark.parametrize("fingerprint", ["f1", "f2"])
def test_an_alarm_that_rings_while_its_incident_closes_opens_another(
    intake: Intake, clock: Clock, fingerprint: str
) -> None:
    store = Moment()
    intake = replace(intake, timeline=store, state=store)
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=clock.forward(minutes=1)), intake)
    quiet = facts.IncidentResolved(reason="quiet", close_at=clock.now)
    history = more(store.read("INC-1"), quiet, store=store)
    store.meanwhile = lambda: more(history, facts.IncidentClosed(reason="quiet"), store=store)

    received = receive(an_alert(fingerprint=fingerprint, changed_at=clock.forward(minutes=40)), intake)

    assert (received.incident_id, received.outcome) == ("INC-2", "opened")


def test_an_alarm_and_its_older_all_clear_in_the_same_moment_leave_it_firing(intake: Intake) -> None:
    store = Moment()
    intake = replace(intake, timeline=store, state=store)
    receive(an_alert(), intake)
    newer = an_alert(changed_at=T0 + timedelta(minutes=3))
    store.meanwhile = lambda: receive(newer, intake)

    receive(an_alert(state="resolved", changed_at=T0 + timedelta(minutes=2)), intake)

    assert store.read("INC-1").incident.firing


def test_a_test_has_an_incident_of_its_own_whatever_service_claims_its_name(store: MemoryStore, intake: Intake) -> None:
    greedy = replace(intake, config=a_config(services=(a_service(alarms=("middlewatch-*",)),)))
    canary = an_alert(title="middlewatch-canary", target=None)
    receive(an_alert(fingerprint="f2"), greedy)

    test, real = receive(canary, greedy, test=True), receive(canary, greedy)

    assert (test.outcome, real.outcome) == ("opened", "joined")
    incident = store.read(test.incident_id or "").incident
    assert (incident.test, incident.target, incident.service) == (True, None, "")
    assert not store.read(real.incident_id or "").incident.test


def test_a_test_holds_two_minutes_at_most(store: MemoryStore, clock: Clock, intake: Intake) -> None:
    canary = an_alert(target=None)
    receive(canary, intake, test=True)
    clock.forward(minutes=1)

    receive(an_alert(target=None, state="resolved", changed_at=clock.now), intake, test=True)

    assert store.read("INC-1").incident.hold_until == clock.now + timedelta(minutes=2)


def test_a_test_is_on_the_list_of_tests_alone(store: MemoryStore, intake: Intake) -> None:
    receive(an_alert(target=None), intake, test=True)
    receive(an_alert(), intake)

    assert [item.value["incident_id"] for item in incidents(store, STATUSES).items] == ["INC-2"]
    assert {item.value["incident_id"] for item in incidents(store, STATUSES, tests=True).items} == {"INC-1", "INC-2"}
    assert [item.value["test"] for item in store.listed(keys.TESTS).items] == [True]


def minutes(number: float) -> datetime:
    return T0 + timedelta(minutes=number)


def cleared(at: float, **changes: Any) -> facts.AlertResolved:
    given: dict[str, Any] = {"fingerprint": "f1", "title": "orders-5xx", "hold_until": T0 + HOLD}
    return facts.AlertResolved(cleared_at=minutes(at), **(given | changes))


def told(store: MemoryStore, incident_id: str = "INC-1") -> list[Fact]:
    return [entry.fact for entry in store.read(incident_id).entries]


def test_a_function_takes_in_by_its_settings(store: MemoryStore, clock: Clock) -> None:
    given = Settings(
        timeline_table="t",
        state_table="s",
        hold_seconds=60,
        retell_seconds=120,
        aws_account_id="123456789012",
        aws_region="eu-central-1",
        ecs_cluster_name="shop",
    )
    config = a_config(policy_data={"limits": {"rounds_per_source_per_hour": 7}})

    assert Intake.of(given, store, config, clock, actor="sweep") == Intake(
        timeline=store,
        state=store,
        config=config,
        clock=clock,
        new_id=new_incident_id,
        actor="sweep",
        hold=timedelta(minutes=1),
        retell=timedelta(minutes=2),
        account="123456789012",
        region="eu-central-1",
        cluster="shop",
        limits=Limits(rounds_per_source_per_hour=7),
    )


@dataclass
class Noted(MemoryStore):
    """Remembers what was written beside the timelines, in one transaction with them or alone."""

    noted: list[Write] = field(default_factory=list)

    def write(self, *writes: Write) -> None:
        super().write(*writes)
        self.noted += writes

    def of_key(self, prefix: str) -> list[Write]:
        return [write for write in self.noted if write.key.startswith(prefix)]


@dataclass
class Metered(MemoryStore):
    """Counts what it is asked."""

    asked: list[str] = field(default_factory=list)

    def get(self, key: str) -> Any:
        self.asked.append("get")
        return super().get(key)

    def write(self, *writes: Write) -> None:
        self.asked.append("write")
        super().write(*writes)

    def read(self, incident_id: str) -> History:
        self.asked.append("read")
        return super().read(incident_id)


def test_a_repeat_costs_two_reads_and_one_transaction_and_no_look_at_the_timeline() -> None:
    store = Metered()
    intake = an_intake(store)
    receive(an_alert(), intake)
    store.asked.clear()

    receive(an_alert(changed_at=T0 + timedelta(seconds=1)), intake)

    assert store.asked == ["get", "get", "write"]


def test_no_data_of_what_never_rang_costs_no_transaction() -> None:
    store = Metered()

    receive(an_alert(state="unknown"), an_intake(store))

    assert set(store.asked) == {"get"}


PROPOSAL = a_proposal().id
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=T0)


@pytest.mark.parametrize(
    ("happened", "phase", "spent"),
    [
        ([], "investigating", 0),
        ([proposed()], "acting", 0),
        ([proposed(), approved(), STARTED, COMPLETED], "verifying", 0),
        ([proposed(), requested()], "awaiting approval", 1),
        ([facts.IncidentResolved(reason="quiet", close_at=T0)], "resolved", 1),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_joins_costs_its_source_a_round_only_where_nothing_looks_already(
    happened: list[Fact], phase: str, spent: int
) -> None:
    store = Noted()
    intake = an_intake(store)
    receive(an_alert(), intake)
    history = more(store.read("INC-1"), *happened, store=store)
    store.noted.clear()

    receive(an_alert(fingerprint="f2"), intake)

    assert history.incident.phase == phase
    assert len(store.of_key("budget#")) == spent


@pytest.mark.parametrize(("service", "name"), [(a_service(), "orders"), (None, "")], ids=["known", "unknown"])
def test_an_opening_says_all_that_is_known_of_what_rang(service: Any, name: str) -> None:
    store = Noted()
    intake = an_intake(store, config=a_config(services=(service,) if service else ()), clock=Clock(minutes(1)))

    assert receive(an_alert(), intake) == Received("INC-1", "opened")

    (entry,) = store.read("INC-1").entries
    delivery = f"f1/firing/{T0:%Y-%m-%dT%H:%M:%S}.000Z"
    assert (entry.actor, entry.caused_by, entry.at) == ("alert_intake", delivery, minutes(1))
    assert entry.fact == facts.IncidentOpened(
        alert=an_alert(account="123456789012", region="eu-west-1"),
        identity=TARGET.key,
        target=TARGET,
        service=name,
        title="orders-5xx",
        severity="high",
        config_digest="c" * 64,
    )
    assert [*store.of_key("delivery#"), *store.of_key("budget#")] == [
        Claim(f"delivery#{delivery}", {"incident_id": "INC-1"}, expires_at=minutes(1) + timedelta(days=30)),
        Spend("budget#rounds@default-bus#2026-11-21T03", 100, minutes(121)),
    ]


def test_when_an_alert_cleared_is_remembered_for_thirty_days() -> None:
    store = Noted()
    intake = an_intake(store, clock=Clock(minutes(1)))

    assert receive(an_alert(state="resolved"), intake) == Received(
        None, "ignored", "resolved, and no incident is open for ecs:shop/orders"
    )

    at = {"at": "2026-11-21T03:00:00.000Z"}
    assert store.noted == [Put("cleared#f1", at, expires_at=minutes(1) + timedelta(days=30))]


@pytest.mark.parametrize("state", ["resolved", "unknown"])
def test_what_never_rang_in_an_open_incident_changes_nothing_of_it(
    intake: Intake, store: MemoryStore, state: str
) -> None:
    receive(an_alert(), intake)

    assert receive(an_alert(fingerprint="f2", state=state), intake) == Received(
        "INC-1", "ignored", f"{state}, but this alert never rang in INC-1"
    )
    assert types(store.read("INC-1")) == ["IncidentOpened"]


def test_an_all_clear_says_when_it_cleared_and_until_when_it_has_to_hold(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    receive(an_alert(), intake)
    clock.forward(minutes=5)

    received = receive(an_alert(state="resolved", changed_at=minutes(4)), intake)

    assert received == Received("INC-1", "resolved")
    assert told(store)[1:] == [cleared(4, hold_until=minutes(5) + HOLD)]


def test_an_alert_that_joins_is_on_the_timeline_as_it_was_told(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)
    receive(
        an_alert(fingerprint="f2", target=None, title="5xx", labels={"a": "b"}),
        replace(intake, config=a_config(services=(a_service(alarms=("5xx",)),))),
    )

    (joined,) = told(store)[1:]
    assert joined == facts.AlertJoined(
        alert=an_alert(fingerprint="f2", title="5xx", labels={"a": "b"}, account="123456789012", region="eu-west-1")
    )


def test_what_lapsed_is_looked_at_when_its_hold_would_have_ended(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake)
    clock.forward(minutes=5)

    received = receive(an_alert(state="unknown", changed_at=minutes(4)), intake)

    assert received == Received("INC-1", "joined")
    assert told(store)[-1] == facts.AlertLapsed(
        fingerprint="f1", title="orders-5xx", since=minutes(4), look_again_at=minutes(5) + HOLD
    )


def test_an_alert_that_begins_to_flap_says_how_often_it_changed(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    for number in range(FLAPPING_AFTER):
        clock.forward(seconds=60)
        received = receive(an_alert(state="resolved" if number % 2 else "firing", changed_at=minutes(number)), intake)

    assert received == Received("INC-1", "joined")
    assert told(store)[-1] == facts.AlertFlapped(
        fingerprint="f1",
        title="orders-5xx",
        state="resolved",
        changed_at=minutes(19),
        changes=20,
        look_again_at=minutes(20) + HOLD,
    )


@pytest.mark.parametrize(
    ("number", "changes", "recorded"),
    [
        (
            9,
            {"changed_at": minutes(1)},
            [facts.AlertRepeated(fingerprint="f1", title="orders-5xx", count=10, changed_at=minutes(1))],
        ),
        (8, {"changed_at": minutes(1)}, []),
        (9, {"changed_at": minutes(-1)}, []),
        (9, {"changed_at": minutes(1), "state": "unknown"}, []),
    ],
    ids=["the tenth", "the ninth", "the tenth, but older than what is known", "the tenth, but without data"],
)
def test_of_repeats_that_say_something_new_the_tenth_is_recorded(
    intake: Intake, store: MemoryStore, number: int, changes: dict[str, Any], recorded: list[Fact]
) -> None:
    for millisecond in range(number):
        receive(an_alert(changed_at=T0 + timedelta(milliseconds=millisecond)), intake)

    received = receive(an_alert(**changes), intake)

    assert received == Received("INC-1", "repeated")
    assert told(store)[1:] == recorded
    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert item.count == number + 1


def test_an_all_clear_that_is_told_again_is_counted_and_never_recorded(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)
    for minute in range(1, 12):
        receive(an_alert(state="resolved", changed_at=minutes(minute)), intake)

    item = store.get(keys.alarm("INC-1", "f1"))
    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertResolved"]
    assert item is not None
    assert (item.count, item.value["since"]) == (11, "2026-11-21T03:11:00.000Z")


def test_a_flapping_alert_that_says_the_same_again_is_never_recorded(
    intake: Intake, store: MemoryStore, clock: Clock
) -> None:
    for number in range(FLAPPING_AFTER + 1):
        receive(an_alert(state="resolved" if number % 2 else "firing", changed_at=minutes(number)), intake)
    lines = len(store.read("INC-1").entries)

    for number in range(15):
        receive(an_alert(changed_at=minutes(30 + number)), intake)
    clock.forward(hours=1)
    receive(an_alert(changed_at=minutes(60)), intake)
    receive(an_alert(changed_at=minutes(60)), intake)

    assert len(store.read("INC-1").entries) == lines
    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert (item.value["state"], item.value["since"]) == ("firing", "2026-11-21T04:00:00.000Z")


@pytest.mark.parametrize(("later", "recorded"), [(30, True), (29.9, False)])
@pytest.mark.parametrize("changed", [True, False])
def test_what_goes_on_is_recorded_half_an_hour_after_it_was_recorded_last(
    intake: Intake, store: MemoryStore, clock: Clock, later: float, recorded: bool, changed: bool
) -> None:
    receive(an_alert(), intake)
    clock.forward(minutes=later)

    receive(an_alert(changed_at=minutes(3)) if changed else an_alert(), intake)

    said: dict[str, Any] = {"count": 2, "changed_at": minutes(3)} if changed else {"count": 1, "reason": "still firing"}
    repeated = facts.AlertRepeated(fingerprint="f1", title="orders-5xx", **said)
    assert told(store)[1:] == ([repeated] if recorded else [])


def test_what_goes_on_is_recorded_by_whoever_takes_it_in(intake: Intake, store: MemoryStore, clock: Clock) -> None:
    receive(an_alert(), intake)
    clock.forward(hours=1)
    receive(an_alert(), intake)

    last = store.read("INC-1").entries[-1]
    assert (last.actor, last.caused_by) == ("alert_intake", f"{an_alert().delivery}/2026-11-21T03:00:00.000Z")


@pytest.mark.parametrize(
    ("hold_seconds", "test", "until"),
    [(None, False, 16), (120, False, 3), (120, True, 3), (None, True, 3)],
)
def test_an_all_clear_holds_for_as_long_as_its_service_wants(
    store: MemoryStore, hold_seconds: float | None, test: bool, until: float
) -> None:
    config = a_config(services=(a_service(hold_seconds=hold_seconds),))
    intake = an_intake(store, config=config, clock=Clock(minutes(1)))
    receive(an_alert(), intake, test=test)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake, test=test)

    assert store.read("INC-1").incident.hold_until == minutes(until)


def test_a_test_holds_no_longer_than_anything_else(store: MemoryStore) -> None:
    intake = an_intake(store, hold=timedelta(seconds=30))
    receive(an_alert(), intake, test=True)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake, test=True)

    assert store.read("INC-1").incident.hold_until == T0 + timedelta(seconds=30)


def test_an_alarm_that_was_overtaken_holds_like_any_other(store: MemoryStore) -> None:
    intake = an_intake(store, config=a_config(services=(a_service(hold_seconds=120),)), clock=Clock(minutes(3)))
    for fingerprint in ("f1", "f2"):
        receive(an_alert(state="resolved", fingerprint=fingerprint, changed_at=minutes(2)), intake)
        receive(an_alert(fingerprint=fingerprint, changed_at=minutes(1)), intake)

    ended = [fact for fact in told(store) if isinstance(fact, facts.AlertResolved)]
    assert ended == [cleared(2, fingerprint=each, hold_until=minutes(5)) for each in ("f1", "f2")]


@pytest.mark.parametrize(
    ("origin", "teller"), [("nagios", "nagios"), ("", "nobody that we know")], ids=["named", "unnamed"]
)
def test_who_spoke_of_what_it_was_not_given_is_told_so_and_so_are_people(
    intake: Intake, store: MemoryStore, origin: str, teller: str
) -> None:
    why = f"Says so of ecs:shop/orders, which it was not given ({teller})."

    received = receive(an_alert(origin=origin, summary=""), intake)

    assert received == Received("INC-1", "opened", why)
    (opening,) = told(store)
    assert isinstance(opening, facts.IncidentOpened)
    assert opening.alert == an_alert(
        origin=origin,
        summary=why,
        target=None,
        beyond="ecs:shop/orders",
        fingerprint="f1.beyond",
        account="123456789012",
        region="eu-west-1",
    )


def test_a_fingerprint_is_its_origins_own() -> None:
    assert told_by(an_alert(origin=""), "nagios") == an_alert(origin="nagios", fingerprint="nagios.f1")
    assert told_by(an_alert(origin=""), "default-bus") == an_alert(origin="default-bus", fingerprint="f1")


@pytest.mark.parametrize(
    ("said", "asked", "known"),
    [
        ([], an_alert(), False),
        ([an_alert()], an_alert(fingerprint="f2"), False),
        ([an_alert()], an_alert(changed_at=minutes(5)), True),
        ([an_alert()], an_alert(state="resolved"), False),
        ([an_alert()], an_alert(state="resolved", changed_at=minutes(-1)), True),
        ([an_alert(), an_alert(state="resolved", changed_at=minutes(2))], an_alert(), True),
        ([an_alert(), an_alert(state="resolved", changed_at=minutes(2))], an_alert(changed_at=minutes(3)), False),
    ],
    ids=["nothing is open", "another", "the same state", "cleared", "cleared before", "older", "rings again"],
)
def test_an_alert_is_heard_in_the_state_that_its_incident_knows_or_in_an_older_one(
    intake: Intake, said: Sequence[Any], asked: Any, known: bool
) -> None:
    for alert in said:
        receive(alert, intake)

    assert heard(asked, intake) is known


def test_an_alert_is_heard_of_the_service_that_it_means(intake: Intake) -> None:
    named = {"target": None, "title": "who knows", "labels": {"service_name": "orders"}}
    in_shop = replace(intake, cluster="shop")
    receive(an_alert(), intake)
    receive(an_alert(fingerprint="f2", **named), in_shop)

    assert heard(an_alert(fingerprint="f2", **named), in_shop)


@dataclass
class Turns(MemoryStore):
    """Something else happens right before an append, by its number from 1 on, or before the first write of a key."""

    happens: dict[int, Callable[[], object]] = field(default_factory=dict)
    before: tuple[str, Callable[[], object]] | None = None
    appends: int = 0

    def append(self, *given: Any, **named: Any) -> History:
        self.appends += 1
        if happens := self.happens.pop(self.appends, None):
            happens()
        return super().append(*given, **named)

    def write(self, *writes: Write) -> None:
        if self.before and any(write.key.startswith(self.before[0]) for write in writes):
            (_, happens), self.before = self.before, None
            happens()
        super().write(*writes)


def test_an_alarm_that_rings_anew_while_its_all_clear_is_looked_for_goes_on_firing() -> None:
    store = Turns()
    intake = an_intake(store)
    clear, newer = an_alert(state="resolved", changed_at=minutes(5)), an_alert(changed_at=minutes(7))
    store.happens = {1: lambda: receive(clear, intake), 2: lambda: receive(newer, intake)}

    receive(an_alert(), intake)

    assert types(store.read("INC-1")) == ["IncidentOpened"]


@pytest.mark.parametrize("open_already", [False, True])
def test_an_alarm_that_rings_while_its_all_clear_is_kept_for_it_has_cleared(open_already: bool) -> None:
    store = Turns()
    intake = an_intake(store, clock=Clock(minutes(6)))
    if open_already:
        receive(an_alert(fingerprint="f2"), intake)
    store.before = ("cleared#", lambda: receive(an_alert(), intake))

    received = receive(an_alert(state="resolved", changed_at=minutes(5)), intake)

    assert received == Received("INC-1", "resolved")
    assert store.read("INC-1").incident.alarms["f1"].state == "resolved"


def test_an_all_clear_that_is_found_afterwards_is_told_once_because_of_the_ring() -> None:
    store = Between()
    intake = an_intake(store, config=a_config(services=(a_service(hold_seconds=60),)))
    store.happens = lambda: receive(an_alert(state="resolved", changed_at=minutes(5)), intake)

    receive(an_alert(), intake)

    last = store.read("INC-1").entries[-1]
    assert (last.actor, last.caused_by) == ("alert_intake", f"{an_alert().delivery}/cleared")
    assert told(store)[1:] == [cleared(5, hold_until=minutes(1))]


def test_an_incident_that_closed_before_its_late_all_clear_was_found_stays_as_it_is() -> None:
    store = Turns()
    intake = an_intake(store)
    clear = an_alert(state="resolved", changed_at=minutes(5))
    quiet = facts.IncidentClosed(reason="quiet")

    def close() -> None:
        more(store.read("INC-1"), quiet, store=store)

    store.happens = {1: lambda: receive(clear, intake), 2: close}

    assert receive(an_alert(), intake).incident_id == "INC-1"
    assert types(store.read("INC-1")) == ["IncidentOpened", "IncidentClosed"]


def test_a_ring_that_only_the_timeline_remembers_is_remembered_again(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake)
    receive(an_alert(fingerprint="f2"), intake)
    del store.items[keys.delivery(an_alert(fingerprint="f2").delivery)]
    del store.items[keys.alarm("INC-1", "f2")]

    received = [receive(an_alert(fingerprint="f2"), intake) for _ in range(2)]

    assert received == [Received("INC-1", "duplicate")] * 2
    assert keys.delivery(an_alert(fingerprint="f2").delivery) in store.items
    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertJoined"]


def test_an_alert_that_cannot_be_taken_in_for_all_that_happens_comes_back_later() -> None:
    store = Turns()
    intake = an_intake(store)
    receive(an_alert(), intake)

    class Restless(Turns):
        def read(self, incident_id: str) -> History:
            history = super().read(incident_id)
            more(history, facts.NoteAdded(person="ana", text="meanwhile"), store=store)
            return history

    restless = Restless(timelines=store.timelines, items=store.items)
    with pytest.raises(Unavailable, match="changed 8 times"):
        receive(an_alert(fingerprint="f2"), replace(intake, timeline=restless, state=restless))


@pytest.mark.parametrize("first", ["firing", "resolved"])
def test_an_alarm_that_cleared_in_the_moment_in_which_it_rang_has_cleared(
    intake: Intake, store: MemoryStore, first: str
) -> None:
    for state in (first, {"firing": "resolved", "resolved": "firing"}[first]):
        receive(an_alert(state=state), intake)

    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertResolved"]


@pytest.mark.parametrize(("changes", "clears"), [(7, True), (8, False)])
def test_an_all_clear_is_looked_for_eight_times_while_its_alarm_goes_on_ringing(changes: int, clears: bool) -> None:
    store = Turns()
    intake = an_intake(store)
    clear = an_alert(state="resolved", changed_at=minutes(5))

    def ring(second: int) -> Callable[[], object]:
        return lambda: receive(an_alert(changed_at=T0 + timedelta(seconds=second)), intake)

    store.happens = {1: lambda: receive(clear, intake), **{2 + each: ring(1 + each) for each in range(changes)}}

    if clears:
        receive(an_alert(), intake)
    else:
        with pytest.raises(Unavailable, match="changed 8 times while its all-clear was looked for"):
            receive(an_alert(), intake)

    assert bool(store.read("INC-1").incident.firing) is not clears


def test_no_data_of_an_incident_that_resolves_in_this_moment_reopens_nothing() -> None:
    store = Turns()
    intake = an_intake(store)
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake)
    quiet = facts.IncidentResolved(reason="quiet", close_at=minutes(30))
    store.happens = {3: lambda: more(store.read("INC-1"), quiet, store=store)}

    received = receive(an_alert(state="unknown", changed_at=minutes(2)), intake)

    assert received == Received("INC-1", "repeated")
    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertResolved", "IncidentResolved"]


def test_a_change_of_a_flapping_alert_is_counted_as_such(intake: Intake, store: MemoryStore) -> None:
    for number in range(FLAPPING_AFTER):
        receive(an_alert(state="resolved" if number % 2 else "firing", changed_at=minutes(number)), intake)

    assert receive(an_alert(changed_at=minutes(20)), intake) == Received("INC-1", "repeated", "flapping")
    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert item.value == {
        "state": "firing",
        "since": "2026-11-21T03:20:00.000Z",
        "changes": 21,
        "flapping": True,
        "recorded_at": "2026-11-21T03:00:00.000Z",
    }


WHY = "1 alerts of default-bus were looked into this hour, so nothing looks into this one"


def a_crowded_intake(store: MemoryStore, **service: Any) -> Intake:
    """An intake whose sources have one round an hour, and critical services one more."""
    limits = Limits(rounds_per_source_per_hour=1, rounds_reserved=1)
    search = a_service(name="search", target=SEARCH)
    return an_intake(store, config=a_config(services=(a_service(**service), search)), limits=limits)


SEARCH = TARGET.model_copy(update={"name": "shop/search"})


@pytest.mark.parametrize("before", [True, False], ids=["before", "in this moment"])
def test_what_nobody_looks_into_says_why_and_calls_people(before: bool) -> None:
    store = Turns()
    intake = a_crowded_intake(store)
    other = an_alert(target=SEARCH, fingerprint="f2")
    if before:
        receive(other, intake)
    else:
        store.before = ("budget#", lambda: receive(other, intake))

    received = receive(an_alert(), intake)

    assert (received.outcome, received.note) == ("opened", WHY)
    opening, escalation = told(store, str(received.incident_id))
    assert isinstance(opening, facts.IncidentOpened)
    assert (opening.unattended, opening.service, opening.target) == (WHY, "orders", TARGET)
    assert escalation == facts.IncidentEscalated(reason=WHY)
    assert store.items["budget#rounds@default-bus#2026-11-21T03"].count == 1


def test_what_nobody_looks_into_because_it_cleared_long_ago_says_both() -> None:
    store = MemoryStore()
    intake = a_crowded_intake(store)
    receive(an_alert(target=SEARCH, fingerprint="f2"), intake)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake)

    receive(an_alert(), intake)

    assert told(store, "INC-2")[1:] == [cleared(1), facts.IncidentEscalated(reason=WHY)]


@pytest.mark.parametrize(("tier", "why"), [("standard", WHY), ("critical", "")])
def test_what_joins_and_is_not_looked_into_says_why(tier: str, why: str) -> None:
    store = MemoryStore()
    intake = a_crowded_intake(store, tier=tier)
    receive(an_alert(), intake)
    more(store.read("INC-1"), proposed(), requested(), store=store)

    received = receive(an_alert(fingerprint="f2", target=TARGET), intake)

    joined = told(store)[-1]
    assert received == Received("INC-1", "joined")
    assert isinstance(joined, facts.AlertJoined)
    assert (joined.unattended, joined.again) == (why, False)


def test_a_critical_service_has_rounds_of_its_own_with_each_source() -> None:
    store = MemoryStore()
    intake = a_crowded_intake(store, tier="critical")
    receive(an_alert(target=SEARCH, fingerprint="f2"), intake)

    assert receive(an_alert(), intake) == Received("INC-2", "opened")
    assert store.items["budget#reserve@default-bus#orders#2026-11-21T03"].count == 1


def test_an_alert_that_is_told_again_belongs_where_it_was_counted_whatever_the_inventory_says_now(
    intake: Intake, store: MemoryStore
) -> None:
    alert = an_alert(target=None, title="5xx")
    receive(alert, intake)
    claims_it = replace(intake, config=a_config(services=(a_service(alarms=("5xx",)),)))

    assert receive(alert, claims_it) == Received("INC-1", "duplicate")
    assert list(store.timelines) == ["INC-1"]


def test_what_names_no_account_and_no_region_is_of_the_deployments_own(store: MemoryStore) -> None:
    intake = an_intake(store, config=a_config(services=()), account="210987654321", region="eu-north-1")

    receive(an_alert(target=Target(kind="ecs", name="shop/orders")), intake)

    assert store.read("INC-1").incident.identity == "ecs:210987654321:eu-north-1:shop/orders"


def test_an_alert_for_which_no_free_id_is_found_comes_back_later(store: MemoryStore) -> None:
    intake = an_intake(store, new_id=lambda _now: "INC-1")
    receive(an_alert(), intake)

    with pytest.raises(Unavailable, match="changed 8 times while an alert about it came in"):
        receive(an_alert(fingerprint="f2", target=None), intake)


def test_an_incident_is_named_by_the_day_on_which_it_begins() -> None:
    clock = Clock()
    intake = replace(a_crowded_intake(MemoryStore()), new_id=lambda now: f"INC-{now:%d%H%M}", clock=clock)
    received = [
        receive(an_alert(target=None, fingerprint=f"f{number}", changed_at=clock.forward(minutes=1)), intake)
        for number in range(2)
    ]

    assert [each.incident_id for each in received] == ["INC-210301", "INC-210302"]


def test_a_test_is_about_nothing_whatever_it_names(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(), intake, test=True)

    incident = store.read("INC-1").incident
    assert (incident.target, incident.service, incident.identity) == (None, "", "alert:cloudwatch/test-f1")
    assert incident.alarms["test-f1"].alert == an_alert(target=None, fingerprint="test-f1")


def test_a_test_that_its_own_all_clear_overtook_does_not_fire(intake: Intake, store: MemoryStore) -> None:
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake, test=True)

    receive(an_alert(), intake, test=True)

    assert told(store)[1:] == [cleared(1, fingerprint="test-f1", hold_until=minutes(2))]


@pytest.mark.parametrize("joins", [False, True])
def test_an_alarm_that_was_overtaken_is_told_together_with_its_end(
    intake: Intake, store: MemoryStore, joins: bool
) -> None:
    if joins:
        receive(an_alert(fingerprint="f2"), intake)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake)

    receive(an_alert(), intake)

    assert {entry.caused_by for entry in store.read("INC-1").entries[-2:]} == {an_alert().delivery}


def test_of_two_changes_with_which_an_alert_begins_to_flap_one_says_so() -> None:
    store = Turns()
    intake = an_intake(store)
    for number in range(FLAPPING_AFTER - 1):
        receive(an_alert(state="resolved" if number % 2 else "firing", changed_at=minutes(number)), intake)
    newer = an_alert(state="resolved", changed_at=minutes(19.5))
    store.happens = {FLAPPING_AFTER: lambda: receive(newer, intake)}

    assert receive(an_alert(state="resolved", changed_at=minutes(19)), intake) == Received("INC-1", "repeated")
    assert types(store.read("INC-1")).count("AlertFlapped") == 1
    assert store.read("INC-1").incident.alarms["f1"].since == minutes(19.5)


@pytest.mark.parametrize("state", ["unknown", "firing"])
def test_what_was_said_before_an_alarm_rang_anew_changes_nothing_of_that(state: str) -> None:
    store = Turns()
    intake = an_intake(store)
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake)
    store.happens = {3: lambda: receive(an_alert(changed_at=minutes(3)), intake)}

    assert receive(an_alert(state=state, changed_at=minutes(2)), intake) == Received("INC-1", "repeated")
    assert types(store.read("INC-1")) == ["IncidentOpened", "AlertResolved", "AlertJoined"]
    assert store.read("INC-1").incident.alarms["f1"].since == minutes(3)


@pytest.mark.parametrize(("tier", "why"), [("standard", WHY), ("critical", "")])
def test_what_rings_again_costs_its_source_a_round_as_well(tier: str, why: str) -> None:
    store = MemoryStore()
    intake = a_crowded_intake(store, tier=tier)
    receive(an_alert(), intake)
    receive(an_alert(state="resolved", changed_at=minutes(1)), intake)
    more(store.read("INC-1"), facts.IncidentResolved(reason="quiet", close_at=T0), store=store)

    receive(an_alert(changed_at=minutes(2)), intake)

    joined = told(store)[-1]
    assert isinstance(joined, facts.AlertJoined)
    assert (joined.unattended, joined.again) == (why, True)


def test_of_two_repeats_in_one_moment_each_is_counted_and_one_is_the_tenth() -> None:
    store = Turns()
    intake = an_intake(store)
    for second in range(9):
        receive(an_alert(changed_at=T0 + timedelta(seconds=second)), intake)
    store.happens = {2: lambda: receive(an_alert(changed_at=minutes(2)), intake)}

    receive(an_alert(changed_at=minutes(1)), intake)

    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert item.count == 11
    assert told(store)[1:] == [
        facts.AlertRepeated(fingerprint="f1", title="orders-5xx", count=10, changed_at=minutes(2))
    ]


@pytest.mark.parametrize("flaps", [False, True])
def test_of_two_changes_in_one_moment_the_newer_one_stays_known_and_both_are_counted(flaps: bool) -> None:
    store = Turns()
    intake = an_intake(store)
    for number in range(FLAPPING_AFTER if flaps else 1):
        receive(an_alert(state="resolved" if number % 2 else "firing", changed_at=minutes(number)), intake)
    store.before = ("alarm#", lambda: receive(an_alert(changed_at=minutes(40)), intake))

    receive(an_alert(changed_at=minutes(30)), intake)

    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert (item.value["since"], item.count) == ("2026-11-21T03:40:00.000Z", 2 if flaps else 3)


def test_how_often_a_flapping_alert_repeated_itself_is_kept_when_it_changes(intake: Intake, store: MemoryStore) -> None:
    for number in range(FLAPPING_AFTER):
        receive(an_alert(state="resolved" if number % 2 else "firing", changed_at=minutes(number)), intake)
    for number in range(3):
        receive(an_alert(state="resolved", changed_at=minutes(30 + number)), intake)

    received = [receive(an_alert(changed_at=minutes(40)), intake) for _ in range(2)]

    assert received == [Received("INC-1", "repeated", "flapping"), Received("INC-1", "duplicate")]
    item = store.get(keys.alarm("INC-1", "f1"))
    assert item is not None
    assert item.count == 4


@pytest.mark.parametrize("state", ["resolved", "unknown"])
def test_what_did_not_ring_and_is_told_again_belongs_where_it_was_counted(
    intake: Intake, store: MemoryStore, state: str
) -> None:
    said = an_alert(state=state, changed_at=minutes(1))
    receive(an_alert(), intake)
    receive(said, intake)
    more(store.read("INC-1"), facts.IncidentClosed(reason="quiet"), store=store)
    receive(an_alert(changed_at=minutes(5)), intake)

    assert receive(said, intake) == Received("INC-1", "duplicate")
    assert store.read("INC-2").incident.firing


def test_a_critical_service_has_its_reserve_where_its_sources_share_is_spent_in_this_moment() -> None:
    store = Turns()
    intake = a_crowded_intake(store, tier="critical")
    store.before = ("budget#", lambda: receive(an_alert(target=SEARCH, fingerprint="f2"), intake))

    received = receive(an_alert(), intake)

    assert (received.outcome, received.note) == ("opened", "")
    assert store.items["budget#reserve@default-bus#orders#2026-11-21T03"].count == 1
