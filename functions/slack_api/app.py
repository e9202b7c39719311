"""The HTTP side of Slack: verify the raw body, queue what was asked, answer at once."""

from dataclasses import dataclass
from typing import Annotated, Protocol

from aws_lambda_powertools import Logger
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from functions.slack_api import timeline_view
from functions.slack_api.commands import Commands, answer
from functions.slack_api.payload import Command, Press, button_of, form, read_command, read_press, reason_dialog
from functions.slack_api.show import shown
from shared.click import CHANNEL, Click
from shared.config import Config
from shared.configuration import person_by_slack
from shared.errors import MiddlewatchError, Refused, Unavailable
from shared.integrations.slack import verified
from shared.mrkdwn import Block, section
from shared.ports import Chat, Clock, Post, Seals, State, Timeline
from shared.seal import Yes, sealed
from shared.secrets import Secret

LONGEST_ID = 40
LARGEST = 256 * 1024
"""Bytes of a request; Slack's own are a few thousand."""


class Clicks(Protocol):
    """The queue in which clicks wait to be decided."""

    def send(self, click: Click) -> None:
        """Puts it there durably; raises Unavailable where that is not certain."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What the API needs."""

    config: Config
    secret: Secret
    clicks: Clicks
    chat: Chat
    timeline: Timeline
    state: State
    clock: Clock
    logger: Logger
    seals: Seals


class _Rejected(Exception):
    """The request is not Slack's, or not for us."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def create_app(needs: Needs) -> FastAPI:
    """The API over `needs`; it documents itself nowhere, because only Slack calls it."""
    app = FastAPI(title="Middlewatch for Slack", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.needs = needs
    app.include_router(router)
    app.add_exception_handler(_Rejected, _rejected)
    app.add_exception_handler(Unavailable, _rejected)
    return app


def _needs(request: Request) -> Needs:
    needs: Needs = request.app.state.needs
    return needs


async def _verified(request: Request) -> bytes:
    """The raw body that Slack signed."""
    needs, body = _needs(request), bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _Rejected(413, f"the body is larger than {LARGEST} bytes")
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    if not verified(headers, bytes(body), needs.secret("slack_signing_secret"), needs.clock()):
        raise _Rejected(401, "this is not signed by Slack, or not within the last five minutes")
    return bytes(body)


Given = Annotated[Needs, Depends(_needs)]
Body = Annotated[bytes, Depends(_verified)]
router = APIRouter()


@router.post("/slack/actions")
def act(body: Body, needs: Given) -> Response:
    """A press of a button, or a dialog sent off."""
    try:
        press = read_press(form(body))
    except Refused as refusal:
        raise _Rejected(400, str(refusal)) from refusal
    if press is None:
        return Response()
    _ours(press.who.team, press.who.app, needs)
    if press.action == "timeline":
        return _timeline(press, needs)
    if press.action == "reject" and not press.submitted and _asked_why(press, needs):
        return Response()
    return _queued(press, needs)


@router.post("/slack/commands")
def command(body: Body, needs: Given) -> Response:
    """`/middlewatch …`."""
    try:
        typed = read_command(form(body))
    except Refused as refusal:
        raise _Rejected(400, str(refusal)) from refusal
    _ours(typed.team, typed.app, needs)
    blocks: tuple[Block, ...] = ()
    try:
        asked = _asked_for(typed, needs)
        blocks = asked.blocks if asked else ()
        said = asked.text if asked else answer(typed, Commands(needs.config, needs.state, needs.clock))
    except Unavailable as error:
        needs.logger.error("command not carried out", extra={"why": str(error), "user": typed.user})
        said = "It is not certain that this was done: our table does not answer. Try again."
    needs.logger.info("command", extra={"user": typed.user, "words": typed.words[:100], "said": said[:100]})
    # Of a text alone Slack would make links and mentions by itself.
    blocks = blocks or (section(said.splitlines()),)
    return JSONResponse({"response_type": "ephemeral", "text": said, "blocks": list(blocks)})


def _asked_for(typed: Command, needs: Needs) -> Post | None:
    """The incident that somebody whom we know wants to see; None where something else was typed."""
    word, _, incident_id = typed.words.partition(" ")
    if word.lower() != "show" or not person_by_slack(needs.config, typed.team, typed.user):
        return None
    history = needs.timeline.read(incident_id.strip().upper()[:LONGEST_ID] or "-")
    return shown(history) if history.entries else Post("There is no such incident; `/middlewatch open` lists them.")


def _ours(team: str, app: str, needs: Needs) -> None:
    """The one workspace and the one app that the configuration names; where it names none, no click counts."""
    if not needs.config.slack_team or not needs.config.slack_app:
        needs.logger.error("config/services.yaml names no slack.team and slack.app, so that no click counts")
    if (team, app) != (needs.config.slack_team, needs.config.slack_app) or not team or not app:
        raise _Rejected(403, "this workspace or app is not the one in config/services.yaml")


def _queued(press: Press, needs: Needs) -> Response:
    button = button_of(press)
    if button is None:
        return Response()
    click = press.click(button, needs.clock())
    try:
        needs.clicks.send(vouched(click, needs.config, needs.seals))
    except Unavailable as error:
        needs.logger.error("click lost", extra={"why": str(error), "click": click.id, "user": click.user})
        _say_lost(press, needs)
        return Response(status_code=200 if not press.submitted else 503)
    needs.logger.info("click", extra={"click": click.id, "user": click.user, "button": button, "value": click.value})
    return Response()


def vouched(click: Click, config: Config, seals: Seals) -> Click:
    """The click, with our word that a person whom we know said yes to what was shown; raises Unavailable."""
    person = person_by_slack(config, click.team, click.user)
    if click.button != "approve" or person is None or not click.proposal_hash:
        return click
    incident = click.value.rpartition("/")[0]
    yes = Yes(incident, click.proposal_hash, person.id, CHANNEL, click.reason, click.clicked_at)
    return click.model_copy(update={"seal": sealed(yes, seals)})


def _say_lost(press: Press, needs: Needs) -> None:
    try:
        needs.chat.whisper(
            press.channel, press.who.user, "Your click did not reach us and changed nothing. Press it again."
        )
    except MiddlewatchError as error:
        # Then Slack itself has to show that it failed.
        raise _Rejected(503, "the click could not be queued") from error


def _asked_why(press: Press, needs: Needs) -> bool:
    """Opens the dialog that asks for a reason; where it does not open, the no counts without one."""
    try:
        needs.chat.open_view(press.who.trigger, reason_dialog(press))
    except MiddlewatchError as error:
        needs.logger.warning("no dialog", extra={"why": str(error), "user": press.who.user})
        return False
    return True


def _timeline(press: Press, needs: Needs) -> Response:
    try:
        view = needs.chat.open_view(press.who.trigger, timeline_view.loading())
        try:
            history = needs.timeline.read(press.value.rpartition("/")[0])
            shown = (
                timeline_view.timeline(history)
                if history.entries
                else timeline_view.sorry("There is no such incident any more.")
            )
        except Unavailable:
            shown = timeline_view.sorry("The timeline cannot be read right now. Close this and try again.")
        needs.chat.update_view(view, shown)
    except MiddlewatchError as error:
        needs.logger.error("no timeline shown", extra={"why": str(error), "user": press.who.user})
    return Response()


async def _rejected(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, _Rejected) else 503
    _needs(request).logger.warning("rejected", extra={"why": str(error), "status": status})
    return JSONResponse({"error": str(error)}, status_code=status)
