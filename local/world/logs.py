"""What the CloudWatch Logs API answers about the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.world.logpattern import PatternError, compile_pattern
from local.world.pages import page
from local.world.wire import AwsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.world.model import World
    from local.world.service import LogLine, Service

Result = dict[str, Any]
BAD = "InvalidParameterException"


def _service(world: World, given: Result) -> Service:
    name = given.get("logGroupName") or str(given.get("logGroupIdentifier", "")).rpartition("log-group:")[2]
    for service in world.services.values():
        if service.log_group == name.removesuffix(":*"):
            return service
    code = "ResourceNotFoundException"
    raise AwsError(code, "The specified log group does not exist.")


def _lines(service: Service, given: Result, *, open_end: bool) -> list[LogLine]:
    start, end = given.get("startTime", 0), given.get("endTime", 2**62)
    last = end - 1 if open_end else end
    return sorted((line for line in service.log if start <= line.at <= last), key=lambda line: (line.at, line.id))


def filter_log_events(world: World, given: Result) -> Result:
    """Return the events of a group that match, oldest first, in pages."""
    service = _service(world, given)
    if given.get("logStreamNames") and given.get("logStreamNamePrefix"):
        raise AwsError(BAD, "logStreamNames and logStreamNamePrefix cannot both be given")
    try:
        matches = compile_pattern(given.get("filterPattern", ""))
    except PatternError as error:
        raise AwsError(BAD, str(error)) from None
    streams = given.get("logStreamNames")
    found = [
        line
        for line in _lines(service, given, open_end=False)
        if (not streams or line.stream in streams)
        and line.stream.startswith(given.get("logStreamNamePrefix", ""))
        and matches(line.message)
    ]
    items, token = page(found, given.get("nextToken"), given.get("limit", 10_000), BAD)
    events = [
        {
            "logStreamName": line.stream,
            "timestamp": line.at,
            "message": line.message,
            "ingestionTime": line.at + 40,
            "eventId": line.id,
        }
        for line in items
    ]
    return {"events": events, "searchedLogStreams": [], "nextToken": token}


def get_log_events(world: World, given: Result) -> Result:
    """Return the events of one stream: the newest page, or the oldest with startFromHead."""
    service, stream = _service(world, given), given.get("logStreamName", "")
    every = [line for line in service.log if line.stream == stream]
    if not every and not any(stream == f"app/app/{task.id}" for task in service.tasks):
        code = "ResourceNotFoundException"
        raise AwsError(code, "The specified log stream does not exist.")
    lines = [line for line in _lines(service, given, open_end=True) if line.stream == stream]
    limit, token = given.get("limit", 10_000), str(given.get("nextToken", ""))
    direction, _, place = token.partition("/")
    if token and (direction not in {"f", "b"} or not place.isdigit()):
        raise AwsError(BAD, "The specified nextToken is invalid.")
    if direction == "f":
        start = int(place)
    elif direction == "b":
        start = max(int(place) - limit, 0)
    else:
        start = 0 if given.get("startFromHead") else max(len(lines) - limit, 0)
    stop = min(int(place), len(lines)) if direction == "b" else min(start + limit, len(lines))
    events = [
        {"timestamp": line.at, "message": line.message, "ingestionTime": line.at + 40} for line in lines[start:stop]
    ]
    return {"events": events, "nextForwardToken": f"f/{stop:032d}", "nextBackwardToken": f"b/{start:032d}"}


OPERATIONS: dict[str, Callable[[World, Result], Result]] = {
    "FilterLogEvents": filter_log_events,
    "GetLogEvents": get_log_events,
}
