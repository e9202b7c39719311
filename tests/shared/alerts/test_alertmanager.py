from datetime import UTC, datetime
from typing import Any

import pytest

from shared.alert import Alert
from shared.alerts import alertmanager, grafana
from shared.alerts.parsed import Parsed
from shared.errors import Refused
from shared.target import Target

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STARTS = datetime(2026, 5, 4, 2, 10, tzinfo=UTC)
ENDS = datetime(2026, 5, 4, 2, 20, tzinfo=UTC)
FROM, TO = "2026-05-04T02:10:00Z", "2026-05-04T02:20:00Z"


def group(*alerts: object, **changes: Any) -> dict[str, Any]:
    return {"version": "4", "status": "firing", "alerts": list(alerts), **changes}


def an_alert(**changes: Any) -> dict[str, Any]:
    return {"labels": {"alertname": "Slow"}, "startsAt": FROM, **changes}


def the_alert(**changes: Any) -> Alert:
    (alert,) = alertmanager.read(group(an_alert(**changes)), NOW).alerts
    return alert


def in_grafana(**changes: Any) -> Alert:
    (alert,) = grafana.read(group(an_alert(**changes)), NOW).alerts
    return alert


def test_an_alert_of_a_group_is_read_whole() -> None:
    labels = {
        "alertname": " Slow ",
        "severity": "page",
        "namespace": "shop",
        "deployment": "orders",
        "account_id": "123456789012",
        "region": "eu-west-1",
    }
    said = {
        "status": "resolved",
        "labels": labels,
        "annotations": {
            "description": "p99 is 3 s",
            "runbook": "https://wiki.example/slow",
            "dashboard": "https://grafana.example/slow",
            "message": "orders answers late",
            "summary": "orders is slow",
        },
        "startsAt": FROM,
        "endsAt": TO,
        "generatorURL": "https://prometheus.example/graph",
        "panelURL": "https://grafana.example/panel",
        "fingerprint": " 5ef77f1f8a3ecfb8 ",
    }
    (alert,) = alertmanager.read(group(said, externalURL="https://alertmanager.example"), NOW).alerts
    assert alert == Alert(
        source="alertmanager",
        state="resolved",
        title="Slow",
        summary="orders is slow\norders answers late\np99 is 3 s",
        severity="critical",
        target=Target(kind="k8s", name="shop/deployment/orders", account="123456789012", region="eu-west-1"),
        account="123456789012",
        region="eu-west-1",
        starts_at=STARTS,
        changed_at=ENDS,
        labels=labels,
        links=(
            "https://prometheus.example/graph",
            "https://grafana.example/slow",
            "https://wiki.example/slow",
            "https://alertmanager.example",
        ),
        external_id="5ef77f1f8a3ecfb8",
        fingerprint=alert.fingerprint,
    )


def test_grafanas_alert_is_the_same_with_its_own_links_and_values() -> None:
    said = {
        "imageURL": "https://grafana.example/image",
        "silenceURL": "https://grafana.example/silence",
        "generatorURL": "https://grafana.example/rule",
        "dashboardURL": "https://grafana.example/dashboard",
        "panelURL": "https://grafana.example/panel",
        "values": {"C": 1, "B": 44.23940001, "A": "x", "D\x00": 1e9, "E": None},
        "annotations": {"summary": "slow"},
        "fingerprint": "5ef77f1f8a3ecfb8",
    }
    alert = in_grafana(**said)
    assert alert == Alert(
        source="grafana",
        state="firing",
        title="Slow",
        summary="slow\nB = 44.2394, C = 1, D  = 1e+09",
        starts_at=STARTS,
        changed_at=STARTS,
        labels={"alertname": "Slow"},
        links=tuple(f"https://grafana.example/{page}" for page in ("panel", "dashboard", "rule", "silence", "image")),
        external_id="5ef77f1f8a3ecfb8",
        fingerprint=alert.fingerprint,
    )
    assert alert.fingerprint != the_alert(**said).fingerprint


@pytest.mark.parametrize("values", [None, [], "B=1", {}])
def test_an_alert_without_values_says_none(values: object) -> None:
    assert in_grafana(values=values).summary == ""


def test_an_alert_of_a_group_has_the_state_of_the_group_unless_it_says_its_own() -> None:
    parsed = alertmanager.read(group(an_alert(), an_alert(status="firing"), status="resolved"), NOW)
    assert [alert.state for alert in parsed.alerts] == ["resolved", "firing"]
    with pytest.raises(Refused) as refused:
        the_alert(status="p" * 50)
    assert str(refused.value) == f"alerts[0].status must be firing or resolved, not {'p' * 40!r}"


