"""The alarms that watch the services: their state, its history, and the event that a change of it puts on the bus."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.world.clock import digest, moment, stamp
from local.world.metricmath import evaluate
from local.world.metrics import GAUGES, dimensions, now_value
from local.world.model import TICK
from local.world.scenarios import ACCOUNT, CANARY, REGION

if TYPE_CHECKING:
    from local.world.metrics import Series
    from local.world.model import World
    from local.world.scenarios import AlarmSpec, Measure
    from local.world.service import Service

WORDS = {
    "GreaterThanThreshold": "greater than",
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


@dataclass(frozen=True, slots=True)
class State:
    """What an alarm says and why; `data` is the reason as JSON, the way CloudWatch gives it."""

    value: str
    reason: str
    data: str
    at: float


@dataclass(slots=True)
class Alarm:
    """One alarm on one service, or on nothing that has values."""

    spec: AlarmSpec
    service: Service | None
    state: State
    since: float
    history: deque[tuple[float, State, State]] = field(default_factory=lambda: deque(maxlen=500))
    turned: float | None = None

    @property
    def arn(self) -> str:
        """Return the alarm's ARN."""
        return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{self.spec.name}"

    def watched(self, metric: str) -> tuple[str, dict[str, str]]:
        """Return namespace and dimensions of a metric that it watches."""
        return (GAUGES[metric][0], dimensions(self.service, metric)) if self.service else ("Middlewatch", {})


class Alarms:
    """Every alarm of a world; `advance` evaluates them and returns the events of those that changed."""

    def __init__(self, world: World) -> None:
        """Start with every alarm in OK since the service's last release."""
        self.world = world
        self.all: dict[str, Alarm] = {}
        self._told: list[dict[str, Any]] = []
        for service in world.services.values():
            for spec in service.spec.alarms:
                since = world.began - service.spec.release_age_days * 86400.0
                state = self._state(spec, "OK", self._value(spec, service, world.now), since)
                self.all[spec.name] = Alarm(spec, service, state, since)
        since = world.began - 86400.0
        self.all[CANARY.name] = Alarm(CANARY, None, self._state(CANARY, "OK", None, since), since)

    def advance(self, now: float) -> list[dict[str, Any]]:
        """Move the world to `now`, evaluating every alarm at each tick; return the events in order."""
        events, self._told = self._told, []
        while self.world.now + TICK <= now:
            self.world.advance(self.world.now + TICK * 1.5)
            events += [event for alarm in self.all.values() if (event := self._evaluate(alarm))]
        return events

    def tell(self, name: str, state: str, reason: str, data: str) -> None:
        """Put an alarm into a state until its next evaluations say otherwise, as SetAlarmState does; KeyError."""
        alarm, now = self.all[name], self.world.now
        previous, alarm.turned = alarm.state, None
        alarm.state = State(state, reason, data or "{}", now)
        if previous.value != state:
            alarm.history.appendleft((now, previous, alarm.state))
            self._told.append(event(alarm, previous))

    def _evaluate(self, alarm: Alarm) -> dict[str, Any] | None:
        now, pace = self.world.now, self.world.pace
        value = self._value(alarm.spec, alarm.service, now)
        verdict = self._verdict(alarm.spec, value, alarm.state.value)
        if verdict == alarm.state.value:
            alarm.turned = None
            return None
        if alarm.turned is None:
            alarm.turned = now
        if now - alarm.turned < (pace.to_alarm if verdict == "ALARM" else pace.to_ok) - TICK / 2:
            return None
        previous, alarm.turned = alarm.state, None
        alarm.state = self._state(alarm.spec, verdict, value, now)
        alarm.history.appendleft((now, previous, alarm.state))
        return event(alarm, previous)

    @staticmethod
    def _value(spec: AlarmSpec, service: Service | None, at: float) -> float | None:
        if service is None:
            return None
        time = int(at)
        inputs: dict[str, Series] = {}
        for measure in spec.measures:
            if measure.metric:
                value = now_value(service, measure.metric, at, spec.period if measure.stat == "Sum" else 1)
                inputs[measure.id] = {} if value is None else {time: value}
        for measure in spec.measures:
            if measure.expression:
                inputs[measure.id] = evaluate(measure.expression, inputs, [time], spec.period)
        returned = next(measure.id for measure in spec.measures if measure.returned)
        return inputs[returned].get(time)

    @staticmethod
    def _verdict(spec: AlarmSpec, value: float | None, present: str) -> str:
        if value is None:
            by = {"breaching": "ALARM", "notBreaching": "OK", "ignore": present, "missing": "INSUFFICIENT_DATA"}
            return by[spec.treat_missing]
        breach = {
            "GreaterThanThreshold": value > spec.threshold,
            "GreaterThanOrEqualToThreshold": value >= spec.threshold,
            "LessThanThreshold": value < spec.threshold,
            "LessThanOrEqualToThreshold": value <= spec.threshold,
        }[spec.comparison]
        return "ALARM" if breach else "OK"

    @staticmethod
    def _state(spec: AlarmSpec, verdict: str, value: float | None, at: float) -> State:
        start = moment(at - spec.period).strftime("%d/%m/%y %H:%M:%S")
        if value is None:
            treated = {"breaching": "[Breaching]", "notBreaching": "[NonBreaching]"}.get(spec.treat_missing, "")
            reason = (
                f"Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
                f"{treated}."
                if treated
                else "Insufficient Data: 1 datapoint was unknown."
            )
        else:
            change = "OK -> ALARM" if verdict == "ALARM" else "ALARM -> OK"
            word = ("was " if verdict == "ALARM" else "was not ") + WORDS[spec.comparison]
            reason = (
                f"Threshold Crossed: 1 out of the last 1 datapoints [{value} ({start})] {word} the threshold "
                f"({spec.threshold}) (minimum 1 datapoint for {change} transition)."
            )
        data: dict[str, Any] = {
            "version": "1.0",
            "queryDate": stamp(at),
            "startDate": stamp(at - spec.period),
            "period": spec.period,
            "recentDatapoints": [] if value is None else [value],
            "threshold": spec.threshold,
            "evaluatedDatapoints": [
                {
                    "timestamp": stamp(at - spec.period),
                    **({} if value is None else {"sampleCount": 1.0, "value": value}),
                }
            ],
        }
        if len(spec.measures) == 1:
            data["statistic"] = spec.measures[0].stat
        return State(verdict, reason, json.dumps(data, separators=(",", ":")), at)


