# ruff: noqa: D103  # each function is the method of Slack's that METHODS names it for
"""Slack's Web API methods that Middlewatch uses, with Slack's own errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.standins.slack.blockkit import problems, view_problems
from local.standins.slack.workspace import SlackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.standins.slack.workspace import Workspace

Json = dict[str, Any]
LONGEST = 40_000
PAGE = 100


def checked(given: Json) -> Json:
    """Return the content of a message that Slack would take; no_text, msg_too_long, invalid_blocks otherwise."""
    content = {name: given[name] for name in ("text", "blocks", "metadata") if given.get(name) is not None}
    if not content.get("text") and not content.get("blocks"):
        raise SlackError("no_text")
    if len(content.get("text", "")) > LONGEST:
        raise SlackError("msg_too_long")
    if "blocks" in content and (wrong := problems(content["blocks"])):
        raise SlackError("invalid_blocks", wrong)
    metadata = content.get("metadata")
    if metadata is not None and not (isinstance(metadata, dict) and {"event_type", "event_payload"} <= set(metadata)):
        raise SlackError("invalid_metadata_format")
    content.setdefault("text", "")
    if content.get("blocks"):
        content["blocks"] = _named(content["blocks"])
    return content


def _named(blocks: list[Json]) -> list[Json]:
    """Slack names blocks and elements that the app left without an id."""
    named = []
    for place, block in enumerate(blocks):
        filled = dict(block)
        filled.setdefault("block_id", f"b{place:03d}")
        for key in ("accessory", "element"):
            if key in filled and filled[key].get("type") != "image":
                filled[key] = {"action_id": f"a{place:03d}"} | filled[key]
        if filled.get("type") == "actions":
            filled["elements"] = [
                {"action_id": f"a{place:03d}{number}"} | element for number, element in enumerate(filled["elements"])
            ]
        named.append(filled)
    return named


def _shown(message: Json, given: Json) -> Json:
    hidden = set() if str(given.get("include_all_metadata", "")).lower() in {"1", "true"} else {"metadata"}
    return {name: value for name, value in message.items() if name not in hidden}


def _page(messages: list[Json], given: Json) -> Json:
    oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    inclusive = str(given.get("inclusive", "")).lower() in {"1", "true"}

    def inside(ts: float) -> bool:
        return oldest <= ts <= latest if inclusive else oldest < ts < latest

    found = [message for message in messages if inside(float(message["ts"]))]
    cursor, limit = str(given.get("cursor") or "0"), int(given.get("limit") or PAGE)
    if not cursor.isdigit():
        raise SlackError("invalid_cursor")
    end = int(cursor) + limit
    more = end < len(found)
    return {
        "messages": [_shown(message, given) for message in found[int(cursor) : end]],
        "has_more": more,
        "response_metadata": {"next_cursor": str(end) if more else ""},
    }


def auth_test(space: Workspace, given: Json) -> Json:
    del given
    return {
        "url": f"https://{space.domain}.slack.com/",
        "team": "shop",
        "user": space.bot_name.lower(),
        "team_id": space.team,
        "user_id": space.bot_user,
        "bot_id": space.bot,
        "is_enterprise_install": False,
    }


def post_message(space: Workspace, given: Json) -> Json:
    channel, content = space.channel(str(given.get("channel", ""))), checked(given)
    if given.get("thread_ts"):
        try:
            parent = space.message(channel, str(given["thread_ts"]))
        except SlackError:
            raise SlackError("thread_not_found") from None
        content["thread_ts"] = parent.get("thread_ts", parent["ts"])
        if given.get("reply_broadcast"):
            content["subtype"] = "thread_broadcast"
    message = space.post(channel, content)
    return {"channel": channel, "ts": message["ts"], "message": message}


def update(space: Workspace, given: Json) -> Json:
    channel = space.channel(str(given.get("channel", "")))
    message = space.message(channel, str(given.get("ts", "")))
    if message.get("bot_id") != space.bot:
        raise SlackError("cant_update_message")
    content = checked({"text": message.get("text")} | {"blocks": message.get("blocks")} | given)
    if not content.get("blocks"):
        message.pop("blocks", None)
    message |= content | {"edited": {"user": space.bot_user, "ts": space.stamp()}}
    space.changed()
    return {"channel": channel, "ts": message["ts"], "text": message["text"], "message": message}


def delete(space: Workspace, given: Json) -> Json:
    channel = space.channel(str(given.get("channel", "")))
    message = space.message(channel, str(given.get("ts", "")))
    space.messages[channel].remove(message)
    space.changed()
    return {"channel": channel, "ts": message["ts"]}


def post_ephemeral(space: Workspace, given: Json) -> Json:
    channel, content = space.channel(str(given.get("channel", ""))), checked(given)
    try:
        space.person(str(given.get("user", "")))
    except SlackError:
        raise SlackError("user_not_in_channel") from None
    if given.get("thread_ts"):
        content["thread_ts"] = str(given["thread_ts"])
    return {"message_ts": space.whisper(channel, str(given["user"]), content)["ts"]}


def permalink(space: Workspace, given: Json) -> Json:
    channel = space.channel(str(given.get("channel", "")))
    ts = space.message(channel, str(given.get("message_ts", "")))["ts"]
    link = f"https://{space.domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
    return {"channel": channel, "permalink": link}


def _view(given: Json) -> Json:
    view = given.get("view")
    if not isinstance(view, dict):
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: view"])
    if wrong := view_problems(view):
        raise SlackError("invalid_arguments", wrong)
    return view | {"blocks": _named(view["blocks"])}


def _seen(view: Json) -> Json:
    return {"view": {name: value for name, value in view.items() if name != "to"}}


def views_open(space: Workspace, given: Json) -> Json:
    view = _view(given)
    return _seen(space.open_view(space.pull(str(given.get("trigger_id", ""))), view))


def views_update(space: Workspace, given: Json) -> Json:
    view = _view(given)
    ident, external = str(given.get("view_id", "")), str(given.get("external_id", ""))
    return _seen(space.update_view(ident, external, given.get("hash"), view))


def history(space: Workspace, given: Json) -> Json:
    channel = space.channel(str(given.get("channel", "")))
    messages = [
        message
        for message in reversed(space.messages.get(channel, []))
        if message.get("thread_ts", message["ts"]) == message["ts"] or message.get("subtype") == "thread_broadcast"
    ]
    return _page(messages, given)


def replies(space: Workspace, given: Json) -> Json:
    channel, ts = space.channel(str(given.get("channel", ""))), str(given.get("ts", ""))
    try:
        parent = space.message(channel, ts)
    except SlackError:
        raise SlackError("thread_not_found") from None
    root = parent.get("thread_ts", ts)
    return _page([m for m in space.messages[channel] if root in {m["ts"], m.get("thread_ts")}], given)


def react(space: Workspace, given: Json) -> Json:
    message = space.message(space.channel(str(given.get("channel", ""))), str(given.get("timestamp", "")))
    name, reactions = str(given.get("name", "")), message.setdefault("reactions", [])
    if any(reaction["name"] == name for reaction in reactions):
        raise SlackError("already_reacted")
    reactions.append({"name": name, "count": 1, "users": [space.bot_user]})
    space.changed()
    return {}


def users_info(space: Workspace, given: Json) -> Json:
    return {"user": space.user(space.person(str(given.get("user", ""))))}


def conversations_open(space: Workspace, given: Json) -> Json:
    users = str(given.get("users", "")).split(",")
    return {"channel": {"id": space.direct(users[0])}}


def conversations_list(space: Workspace, given: Json) -> Json:
    del given
    found = [
        {"id": ident, "name": name, "is_channel": True, "is_member": True, "is_private": False}
        for ident, name in space.channels.items()
        if ident.startswith("C")
    ]
    return {"channels": found, "response_metadata": {"next_cursor": ""}}


def conversations_info(space: Workspace, given: Json) -> Json:
    ident = space.channel(str(given.get("channel", "")))
    return {"channel": {"id": ident, "name": space.channels[ident], "is_member": True}}


METHODS: dict[str, Callable[[Workspace, Json], Json]] = {
    "auth.test": auth_test,
    "chat.postMessage": post_message,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": post_ephemeral,
    "chat.getPermalink": permalink,
    "views.open": views_open,
    "views.update": views_update,
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.open": conversations_open,
    "conversations.list": conversations_list,
    "conversations.info": conversations_info,
    "reactions.add": react,
    "users.info": users_info,
}
