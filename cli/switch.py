"""The kill switch."""

from datetime import datetime

from cli import show
from cli.failure import Failed
from shared import keys
from shared.config import Config
from shared.errors import Taken
from shared.ports import State
from shared.switch import position, stopped
from shared.writes import Put


def stop(state: State, person: str, reason: str, now: datetime) -> None:
    """No action runs from here on; whoever may write to the state table may say so."""
    state.write(Put(keys.KILL_SWITCH, position(person, reason, now, stop=True)))
    show.line(f"stopped by {person}: no action runs until `middlewatch resume`; what runs already is not taken back")


def resume(state: State, config: Config, person: str, reason: str, now: datetime) -> None:
    """Actions may run again, if `person` is one of those who may say so."""
    may = [each.id for each in config.people if each.may_resume]
    if person not in may:
        raise Failed(f"{person} may not resume; may: {', '.join(may) or 'nobody'} (people.yaml, may_resume)", 1)
    switch = state.get(keys.KILL_SWITCH)
    if switch is None or not stopped(switch):
        show.line("nothing was stopped")
        return
    try:
        state.write(Put(keys.KILL_SWITCH, position(person, reason, now, stop=False), when=switch.value))
    except Taken as taken:
        raise Failed("somebody moved the switch just now; look, then say it again", 1) from taken
    show.line(f"resumed by {person}: actions may run again")
