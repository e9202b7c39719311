from __future__ import annotations

from typing import Any

import pytest

from local.aws.policies import allows

QUEUE = "arn:aws:sqs:eu-west-1:1:queue"


def policy(effect: str = "Allow", action: object = "sqs:SendMessage", **more: Any) -> dict[str, Any]:
    return {"Statement": {"Effect": effect, "Action": action, "Resource": QUEUE} | more}


def test_what_nobody_allows_is_denied_and_a_denial_outweighs() -> None:
    assert allows([policy()], "sqs:SendMessage", QUEUE)
    assert not allows([policy()], "sqs:ReceiveMessage", QUEUE)
    assert not allows([policy()], "sqs:SendMessage", QUEUE + "-dlq")
    assert not allows([], "sqs:SendMessage", QUEUE)
    assert not allows([policy(), policy("Deny", "sqs:*")], "sqs:SendMessage", QUEUE)


def test_stars_and_question_marks_stand_for_anything_and_dots_do_not() -> None:
    assert allows([policy(action=["sqs:Send*"], Resource="arn:aws:sqs:*:?:queue")], "SQS:sendmessage", QUEUE)
    assert not allows([policy(Resource="arn.aws.sqs.eu-west-1.1.queue")], "sqs:SendMessage", QUEUE)


def test_everything_but_what_is_named() -> None:
    others = {"Statement": [{"Effect": "Allow", "NotAction": "sqs:Receive*", "NotResource": QUEUE + "-*"}]}

    assert allows([others], "sqs:SendMessage", QUEUE)
    assert not allows([others], "sqs:ReceiveMessage", QUEUE)
    assert not allows([others], "sqs:SendMessage", QUEUE + "-dlq")


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"a": ["x", "y"]}}, {"A": "y"}, True),
        ({"StringEquals": {"a": "x"}}, {}, False),
        ({"StringEquals": {"a": "x"}, "StringLike": {"b": "y*"}}, {"a": "x", "b": "z"}, False),
        ({"StringNotEquals": {"a": ["x", "y"]}}, {"a": "y"}, False),
        ({"StringNotEquals": {"a": "x"}}, {}, True),
        ({"StringEqualsIfExists": {"a": "x"}}, {}, True),
        ({"ArnLike": {"a": "arn:*:rule/x/*"}}, {"a": "arn:aws:events:e:1:rule/x/y"}, True),
        ({"ArnNotEquals": {"a": ["arn:x"]}}, {"a": "arn:x"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws:SecureTransport": "true"}, False),
        ({"ForAnyValue:StringEquals": {"a": ["x"]}}, {"a": ["y", "x"]}, True),
        ({"ForAllValues:StringEquals": {"a": ["x"]}}, {"a": ["y", "x"]}, False),
        ({"ForAllValues:StringEquals": {"a": ["x"]}}, {}, True),
        ({"Null": {"a": "true"}}, {}, True),
        ({"Null": {"a": "true"}}, {"a": "x"}, False),
    ],
)
def test_a_statement_counts_where_its_conditions_hold(condition: object, context: dict[str, Any], holds: bool) -> None:
    assert allows([policy(Condition=condition)], "sqs:SendMessage", QUEUE, context) is holds


def test_a_condition_that_is_not_understood_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="IpAddress"):
        allows([policy(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], "sqs:SendMessage", QUEUE)


def test_a_policy_of_a_resource_speaks_of_the_service_that_it_names() -> None:
    rules = policy(Principal={"Service": ["events.amazonaws.com", "sns.amazonaws.com"]})

    assert allows([rules], "sqs:SendMessage", QUEUE, service="events.amazonaws.com")
    assert not allows([rules], "sqs:SendMessage", QUEUE, service="apigateway.amazonaws.com")
    assert not allows([policy(Principal={"AWS": "arn:aws:iam::1:root"})], "sqs:SendMessage", QUEUE)
    assert allows([policy(Principal="*")], "sqs:SendMessage", QUEUE, service="events.amazonaws.com")
