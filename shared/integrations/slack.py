"""Slack: posting, finding and changing messages over slack-sdk, and the proof that a request is Slack's.

The id of a message is `<channel id>/<ts>`, as chat.update wants both. The signature check is ours: slack_sdk.signature
raises on a time stamp like `abc`, accepts one in Arabic digits, and cannot see a header that was sent twice.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from http.client import HTTPException
from socket import gaierror
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError

from shared.errors import Refused, Unavailable, Unclear
from shared.mrkdwn import section
from shared.ports import Post
from shared.sentences import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = 300
"""Seconds that a signed request may be old, or early (docs.slack.dev, 'Verifying requests from Slack')."""
EVENT = "middlewatch"
"""The event type in the metadata of our messages; the payload's `key` is what `find` looks for."""
LOOK_BACK = 200
"""Messages of a channel or thread that `find` looks through."""
TIMEOUT = 5
"""Seconds that one call may take."""
_STAMP = re.compile(r"[0-9]{1,11}")
_WORD = re.compile(r"[a-z_]+")
"""What Slack's errors look like; the SDK puts a sentence of its own there for an answer that is no JSON."""
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{7,}")
_NOT_SAID = frozenset({"ratelimited", "rate_limited", "service_unavailable"})
_PERHAPS_SAID = frozenset({"internal_error", "fatal_error", "request_timeout"})
"""Slack's own words for these: 'some aspect of the operation may have succeeded before the error was raised'."""
_HOW_TO_FIX = {
    "invalid_auth": "the bot token is wrong: put the app's current token into the secret slack_bot_token",
    "not_authed": "there is no bot token: put the app's token into the secret slack_bot_token",
    "token_revoked": "the bot token was revoked: install the app again and renew the secret slack_bot_token",
    "token_expired": "the bot token expired: install the app again and renew the secret slack_bot_token",
    "account_inactive": "the bot's account was removed: install the app again and renew the secret slack_bot_token",
    "channel_not_found": "the bot does not see this channel: correct it in config/services.yaml, or invite the bot",
    "not_in_channel": "the bot is not in this channel: invite it there",
    "is_archived": "this channel is archived: name another one in config/services.yaml",
    "missing_scope": "the Slack app lacks a permission: add the scope and install the app again",
    "invalid_blocks": "Slack does not accept the layout of this message: this is a fault of Middlewatch",
    "msg_too_long": "the message is too long: this is a fault of Middlewatch",
    "user_not_in_channel": "this person is not in the channel",
    "expired_trigger_id": "Slack's 3 seconds for opening a dialog are over: click again",
    "message_not_found": "the message was deleted",
}


def verified(headers: Iterable[tuple[str, str]], body: bytes, secret: str, now: datetime) -> bool:
    """Whether Slack signed exactly this `body` within five minutes of `now`; False for anything malformed."""
    sent = [(name.lower(), value) for name, value in headers]
    stamps = [value for name, value in sent if name == "x-slack-request-timestamp"]
    signatures = [value for name, value in sent if name == "x-slack-signature"]
    if not secret or len(stamps) != 1 or len(signatures) != 1 or not _STAMP.fullmatch(stamps[0]):
        return False
    if abs(now.timestamp() - int(stamps[0])) > WINDOW:
        return False
    return hmac.compare_digest(
        signature(stamps[0], body, secret).encode(), signatures[0].encode(errors="surrogatepass")
    )


def signature(stamp: str, body: bytes, secret: str) -> str:
    """What Slack puts into X-Slack-Signature for this body at this time (seconds since 1970, as text)."""
    return "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, sha256).hexdigest()


