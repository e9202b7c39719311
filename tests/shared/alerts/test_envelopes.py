import json
from typing import Any

import pytest

from shared.alerts.envelopes import Content, contents
from shared.alerts.parsed import Confirmation
from shared.alerts.safe_json import TooLarge
from shared.errors import Refused

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
ALARM = {"AlarmName": "orders"}


def a_message(**changes: Any) -> dict[str, Any]:
    return {"Type": "Notification", "TopicArn": TOPIC, "Message": json.dumps(ALARM), **changes}


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (a_message(), [Content(ALARM, TOPIC)]),
        (a_message(TopicArn=None), [Content(ALARM, "")]),
        ({"Records": []}, []),
        ({"Records": [{"body": json.dumps(ALARM)}, {"body": "[1]"}]}, [Content(ALARM), Content([1])]),
        (
            {"Records": [{"Sns": {"Message": "x"}}]},
            [Content({"Type": "Notification", "TopicArn": "", "Message": "x"})],
        ),
        ({"Records": [{"Sns": a_message()}]}, [Content(a_message())]),
        (
            a_message(Type="SubscriptionConfirmation", Token="t", SubscribeURL="https://sns"),
            Confirmation(TOPIC, "t", "https://sns"),
        ),
        (a_message(Type="SubscriptionConfirmation"), Confirmation(TOPIC, "", "")),
        (a_message(Type="UnsubscribeConfirmation"), []),
        (a_message(Type="Other"), None),
        ({"Type": "Notification", "Message": "{}"}, None),
        ({"TopicArn": TOPIC, "Message": "{}"}, None),
        (ALARM, None),
    ],
)
def test_an_envelope_is_opened_and_anything_else_left_alone(payload: dict[str, Any], content: object) -> None:
    assert contents(payload) == content


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (
            {"Records": [{"body": "{}"}, {"body": 7}]},
            "Records[1] has neither Sns nor a body; only SNS and SQS records carry alarms",
        ),
        (a_message(Message={}), "Message is missing; it holds the alarm as JSON in text"),
        (a_message(Message='{"a": NaN}'), "Message holds no alarm: NaN is not JSON"),
        ({"Records": [{"body": "NaN"}]}, "NaN is not JSON"),
    ],
)
def test_an_envelope_without_an_alarm_is_refused_with_the_reason(payload: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused) as refused:
        contents(payload)
    assert str(refused.value) == why


def test_a_message_that_is_too_large_is_refused_as_such() -> None:
    with pytest.raises(TooLarge, match="Message holds no alarm: the payload is 1048577 bytes long"):
        contents(a_message(Message=f'"{"x" * 1_048_575}"'))
