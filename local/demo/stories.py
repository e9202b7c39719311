"""The three stories, each started by an alarm and ended by the alarm's own all-clear."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import urllib3
from rich.padding import Padding

from shared import facts

if TYPE_CHECKING:
    from rich.console import Console

    from local.demo.narrator import Narrator
    from local.stack import Stack
    from local.world.stage import Stage

PATIENCE = 90.0
"""Seconds that a step may take before the demo says that it hangs."""
A_PERSON = 570.0
"""Seconds that a person has for the click (the request for approval expires after 600)."""


ASIDE = 36
"""Where the words of the narrator begin."""


@dataclass(frozen=True)
class Playhouse:
    """What a story is played on."""

    stack: Stack
    world: Stage
    narrator: Narrator
    console: Console
    by_itself: bool

    def title(self, number: int, service: str, what: str) -> None:
        """Announce a story."""
        self.console.print()
        self.console.rule(f"[bold]{number}. {service}[/bold]: {what}", align="left")

    def aside(self, what: str) -> None:
        """Say what people do, in the column of what is told."""
        self.console.print(Padding(f"[bold]» {what}[/bold]", (0, 0, 0, ASIDE)))

    def click(self, user: str, action: str) -> None:
        """Press a button of the newest message that has it, as that person; RuntimeError when nothing comes of it."""
        answer = urllib3.request(
            "POST",
            f"{self.stack.slack_url}/_standin/click",
            json={"user": user, "action_id": action},
            timeout=10.0,
            retries=False,
        )
        told = json.loads(answer.data)
        if answer.status != 200 or told.get("status") != 200:  # noqa: PLR2004
            message = f"the click on {action} was not taken: {told}"
            raise RuntimeError(message)


def orders(house: Playhouse) -> None:
    """Evidence, SAFE, the policy lets it go, a restart, recovery proved, resolved."""
    house.title(1, "orders", "stuck workers; its team chose auto")
    house.world.break_("orders")
    house.narrator.until("orders", facts.RecoveryVerified, seconds=PATIENCE)
    house.narrator.until("orders", facts.IncidentClosed, seconds=PATIENCE)


def payments(house: Playhouse) -> None:
    """Evidence, ESCALATE, a ticket and a message with buttons, a click, a restart, recovery proved, resolved."""
    house.title(2, "payments", "a critical service; a person has to agree")
    house.world.break_("payments")
    house.narrator.until("payments", facts.ApprovalRequested, seconds=PATIENCE)
    house.narrator.until("payments", facts.TicketCreated, seconds=PATIENCE)
    house.narrator.until_told("payments", facts.ApprovalRequested, seconds=PATIENCE)
    if house.by_itself:
        house.aside("Ana presses Approve in Slack")
        house.click("U0ANA", "approve")
    else:
        house.aside(f"Your turn: open {house.stack.slack_url} and press Approve (or Reject)")
    house.narrator.until("payments", facts.ApprovalGiven, facts.ApprovalRefused, seconds=A_PERSON)
    house.narrator.until("payments", facts.RecoveryVerified, facts.ApprovalRefused, seconds=PATIENCE)
    if (
        house.narrator.until("payments", facts.ApprovalGiven, facts.ApprovalRefused, seconds=1).incident.recovery
        is None
    ):
        house.aside("You said no, so somebody repairs the database by hand")
        house.world.heal("payments")
    house.narrator.until("payments", facts.IncidentClosed, seconds=PATIENCE)


def search(house: Playhouse) -> None:
    """A restart that does not help, handed to people, and no second try."""
    house.title(3, "search", "the restart does not help")
    house.world.break_("search")
    house.narrator.until("search", facts.RecoveryFailed, seconds=PATIENCE)
    house.narrator.until("search", facts.TicketCreated, seconds=PATIENCE)
    house.aside("Somebody repairs the index that search depends on")
    house.world.heal("search")
    house.narrator.until("search", facts.IncidentClosed, seconds=PATIENCE)


def has_a_person() -> bool:
    """Whether there is somebody at the terminal who could click."""
    return sys.stdin.isatty() and sys.stdout.isatty()
