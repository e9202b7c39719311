"""What no event told is found; what an event told, or still may tell, is left alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from functions.sweep.described import alert_of
from functions.sweep.sweep import INCIDENTS, MOST, PAGES, PLACE, Sweep, sweep
from shared import keys
from shared.alert import DEFAULT_BUS
from shared.config import Limits
from shared.errors import Refused, Unavailable
from shared.history import History
from shared.intake import Intake, receive, told_by
from shared.writes import Put
from tests.builders import T0, Clock, a_config, types
from tests.fakes.store import MemoryStore

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
NOTHING = {"rang": 0, "cleared": 0}


@dataclass
class Sky:
    """CloudWatch's alarms, and a sweep over them three in the morning."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=lambda: Clock(T0 + timedelta(minutes=10)))
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    prefixes: Sequence[str] = ()
    asked: list[str] = field(default_factory=list)
    new_id: Callable[[datetime], str] | None = None

    def alarm(self, name: str = "orders-5xx", state: str = "ALARM", at: datetime = T0, **more: Any) -> None:
        self.alarms[name] = {
            "AlarmName": name,
            "AlarmArn": ARN + name,
            "StateValue": state,
            "StateReason": "Threshold Crossed",
            "StateTransitionedTimestamp": at,
            "StateUpdatedTimestamp": at,
            "Namespace": "AWS/ECS",
            "MetricName": "CPUUtilization",
            "Dimensions": [
                {"Name": "ClusterName", "Value": "shop"},
                {"Name": "ServiceName", "Value": name.partition("-")[0]},
            ],
            **more,
        }

    def event(self, name: str = "orders-5xx") -> str:
        """The event of the state that the alarm is in arrives; what became of it."""
        return receive(told_by(alert_of(self.alarms[name], self.clock.now), DEFAULT_BUS), self.intake).outcome

    def sweep(self) -> dict[str, int]:
        settings = Sweep(self.intake, self, self.prefixes, "middlewatch-", timedelta(minutes=2), Logger(service="test"))
        return sweep(settings)

    def ringing(self, prefix: str, after: str) -> tuple[Sequence[Mapping[str, Any]], str]:
        self.asked.append(f"{prefix}*{after}")
        if after and not after.isdecimal():
            raise Refused(after)
        found = [a for name, a in self.alarms.items() if name.startswith(prefix) and a["StateValue"] == "ALARM"]
        start = int(after or 0)
        return found[start : start + 100], str(start + 100) if len(found) > start + 100 else ""

    def named(self, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        self.asked.append(",".join(names))
        return (self.alarms[name] for name in names if name in self.alarms)

    @property
    def intake(self) -> Intake:
        return Intake(
            timeline=self.store,
            state=self.store,
            config=a_config(),
            clock=self.clock,
            new_id=self.new_id or (lambda _now: f"INC-{len(self.store.timelines) + 1}"),
            actor="sweep",
            hold=timedelta(minutes=15),
            retell=timedelta(minutes=30),
            account="123456789012",
            region="eu-west-1",
            limits=Limits(rounds_per_source_per_hour=10_000),
        )

    def told(self, incident_id: str = "INC-1") -> Sequence[str]:
        return types(self.store.read(incident_id))


def test_an_alarm_that_rings_without_an_incident_gets_one() -> None:
    sky = Sky()
    sky.alarm()

    assert sky.sweep() == {"rang": 1, "cleared": 0}
    incident = sky.store.read("INC-1").incident
    assert (incident.title, incident.service, incident.opened_at) == ("orders-5xx", "orders", sky.clock.now)
    assert incident.alarms.popitem()[1].since == T0  # type: ignore[attr-defined]


def test_the_same_change_counts_once_however_it_is_learned() -> None:
    by_event_first, by_sweep_first = Sky(), Sky()
    for sky in (by_event_first, by_sweep_first):
        sky.alarm()

    assert (by_event_first.event(), by_event_first.sweep()) == ("opened", NOTHING)
    assert (by_sweep_first.sweep()["rang"], by_sweep_first.event()) == (1, "duplicate")
    assert by_event_first.told() == by_sweep_first.told() == ["IncidentOpened"]


def test_an_alarm_that_goes_on_ringing_is_not_told_again_by_sweeps() -> None:
    sky = Sky()
    sky.alarm()
    for _ in range(24):
        sky.sweep()
        sky.clock.forward(minutes=5)

    assert sky.told() == ["IncidentOpened"]


def test_a_state_too_young_to_be_missed_is_left_to_its_event() -> None:
    sky = Sky()
    sky.alarm(at=sky.clock.now - timedelta(seconds=119))
    assert sky.sweep() == NOTHING

    sky.clock.forward(seconds=1)
    assert sky.sweep()["rang"] == 1


def test_a_second_alarm_joins_and_one_that_rings_again_does_too() -> None:
    sky = Sky()
    sky.alarm()
    sky.event()
    sky.alarm("orders-latency")
    assert sky.sweep()["rang"] == 1

    sky.alarm(state="OK", at=sky.clock.now)
    sky.event()
    sky.alarm(at=sky.clock.forward(minutes=1))
    sky.clock.forward(minutes=5)
    assert sky.sweep()["rang"] == 1

    assert sky.told() == ["IncidentOpened", "AlertJoined", "AlertResolved", "AlertJoined"]


def test_our_own_alarms_and_those_that_the_rule_does_not_take_are_left_alone() -> None:
    sky = Sky(prefixes=["shop-"])
    for name in ("orders-5xx", "middlewatch-dead-letters", "middlewatch-canary"):
        sky.alarm(name)
    assert sky.sweep() == NOTHING
    sky.prefixes = []
    assert sky.sweep()["rang"] == 1
    assert sky.store.read("INC-1").incident.title == "orders-5xx"


def test_an_all_clear_that_was_lost_is_learned_from_the_alarm() -> None:
    sky = Sky()
    sky.alarm()
    sky.event()
    sky.alarm(state="OK", at=T0 + timedelta(minutes=4))

    assert sky.sweep() == {"rang": 0, "cleared": 1}
    assert sky.sweep() == NOTHING
    incident = sky.store.read("INC-1").incident
    assert incident.hold_until == sky.clock.now + timedelta(minutes=15)
    assert (sky.told(), sky.event()) == (["IncidentOpened", "AlertResolved"], "duplicate")


def test_a_fresh_all_clear_is_left_to_its_event_and_no_data_is_none() -> None:
    sky = Sky()
    sky.alarm()
    sky.event()
    sky.alarm(state="OK", at=sky.clock.now - timedelta(minutes=1))
    assert sky.sweep() == NOTHING
    sky.alarm(state="INSUFFICIENT_DATA", at=T0 + timedelta(minutes=1))
    assert sky.sweep() == NOTHING
    del sky.alarms["orders-5xx"]
    assert sky.sweep() == NOTHING
    assert sky.told() == ["IncidentOpened"]


def test_an_older_all_clear_than_the_alarm_clears_nothing() -> None:
    sky = Sky()
    sky.alarm(at=T0 + timedelta(minutes=5))
    sky.event()
    sky.alarm(state="OK", at=T0 + timedelta(minutes=4))

    assert sky.sweep() == NOTHING
    assert sky.told() == ["IncidentOpened"]


def test_only_alarms_that_can_be_asked_are_asked() -> None:
    sky = Sky()
    sky.alarm(AlarmArn=f"{ARN.replace('eu-west-1', 'us-east-1')}orders-5xx")
    sky.event()
    sky.asked.clear()
    sky.sweep()

    assert sky.asked == ["*"]


def test_a_run_looks_at_so_many_incidents_and_the_next_goes_on_behind_them() -> None:
    sky = Sky()
    for number in range(2 * INCIDENTS + 1):
        sky.alarm(f"s{number}-5xx")
        sky.event(f"s{number}-5xx")
        sky.clock.forward(seconds=1)
    for alarm in sky.alarms.values():
        alarm |= {"StateValue": "OK", "StateTransitionedTimestamp": T0 + timedelta(minutes=1)}

    assert [sky.sweep()["cleared"] for _ in range(4)] == [INCIDENTS, INCIDENTS, 1, 0]


def test_a_run_takes_in_so_many_and_the_next_one_the_rest() -> None:
    sky = Sky()
    for number in range(MOST + 2):
        sky.alarm(f"s{number}-5xx")

    assert [sky.sweep()["rang"] for _ in range(3)] == [MOST, 2, 0]


def test_more_that_ring_than_one_run_reads_are_read_by_the_next() -> None:
    sky = Sky()
    for number in range(100 * PAGES + 1):
        sky.alarm(f"s{number}-5xx", state="ALARM" if number % 1000 == 0 else "OK")
    assert len(sky.alarms) == 1001
    for name in sky.alarms:
        if name not in {"s0-5xx", "s1000-5xx"}:
            sky.alarm(name, at=sky.clock.now)  # too young to be taken in

    assert [sky.sweep()["rang"] for _ in range(2)] == [1, 1]
    assert sky.store.items[f"{PLACE}#"].value == '{"after": ""}'


def test_a_place_that_cloudwatch_forgot_begins_anew() -> None:
    sky = Sky()
    sky.alarm()
    sky.store.write(Put(f"{PLACE}#", {"after": "forgotten"}))

    assert sky.sweep()["rang"] == 1
    assert sky.sweep() == NOTHING


def test_one_that_cannot_be_read_holds_up_no_other() -> None:
    sky = Sky()
    sky.alarm("a-5xx", AlarmArn="no arn")
    for name in ("b-5xx", "c-5xx"):
        sky.alarm(name)
    assert sky.sweep()["rang"] == 2
    broken = sky.store.read("INC-1").incident
    sky.store.timelines["INC-1"] = []
    for name in ("b-5xx", "c-5xx"):
        sky.alarm(name, "OK", T0 + timedelta(minutes=1))

    assert (broken.id, sky.sweep()["cleared"]) == ("INC-1", 1)


def test_a_store_that_takes_nothing_fails_the_run_after_everything_was_tried() -> None:
    class Full(MemoryStore):
        def append(self, history: History, *more: Any, **named: Any) -> History:
            if history.incident_id == "INC-1":
                raise Unavailable("the tables do not answer")
            return super().append(history, *more, **named)

    numbers = count(1)
    sky = Sky(store=Full())
    for name in ("b-5xx", "c-5xx"):
        sky.alarm(name)
    sky.new_id = lambda _now: f"INC-{next(numbers)}"
    with pytest.raises(Unavailable, match="do not answer"):
        sky.sweep()
    assert list(sky.store.timelines) == ["INC-2"]


def test_a_cursor_of_another_release_begins_anew() -> None:
    sky = Sky()
    sky.store.write(Put(PLACE, {"cursor": "bm9uc2Vuc2U"}))
    sky.alarm()
    sky.event()
    sky.alarm(state="OK", at=T0 + timedelta(minutes=1))

    assert sky.sweep()["cleared"] == 1


def test_a_test_of_ours_is_not_swept() -> None:
    sky = Sky()
    sky.alarm("middlewatch-canary")
    receive(told_by(alert_of(sky.alarms["middlewatch-canary"], sky.clock.now), DEFAULT_BUS), sky.intake, test=True)
    sky.alarm("middlewatch-canary", "OK", T0 + timedelta(minutes=1))

    assert sky.sweep() == NOTHING
    assert sky.store.listed(keys.TESTS).items


def test_a_cloudwatch_that_does_not_answer_fails_the_run() -> None:
    class Away(Sky):
        def ringing(self, prefix: str, after: str) -> tuple[Sequence[Mapping[str, Any]], str]:
            raise Unavailable(f"{prefix} {after}")

    with pytest.raises(Unavailable):
        Away().sweep()
