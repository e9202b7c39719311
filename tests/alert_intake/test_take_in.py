import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from functions.alert_intake.intake import origin_of, take_in
from local import reference
from shared.alert import DEFAULT_BUS
from shared.configuration import load
from shared.errors import Refused
from shared.facts import IncidentOpened
from tests.builders import EVENTS, an_intake
from tests.fakes.store import MemoryStore

SAMPLES = EVENTS / "alerts"
CANARY = json.loads((SAMPLES / "cloudwatch_canary.json").read_text("utf-8"))


def taken(*names: str) -> MemoryStore:
    return given(*(json.loads((SAMPLES / f"{name}.json").read_text("utf-8")) for name in names))


def given(*bodies: Mapping[str, Any], canary: str = "middlewatch-canary", account: str = "123456789012") -> MemoryStore:
    store = MemoryStore()
    intake = an_intake(store, config=load(reference.ROOT / "config"), account=account)
    for body in bodies:
        take_in(body, intake, Logger(service="test"), canary)
    return store


def origins(store: MemoryStore) -> list[str]:
    """Who told what opened each incident."""
    facts = [store.read(incident_id).entries[0].fact for incident_id in store.timelines]
    return [fact.alert.origin for fact in facts if isinstance(fact, IncidentOpened)]


def opened_tests(store: MemoryStore) -> list[bool]:
    return [store.read(incident_id).incident.test for incident_id in store.timelines]


def test_every_sample_that_aws_sends_is_taken_in_or_says_why_not() -> None:
    for path in sorted(SAMPLES.glob("cloudwatch_*.json")) + sorted(SAMPLES.glob("ecs_*.json")):
        expected = json.loads((SAMPLES / "expected" / path.name).read_text("utf-8"))
        fires = any(alert["state"] == "firing" for alert in expected.get("alerts", []))
        try:
            store = taken(path.stem)
        except Refused:
            assert not fires, path.name
            continue
        assert bool(store.timelines) is fires, path.name


def test_a_message_that_is_no_alarm_of_ours_is_refused_with_a_reason() -> None:
    store = MemoryStore()

    with pytest.raises(Refused):
        take_in({"hello": "world"}, an_intake(store), Logger(service="test"))

    assert store.timelines == {}


def changed(*way: str, to: object) -> dict[str, Any]:
    """The canary's event with one thing changed."""
    event = deepcopy(CANARY)
    place = event
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = to
    return dict(event)