@dataclass(frozen=True)
class SlackChat:
    """The port Chat over Slack's Web API; `token` is asked for at every call, since it may be a new one."""

    token: Callable[[], str]
    base_url: str = WebClient.BASE_URL

    @classmethod
    def of(cls, secret: Callable[[str], str], environment: Mapping[str, str]) -> "SlackChat":
        """Slack with the secret slack_bot_token; SLACK_API_URL, where set, says where Slack is."""
        base_url = environment.get("SLACK_API_URL") or WebClient.BASE_URL
        return cls(lambda: secret("slack_bot_token"), base_url.rstrip("/") + "/")

    @property
    def client(self) -> WebClient:
        """The SDK without its retries: it repeats a post whose reply was lost."""
        return WebClient(token=self.token(), base_url=self.base_url, timeout=TIMEOUT, retry_handlers=[])

    def post(self, channel: str, post: Post, key: str, thread: str = "") -> str:
        """See Chat."""
        with _translated(channel):
            reply = self.client.chat_postMessage(
                channel=channel,
                text=post.text,
                blocks=list(post.blocks) or None,
                thread_ts=_parts(thread)[1] if thread else None,
                metadata={"event_type": EVENT, "event_payload": {"key": key}},
                unfurl_links=False,
                unfurl_media=False,
            )
            if not reply["channel"] or not reply["ts"]:
                raise SlackRequestError("it names neither channel nor ts")
        return f"{reply['channel']}/{reply['ts']}"

    def find(self, channel: str, key: str, thread: str = "") -> str | None:
        """See Chat; looks through the last 200 messages."""
        with _translated(channel):
            place = _parts(thread)[0] if thread else self._channel_id(channel)
            if thread:
                reply = self.client.conversations_replies(
                    channel=place, ts=_parts(thread)[1], include_all_metadata=True, limit=LOOK_BACK
                )
            else:
                reply = self.client.conversations_history(channel=place, include_all_metadata=True, limit=LOOK_BACK)
        messages: list[dict[str, Any]] = reply["messages"]
        for message in messages:
            metadata = message.get("metadata") or {}
            if metadata.get("event_type") == EVENT and metadata.get("event_payload", {}).get("key") == key:
                return f"{place}/{message['ts']}"
        return None

    def update(self, message_id: str, post: Post) -> None:
        """See Chat."""
        channel, ts = _parts(message_id)
        with _translated(channel):
            self.client.chat_update(channel=channel, ts=ts, text=post.text, blocks=list(post.blocks))

    def whisper(self, channel: str, user: str, text: str) -> None:
        """See Chat."""
        with _translated(channel):
            # Of a text alone Slack would make links and mentions by itself.
            blocks = [section(text.splitlines())]
            self.client.chat_postEphemeral(channel=channel, user=user, text=text, blocks=blocks)

    def open_view(self, trigger: str, view: dict[str, Any]) -> str:
        """See Chat."""
        with _translated("the dialog"):
            reply = self.client.views_open(trigger_id=trigger, view=view)
        return str(reply["view"]["id"])

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        """See Chat."""
        with _translated("the dialog"):
            self.client.views_update(view_id=view_id, view=view)

    def _channel_id(self, channel: str) -> str:
        """Posting takes a channel's name, reading its history does not."""
        if _CHANNEL_ID.fullmatch(channel):
            return channel
        cursor = ""
        while True:
            page = self.client.conversations_list(
                types="public_channel,private_channel", exclude_archived=True, limit=1000, cursor=cursor
            )
            for each in page["channels"]:
                if each["name"] == channel.removeprefix("#"):
                    return str(each["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                raise Refused(f"Slack, {channel}: {_HOW_TO_FIX['channel_not_found']}")


def _parts(message_id: str) -> tuple[str, str]:
    channel, _, ts = message_id.partition("/")
    return channel, ts


@contextmanager
def _translated(about: str) -> "Iterator[None]":
    try:
        yield
    except SlackApiError as error:
        raise _of_reply(error, about) from error
    except SlackRequestError as error:
        raise Unclear(f"Slack gave no readable answer: {error}") from error
    except URLError as error:
        if isinstance(error.reason, ConnectionRefusedError | gaierror):
            raise Unavailable(f"Slack cannot be reached: {error.reason}") from error
        raise Unclear(f"Slack did not answer: {error.reason}") from error
    except (OSError, HTTPException, ValueError, LookupError, AttributeError) as error:
        # A time-out, a broken connection, or a reply that is none of Slack's: the request was on its way.
        raise Unclear(f"Slack did not answer: {error}") from error


def _of_reply(error: SlackApiError, about: str) -> Unavailable | Refused:
    reply = error.response
    status, said = int(reply.status_code), reply.data if isinstance(reply.data, dict) else {}
    code = plain(str(said.get("error", "")))  # a proxy's whole page, where one answers in Slack's place
    if status == 429 or code in _NOT_SAID or status == 503:  # noqa: PLR2004 - HTTP's own numbers
        after = {name.lower(): value for name, value in reply.headers.items()}.get("retry-after", "")
        seconds = str(after[0] if isinstance(after, list) else after)
        return Unavailable(
            f"Slack is busy ({code or status})", retry_after=float(seconds) if seconds.isdigit() else None
        )
    if code in _PERHAPS_SAID or status >= 500 or (status < 400 and not _WORD.fullmatch(code)):  # noqa: PLR2004 - the same
        return Unclear(f"Slack failed ({code or status}); it may have taken effect")
    detail = "; ".join(said.get("response_metadata", {}).get("messages", [])) or str(said.get("needed", ""))
    why = _HOW_TO_FIX.get(code, "see docs.slack.dev for this error")
    return Refused(f"Slack, {about}: {why} ({code or status}{f': {detail}' if detail else ''})")
