"""The webhook of Prometheus Alertmanager, version 4: each alert of a group is an alert of its own.

Source: prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from json import dumps
from typing import Any

from shared.alert import Alert, AlertState
from shared.alerts import severity
from shared.alerts.fields import (
    EXTERNAL_ID,
    SUMMARY,
    TITLE,
    bounded,
    clean,
    count,
    labels,
    listing,
    mapping,
    moment,
    number,
    safe,
    safe_labels,
    safe_links,
    text,
)
from shared.alerts.parsed import Parsed, fingerprint
from shared.alerts.targets import account_of, region_of, target_of
from shared.errors import Refused

_STATES: dict[str, AlertState] = {"firing": "firing", "resolved": "resolved"}


def read(payload: Mapping[str, Any], now: datetime) -> Parsed:
    """Every alert of the group that Alertmanager sent."""
    return read_group(payload, now, "alertmanager", ("generatorURL",))


def read_group(payload: Mapping[str, Any], now: datetime, source: str, links: tuple[str, ...]) -> Parsed:
    """Every alert of a group in Alertmanager's format; `links` names the fields of an alert that hold addresses."""
    group_status = text(payload.get("status"), "status")
    home = text(payload.get("externalURL"), "externalURL")
    alerts = tuple(
        _alert(mapping(each, f"alerts[{at}]"), f"alerts[{at}]", group_status, home, now, source, links)
        for at, each in enumerate(listing(payload.get("alerts"), "alerts"))
    )
    cut = count(payload.get("truncatedAlerts"))
    notes = (
        "" if alerts else "the group holds no alerts",
        f"{cut} more alerts were left out by the sender; raise its max_alerts" if cut else "",
    )
    return Parsed(alerts, "; ".join(filter(None, notes)))


def _alert(
    said: Mapping[str, Any],
    at: str,
    group_status: str,
    home: str,
    now: datetime,
    source: str,
    links: tuple[str, ...],
) -> Alert:
    named = labels(said.get("labels"), f"{at}.labels")
    notes = labels(said.get("annotations"), f"{at}.annotations")
    state = _state(text(said.get("status"), f"{at}.status") or group_status, f"{at}.status")
    starts_at = bounded(moment(said.get("startsAt"), f"{at}.startsAt"), now)
    ends_at = moment(said.get("endsAt"), f"{at}.endsAt")
    changed_at = starts_at if state == "firing" else bounded(ends_at, now)
    external_id = text(said.get("fingerprint"), f"{at}.fingerprint").strip() or _of_labels(named)
    if not external_id:
        raise Refused(f"{at}.labels is missing; labels are what an alert is known by")
    account, region = account_of(named), region_of(named)
    target = target_of(named, account, region)
    name = named.get("alertname", "").strip() or notes.get("summary", "").strip() or external_id
    lines = [*(notes.get(key, "") for key in ("summary", "message", "description")), _values(said.get("values"))]
    addresses = [*(said.get(field) for field in links), *(notes[key] for key in sorted(notes)), home]
    return Alert(
        source=source,
        state=state,
        title=safe(name, TITLE),
        summary=safe("\n".join(dict.fromkeys(filter(None, lines))), SUMMARY),
        severity=severity.of_labels(named),
        target=target,
        account=account,
        region=region,
        starts_at=min(starts_at, changed_at),
        changed_at=changed_at,
        labels=safe_labels(named),
        links=safe_links(*(each for each in addresses if isinstance(each, str))),
        external_id=safe(external_id, EXTERNAL_ID),
        fingerprint=fingerprint(source, external_id, account, region, target),
    )


def _state(status: str, field: str) -> AlertState:
    if status not in _STATES:
        raise Refused(f"{field} must be firing or resolved, not {status[:40]!r}")
    return _STATES[status]


def _values(said: object) -> str:
    """What Grafana's queries and expressions gave, by their letters."""
    found = said if isinstance(said, Mapping) else {}
    return ", ".join(
        f"{clean(str(name))} = {value:g}" for name in sorted(found) if (value := number(found[name])) is not None
    )


def _of_labels(named: Mapping[str, str]) -> str:
    """What Alertmanager would do where it is not there: one name for one set of labels."""
    return sha256(dumps(sorted(named.items())).encode()).hexdigest()[:16] if named else ""
