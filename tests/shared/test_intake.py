from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import facts, keys
from shared.alerts.parse import parse
from shared.entry import broken_link
from shared.history import History
from shared.intake import FLAPPING_AFTER, Intake, heard, new_incident_id, receive
from shared.listing import STATUSES, incidents
from tests.builders import T0, Clock, a_config, a_service, an_alert, an_intake, more, types
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


def test_an_id_is_easy_to_say() -> None:
    made = new_incident_id(T0)

    assert made.startswith("INC-261121-")
    assert len(made) == len("INC-261121-K7Q2M4")


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
def test_an_all_clear_that_comes_while_its_alarm_is_taken_in_is_not_missed(joins: bool) -> None:
    store = Between()
    intake = an_intake(store)
    if joins:
        receive(an_alert(fingerprint="f2"), intake)
    clear = an_alert(state="resolved", changed_at=T0 + timedelta(minutes=5))
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
