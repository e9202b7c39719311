"""`/middlewatch`: what is open, stop everything, start again. Every answer is for the person who typed it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.slack_api.payload import Command
from shared import keys
from shared.config import Config, Person
from shared.configuration import name_of, person_by_slack
from shared.errors import Taken
from shared.listing import incidents
from shared.mrkdwn import fitting, moment, safe
from shared.ports import Clock, State
from shared.switch import position, stopped
from shared.writes import Put

SHOWN = 20
HELP = """`/middlewatch show ID` shows one incident, with its buttons where it waits for a yes or a no
`/middlewatch open` lists the open incidents, and says whether everything is stopped
`/middlewatch stop [reason]` stops every action, at once and everywhere; anybody in config/people.yaml may
`/middlewatch resume` lets actions run again; only named people may"""


@dataclass(frozen=True, slots=True)
class Commands:
    """What the commands need."""

    config: Config
    state: State
    clock: Clock


def answer(command: Command, commands: Commands) -> str:
    """Does what was typed and says what came of it; raises Unavailable where nothing was done."""
    person = person_by_slack(commands.config, command.team, command.user)
    if person is None:
        return "You are not in config/people.yaml, so nothing was done. Ask your team to add you there."
    word, _, rest = command.words.partition(" ")
    known: dict[str, Callable[[], str]] = {
        "open": lambda: _open(commands),
        "stop": lambda: _stop(person, rest.strip(), commands),
        "resume": lambda: _resume(person, commands),
    }
    return known.get(word.lower(), lambda: HELP)()


def _open(commands: Commands) -> str:
    page = incidents(commands.state, ["open"], limit=SHOWN)
    switch = commands.state.get(keys.KILL_SWITCH)
    notice = [_stopped(switch.value, commands.config)] if switch and stopped(switch) else []
    if not page.items:
        return "\n".join([*notice, "No incident is open."])
    lines = [
        f"*{safe(head['service'] or head['target'] or head['title'], 60)}* {_state(head)}"
        f": {safe(head['title'], 80)}, since {moment(datetime.fromisoformat(head['opened_at']), day=True)}"
        f" ({safe(head['incident_id'])})"
        for head in (item.value for item in page.items)
    ]
    more = [f"… and more than these {SHOWN}"] if page.next else []
    return "\n".join(fitting([*notice, *lines, *more]))


def _stop(person: Person, reason: str, commands: Commands) -> str:
    commands.state.write(Put(keys.KILL_SWITCH, position(person.id, reason, commands.clock(), stop=True)))
    return (
        "Stopped: no action starts anywhere until somebody who may says `/middlewatch resume` "
        f"(may resume: {_may_resume(commands.config)}). What runs already is not taken back."
    )


def _resume(person: Person, commands: Commands) -> str:
    if not person.may_resume:
        return f"You may not resume; it stays as it was. May resume: {_may_resume(commands.config)}."
    held = commands.state.get(keys.KILL_SWITCH)
    if held is None or not stopped(held):
        return "Nothing was stopped."
    free = position(person.id, "", commands.clock(), stop=False)
    try:
        commands.state.write(Put(keys.KILL_SWITCH, free, when=held.value))
    except Taken:
        return "Somebody moved the switch just now; look at `/middlewatch open` and say it again."
    return "Resumed: actions may run again."


def _may_resume(config: Config) -> str:
    return ", ".join(safe(each.name, 40) for each in config.people if each.may_resume) or "nobody"


def _state(head: dict[str, Any]) -> str:
    severity = "" if head["severity"] == "unknown" else f"{head['severity']}, "
    return f"{severity}{head['phase']}{', escalated' if head['escalated'] else ''}"


def _stopped(value: dict[str, Any], config: Config) -> str:
    person = str(value.get("person", "somebody"))
    try:
        since = f" since {moment(datetime.fromisoformat(str(value.get('at'))), day=True)}"
    except ValueError:  # who wrote a switch by hand means it all the same
        since = ""
    why = f": {safe(str(value['reason']))}" if value.get("reason") else ""
    return f"*Everything is stopped* by {safe(name_of(config, person), 40)}{since}{why}"
