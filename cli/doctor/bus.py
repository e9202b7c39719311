"""The bus and the rules: whether every fact and every alarm reaches the queue that waits for it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli.doctor.finding import DEPLOY, Aws, Finding, ok, unless, wrong
from cli.doctor.stack import Stack
from local.aws.spec import FunctionSpec

DEFAULT = "default"


def bus(aws: Aws, stack: Stack) -> Iterator[Finding]:
    """Our own bus."""
    events, name = aws("events"), stack.settings.bus_name
    try:
        events.describe_event_bus(Name=name)
    except events.exceptions.ResourceNotFoundException:
        yield wrong(f"bus {name}", "is not there: no function hears of what another one recorded", DEPLOY)
        return
    yield ok(f"bus {name}", "is there")


def rules(aws: Aws, stack: Stack, function: FunctionSpec) -> Iterator[Finding]:
    """The rules that fill this function's queue."""
    yield from unless(_rules(aws, stack, function), f"rules of {function.name}", "enabled, with their target")


def _rules(aws: Aws, stack: Stack, function: FunctionSpec) -> Iterator[Finding]:
    queue = function.trigger.queue
    if queue is None:
        return
    if queue.facts:
        wanted = {"source": ["middlewatch"], "detail-type": list(queue.facts)}
        yield from _filled(aws, stack, function, stack.settings.bus_name, [wanted])
    if queue.default_bus:
        yield from _filled(aws, stack, function, DEFAULT, queue.default_bus)


def _filled(
    aws: Aws,
    stack: Stack,
    function: FunctionSpec,
    bus: str,
    wanted: "Any",  # noqa: ANN401 - patterns are JSON
) -> Iterator[Finding]:
    check, events, queue = f"rules of {function.name}", aws("events"), stack.arn("sqs", stack.name(function.name))
    try:
        names = events.list_rule_names_by_target(TargetArn=queue, EventBusName=bus)["RuleNames"]
    except events.exceptions.ResourceNotFoundException:
        names = []
    said = {name: events.describe_rule(Name=name, EventBusName=bus) for name in names}
    for name, rule in said.items():
        if rule["State"] == "DISABLED":
            enable = f"`aws events enable-rule --event-bus-name {bus} --name {name}`"
            yield wrong(check, f"rule {name} on the bus {bus} is disabled", f"{enable}, and ask who disabled it")
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
        if any(each["Arn"] == queue and not each.get("DeadLetterConfig") for each in targets):
            yield wrong(check, f"rule {name} keeps nothing that its queue refuses (no dead-letter queue)", DEPLOY)
    patterns = [json.loads(rule["EventPattern"]) for rule in said.values() if rule.get("EventPattern")]
    for pattern in wanted:
        if missing := _missing(pattern, patterns):
            yield wrong(check, f"no rule on the bus {bus} brings it {', '.join(missing)}", DEPLOY)


def _missing(wanted: Mapping[str, Any], patterns: list[dict[str, Any]]) -> list[str]:
    """The detail-types of `wanted` that none of these patterns names; a matcher such as a prefix is no name."""
    through = [
        kind
        for pattern in patterns
        if all(each in pattern.get("source", wanted["source"]) for each in wanted["source"])
        for kind in pattern.get("detail-type", wanted["detail-type"])
    ]
    return [kind for kind in wanted["detail-type"] if kind not in through]
