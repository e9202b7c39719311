"""Tells every timeline in the terminal as it grows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from rich.table import Table
from rich.text import Text

from shared import facts
from shared.listing import incidents
from shared.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from shared.entry import Entry
    from shared.history import History
    from shared.integrations.dynamodb import DynamoStore

BEAT = 0.2
LOUD: dict[type[facts.Fact], str] = {
    facts.IncidentOpened: "bold red",
    facts.IncidentEscalated: "bold magenta",
    facts.ApprovalRequested: "bold yellow",
    facts.ActionStarted: "bold yellow",
    facts.RecoveryFailed: "bold red",
    facts.RecoveryVerified: "bold green",
    facts.IncidentResolved: "bold green",
    facts.IncidentClosed: "green",
    facts.MessageSent: "blue",
    facts.TicketCreated: "blue",
    facts.TicketUpdated: "blue",
}


ALOUD = 3
"""Of the looks at whether it recovered, one in so many is told."""


def worth_telling(fact: facts.Fact) -> bool:
    """Whether somebody who watches wants to hear of it: not of a timer that rang, nor of each comment and each look."""
    match fact:
        case facts.CheckDue() | facts.HoldElapsed() | facts.TicketUpdated(change="commented"):
            return False
        case facts.RecoveryChecked(number=number):
            return number % ALOUD == 1
    return True


def line(service: str, entry: Entry) -> Table:
    """One entry as a line whose words stay in a column of their own, however narrow the terminal is."""
    drawn = Table.grid(padding=(0, 1, 0, 0))
    for width, style in ((10, "dim"), (10, "cyan"), (13, "dim")):
        drawn.add_column(width=width, no_wrap=True, overflow="ellipsis", style=style)
    drawn.add_column(ratio=1)
    style = "dim" if isinstance(entry.fact, facts.RecoveryChecked) else LOUD.get(type(entry.fact), "")
    drawn.add_row(
        f"{entry.at:%H:%M:%S}.{entry.at.microsecond // 100_000}",
        service or "no target",
        entry.actor.partition("/")[0],
        Text(sentence(entry.fact), style=style),
    )
    return drawn


class Narrator:
    """Follows every open incident from the tables alone, as anybody could."""

    def __init__(self, store: DynamoStore, console: Console, *, silent: bool = False) -> None:
        """Follow `store`; `silent` follows without a word."""
        self._store = store
        self._console = console
        self._silent = silent
        self._histories: dict[str, History] = {}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End after a last look."""
        self._stop.set()
        self._thread.join(5)
        self._look()

    @property
    def histories(self) -> list[History]:
        """Every incident seen so far, oldest first."""
        with self._changed:
            return list(self._histories.values())

    def about(self, service: str) -> History | None:
        """The newest incident of a service."""
        found = [history for history in self.histories if history.incident.service == service]
        return found[-1] if found else None

    def until(self, service: str, *kinds: type[facts.Fact], seconds: float) -> History:
        """Wait for one of these facts in the newest incident of `service`; TimeoutError with what there is."""
        wanted = " or ".join(kind.__name__ for kind in kinds)
        return self._until(
            service, lambda history: any(isinstance(entry.fact, kinds) for entry in history.entries), seconds, wanted
        )

    def until_told(self, service: str, kind: type[facts.Fact], *, seconds: float) -> History:
        """Wait until Slack has the message about the newest such fact."""

        def told(history: History) -> bool:
            about = [entry.id for entry in history.entries if isinstance(entry.fact, kind)]
            sent = {entry.fact.about for entry in history.entries if isinstance(entry.fact, facts.MessageSent)}
            return bool(about) and about[-1] in sent

        return self._until(service, told, seconds, f"message about {kind.__name__}")

    def _until(self, service: str, true: Callable[[History], bool], seconds: float, wanted: str) -> History:
        def there() -> History | None:
            history = self.about(service)
            return history if history and true(history) else None

        with self._changed:
            if self._changed.wait_for(there, seconds) and (history := there()):
                return history
        so_far = self.about(service)
        told = [entry.fact.type for entry in so_far.entries] if so_far else "no incident"
        message = f"{service}: no {wanted} within {seconds:.0f} s; the timeline has {told}"
        raise TimeoutError(message)

    def _follow(self) -> None:
        while not self._stop.wait(BEAT):
            self._look()

    def _look(self) -> None:
        open_now = [str(item.value["incident_id"]) for item in incidents(self._store, ["open"]).items]
        unfinished = [name for name, history in self._histories.items() if history.incident.status != "closed"]
        for incident_id in dict.fromkeys([*unfinished, *reversed(open_now)]):
            history = self._store.read(incident_id)
            known = self._histories.get(incident_id)
            seen = len(known.entries) if known else 0
            if len(history.entries) == seen:
                continue
            with self._changed:
                self._histories[incident_id] = history
                self._changed.notify_all()
            for entry in history.entries[seen:]:
                self._tell(history, entry)

    def _tell(self, history: History, entry: Entry) -> None:
        if not self._silent and worth_telling(entry.fact):
            self._console.print(line(history.incident.service, entry))
