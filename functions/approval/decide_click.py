"""A click becomes a fact, and the clicker hears what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger
from pydantic import ValidationError

from functions.approval.answer import MOST_DECLINED, Answer, answer, reply
from shared.click import Click
from shared.config import Config
from shared.configuration import person_by_slack
from shared.decide import settle
from shared.errors import MiddlewatchError, Refused
from shared.facts import ClickDeclined, Fact
from shared.history import History
from shared.mrkdwn import safe
from shared.ports import Chat, Clock, Timeline

NAME = "approval"


@dataclass(frozen=True, slots=True)
class Deciding:
    """What deciding a click needs."""

    config: Config
    timeline: Timeline
    chat: Chat
    clock: Clock
    logger: Logger


def read_click(body: Mapping[str, Any]) -> Click:
    """The click in a message; raises Refused, naming the field, where it is none."""
    try:
        return Click.model_validate(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise Refused(f"not a click: {wrong}") from error


def decide_click(click: Click, deciding: Deciding) -> History:
    """Records what the click means, once, and then tells the clicker; telling that fails undoes nothing."""
    incident_id, cause = click.value.rpartition("/")[0], f"slack:{click.id}"
    person = person_by_slack(deciding.config, click.team, click.user)
    unrecorded: list[Answer] = []

    def conclude(history: History, now: datetime) -> Sequence[Fact]:
        if not history.entries:
            return []
        made = answer(click, person, history, deciding.config, now)
        unrecorded[:] = [made]
        full = isinstance(made, ClickDeclined) and history.incident.declined_clicks >= MOST_DECLINED
        return [] if full else [made]

    history = settle(incident_id, conclude, deciding.timeline, deciding.clock, actor=NAME, caused_by=cause)
    if not history.entries:
        _tell(click, "Nothing was changed: this button belongs to no incident.", deciding)
    recorded: list[Fact] = [entry.fact for entry in history.entries if (entry.actor, entry.caused_by) == (NAME, cause)]
    for fact in (recorded or unrecorded)[:1]:
        _tell(click, reply(fact, history), deciding)
    return history


def _tell(click: Click, text: str, deciding: Deciding) -> None:
    if not click.channel:
        deciding.logger.info("nowhere to tell", extra={"click": click.id, "text": safe(text)})
        return
    try:
        deciding.chat.whisper(click.channel, click.user, text)
    except MiddlewatchError as error:
        deciding.logger.warning("clicker not told", extra={"click": click.id, "text": text, "why": str(error)})
