"""Who told us of an alert decides what it may bring about: sources do not speak for one another."""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from functions.alert_intake.intake import take_in
from shared.alert import DEFAULT_BUS, as_text
from shared.alerts.parse import parse
from shared.config import Config, Source
from shared.intake import Intake, receive, told_by
from tests.builders import EVENTS, T0, Clock, a_config, a_service, an_alert, an_intake, types
from tests.fakes.store import MemoryStore

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
THEIRS = TOPIC.replace("alarms", "theirs")
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:orders-5xx"


def source(name: str = "generic", *targets: str, **more: Any) -> Source:
    given = {"kind": "generic", "authentication": "key", "secret": f"source_{name}"}
    return Source(name=name, targets=targets or ("ecs:shop/search",), **(given | more))


def a_way(kind: str, *targets: str, topic: str = "") -> Source:
    return source("limited", *targets, kind=kind, secret="", topic=topic)


class Night:
    """An intake of one configuration, told of the alarm orders-5xx in every way."""

    def __init__(self, **config: Any) -> None:
        self.store, self.clock = MemoryStore(), Clock(T0)
        self.config: Config = a_config(**({"sources": (source(), source("other"))} | config))
        self.intake: Intake = an_intake(self.store, config=self.config, clock=self.clock)

    def event(self, state: str = "ALARM", **changes: Any) -> Mapping[str, Any]:
        metric = {
            "namespace": "AWS/ECS",
            "name": "Errors",
            "dimensions": {"ClusterName": "shop", "ServiceName": "orders"},
        }
        return {
            "source": "aws.cloudwatch",
            "detail-type": "CloudWatch Alarm State Change",
            "account": "123456789012",
            "region": "eu-west-1",
            "resources": [ARN],
            "detail": {
                "alarmName": "orders-5xx",
                "state": {"value": state, "timestamp": as_text(self.clock.now)},
                "configuration": {
                    "metrics": [{"id": "m1", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}}]
                },
            },
        } | changes

    def bus(self, state: str = "ALARM", **changes: Any) -> None:
        self.take(self.event(state, **changes))

    def topic(self, state: str = "ALARM", topic: str = TOPIC, **changes: Any) -> None:
        said = json.dumps(self.event(state, **changes))
        self.take({"Type": "Notification", "TopicArn": topic, "MessageId": "m", "Message": said})

    def take(self, body: Mapping[str, Any]) -> None:
        self.clock.forward(seconds=1)
        take_in(body, self.intake, Logger(service="test"))

    def http(self, name: str = "generic", state: str = "firing", **changes: Any) -> Any:
        self.clock.forward(seconds=1)
        alert = an_alert(origin="", source="generic", state=state, changed_at=self.clock.now, **changes)
        return receive(told_by(alert, name), self.intake)

    @property
    def incidents(self) -> list[Any]:
        return [self.store.read(each).incident for each in self.store.timelines]


def test_the_bus_and_topics_may_speak_of_everything_that_is_not_denied_to_them() -> None:
    for tell in (Night().bus, Night().topic):
        tell()
    night = Night(ways=(a_way("topic", "ecs:shop/*", topic=TOPIC),))
    night.topic()
    assert [incident.target.short for incident in night.incidents] == ["ecs:shop/orders"]


@pytest.mark.parametrize("way", ["bus", "topic", "http"])
def test_who_speaks_of_what_it_was_not_given_is_heard_by_people_and_by_nobody_else(way: str) -> None:
    night = Night(ways=(a_way("default-bus", "ecs:shop/search"), a_way("topic", "ecs:shop/search", topic=TOPIC)))

    getattr(night, way)()

    (incident,) = night.incidents
    assert (incident.target, incident.service) == (None, "")
    assert incident.identity.startswith("alert:")
    (alarm,) = incident.alarms.values()
    assert alarm.alert.beyond == "ecs:shop/orders"
    assert alarm.alert.summary.startswith("Says so of ecs:shop/orders, which it was not given")


def test_what_comes_another_way_than_the_bus_or_a_topic_speaks_of_nothing() -> None:
    night = Night()
    night.take({"Records": [{"body": json.dumps(night.event())}]})
    assert [incident.target for incident in night.incidents] == [None]