def arn(name: str = "middlewatch-canary", account: str = "123456789012", region: str = "eu-west-1") -> list[str]:
    return [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"]


def test_the_canarys_alarm_on_the_default_bus_opens_a_test() -> None:
    assert opened_tests(given(CANARY)) == [True]
    in_china = ["arn:aws-cn:cloudwatch:eu-west-1:123456789012:alarm:middlewatch-canary"]
    assert opened_tests(given(changed("resources", to=in_china))) == [True]


@pytest.mark.parametrize(
    "body",
    [
        changed("resources", to=arn("orders-5xx")),
        changed("resources", to=arn("middlewatch-canary-2")),
        changed("resources", to=arn(account="999999999999")),
        changed("resources", to=arn(region="us-east-1")),
        changed("resources", to=[*arn(), *arn("orders-5xx")]),
        changed("resources", to=[*arn("orders-5xx"), *arn()]),
        changed("resources", to=[]),
        {"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-1:123456789012:t", "Message": json.dumps(CANARY)},
        {"Records": [{"body": json.dumps(CANARY)}], "source": "aws.cloudwatch", "resources": arn()},
        {
            "alarmArn": arn()[0],
            "alarmData": CANARY["detail"],
            "accountId": "123456789012",
            "region": "eu-west-1",
            "resources": arn(),
        },
    ],
    ids=[
        "other name",
        "longer name",
        "other account",
        "other region",
        "two",
        "two turned",
        "none",
        "SNS",
        "SQS",
        "action",
    ],
)
def test_nothing_else_can_claim_to_be_a_test(body: dict[str, Any]) -> None:
    assert opened_tests(given(body)) == [False]


def test_labels_and_names_make_no_test() -> None:
    labelled = changed("detail", "alarmTags", to={"test": "true", "middlewatch": "canary"})
    labelled["resources"] = arn("orders-5xx")
    assert opened_tests(given(labelled)) == [False]
    assert opened_tests(given(CANARY, canary="")) == [False]
    assert opened_tests(given(CANARY, account="")) == [False]
    assert opened_tests(given(changed("resources", to=arn(account="")), account="")) == [False]


def test_whoever_claims_to_be_the_canary_is_heard_beside_its_test() -> None:
    notification = {
        "AlarmName": "middlewatch-canary",
        "AlarmArn": arn()[0],
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "NewStateReason": "the shop is on fire",
        "StateChangeTime": CANARY["detail"]["state"]["timestamp"],
        "Trigger": {},
    }
    assert opened_tests(given(CANARY, notification)) == [True, False]
    assert opened_tests(given(notification, CANARY)) == [False, True]


@pytest.mark.parametrize(
    ("topic", "origin"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:alarms", "arn:aws:sns:eu-west-1:123456789012:alarms"),
        ("arn:aws:sns:eu-west-1:123456789012:alarms.fifo", "arn:aws:sns:eu-west-1:123456789012:alarms.fifo"),
        ("aws_secret_access_key = 0123", ""),
        ("arn:aws:sns:eu-west-1:123456789012:" + "x" * 300, ""),
        (None, ""),
    ],
)
def test_only_what_can_be_a_topic_is_one(topic: object, origin: str) -> None:
    assert origin_of({"Type": "Notification", "TopicArn": topic, "Message": "{}"}) == origin


@pytest.mark.parametrize(
    ("change", "origin"),
    [({}, DEFAULT_BUS), ({"source": "aws.ecs"}, DEFAULT_BUS), ({"source": "my.app"}, ""), ({"source": None}, "")],
    ids=["cloudwatch", "ecs", "somebody's own", "nobody's"],
)
def test_only_events_of_aws_itself_came_over_the_default_bus(change: dict[str, Any], origin: str) -> None:
    assert origin_of(CANARY | change) == origin


def test_an_event_of_aws_without_its_type_or_in_an_envelope_is_of_nobody_that_we_know() -> None:
    bare = {name: value for name, value in CANARY.items() if name != "detail-type"}

    assert origin_of(bare) == ""
    envelope = {"Type": "Notification", "TopicArn": "anything", "Message": json.dumps(CANARY)}
    assert origin_of(CANARY | envelope) == ""


@pytest.mark.parametrize(
    ("partition", "is_topic"),
    [("aws", True), ("aws-cn", True), ("aws-us-gov", True), ("aws-much-too-long", False), ("gcp", False)],
)
def test_a_topic_may_be_in_any_partition_of_aws(partition: str, is_topic: bool) -> None:
    topic = f"arn:{partition}:sns:eu-west-1:123456789012:alarms"
    assert origin_of({"Type": "Notification", "TopicArn": topic, "Message": "{}"}) == (topic if is_topic else "")
    assert origin_of({"Type": "SubscriptionConfirmation", "TopicArn": topic}) == ""


def test_nothing_at_all_is_of_nobody() -> None:
    assert origin_of({}) == ""
    assert origin_of({"Type": "Notification", "Message": "{}"}) == ""
    assert origin_of({"Records": [], "source": "aws.ecs", "detail-type": "x"}) == ""


def test_an_alert_is_kept_with_who_told_it() -> None:
    notification = json.loads((SAMPLES / "cloudwatch_sns_http_envelope.json").read_text("utf-8"))
    assert origins(given(CANARY)) == [DEFAULT_BUS]
    assert origins(given(notification)) == [notification["TopicArn"]]


def test_every_alert_of_a_message_is_taken_in() -> None:
    names = ["cloudwatch_metric_alarm", "ecs_deployment_completed", "ecs_task_of_no_service_failed"]
    bodies = [{"body": (SAMPLES / f"{name}.json").read_text("utf-8")} for name in names]
    assert origins(given({"Records": bodies})) == ["", ""]
