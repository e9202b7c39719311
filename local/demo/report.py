"""What the demo ends with: the timelines, their chains, the times, and what it took of AWS."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.table import Table

from shared import facts
from shared.entry import broken_link
from shared.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from rich.console import Console

    from shared.history import History


def timelines(histories: Sequence[History], console: Console) -> None:
    """Print every timeline as a table."""
    for history in histories:
        table = Table(title=f"{history.incident_id}: {history.incident.title}", title_justify="left", expand=True)
        table.add_column("", justify="right", style="dim")
        table.add_column("time", no_wrap=True)
        table.add_column("who", no_wrap=True)
        table.add_column("what", ratio=1)
        for entry in history.entries:
            table.add_row(str(entry.seq), f"{entry.at:%H:%M:%S}", entry.actor, sentence(entry.fact))
        console.print(table)


def summary(histories: Sequence[History], calls: Iterable[tuple[str, str]], console: Console) -> bool:
    """Print times, chains and calls per incident; say whether every chain is whole."""
    counted = Counter(f"{service}:{operation}" for service, operation in calls)
    table = Table(title="In all", title_justify="left")
    for name in ("incident", "outcome", "entries", "chain", "acknowledged after", "recovered after"):
        table.add_column(name)
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
        )
    console.print(table)
    per_incident = sum(counted.values()) / max(1, len(histories))
    often = ", ".join(f"{name} {number}" for name, number in counted.most_common(6))
    console.print(f"AWS calls by the functions: {per_incident:.0f} per incident ({often}, …)")
    return whole


def _outcome(history: History) -> str:
    incident = history.incident
    recovery = incident.recovery.type if incident.recovery else "no action"
    return f"{'escalated, ' if incident.escalated_at else ''}{recovery}, {incident.status}"


def _after(history: History, *kinds: type[facts.Fact]) -> str:
    first = next((entry.at for entry in history.entries if isinstance(entry.fact, kinds)), None)
    return _seconds(first - history.entries[0].at) if first else "-"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