def _event_metric(alarm: Alarm, measure: Measure) -> dict[str, Any]:
    if measure.expression:
        return {
            "id": measure.id,
            "expression": measure.expression,
            "label": measure.label,
            "returnData": measure.returned,
        }
    namespace, kept_under = alarm.watched(measure.metric)
    return {
        "id": measure.id,
        "metricStat": {
            "metric": {"namespace": namespace, "name": measure.metric, "dimensions": kept_under},
            "period": alarm.spec.period,
            "stat": measure.stat,
        },
        "returnData": measure.returned,
    }


def _event_state(state: State) -> dict[str, str]:
    return {"value": state.value, "reason": state.reason, "reasonData": state.data, "timestamp": stamp(state.at)}


def event(alarm: Alarm, previous: State) -> dict[str, Any]:
    """Return the EventBridge event of a change, in the shape of `CloudWatch Alarm State Change`.

    Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
    """
    number = digest(alarm.spec.name, alarm.state.at)
    return {
        "version": "0",
        "id": f"{number[:8]}-{number[8:12]}-4{number[13:16]}-8{number[17:20]}-{number[20:32]}",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": moment(alarm.state.at).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [alarm.arn],
        "detail": {
            "alarmName": alarm.spec.name,
            "state": _event_state(alarm.state),
            "previousState": _event_state(previous),
            "configuration": {
                "description": alarm.spec.description,
                "metrics": [_event_metric(alarm, measure) for measure in alarm.spec.measures],
            },
        },
    }
