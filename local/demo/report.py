"""What the demo ends with: the timelines, their chains, the times, and what it took of AWS."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from shared import facts
from shared.entry import broken_link
from shared.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

    from rich.console import Console

    from local.aws.calls import Call
    from shared.history import History


def timelines(histories: Sequence[History], console: Console) -> None:
    """Print every timeline as a table."""
    for history in histories:
        title = f"[bold]{history.incident_id}[/bold] {history.incident.service}: {history.incident.title}"
        table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("#", justify="right", style="dim")
        table.add_column("time", no_wrap=True, style="dim")
        table.add_column("who", no_wrap=True)
        table.add_column("what", ratio=1)
        for entry in history.entries:
            table.add_row(str(entry.seq), f"{entry.at:%H:%M:%S}", entry.actor, Text(sentence(entry.fact)))
        console.print(table)


def summary(histories: Sequence[History], costs: Mapping[str, Counter[str]], console: Console) -> bool:
    """Print times, chains and AWS calls of each incident; say whether every chain is whole.

    `costs` counts the calls of each service's incident by `service:Operation`.
    """
    table = Table(
        title="[bold]In all[/bold]", title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for name in ("incident", "outcome", "entries", "chain", "a person answered", "recovered", "AWS calls"):
        table.add_column(name, justify="right" if name in {"entries", "AWS calls"} else "left")
    whole = True
    for history in histories:
        broken = broken_link(history.entries)
        whole = whole and not broken
        table.add_row(
            history.incident.service,
            _outcome(history),
            str(len(history.entries)),
            broken or "[green]whole[/green]",
            _after(history, facts.ApprovalGiven, facts.IncidentAcknowledged, facts.ApprovalRefused),
            _after(history, facts.RecoveryVerified),
            str(costs[history.incident.service].total()),
        )
    console.print(table)
    for name, calls in costs.items():
        often = ", ".join(f"{operation} {number}" for operation, number in calls.most_common(5))
        console.print(f"AWS calls of {name}: {often}, others {calls.total() - sum(n for _, n in calls.most_common(5))}")
    return whole


def spent(calls: Iterable[Call], since: float, until: float, idle: str) -> Counter[str]:
    """The functions' AWS calls in this time (seconds since 1970), without timekeeper's looks at the table `idle`.

    Those it makes every tick, whether anything happened or not.
    """
    return Counter(
        f"{call.service}:{call.operation}"
        for call in calls
        if call.function
        and since <= call.at <= until
        and (call.function, call.operation, call.resource) != ("timekeeper", "Query", idle)
    )


def beyond(before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    """What the world was asked between two readings of its callers."""
    return _total(after) - _total(before)


def _total(callers: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    return sum((Counter(calls) for calls in callers.values()), Counter[str]())


def _outcome(history: History) -> str:
    incident = history.incident
    match incident.recovery:
        case facts.RecoveryVerified():
            recovery = "recovery proved"
        case facts.RecoveryFailed():
            recovery = "action did not help"
        case facts.RecoveryInconclusive():
            recovery = "recovery not proved"
        case _:
            recovery = "no action"
    return f"{'escalated, ' if incident.escalated_at else ''}{recovery}, {incident.status}"


def _after(history: History, *kinds: type[facts.Fact]) -> str:
    first = next((entry.at for entry in history.entries if isinstance(entry.fact, kinds)), None)
    return f"after {_seconds(first - history.entries[0].at)}" if first else "-"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
