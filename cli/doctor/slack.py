"""Slack: whether the app is who we think it is, may do what it has to, and sits in the channels it is to speak in."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from cli.doctor.finding import Finding, ok, unless, wrong
from shared.config import Config
from shared.errors import Unavailable

T = TypeVar("T")
CHECK = "slack"
INSTALL = "add them to the app (infra/slack-app.yaml has them all) and install it to the workspace again"


class SlackRefused(Exception):
    """Slack's own word for why not."""


@dataclass(frozen=True, slots=True)
class App:
    """Whom the token belongs to; `scopes` is None where Slack did not say."""

    team: str
    user: str
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Channel:
    """What the app sees of a channel."""

    name: str
    member: bool
    archived: bool


class Workspace(Protocol):
    """Slack as the doctor asks it; raises SlackRefused, or Unavailable."""

    def app(self) -> App:
        """Whom the token belongs to."""
        ...

    def channel(self, ident: str) -> Channel:
        """The channel of that id."""
        ...


@dataclass(frozen=True, slots=True)
class SlackWorkspace:
    """Slack's Web API."""

    client: WebClient

    def app(self) -> App:
        """See Workspace; the scopes are in a header (docs.slack.dev, 'auth.test')."""

        def ask() -> App:
            said = self.client.auth_test()
            scopes = {name.lower(): value for name, value in said.headers.items()}.get("x-oauth-scopes")
            given = scopes[0] if isinstance(scopes, list) else scopes
            held = None if given is None else frozenset(each.strip() for each in given.split(","))
            return App(str(said["team_id"]), str(said["user"]), held)

        return _asked(ask)

    def channel(self, ident: str) -> Channel:
        """See Workspace."""

        def ask() -> Channel:
            said = self.client.conversations_info(channel=ident)["channel"]
            return Channel(str(said.get("name", ident)), bool(said.get("is_member")), bool(said.get("is_archived")))

        return _asked(ask)


def slack(workspace: Workspace, config: Config, scopes: Sequence[str]) -> Iterator[Finding]:
    """The token, its `scopes`, and every channel of the configuration."""
    try:
        app = workspace.app()
    except SlackRefused as refused:
        fix = "give the app's Bot User OAuth Token to `middlewatch secrets set slack_bot_token`"
        yield wrong(CHECK, f"the bot token is refused: {refused}", fix)
        return
    yield from unless(_app(app, config, scopes), CHECK, f"{app.user} in workspace {app.team}, with every scope")
    channels = {config.default_channel, *(service.channel for service in config.services), config.canary_channel}
    for ident in sorted(channels - {""}):
        yield from _channel(workspace, ident, app.user)


def _app(app: App, config: Config, scopes: Sequence[str]) -> Iterator[Finding]:
    if app.scopes is None:
        yield wrong(CHECK, "Slack did not say which scopes the token has", "use a bot token (xoxb-…)")
    elif missing := [scope for scope in scopes if scope not in app.scopes]:
        yield wrong(CHECK, f"the app lacks {', '.join(missing)}", INSTALL)
    if app.team != config.slack_team:
        fix = f"put `team: {app.team}` under `slack` in config/services.yaml, and deploy"
        yield wrong(CHECK, f"clicks count in workspace {config.slack_team or 'none'}, the app is in {app.team}", fix)


def _channel(workspace: Workspace, ident: str, user: str) -> Iterator[Finding]:
    check = f"slack channel {ident}"
    try:
        channel = workspace.channel(ident)
    except SlackRefused as refused:
        fix = "use the channel's id in config/services.yaml; if it is private, invite the app there first"
        yield wrong(check, f"cannot be seen: {refused}", fix)
        return
    if channel.archived:
        yield wrong(check, f"#{channel.name} is archived", "name another one in config/services.yaml, and deploy")
    elif not channel.member:
        yield wrong(check, f"{user} is not in #{channel.name}", f"say `/invite @{user}` there")
    else:
        yield ok(check, f"{user} is in #{channel.name}")


def _asked(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except SlackApiError as error:
        raise SlackRefused(str(error.response.get("error", error.response.status_code))) from error
    except (SlackClientError, OSError, ValueError, LookupError) as error:
        raise Unavailable(f"Slack did not answer: {error}") from error
