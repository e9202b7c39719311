"""What the service's containers logged around the breach: bounded, and told by shape, not line by line."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import loads
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from functions.investigation.reading import Draft, Job, Reading
from shared.alert import as_text
from shared.assessment import Gap

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilteredLogEventTypeDef

SOURCE = "logs"
TROUBLE = "?ERROR ?Error ?error ?FATAL ?Fatal ?CRITICAL ?WARN ?Exception ?exception ?Traceback ?panic ?refused ?denied"
"""The filter pattern for lines that tell of trouble (terms joined by or, case as written)."""
BEFORE, LONGEST = timedelta(seconds=60), timedelta(minutes=15)
"""From so long before the alarm rang, but never further back than `LONGEST` before now."""
GROUPS, PAGES, LINES, SHAPES = 3, 3, 300, 15
"""At most so many log groups, pages a group, lines a page; and so many shapes of lines are kept."""
TEXT = 1000
_CHANGING = re.compile(r"(?<!\S)\S{1,200}@\S{1,200}|[0-9a-fA-F]{8,}|\d+(?:\.\d+)?")
"""What changes from line to line. An address is looked for from the start of a word alone: linear in the text."""

_KEY_BEGINS, _KEY_ENDS = (re.compile(rf"-----{word} [A-Z0-9 ]{{0,40}}PRIVATE KEY") for word in ("BEGIN", "END"))
KEY_LINES = 200
"""Lines of a private key at most; one of 16,384 bits has 150."""

Shape = dict[str, Any]
"""Lines that say the same but for what changes; see `by_shape`."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when lines are read."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, rang: datetime, now: datetime) -> "Window":
        """From shortly before the alarm rang (a sender's clock may be ahead) until now, `LONGEST` at most."""
        return cls(max(min(rang, now) - BEFORE, now - LONGEST), now)


def jobs(
    client: Callable[[str], "CloudWatchLogsClient"],
    outputs: Sequence[Mapping[str, str]],
    window: Window,
    *,
    extra_groups: Sequence[str] = (),
    region: str,
) -> tuple[Job, ...]:
    """One read for each place that the containers log to, and for each group that the inventory names beside them.

    `client` makes the client of a region. A last job says as a gap what is not read, or that there is nothing to read.
    """
    known = {output["group"] for output in outputs}
    places = [
        *outputs,
        *({"group": name, "region": region, "prefix": ""} for name in extra_groups if name not in known),
    ]
    read = [_job(client, place, window) for place in places[:GROUPS]]
    if not read:
        why = "no container logs to CloudWatch by awslogs, and the inventory names no log group"
        return (_unread("absent", why),)
    if left_out := ", ".join(place["group"] for place in places[GROUPS:]):
        read.append(_unread("failed", f"at most {GROUPS} log groups are read; left out: {left_out}"))
    return tuple(read)


def _unread(reason: Literal["absent", "failed"], why: str) -> Job:
    gap = Gap(source=SOURCE, query="FilterLogEvents", reason=reason, detail=why)
    return Job(SOURCE, gap.query, lambda: Reading(gaps=(gap,)))


def _job(client: Callable[[str], "CloudWatchLogsClient"], place: Mapping[str, str], window: Window) -> Job:
    query = f"FilterLogEvents {place['group']} {place['prefix']}*"
    return Job(SOURCE, query, lambda: _lines(client(place["region"]), place, window, query))


def _lines(logs: "CloudWatchLogsClient", place: Mapping[str, str], window: Window, query: str) -> Reading:
    """Lines that tell of trouble; where there is none, whatever was logged (a task may die without such a word)."""
    lines, searched = _read(logs, place, window, TROUBLE)
    trouble, whole = bool(lines), searched
    if not lines:
        lines, whole = _read(logs, place, window, "")
    shapes = by_shape(without_keys(lines))
    data = {
        "group": place["group"],
        "trouble": trouble,
        "lines": len(lines),
        "whole": whole and searched,
        "shapes": shapes[:SHAPES],
    }
    found = _said(lines, shapes, trouble=trouble, whole=whole, searched=searched)
    region = place["region"]
    link = (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{quote(quote(place['group'], safe=''), safe='').replace('%', '$')}"
    )
    span = (window.start, window.end)
    return Reading((Draft("logs.lines", SOURCE, query, found, data, span, link),))


