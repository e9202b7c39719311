"""What a Slack workspace holds: people, channels, messages, modals; kept in a file if one is given."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

TRIGGER_LIFE = 3.0
RESPONSE_LIFE = 1800.0
RESPONSE_USES = 5
Json = dict[str, Any]


class SlackError(Exception):
    """What Slack answers as `ok: false`."""

    def __init__(self, error: str, messages: list[str] | None = None) -> None:
        super().__init__(error)
        self.error, self.messages = error, messages or []


@dataclass(slots=True)
class Person:
    """Somebody who can read and click; `guest` and a foreign `team` are told to the app as Slack tells them."""

    id: str
    name: str
    real_name: str
    title: str = ""
    team: str = "T0SHOP"
    guest: bool = False
    email: str = ""


PEOPLE = (
    Person("U0ANA", "ana", "Ana Alvarez", "on call", email="ana@shop.example"),
    Person("U0BO", "bo", "Bo Berg", "SRE lead", email="bo@shop.example"),
    Person("U0CY", "cy", "Cy Chen", "on call, SRE", email="cy@shop.example"),
    Person("U0EVE", "eve", "Eve Evans", "a stranger", team="T0ELSEWHERE", guest=True, email="eve@elsewhere.example"),
)
"""Those whom config/people.yaml knows, and Eve, whom it does not."""


@dataclass(slots=True)
class Workspace:
    """One workspace with one app installed; every change raises `revision`, by which pages follow."""

    team: str = "T0SHOP"
    domain: str = "shop"
    app: str = "A0MIDDLEWATCH"
    bot_user: str = "U0MIDDLEWATCH"
    bot: str = "B0MIDDLEWATCH"
    bot_name: str = "Middlewatch"
    people: list[Person] = field(default_factory=lambda: list(PEOPLE))
    channels: dict[str, str] = field(default_factory=lambda: {"C0INCIDENTS": "incidents"})
    messages: dict[str, list[Json]] = field(default_factory=dict)
    ephemerals: list[Json] = field(default_factory=list)
    notices: list[Json] = field(default_factory=list)
    views: dict[str, Json] = field(default_factory=dict)
    triggers: dict[str, tuple[float, str]] = field(default_factory=dict)
    responses: dict[str, Json] = field(default_factory=dict)
    revision: int = 0
    last_ts: float = 0.0
    file: Path | None = None

    # -- keeping

    @classmethod
    def load(cls, file: Path | None, people: list[Person] | None, channels: list[str]) -> Workspace:
        """Return the workspace that the file holds, or a new one with these people and channels."""
        space = cls(file=file)
        if people:
            space.people = people
        for name in channels:
            space.channel_named(name)
        if file and file.exists():
            kept = json.loads(file.read_text())
            for name in ("channels", "messages", "ephemerals", "views", "responses", "last_ts"):
                setattr(space, name, kept[name])
            for name in channels:
                space.channel_named(name)
        return space

    def changed(self) -> None:
        """Count a change and keep it."""
        self.revision += 1
        if self.file:
            names = ("channels", "messages", "ephemerals", "views", "responses", "last_ts")
            aside = self.file.with_suffix(".new")
            aside.write_text(json.dumps({name: getattr(self, name) for name in names}))
            aside.replace(self.file)

    def stamp(self) -> str:
        """Return a message's id: seconds and microseconds, never the same twice."""
        self.last_ts = max(time.time(), self.last_ts + 1e-6)
        return f"{self.last_ts:.6f}"

    # -- people and places

    def person(self, user: str) -> Person:
        """Return a person by id or name; user_not_found."""
        for person in self.people:
            if user in {person.id, person.name}:
                return person
        raise SlackError("user_not_found")

    def names(self) -> dict[str, str]:
        """Return the names to show by id."""
        return {person.id: person.real_name.split()[0] for person in self.people} | {self.bot_user: self.bot_name}

    def channel_named(self, name: str) -> str:
        """Return the id of a channel, making it if it is not there; `ID=name` says which id it gets."""
        wanted, _, bare = name.rpartition("=")
        bare = bare.removeprefix("#")
        for ident, known in self.channels.items():
            if known == bare:
                return ident
        ident = wanted or f"C0{crc32(bare.encode()) % 10**8:08d}"
        self.channels[ident] = bare
        return ident

    def channel(self, asked: str) -> str:
        """Return the id of a channel that exists, by id, name or person; channel_not_found."""
        if asked in self.channels:
            return asked
        bare = asked.removeprefix("#")
        for ident, name in self.channels.items():
            if name == bare:
                return ident
        if any(person.id == asked for person in self.people):
            return self.direct(asked)
        raise SlackError("channel_not_found")

    def direct(self, user: str) -> str:
        """Return the id of the app's conversation with a person."""
        person = self.person(user)
        ident = f"D{person.id[1:]}"
        self.channels.setdefault(ident, f"@{person.name}")
        return ident

    # -- messages

    def message(self, channel: str, ts: str) -> Json:
        """Return a message; message_not_found."""
        for message in self.messages.get(channel, []):
            if message["ts"] == ts:
                return message
        raise SlackError("message_not_found")

    def post(self, channel: str, content: Json) -> Json:
        """Add a message of the app's to a channel or thread."""
        message = {
            "type": "message",
            "user": self.bot_user,
            "bot_id": self.bot,
            "app_id": self.app,
            "team": self.team,
            "ts": self.stamp(),
        } | content
        if "thread_ts" in content:
            parent = self.message(channel, content["thread_ts"])
            parent["thread_ts"] = parent["ts"]
            parent["reply_count"] = parent.get("reply_count", 0) + 1
            parent["latest_reply"] = message["ts"]
        self.messages.setdefault(channel, []).append(message)
        self.changed()
        return message

    def whisper(self, channel: str, user: str, content: Json) -> Json:
        """Show a message to one person only."""
        self.person(user)
        message = {
            "type": "message",
            "subtype": "bot_message",
            "is_ephemeral": True,
            "user": self.bot_user,
            "bot_id": self.bot,
            "app_id": self.app,
            "ts": self.stamp(),
            "channel": channel,
            "to": user,
        } | content
        self.ephemerals.append(message)
        self.changed()
        return message

    def notice(self, user: str, text: str) -> None:
        """Show a person one of Slack's own warnings."""
        self.notices.append({"to": user, "text": text, "at": time.time()})
        self.changed()

    # -- what belongs to one click

    def trigger(self, user: str) -> str:
        """Return a trigger that opens one modal within three seconds."""
        ident = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**13)}.{secrets.token_hex(16)}"
        self.triggers[ident] = (time.monotonic() + TRIGGER_LIFE, user)
        return ident

    def pull(self, trigger: str) -> str:
        """Return who pulled a trigger, once: invalid_trigger_id, exchanged_trigger_id, expired_trigger_id."""
        if not trigger or trigger not in self.triggers:
            raise SlackError("invalid_trigger_id" if trigger else "invalid_arguments")
        until, user = self.triggers[trigger]
        if not user:
            raise SlackError("exchanged_trigger_id")
        if time.monotonic() > until:
            raise SlackError("expired_trigger_id")
        self.triggers[trigger] = (until, "")
        return user

    def response(self, channel: str, user: str, ts: str | None) -> str:
        """Return the secret path of a response URL: five answers within half an hour."""
        ident = f"{self.team}/{secrets.randbelow(10**13)}/{secrets.token_urlsafe(18)}"
        until = time.time() + RESPONSE_LIFE
        self.responses[ident] = {"channel": channel, "user": user, "ts": ts, "left": RESPONSE_USES, "until": until}
        return ident

    def answered(self, ident: str) -> Json:
        """Return whom a response URL answers, using it once; used_url and expired_url otherwise."""
        known = self.responses.get(ident)
        if known is None or known["left"] <= 0:
            raise SlackError("used_url")
        if time.time() > known["until"]:
            raise SlackError("expired_url")
        known["left"] -= 1
        return known

    def open_view(self, user: str, view: Json) -> Json:
        """Show a modal to a person."""
        ident = f"V{secrets.token_hex(5).upper()}"
        opened = view | {
            "id": ident,
            "team_id": self.team,
            "app_id": self.app,
            "bot_id": self.bot,
            "root_view_id": ident,
            "previous_view_id": None,
            "hash": self._hash(),
            "state": {"values": {}},
            "to": user,
        }
        self.views[ident] = opened
        self.changed()
        return opened

    def update_view(self, ident: str, external: str, expected: str | None, view: Json) -> Json:
        """Replace what an open modal shows; not_found, hash_conflict."""
        found = next(
            (v for v in self.views.values() if v["id"] == ident or (external and v.get("external_id") == external)),
            None,
        )
        if found is None:
            raise SlackError("not_found")
        if expected and expected != found["hash"]:
            raise SlackError("hash_conflict")
        for old in ("submit", "close"):
            found.pop(old, None)
        found |= view | {"hash": self._hash()}
        self.changed()
        return found

    def close_view(self, ident: str) -> None:
        """Close a modal."""
        self.views.pop(ident, None)
        self.changed()

    def _hash(self) -> str:
        return f"{int(time.time())}.{secrets.token_hex(4)}"

    def user(self, person: Person) -> Json:
        """Return a person as users.info has it."""
        return {
            "id": person.id,
            "team_id": person.team,
            "name": person.name,
            "real_name": person.real_name,
            "deleted": False,
            "is_bot": False,
            "is_admin": False,
            "is_restricted": person.guest,
            "is_ultra_restricted": False,
            "is_stranger": person.team != self.team,
            "tz": "Europe/Berlin",
            "profile": {
                "real_name": person.real_name,
                "display_name": person.name,
                "title": person.title,
                "email": person.email,
            },
        }