def test_a_service_claims_no_alert_by_its_title_whose_source_may_not_speak_of_it() -> None:
    night = Night(services=(a_service(alarms=("orders-*",)),))
    night.http(target=None, title="orders-5xx")
    assert [(incident.target, incident.service) for incident in night.incidents] == [(None, "")]


def test_a_service_without_its_cluster_is_nobodys_to_speak_of_who_was_not_given_it() -> None:
    night = Night()
    night.intake = an_intake(night.store, config=night.config, clock=night.clock, cluster="shop")
    night.http(target=None, title="x", labels={"service_name": "orders"})
    assert [incident.target for incident in night.incidents] == [None]


def test_who_was_not_given_a_target_joins_and_clears_nothing_of_it() -> None:
    night = Night()
    night.bus()
    night.http(external_id=ARN)
    night.http(external_id=ARN, state="resolved")
    honest, other = night.incidents
    assert types(night.store.read(honest.id)) == ["IncidentOpened"]
    assert other.target is None
    assert not other.firing


@pytest.mark.parametrize("liar", ["topic", "theirs", "http"])
def test_an_alert_is_cleared_by_whoever_raised_it_and_by_nobody_else(liar: str) -> None:
    night = Night(sources=(source("generic", "ecs:shop/*"),))
    lies: Any = {
        "topic": night.topic,
        "theirs": lambda state: night.topic(state, topic=THEIRS),
        "http": lambda state: night.http(
            state={"OK": "resolved"}[state], external_id=ARN, fingerprint=_fingerprint(night)
        ),
    }[liar]
    night.bus()

    lies("OK")
    (incident,) = night.incidents
    assert len(incident.firing) == 1

    night.bus("OK")
    (incident,) = night.incidents
    assert not incident.firing


def test_an_incident_rings_on_while_one_of_two_sources_says_so() -> None:
    night = Night()
    night.bus()
    night.topic()
    night.topic("OK")
    (incident,) = night.incidents
    assert [alarm.alert.origin for alarm in incident.firing] == [DEFAULT_BUS]
    assert "hold" not in incident.timers


def test_what_cloudwatch_and_grafana_say_of_one_service_is_one_incident() -> None:
    night = Night(sources=(source("grafana", "ecs:shop/*", kind="grafana"),))
    sample = json.loads((EVENTS / "alerts" / "grafana_from_cloudwatch_exporter.json").read_text("utf-8"))

    night.bus()
    (alert,) = parse(sample, "grafana", night.clock()).alerts
    received = receive(told_by(alert, "grafana"), night.intake)

    assert received.outcome == "joined"
    (incident,) = night.incidents
    assert {alarm.alert.origin for alarm in incident.firing} == {DEFAULT_BUS, "grafana"}


def test_no_source_clears_beforehand_what_another_will_raise() -> None:
    night = Night()
    night.topic("OK")
    night.http(state="resolved", fingerprint="f1", external_id=ARN)
    night.clock.now = T0 - timedelta(minutes=1)
    night.bus()
    assert [bool(incident.firing) for incident in night.incidents] == [True]


def test_no_source_delivers_beforehand_what_another_will_say() -> None:
    night = Night()
    event = deepcopy(dict(night.event()))
    night.take({"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(event)})
    night.take(event)
    (incident,) = night.incidents
    assert len(incident.alarms) == 2


def test_the_same_source_over_two_envelopes_is_one() -> None:
    night = Night()
    event = night.event()
    inner = {"Type": "Notification", "TopicArn": THEIRS, "Message": json.dumps(event)}
    night.take({"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(inner)})
    night.take({"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(event)})
    (incident,) = night.incidents
    assert [alarm.alert.origin for alarm in incident.alarms.values()] == [TOPIC]


def test_every_sample_of_every_format_is_kept_apart_by_who_told_it() -> None:
    for path in sorted((EVENTS / "alerts").glob("*.json")):
        for one, other in (("generic", "other"), (DEFAULT_BUS, TOPIC), (TOPIC, THEIRS)):
            alert = an_alert(fingerprint=path.stem, target=None)
            first, second = told_by(alert, one), told_by(alert, other)
            assert {first.fingerprint, first.identity, first.delivery}.isdisjoint(
                {second.fingerprint, second.identity, second.delivery}
            )


def _fingerprint(night: Night) -> str:
    (incident,) = night.incidents
    return str(next(iter(incident.alarms)))
