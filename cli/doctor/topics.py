"""The topics: the one that brings alarms, and the one that tells people when Middlewatch itself fails."""

from collections.abc import Iterator
from typing import Any

from cli.doctor.finding import DEPLOY, Aws, Finding, ok, wrong
from cli.doctor.stack import Stack
from local.aws.spec import FunctionSpec


def alarms(aws: Aws, stack: Stack, function: FunctionSpec) -> Iterator[Finding]:
    """The topic that alarms elsewhere publish to, and its way into the function's queue."""
    if function.trigger.queue is None or function.trigger.queue.topic is None:
        return
    name = f"{stack.prefix}-{function.trigger.queue.topic}"
    subscribed = _subscriptions(aws, stack.topic or stack.arn("sns", name))
    if subscribed is None:
        yield wrong(f"topic {name}", "is not there: alarms of other accounts reach nobody", DEPLOY)
    elif not any(
        _confirmed(each) and each["Endpoint"].endswith(f":{stack.name(function.name)}") for each in subscribed
    ):
        yield wrong(f"topic {name}", f"does not feed the queue of {function.name}", DEPLOY)
    else:
        yield ok(f"topic {name}", f"feeds {function.name}")


def operators(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """Whether somebody hears of Middlewatch's own failing."""
    name = f"{stack.prefix}-operators"
    subscribed = _subscriptions(aws, stack.arn("sns", name))
    if subscribed is None:
        yield wrong(f"topic {name}", "is not there: nobody hears when Middlewatch itself fails", DEPLOY)
        return
    for each in subscribed:
        if not _confirmed(each):
            fix = "open the link in the e-mail of AWS Notifications; to have it sent again, subscribe again"
            yield wrong(f"topic {name}", f"{each['Endpoint']} has not confirmed its subscription", fix)
    if confirmed := [each for each in subscribed if _confirmed(each)]:
        yield ok(f"topic {name}", f"tells {', '.join(sorted(each['Endpoint'] for each in confirmed))}")
    elif not subscribed:
        fix = "put an address into the variable operator_emails, `make deploy`, and open the link that it gets"
        yield wrong(f"topic {name}", "tells nobody when Middlewatch itself fails", fix)


def _subscriptions(aws: Aws, topic: str) -> list[dict[str, Any]] | None:
    sns = aws("sns")
    try:
        pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        return [each for page in pages for each in page["Subscriptions"]]
    except sns.exceptions.NotFoundException:
        return None


def _confirmed(subscription: dict[str, Any]) -> bool:
    return str(subscription["SubscriptionArn"]).startswith("arn:")
