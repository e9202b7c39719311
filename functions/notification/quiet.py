"""How a test of Middlewatch itself is told: one message for all tests, kept current, that wakes nobody."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from shared import facts, keys
from shared.decide import settle
from shared.entry import Entry
from shared.errors import Refused
from shared.facts import Fact
from shared.history import History
from shared.mrkdwn import moment, safe, section
from shared.perform import Delivery, deliver
from shared.ports import Chat, Post
from shared.writes import Release

if TYPE_CHECKING:
    from functions.notification.notify import Telling

NAME = "notification/slack"


def quietly(history: History, entry: Entry, telling: "Telling") -> History:
    """Says in the canary's channel, once the policy has answered, that a test came so far.

    Where there is no such channel, that it would have. Raises Unavailable while Slack does not answer.
    """
    if not isinstance(entry.fact, facts.DryRunCompleted) or entry.fact.stage != "policy_gate":
        return history
    if history.answered(entry.id, by=NAME):
        return history
    post, channel = _post(history, entry), telling.config.canary_channel
    outcome: Fact
    if telling.chat is None or not channel:
        outcome = facts.DryRunCompleted(stage="notification", would=f"told Slack: {post.text}")
    else:
        try:
            said = _kept(telling.chat, channel, post, telling)
            outcome = facts.MessageSent(channel="slack", about=entry.id, external_id=said, summary=post.text)
        except Refused as refusal:
            outcome = facts.MessageFailed(channel="slack", about=entry.id, why=str(refusal))

    def answer(_history: History, _now: datetime) -> Sequence[Fact]:
        return [outcome]

    return settle(history.incident_id, answer, telling.timeline, telling.clock, actor=NAME, caused_by=entry.id)


def _kept(chat: Chat, channel: str, post: Post, telling: "Telling") -> str:
    """Edits the message of all tests, or posts it where there is none (any more); its id."""
    key = keys.sent("test", "slack", channel)
    held = telling.state.get(key)
    if held and "external_id" in held.value:
        try:
            if said := str(held.value["external_id"]):
                chat.update(said, post)
                return said
        except Refused as refusal:
            telling.warn(f"the message of the tests in {channel} is posted anew: {refusal}")
        telling.state.write(Release(key))
    delivery = Delivery(key, lambda: chat.post(channel, post, key), lambda: chat.find(channel, key))
    said, fresh = deliver(delivery, telling.state, telling.clock, dead_after=telling.dead_after)
    if not fresh:
        chat.update(said, post)
    return said


def _post(history: History, entry: Entry) -> Post:
    opened = history.entries[0]
    seconds = (entry.at - opened.at).total_seconds()
    text = f"Middlewatch tested itself: {history.incident_id} came through alert, evidence, assessment and policy"
    line = f"⚪ {safe(text)} in {seconds:.1f} s ({moment(opened.at, day=True)})"
    return Post(f"{text} in {seconds:.1f} s", (section([line]),))
