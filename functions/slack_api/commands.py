"""`/middlewatch`: what is open, stop everything, start again. Every answer is for the person who typed it."""

from collections.abc import Callable
from dataclasses import dataclass

from functions.slack_api.payload import Command
from shared import keys
from shared.alert import as_text
from shared.config import Config, Person
from shared.configuration import person_by_slack
from shared.listing import incidents
from shared.mrkdwn import fitting, safe
from shared.ports import Clock, State
from shared.writes import Put

SHOWN = 20
HELP = """`/middlewatch open` lists the open incidents
`/middlewatch stop [reason]` stops every action, at once and everywhere; anybody on call may
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
    stopped = [_stopped(switch.value)] if switch and switch.value.get("stopped") else []
    if not page.items:
        return "\n".join([*stopped, "No incident is open."])
    lines = [
        f"*{safe(head['service'] or head['target'] or head['title'], 60)}* {head['severity']}, {head['phase']}"
        f"{', escalated' if head['escalated'] else ''}: {safe(head['title'], 80)} ({safe(head['incident_id'])})"
        for head in (item.value for item in page.items)
    ]
    more = [f"… and more than these {SHOWN}"] if page.next else []
    return "\n".join(fitting([*stopped, *lines, *more]))


def _stop(person: Person, reason: str, commands: Commands) -> str:
    value = {"stopped": True, "person": person.id, "reason": reason[:300], "at": as_text(commands.clock())}
    commands.state.write(Put(keys.KILL_SWITCH, value))
    return "Stopped: no action will run until somebody says `/middlewatch resume`. What runs already is not taken back."


def _resume(person: Person, commands: Commands) -> str:
    if not person.may_resume:
        may = ", ".join(safe(each.name, 40) for each in commands.config.people if each.may_resume) or "nobody"
        return f"You may not resume; it stays as it was. May resume: {may}."
    switch = commands.state.get(keys.KILL_SWITCH)
    if switch is None or not switch.value.get("stopped"):
        return "Nothing was stopped."
    value = {"stopped": False, "person": person.id, "reason": "", "at": as_text(commands.clock())}
    commands.state.write(Put(keys.KILL_SWITCH, value))
    return "Resumed: actions may run again."


def _stopped(value: dict[str, object]) -> str:
    why = f": {safe(str(value['reason']))}" if value.get("reason") else ""
    return f"*Everything is stopped* by {safe(str(value['person']), 40)} since {safe(str(value['at']), 40)}{why}"