@pytest.mark.parametrize(
    ("said", "starts", "changed"),
    [
        ({"endsAt": TO}, STARTS, STARTS),
        ({"status": "resolved", "endsAt": TO}, STARTS, ENDS),
        ({"status": "resolved", "startsAt": TO, "endsAt": FROM}, STARTS, STARTS),
        ({"status": "resolved", "startsAt": None, "endsAt": TO}, ENDS, ENDS),
        ({"status": "resolved"}, STARTS, NOW),
        ({"status": "resolved", "endsAt": "2126-01-01T00:00:00Z"}, STARTS, NOW),
        ({"startsAt": None}, NOW, NOW),
    ],
)
def test_an_alert_changed_when_it_started_or_when_it_ended(
    said: dict[str, Any], starts: datetime, changed: datetime
) -> None:
    alert = the_alert(**said)
    assert (alert.starts_at, alert.changed_at) == (starts, changed)


@pytest.mark.parametrize(
    ("labels", "annotations", "title"),
    [
        ({"alertname": "Slow"}, {"summary": "orders is slow"}, "Slow"),
        ({"alertname": " "}, {"summary": " orders is slow "}, "orders is slow"),
        ({"team": "shop"}, {"summary": " "}, "f1"),
        ({}, {}, "f1"),
    ],
)
def test_an_alert_is_titled_by_its_name_its_summary_or_its_id(
    labels: dict[str, str], annotations: dict[str, str], title: str
) -> None:
    assert the_alert(labels=labels, annotations=annotations, fingerprint="f1").title == title


def test_an_alert_without_an_id_is_known_by_its_labels_whatever_their_order() -> None:
    first, turned = {"alertname": "Slow", "pod": "a"}, {"pod": "a", "alertname": "Slow"}
    assert the_alert(labels=first).external_id == the_alert(labels=turned, fingerprint=" ").external_id
    assert the_alert(labels=first).external_id == "b6f37d8d0597ef3a", "a release must not open it anew"
    with pytest.raises(Refused, match=r"^alerts\[0\]\.labels is missing; labels are what an alert is known by$"):
        the_alert(labels={})


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        (group(), "the group holds no alerts"),
        (group(an_alert(), truncatedAlerts=0), ""),
        (group(an_alert(), truncatedAlerts=3), "3 more alerts were left out by the sender; raise its max_alerts"),
        (
            group(truncatedAlerts=3),
            "the group holds no alerts; 3 more alerts were left out by the sender; raise its max_alerts",
        ),
    ],
)
def test_what_a_group_does_not_hold_is_said(payload: dict[str, Any], note: str) -> None:
    assert alertmanager.read(payload, NOW).note == note


def test_a_line_is_said_once_and_a_link_that_is_no_text_is_none() -> None:
    alert = the_alert(annotations={"summary": "slow", "message": "slow", "description": ""}, generatorURL=7)
    assert (alert.summary, alert.links) == ("slow", ())


def test_what_an_alert_says_at_length_is_cut() -> None:
    long = "x" * 5000
    alert = the_alert(labels={"alertname": long}, annotations={"summary": long}, fingerprint=long)
    assert list(map(len, (alert.title, alert.summary, alert.external_id))) == [300, 4000, 1000]


@pytest.mark.parametrize(
    ("payload", "ours"),
    [
        (group(an_alert()), False),
        (group(an_alert(), orgId=1), True),
        (group(an_alert(), version="1"), True),
        *(
            (group(an_alert(), an_alert(**{field: None})), True)
            for field in ("valueString", "values", "silenceURL", "dashboardURL", "panelURL")
        ),
        (group(7), False),
        ({"alerts": None}, False),
        ({"alerts": {"values": {}}}, False),
    ],
)
def test_grafana_is_told_from_alertmanager_by_what_only_it_says(payload: dict[str, Any], ours: bool) -> None:
    assert grafana.is_grafana(payload) is ours


@pytest.mark.parametrize("field", ["ruleId", "evalMatches"])
def test_grafanas_legacy_alerting_is_refused_with_the_way_out(field: str) -> None:
    with pytest.raises(Refused, match="legacy alerting; switch the rule to unified alerting"):
        grafana.read({field: 1}, NOW)
    assert grafana.read(group(**{field: 1}), NOW) == Parsed(note="the group holds no alerts")
