"""The webhook of Grafana's unified alerting, which is Alertmanager's with links, values and an organisation.

Source: grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/
webhook-notifier
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.alerts.alertmanager import read_group
from shared.alerts.parsed import Parsed
from shared.errors import Refused

_LINKS = ("panelURL", "dashboardURL", "generatorURL", "silenceURL", "imageURL")
_OWN = ("valueString", "values", "silenceURL", "dashboardURL", "panelURL")


def read(payload: Mapping[str, Any], now: datetime) -> Parsed:
    """Every alert of the group that Grafana sent; raises Refused for the format of before Grafana 9."""
    if "alerts" not in payload and ("ruleId" in payload or "evalMatches" in payload):
        raise Refused("alerts is missing: this is Grafana's legacy alerting; switch the rule to unified alerting")
    return read_group(payload, now, "grafana", _LINKS)


def is_grafana(payload: Mapping[str, Any]) -> bool:
    """Whether a group of alerts came from Grafana rather than from Alertmanager."""
    alerts = payload.get("alerts")
    return (
        "orgId" in payload
        or payload.get("version") == "1"
        or any(
            isinstance(alert, Mapping) and any(field in alert for field in _OWN)
            for alert in (alerts if isinstance(alerts, list) else ())
        )
    )
