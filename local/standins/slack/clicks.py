"""What Slack sends to an app when somebody clicks, submits a modal or types a command; signed, three seconds, once."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3

from local.standins.slack.methods import checked
from local.standins.slack.workspace import SlackError

if TYPE_CHECKING:
    from local.standins.slack.workspace import Person, Workspace

Json = dict[str, Any]
ACK = 3.0
TOKEN = "verification-token-of-the-stand-in"  # noqa: S105  # Slack still sends one, and nobody should read it


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return X-Slack-Signature.

    Source: docs.slack.dev/authentication/verifying-requests-from-slack
    """
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Told:
    """What the app answered: status 0 when it did not within three seconds."""

    status: int
    body: bytes
    took: float


@dataclass(slots=True)
class Clicks:
    """Sends to the app what people do."""

    space: Workspace
    secret: str
    interactivity_url: str | None
    commands_url: str | None
    own_url: str

    async def send(self, url: str | None, form: dict[str, str], headers: dict[str, str] | None = None) -> Told:
        """Post a signed form and wait at most three seconds, as Slack does; nothing is sent twice."""
        if not url:
            return Told(0, b"", 0.0)
        body, now = urlencode(form).encode(), str(int(time.time()))
        signed = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": now,
            "X-Slack-Signature": sign(self.secret, now, body),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
        began = time.monotonic()

        def post() -> Told:
            try:
                answer = urllib3.request(
                    "POST", url, body=body, headers=signed | (headers or {}), timeout=ACK, retries=False
                )
            except urllib3.exceptions.HTTPError:
                return Told(0, b"", time.monotonic() - began)
            return Told(answer.status, answer.data, time.monotonic() - began)

        return await asyncio.to_thread(post)

    def _who(self, person: Person) -> Json:
        return {
            "type": "",
            "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team},
            "api_app_id": self.space.app,
            "token": TOKEN,
            "team": {"id": self.space.team, "domain": self.space.domain},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _response_url(self, channel: str, person: Person, ts: str | None) -> str:
        return f"{self.own_url}/actions/{self.space.response(channel, person.id, ts)}"

    async def click(self, user: str, asked: Json) -> Told:
        """Click an element; `asked` has action_id and, where they are not plain, message_ts, view_id, value.

        Without message_ts it is the newest message with that action. SlackError: user_not_found, action_not_found.
        """
        person = self.space.person(user)
        payload = self._who(person) | {"type": "block_actions", "trigger_id": self.space.trigger(person.id)}
        if view := self.space.views.get(str(asked.get("view_id", ""))):
            block, element = _element(view, asked)
            shown = {name: value for name, value in view.items() if name != "to"}
            payload |= {"container": {"type": "view", "view_id": view["id"]}, "view": shown}
            channel = None
        else:
            channel, message = self._message(asked)
            block, element = _element(message, asked)
            payload |= self._message_part(channel, message, person)
        action = {
            "action_id": element["action_id"],
            "block_id": block["block_id"],
            "type": element["type"],
            "action_ts": self.space.stamp(),
        }
        if "text" in element:
            action["text"] = element["text"]
        if element["type"] == "button" and "value" in element:
            action["value"] = element["value"]
        if element.get("style"):
            action["style"] = element["style"]
        if element.get("options"):
            option = next((o for o in element["options"] if o["value"] == asked.get("value")), element["options"][0])
            action["selected_option"] = option
        payload["state"] = {"values": asked.get("values", {})}
        payload["actions"] = [action]
        told = await self.send(self.interactivity_url, {"payload": json.dumps(payload)})
        self._warn(person, told)
        return told

    def _message(self, asked: Json) -> tuple[str, Json]:
        wanted, action = asked.get("message_ts"), str(asked.get("action_id", ""))
        everywhere = [(c, m) for c, messages in self.space.messages.items() for m in messages]
        everywhere += [(m["channel"], m) for m in self.space.ephemerals]
        for channel, message in sorted(everywhere, key=lambda pair: pair[1]["ts"], reverse=True):
            if (wanted is None or message["ts"] == wanted) and _has(message, action):
                return channel, message
        raise SlackError("action_not_found")

    def _message_part(self, channel: str, message: Json, person: Person) -> Json:
        ephemeral = bool(message.get("is_ephemeral"))
        container = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel,
            "is_ephemeral": ephemeral,
        }
        if "thread_ts" in message and message["thread_ts"] != message["ts"]:
            container["thread_ts"] = message["thread_ts"]
        part: Json = {
            "container": container,
            "channel": {"id": channel, "name": self.space.channels[channel]},
            "response_url": self._response_url(channel, person, message["ts"]),
        }
        if not ephemeral:
            part["message"] = {name: value for name, value in message.items() if name != "metadata"}
        return part

    async def submit(self, user: str, view_id: str, values: Json) -> tuple[Told, Json]:
        """Submit a modal; returns what was told and what is to be shown (`errors` by block, or closed)."""
        person, view = self.space.person(user), self.space.views.get(view_id)
        if view is None:
            raise SlackError("not_found")
        shown = {name: value for name, value in view.items() if name != "to"} | {"state": {"values": values}}
        payload = self._who(person) | {
            "type": "view_submission",
            "trigger_id": self.space.trigger(person.id),
            "view": shown,
            "response_urls": [],
        }
        told = await self.send(self.interactivity_url, {"payload": json.dumps(payload)})
        self._warn(person, told)
        if told.status != 200:  # noqa: PLR2004
            return told, {"open": True}
        answer = _json(told.body)
        if answer.get("response_action") == "errors":
            return told, {"open": True, "errors": answer.get("errors", {})}
        if answer.get("response_action") in {"update", "push"}:
            self.space.update_view(view_id, "", None, answer["view"])
            return told, {"open": True}
        self.space.close_view(view_id)
        return told, {"open": False}

    async def command(self, user: str, channel: str, text: str) -> Told:
        """Type a slash command; what the app answers is shown to the person, or to all if it says in_channel."""
        person, place = self.space.person(user), self.space.channel(channel)
        command, _, rest = text.strip().partition(" ")
        form = {
            "token": TOKEN,
            "team_id": self.space.team if person.team == self.space.team else person.team,
            "team_domain": self.space.domain,
            "channel_id": place,
            "channel_name": self.space.channels[place],
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": rest.strip(),
            "api_app_id": self.space.app,
            "is_enterprise_install": "false",
            "response_url": self._response_url(place, person, None),
            "trigger_id": self.space.trigger(person.id),
        }
        told = await self.send(self.commands_url, form)
        if told.status == 0:
            self.space.notice(person.id, f"{command} failed with the error “operation_timeout”")
        elif told.status != 200:  # noqa: PLR2004
            self.space.notice(person.id, f"{command} failed with the error “dispatch_failed” (status {told.status})")
        elif told.body.strip():
            answer = _json(told.body) or {"text": told.body.decode(errors="replace")}
            self.answer(place, person.id, None, answer)
        return told

    def answer(self, channel: str, user: str, ts: str | None, answer: Json) -> None:
        """Show what an app posted to a response URL or answered to a command."""
        if answer.get("delete_original") and ts:
            self._drop(channel, ts)
            return
        content = checked(answer)
        if answer.get("replace_original") and ts:
            self._replace(channel, ts, content)
        elif answer.get("response_type") == "in_channel":
            self.space.post(channel, content)
        else:
            self.space.whisper(channel, user, content)

    def _replace(self, channel: str, ts: str, content: Json) -> None:
        for message in [*self.space.ephemerals, *self.space.messages.get(channel, [])]:
            if message["ts"] == ts:
                message.pop("blocks", None)
                message.update(content)
                if not message.get("is_ephemeral"):
                    message["edited"] = {"user": self.space.bot_user, "ts": self.space.stamp()}
        self.space.changed()

    def _drop(self, channel: str, ts: str) -> None:
        self.space.ephemerals = [m for m in self.space.ephemerals if m["ts"] != ts]
        self.space.messages[channel] = [m for m in self.space.messages.get(channel, []) if m["ts"] != ts]
        self.space.changed()

    def _warn(self, person: Person, told: Told) -> None:
        if told.status == 0:
            self.space.notice(
                person.id, "⚠ This app isn't responding: operation timed out. Try again or contact its owner."
            )
        elif told.status != 200:  # noqa: PLR2004
            self.space.notice(person.id, f"⚠ This app responded with status code {told.status}.")


def _json(body: bytes) -> Json:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _elements(block: Json) -> list[Json]:
    inside = [*block.get("elements", []), block.get("accessory"), block.get("element")]
    return [element for element in inside if isinstance(element, dict) and "action_id" in element]


def _has(message: Json, action: str) -> bool:
    return any(element["action_id"] == action for block in message.get("blocks", []) for element in _elements(block))


def _element(holder: Json, asked: Json) -> tuple[Json, Json]:
    for block in holder.get("blocks", []):
        if asked.get("block_id", block.get("block_id")) != block.get("block_id"):
            continue
        for element in _elements(block):
            if element["action_id"] == asked.get("action_id"):
                return block, element
    raise SlackError("action_not_found")
