from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from shared.alert import as_text
from shared.target import Target
from tests.builders import T0, TARGET, an_alert


def test_an_alert_belongs_to_the_incident_of_its_target_or_else_to_one_of_its_own() -> None:
    assert an_alert().identity == "ecs:123456789012:eu-west-1:shop/orders"
    assert an_alert(target=None).identity == "alert:cloudwatch/f1"


def test_a_redelivery_of_one_state_change_has_one_key_and_every_other_change_another() -> None:
    assert an_alert().delivery == "f1/firing/2026-11-21T03:00:00.000Z"
    assert an_alert(title="said otherwise").delivery == an_alert().delivery
    others: list[dict[str, Any]] = [
        {"fingerprint": "f2"},
        {"state": "resolved"},
        {"changed_at": T0 + timedelta(milliseconds=1)},
    ]
    assert len({an_alert(**changes).delivery for changes in others} | {an_alert().delivery}) == 4


def test_times_are_written_in_utc_to_the_millisecond_so_that_their_text_sorts() -> None:
    moment = datetime(2026, 11, 21, 5, 0, 0, 1_999, timezone(timedelta(hours=2)))

    assert as_text(moment) == "2026-11-21T03:00:00.001Z"
    assert as_text(datetime(2026, 11, 21, 3, tzinfo=UTC)) == "2026-11-21T03:00:00.000Z"


def test_a_target_has_a_name_for_people_and_one_that_is_unique() -> None:
    assert (TARGET.short, TARGET.key) == ("ecs:shop/orders", "ecs:123456789012:eu-west-1:shop/orders")
    assert (TARGET.cluster, TARGET.service) == ("shop", "orders")
    deployed = Target(kind="k8s", name="shop/deployment/orders")
    assert (deployed.cluster, deployed.service) == ("shop", "deployment/orders")
