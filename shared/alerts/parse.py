"""From a payload to its alerts, whoever sent it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, get_args

from shared.alert import Alert
from shared.alerts import alertmanager, cloudwatch, ecs, generic, grafana
from shared.alerts.envelopes import contents
from shared.alerts.fields import mapping, text
from shared.alerts.parsed import Confirmation, Parsed, as_json
from shared.errors import Refused

__all__ = ["SOURCES", "Confirmation", "Parsed", "Source", "as_json", "parse"]

Source = Literal["auto", "cloudwatch", "grafana", "alertmanager", "generic", "ecs"]
SOURCES: tuple[Source, ...] = get_args(Source)
MAX_BYTES = 64_000
"""An alert is part of an entry on the timeline, and two of them must fit in one."""
_LABELS_LEFT = 5
_ENVELOPES = 4
"""SNS in SQS in a Lambda event is three."""


def parse(payload: object, source: str, now: datetime) -> Parsed:
    """The alerts of `payload` (as `safe_json.loads` gives it), read as `source` writes them or (auto) by their shape.

    `now` is the time of receipt. Raises Refused, naming the field, where the payload is not what its source sends.
    """
    if source not in SOURCES:
        raise Refused(f"the source must be one of {', '.join(SOURCES)}, not {source[:40]!r}")
    parsed = _parse(payload, source, now, "", _ENVELOPES)
    return replace(parsed, alerts=tuple(map(_fitting, parsed.alerts)))


def _parse(payload: object, source: str, now: datetime, topic_arn: str, envelopes: int) -> Parsed:
    given = mapping(payload, "the payload")
    if source in ("auto", "cloudwatch", "ecs"):
        content = contents(given)
        if isinstance(content, Confirmation):
            return Parsed(note=f"the topic {content.topic_arn} asks to be confirmed", confirmation=content)
        if content is not None:
            if not envelopes:
                raise Refused(f"more than {_ENVELOPES} envelopes lie in each other")
            parsed = [_parse(each.payload, source, now, each.topic_arn, envelopes - 1) for each in content]
            return sum(parsed, Parsed()) if parsed else Parsed(note="nothing is in the envelope")
    name = _source_of(given) if source == "auto" else source
    if name == "cloudwatch":
        return _cloudwatch(given, now, topic_arn)
    return _READERS[name](given, now)


def _fitting(alert: Alert) -> Alert:
    """`alert` in MAX_BYTES of JSON: without its metrics and with its first labels only, should it need more."""
    if len(alert.model_dump_json().encode()) <= MAX_BYTES:
        return alert
    return alert.model_copy(update={"metrics": (), "labels": dict(list(alert.labels.items())[:_LABELS_LEFT])})


def _source_of(payload: Mapping[str, Any]) -> str:
    if "alarmData" in payload or "AlarmName" in payload or payload.get("source") == "aws.cloudwatch":
        return "cloudwatch"
    if payload.get("source") == "aws.ecs":
        return "ecs"
    if "alerts" in payload or "ruleId" in payload:
        return "grafana" if "ruleId" in payload or grafana.is_grafana(payload) else "alertmanager"
    if isinstance(payload.get("detail"), Mapping):
        return "generic"
    raise Refused(
        "the payload is none that we know: an event or notification of CloudWatch, an event of ECS, a webhook of "
        "Grafana or Alertmanager, or an object with `detail`"
    )


def _cloudwatch(payload: Mapping[str, Any], now: datetime, topic_arn: str) -> Parsed:
    if "alarmData" in payload:
        return Parsed((cloudwatch.read_action(payload, now),))
    if "AlarmName" in payload:
        return Parsed((cloudwatch.read_notification(payload, topic_arn, now),))
    said = text(payload.get("detail-type"), "detail-type")
    if said == "CloudWatch Alarm State Change":
        return Parsed((cloudwatch.read_event(payload, now),))
    if said == "CloudWatch Alarm Configuration Change":
        return Parsed(note="an alarm was configured; its state did not change")
    raise Refused(f"detail-type must be 'CloudWatch Alarm State Change', not {said[:80]!r}")


def _generic(payload: Mapping[str, Any], now: datetime) -> Parsed:
    return Parsed((generic.read(payload, now),))


_READERS: dict[str, Callable[[Mapping[str, Any], datetime], Parsed]] = {
    "alertmanager": alertmanager.read,
    "ecs": ecs.read,
    "generic": _generic,
    "grafana": grafana.read,
}
