from datetime import UTC, datetime
from typing import Any

import pytest

from shared.alert import Alert
from shared.alerts.generic import read
from shared.errors import Refused
from shared.target import Target

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = datetime(2026, 5, 4, 2, 14, 31, tzinfo=UTC)
SAID = "2026-05-04T02:14:31Z"


def of(**detail: Any) -> Alert:
    return read({"detail": detail}, NOW)


def test_a_plain_alert_is_read_whole() -> None:
    alert = read(
        {
            "incident_id": " OPS-7 ",
            "account": "123456789012",
            "region": "eu-west-1",
            "time": "2026-05-04T04:00:00Z",
            "detail": {
                "service_name": " orders ",
                "cluster_name": " shop ",
                "summary": " orders is slow\nand getting slower ",
                "severity": "P2",
                "state": " OK ",
                "time": SAID,
                "Trigger": {"Dimensions": [{"name": "Zone", "value": "a"}, {"name": "Empty", "value": ""}]},
            },
        },
        NOW,
    )
    assert alert == Alert(
        source="generic",
        state="resolved",
        title="orders is slow",
        summary="orders is slow\nand getting slower",
        severity="high",
        target=Target(kind="ecs", name="shop/orders", account="123456789012", region="eu-west-1"),
        account="123456789012",
        region="eu-west-1",
        starts_at=AT,
        changed_at=AT,
        labels={"Empty": "", "Zone": "a", "cluster_name": "shop", "service_name": "orders"},
        external_id="OPS-7",
        external_reference="OPS-7",
        fingerprint=alert.fingerprint,
    )


@pytest.mark.parametrize(
    ("detail", "title", "external_id", "labels"),
    [
        ({"summary": "orders is slow"}, "orders is slow", "orders is slow", {}),
        ({"service_name": "orders"}, "Alert on orders", "ServiceName=orders", {"service_name": "orders"}),
        (
            {"service_name": "orders", "cluster_name": "shop", "summary": "slow"},
            "slow",
            "ClusterName=shop,ServiceName=orders",
            {"service_name": "orders", "cluster_name": "shop"},
        ),
        (
            {"Trigger": {"Dimensions": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}},
            "Alert on 2, 1",
            "A=1,B=2",
            {"A": "1", "B": "2"},
        ),
    ],
)
def test_whatever_is_said_of_it_names_the_alert(
    detail: dict[str, Any], title: str, external_id: str, labels: dict[str, str]
) -> None:
    alert = of(**detail)
    assert (alert.title, alert.external_id, alert.labels) == (title, external_id, labels)
    assert (alert.external_reference, alert.account, alert.region, alert.severity) == ("", "", "", "unknown")
    assert (alert.state, alert.starts_at, alert.changed_at) == ("firing", NOW, NOW)


def test_dimensions_go_before_the_names_beside_them() -> None:
    dimensions = [{"name": "ServiceName", "value": "search"}]
    alert = of(service_name="orders", cluster_name="shop", Trigger={"Dimensions": dimensions})
    assert alert.target == Target(kind="ecs", name="shop/search")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (None, "firing"),
        ("", "firing"),
        ("ALARM", "firing"),
        ("alerting", "firing"),
        ("firing", "firing"),
        ("OK", "resolved"),
        (" Resolved ", "resolved"),
        ("INSUFFICIENT_DATA", "unknown"),
        ("unknown", "unknown"),
    ],
)
def test_a_state_is_said_in_our_words_or_cloudwatchs(said: object, state: str) -> None:
    assert of(summary="x", state=said).state == state


def test_a_state_that_is_none_is_refused_in_the_words_that_were_sent() -> None:
    with pytest.raises(Refused) as refused:
        of(summary="x", state="B" * 50)
    assert str(refused.value) == f"detail.state must be firing, resolved or unknown, not {'b' * 40!r}"


@pytest.mark.parametrize("detail", [{}, {"service_name": " ", "summary": " "}, {"cluster_name": "shop"}])
def test_what_names_nothing_and_says_nothing_is_refused(detail: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^detail needs a service_name, a summary or Trigger\.Dimensions"):
        of(**detail)


@pytest.mark.parametrize("payload", [{"detail": 7}, {"detail": "7"}, {"detail": None}, {}])
def test_a_detail_that_is_no_object_is_refused_by_its_name(payload: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"^detail must be an object, not"):
        read(payload, NOW)


@pytest.mark.parametrize(
    ("payload", "at"),
    [({"time": SAID}, AT), ({}, NOW), ({"time": "2126-01-01T00:00:00Z"}, NOW)],
)
def test_the_time_beside_the_detail_counts_where_the_detail_has_none(payload: dict[str, Any], at: datetime) -> None:
    alert = read({"detail": {"summary": "x"}, **payload}, NOW)
    assert (alert.starts_at, alert.changed_at) == (at, at)


def test_the_same_alert_is_known_again_in_another_state_and_not_under_another_reference() -> None:
    first, cleared = of(summary="slow"), of(summary="slow", state="ok", severity="p1")
    again = read({"incident_id": "7", "detail": {"summary": "slow"}}, NOW)
    elsewhere = read({"region": "eu-west-1", "detail": {"summary": "slow"}}, NOW)
    assert first.fingerprint == cleared.fingerprint
    assert len({first.fingerprint, again.fingerprint, elsewhere.fingerprint}) == 3


def test_what_is_said_at_length_is_cut() -> None:
    alert = read({"incident_id": "7" * 5000, "detail": {"summary": "x" * 5000}}, NOW)
    lengths = [alert.title, alert.summary, alert.external_id, alert.external_reference]
    assert list(map(len, lengths)) == [300, 4000, 1000, 300]
    assert len(of(service_name="o" * 400).title) == 300
