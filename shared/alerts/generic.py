"""The plain alert of `POST /alert`, for whatever has no format of its own.

`{"incident_id"?, "detail": {"service_name", "cluster_name", "summary",
"Trigger": {"Dimensions": [{"name", "value"}]}}}`
and, where the sender knows more, in `detail`: `state` (firing, resolved, or CloudWatch's words), `severity`, `time`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.alert import Alert, AlertState
from shared.alerts import severity
from shared.alerts.cloudwatch import dimension_list
from shared.alerts.fields import (
    EXTERNAL_ID,
    SUMMARY,
    TITLE,
    bounded,
    labels,
    listing,
    mapping,
    moment,
    safe,
    safe_labels,
    text,
)
from shared.alerts.parsed import fingerprint
from shared.alerts.targets import account_of, region_of, target_of
from shared.errors import Refused

_STATES: dict[str, AlertState] = {
    "": "firing",
    "alarm": "firing",
    "alerting": "firing",
    "firing": "firing",
    "ok": "resolved",
    "resolved": "resolved",
    "insufficient_data": "unknown",
    "unknown": "unknown",
}


def read(payload: Mapping[str, Any], now: datetime) -> Alert:
    """The alert that `payload` describes; raises Refused, naming the field, where it says too little."""
    detail = mapping(payload.get("detail"), "detail")
    service = text(detail.get("service_name"), "detail.service_name").strip()
    cluster = text(detail.get("cluster_name"), "detail.cluster_name").strip()
    said = text(detail.get("summary"), "detail.summary").strip()
    trigger = mapping(detail.get("Trigger") or {}, "detail.Trigger")
    listed = listing(trigger.get("Dimensions") or [], "detail.Trigger.Dimensions")
    dimensions = dimension_list(listed, "detail.Trigger.Dimensions")
    if not (service or said or dimensions):
        raise Refused("detail needs a service_name, a summary or Trigger.Dimensions; it says nothing of what is wrong")
    reference = text(payload.get("incident_id"), "incident_id").strip()
    known = {"account_id": text(payload.get("account"), "account"), "region": text(payload.get("region"), "region")}
    account, region = account_of(known), region_of(known)
    given = {"ClusterName": cluster, "ServiceName": service}
    target = target_of({**given, **dimensions}, account, region)
    about = _about(given, dimensions) or said
    external_id = reference or about
    changed_at = bounded(
        moment(detail.get("time"), "detail.time") or moment(payload.get("time"), "time"),
        now,
    )
    return Alert(
        source="generic",
        state=_state(detail.get("state")),
        title=safe(said.splitlines()[0] if said else f"Alert on {service or ', '.join(dimensions.values())}", TITLE),
        summary=safe(said, SUMMARY),
        severity=severity.of_labels(labels({"severity": detail.get("severity")}, "detail")),
        target=target,
        account=account,
        region=region,
        starts_at=changed_at,
        changed_at=changed_at,
        labels=safe_labels({**_given_labels(service, cluster), **dimensions}),
        external_id=safe(external_id, EXTERNAL_ID),
        external_reference=safe(reference, TITLE),
        # The sender's id alone would let one alert stand for another that came under the same id.
        fingerprint=fingerprint("generic", f"{reference} {about}", account, region, target),
    )


def _given_labels(service: str, cluster: str) -> dict[str, str]:
    return {name: value for name, value in (("service_name", service), ("cluster_name", cluster)) if value}


def _about(given: Mapping[str, str], dimensions: Mapping[str, str]) -> str:
    """What tells this alert from others: what it names."""
    named = {name: value for name, value in {**given, **dimensions}.items() if value}
    return ",".join(f"{name}={named[name]}" for name in sorted(named))


def _state(value: object) -> AlertState:
    said = text(value, "detail.state").strip().lower()
    if said not in _STATES:
        raise Refused(f"detail.state must be firing, resolved or unknown, not {said[:40]!r}")
    return _STATES[said]