def _said(lines: Sequence[object], shapes: Sequence[Shape], *, trouble: bool, whole: bool, searched: bool) -> str:
    """What the lines come to; `searched` is whether all were searched for trouble, `whole` whether all were read."""
    if not lines:
        return "Nothing was logged." if whole else "No line in the part of the log that could be searched."
    count = f"{len(lines)}{'' if whole else ' or more'} line{'' if len(lines) == 1 else 's'}"
    if trouble:
        in_shapes = f"{len(shapes)} shape{'' if len(shapes) == 1 else 's'}"
        return f"{count} of trouble in {in_shapes}; {shapes[0]['count']} times: {shapes[0]['text']}"
    none = ", none of which tells of trouble" if searched else "; not all were searched for trouble"
    return f"{count}{none}; the most frequent: {shapes[0]['text']}"


def _read(
    logs: "CloudWatchLogsClient", place: Mapping[str, str], window: Window, pattern: str
) -> tuple[list["FilteredLogEventTypeDef"], bool]:
    """The lines of at most `PAGES` pages, and whether that was all there are."""
    asked: dict[str, Any] = {
        "logGroupName": place["group"],
        "startTime": _milliseconds(window.start),
        "endTime": _milliseconds(window.end),
        "limit": LINES,
    }
    if place["prefix"]:
        asked["logStreamNamePrefix"] = place["prefix"]
    if pattern:
        asked["filterPattern"] = pattern
    lines: list[FilteredLogEventTypeDef] = []
    for _ in range(PAGES):
        page = logs.filter_log_events(**asked)
        lines += page["events"]
        if "nextToken" not in page:
            return lines, True
        asked["nextToken"] = page["nextToken"]
    return lines, False


def without_keys(lines: Sequence["FilteredLogEventTypeDef"]) -> list["FilteredLogEventTypeDef"]:
    """The lines without those between the first and the last of a private key, which name it by nothing but that.

    A container that writes a key writes it in many lines, each an event of its own.
    """
    left: dict[str, int] = {}
    kept = []
    for line in sorted(lines, key=lambda line: line["timestamp"]):
        stream, text = line["logStreamName"], line["message"]
        if left.get(stream):
            left[stream] = 0 if _KEY_ENDS.search(text) else left[stream] - 1
            continue
        if _KEY_BEGINS.search(text) and not _KEY_ENDS.search(text):
            left[stream] = KEY_LINES
        kept.append(line)
    return kept


def by_shape(lines: Sequence["FilteredLogEventTypeDef"]) -> list[Shape]:
    """The lines grouped by what stays the same in them (numbers, long ids and addresses left out), most first.

    Each shape has its newest line as `text`, its `count`, `first` and `last` time, and how many `tasks` wrote it.
    """
    groups: dict[str, list[FilteredLogEventTypeDef]] = {}
    for line in lines:
        groups.setdefault(_CHANGING.sub("#", said(line["message"])), []).append(line)
    shapes = [
        {
            "text": said((newest := max(group, key=lambda line: line["timestamp"]))["message"]),
            "count": len(group),
            "tasks": len({line["logStreamName"] for line in group}),
            "first": _time(min(line["timestamp"] for line in group)),
            "last": _time(newest["timestamp"]),
        }
        for group in groups.values()
    ]
    return sorted(shapes, key=lambda shape: (-int(str(shape["count"])), str(shape["text"])))


def said(line: str) -> str:
    """What a line says, at most `TEXT` characters: of a structured (JSON) line its level and message, else all."""
    if line.startswith("{"):
        try:
            content = loads(line)
        except (ValueError, RecursionError):
            return line[:TEXT]
        if isinstance(text := content.get("message", content.get("msg")), str):
            return f"{content.get('level', '')} {text}".strip()[:TEXT]
    return line.strip()[:TEXT]


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _time(milliseconds: int) -> str:
    return as_text(datetime.fromtimestamp(milliseconds / 1000, UTC))
