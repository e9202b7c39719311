"""The functions: running the version that is live, and called by what should call them."""

from collections.abc import Iterator
from typing import Any

from cli.doctor.finding import DEPLOY, Aws, Finding, ok, unless, wrong
from cli.doctor.stack import Stack
from local.aws.spec import FunctionSpec

LIVE = "live"
"""The alias that everything calls."""


def variables(aws: Aws, stack: Stack, function: str) -> dict[str, str]:
    """The environment of the live version; empty where there is none."""
    client = aws("lambda")
    try:
        said = client.get_function_configuration(FunctionName=stack.name(function), Qualifier=LIVE)
    except client.exceptions.ResourceNotFoundException:
        return {}
    found: dict[str, str] = said.get("Environment", {}).get("Variables", {})
    return found


def deployed(stack: Stack) -> Iterator[Finding]:
    """Whether what was deployed is what stands here under functions/."""
    here, there = frozenset(spec.name for spec in stack.functions), stack.deployed or None
    if there in (None, here):
        yield ok("deployed functions", f"{len(here)}, the same as here")
        return
    differing = ", ".join(sorted(here ^ (there or here)))
    yield wrong(
        "deployed functions", f"differ from those here in {differing}", "deploy, or check out what was deployed"
    )


def function(aws: Aws, stack: Stack, spec: FunctionSpec) -> Iterator[Finding]:
    """The live version of one function."""
    check, name, client = f"function {spec.name}", stack.name(spec.name), aws("lambda")
    try:
        said = client.get_function_configuration(FunctionName=name, Qualifier=LIVE)
    except client.exceptions.ResourceNotFoundException:
        yield wrong(check, f"there is no function {name} with an alias `{LIVE}`", DEPLOY)
        return
    state, update = said.get("State", "Active"), said.get("LastUpdateStatus", "Successful")
    if state not in {"Active", "Inactive"}:  # Inactive: not called for weeks; the next call wakes it
        why = said.get("StateReason") or "no reason given"
        fix = "wait a minute" if state == "Pending" else "mend what the reason says, and deploy again"
        yield wrong(check, f"is {state}: {why}", fix)
    elif update != "Successful":
        why = said.get("LastUpdateStatusReason") or "no reason given"
        fix = "wait a minute" if update == "InProgress" else "mend what the reason says, and deploy again"
        yield wrong(check, f"its last update is {update}: {why}", fix)
    else:
        yield ok(check, f"version {said.get('Version', '?')} is live")


def fed(aws: Aws, stack: Stack, spec: FunctionSpec) -> Iterator[Finding]:
    """Whether the function's queue, stream or schedule calls it."""
    check = f"trigger of {spec.name}"
    if spec.trigger.schedule:
        yield from unless(_scheduled(aws, stack, spec, check), check, f"{spec.trigger.schedule}, enabled")
    elif spec.trigger.queue or spec.trigger.stream:
        yield from unless(_mapped(aws, stack, spec, check), check, "enabled")


def _mapped(aws: Aws, stack: Stack, spec: FunctionSpec, check: str) -> Iterator[Finding]:
    source = stack.arn("sqs", stack.name(spec.name)) if spec.trigger.queue else _stream(aws, stack)
    client = aws("lambda")
    found = client.list_event_source_mappings(EventSourceArn=source)["EventSourceMappings"] if source else []
    ours = [each for each in found if _calls(each.get("FunctionArn", ""), stack, spec)]
    if not ours:
        what = "its queue" if spec.trigger.queue else "the stream of the timelines"
        yield wrong(check, f"nothing hands it {what}: messages wait for ever", DEPLOY)
    for each in ours:
        if each["State"] not in {"Enabled", "Enabling"}:
            enable = f"`aws lambda update-event-source-mapping --uuid {each['UUID']} --enabled`"
            yield wrong(check, f"its event source mapping is {each['State']}", f"{enable}, and ask who disabled it")
        elif "PROBLEM" in (each.get("LastProcessingResult") or ""):
            yield wrong(check, f"its event source mapping says {each['LastProcessingResult']}", DEPLOY)


def _stream(aws: Aws, stack: Stack) -> str:
    dynamodb = aws("dynamodb")
    try:
        said: dict[str, Any] = dynamodb.describe_table(TableName=stack.settings.timeline_table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return ""
    return str(said.get("LatestStreamArn", ""))


def _scheduled(aws: Aws, stack: Stack, spec: FunctionSpec, check: str) -> Iterator[Finding]:
    name, client = stack.name(spec.name), aws("scheduler")
    try:
        said = client.get_schedule(Name=name)
    except client.exceptions.ResourceNotFoundException:
        yield wrong(check, f"there is no schedule {name}: it never runs", DEPLOY)
        return
    if said["State"] != "ENABLED":
        yield wrong(check, f"the schedule {name} is {said['State']}", "enable it, and ask who disabled it")
    if not _calls(said["Target"]["Arn"], stack, spec):
        yield wrong(check, f"the schedule {name} calls {said['Target']['Arn']}", DEPLOY)


def _calls(arn: str, stack: Stack, spec: FunctionSpec) -> bool:
    return arn.removesuffix(f":{LIVE}").endswith(f":function:{stack.name(spec.name)}")
