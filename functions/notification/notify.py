"""Which fact tells what to whom, and the telling: every message once, every channel on its own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from html import unescape
from typing import Any

from functions.notification.budget import Kind, postage, price
from functions.notification.letter import letter
from functions.notification.quiet import quietly
from functions.notification.render import Scene, ask, call, card, detail
from functions.notification.together import Together
from shared import facts, keys
from shared.config import Config
from shared.decide import Message, pointed_at, settle
from shared.entry import Entry
from shared.errors import Exhausted, Refused, Taken, Unavailable
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident
from shared.perform import Delivery, deliver
from shared.ports import Chat, Clock, Item, Mail, Post, State, Timeline
from shared.writes import Put, Release, Spend

CARD, SHOWN = "card", "shown"
"""Keys of what was sent: the one message per incident, and which version of the timeline it shows."""
ROUNDS = 5
"""How often a message is rendered again because the timeline moved meanwhile, before it is left to the queue."""
LATER = 900.0
"""Seconds until we try again what this hour has no room for, and no other channel can say."""
SOON = 2.0
"""Seconds until we look again whether another attempt has posted the incident's message."""
POSTING = 4.0
"""Seconds that posting it may take; where it is not there by then, its sender must be dead before it is looked for."""
LEFT_OVER = timedelta(days=90)
"""How long the marker of an attempt that died is kept: longer than any message about its entry may come again."""
KEPT_CURRENT = 3
"""Of an incident's questions and calls, so many of the newest are kept current."""

_IN_THREAD = (
    facts.EvidenceCollected, facts.AssessmentMade, facts.ActionDenied, facts.ApprovalGiven, facts.ApprovalRefused,
    facts.ApprovalExpired, facts.ProposalVoided, facts.ActionApproved, facts.ActionStarted, facts.ActionCompleted,
    facts.ActionFailed, facts.ActionRefused, facts.ActionHeld, facts.ActionOutcomeUnknown, facts.RecoveryVerified,
    facts.RecoveryFailed, facts.RecoveryInconclusive, facts.AlertJoined, facts.AlertResolved, facts.AlertFlapped,
    facts.IncidentAcknowledged, facts.IncidentResolved, facts.IncidentReopened, facts.IncidentClosed,
    facts.InvestigationRequested, facts.IncidentStalled, facts.TicketCreated, facts.NoteAdded,
)  # fmt: skip
_SETTLES = (
    facts.ActionProposed, facts.ApprovalGiven, facts.ApprovalRefused, facts.ApprovalExpired, facts.ProposalVoided,
    facts.ActionDenied, facts.ActionApproved, facts.ActionStarted, facts.ActionCompleted, facts.ActionFailed,
    facts.ActionRefused, facts.ActionOutcomeUnknown, facts.RecoveryVerified, facts.RecoveryFailed,
    facts.RecoveryInconclusive, facts.IncidentAcknowledged, facts.IncidentResolved, facts.IncidentClosed,
)  # fmt: skip
"""What changes a question or a call that was posted before."""
_FAILURES = (facts.ActionFailed, facts.ActionOutcomeUnknown, facts.IncidentStalled)
"""They call a person by themselves."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What telling needs; a channel that is None is not configured. `dead_after` is the time-out and a margin.

    `recorded` hears each history that grew, for the log; `warn` what was refused without being a failure; `nobody_told`
    raises the alarm for a call that no channel took.
    """

    config: Config
    timeline: Timeline
    state: State
    clock: Clock
    dead_after: timedelta
    chat: Chat | None
    mail: Mail | None
    recorded: Callable[[History], None]
    warn: Callable[[str], None]
    nobody_told: Callable[[Entry], None]


def notify(message: Message, telling: Telling) -> History:
    """Tells what the entry is worth telling on every channel; raises Unavailable while one still has to be told.

    The new messages come first, because they wake somebody; a channel that fails holds up no other.
    """
    history = telling.timeline.read(message.incident_id)
    entry = pointed_at(history, message)
    if history.incident.test:
        return quietly(history, entry, telling)
    later: list[Unavailable] = []
    channels: list[Callable[[], None]] = []
    if telling.mail:
        channels.append(_ByMail(telling, telling.mail, history, entry).tell)
    if telling.chat:
        by_chat = _ByChat(telling, telling.chat, history, entry, _past(history, telling.state))
        channels = [by_chat.tell, *channels, by_chat.keep_current]
    for say in channels:
        try:
            say()
        except Unavailable as error:
            later.append(error)
    if later:
        soonest = min(error.retry_after or 0 for error in later)
        raise Unavailable("; ".join(map(str, later)), retry_after=soonest or None)
    if subject(history, entry):
        history = telling.timeline.read(message.incident_id)
        if not _anybody_told(history, entry):
            telling.nobody_told(entry)
    return history


def subject(history: History, entry: Entry) -> Entry | None:
    """The entry that the new message about `entry` is about, or None where it is worth no message of its own.

    Two entries with one subject (a failure, or a ring after an escalation, and the escalation that follows from it; an
    escalation and the question that comes with it) are told by one message.
    """
    incident = history.incident
    match entry.fact:
        case facts.ApprovalRequested() | facts.ActionFailed() | facts.ActionOutcomeUnknown():
            return entry
        case facts.IncidentEscalated():
            together = (e for e in history.entries if (e.caused_by, e.actor) == (entry.caused_by, entry.actor))
            asked = (e for e in together if isinstance(e.fact, facts.ApprovalRequested))
            return next(asked, None) or _call_behind(history, entry) or entry
        case facts.IncidentStalled(times=times) if times > 1:
            return entry
        case facts.ApprovalReminded(proposal_id=proposal_id) if incident.work[proposal_id].standing == "awaiting":
            return entry
        case _ if _rings_on(incident, entry) and incident.status == "open" and not incident.acknowledged_by:
            return entry
    return None


def _call_behind(history: History, entry: Entry) -> Entry | None:
    """What this escalation follows from, where that called a person already."""
    if not entry.caused_by.startswith(f"{history.incident_id}/"):
        return None
    cause = history.entry(entry.caused_by)
    return cause if isinstance(cause.fact, _FAILURES) or _rings_on(history.incident, cause) else None


def _rings_on(incident: Incident, entry: Entry) -> bool:
    """Whether it rings once more after people were called."""
    match entry.fact:
        case facts.AlertRepeated() | facts.AlertJoined(again=True):
            return incident.escalated_at is not None and incident.escalated_at < entry.at
    return False


def _past(history: History, state: State) -> Sequence[Mapping[str, Any]]:
    target = history.incident.target
    return tuple(item.value for item in state.listed(keys.actions(target.key), limit=5).items) if target else ()


def _anybody_told(history: History, entry: Entry) -> bool:
    about = {entry.id, *(each.id for each in [subject(history, entry)] if each)}
    return any(isinstance(e.fact, facts.MessageSent) and e.fact.about in about for e in history.entries)


def _told(
    history: History,
    entry: Entry,
    about: Entry,
    channel: str,
    summary: str,
    delivery: Delivery,
    telling: Telling,
    spend: Sequence[Spend],
) -> bool:
    """Says it once, and records that, or why it was refused, as the channel's answer; whether this call said it.

    What calls people and was refused may be said when it is published again, and is a second answer then. Raises
    Exhausted where the hour has no room for it.
    """
    said, why, together = False, "", 0
    try:
        external_id, said = deliver(delivery, telling.state, telling.clock, dead_after=telling.dead_after, spend=spend)
    except Refused as refusal:
        external_id, why = "", str(refusal)
    else:
        held = None if said else telling.state.get(delivery.key)
        together = int(held.value.get("together", 0)) if held else 0
        why = str(held.value.get("refused", "")) if held else ""
    name, fact = f"notification/{channel}", _failed(channel, about, why)
    if external_id:
        summary = unescape(summary)[:300]
        fact = facts.MessageSent(
            channel=channel, about=about.id, external_id=external_id, summary=summary, together=together
        )

    def unless_recorded(history: History, _now: datetime) -> Sequence[Fact]:
        """Two entries with one subject share one message, and so one line."""
        return [] if any(each.fact == fact for each in history.entries) else [fact]

    failed = external_id and any(
        isinstance(each.fact, facts.MessageFailed) and (each.actor, each.caused_by) == (name, entry.id)
        for each in history.entries
    )
    cause = f"{entry.id}/again" if failed else entry.id
    grown = settle(entry.incident_id, unless_recorded, telling.timeline, telling.clock, actor=name, caused_by=cause)
    if grown.fresh:
        telling.recorded(grown)
    if not external_id and not isinstance(about.fact, facts.IncidentOpened | facts.IncidentResolved):
        with suppress(Taken):
            telling.state.write(Release(delivery.key, when={"external_id": "", "refused": why}))
    return said


def _failed(channel: str, about: Entry, why: str) -> Fact:
    return facts.MessageFailed(channel=channel, about=about.id, why=why or "it was refused before")


@dataclass(frozen=True, slots=True)
class _ByMail:
    """E-mail: for an escalation, and for the end of an incident that was one."""

    telling: Telling
    mail: Mail
    history: History
    entry: Entry

    def tell(self) -> None:
        history = self.history
        ended = isinstance(self.entry.fact, facts.IncidentResolved) and history.incident.escalated_at
        if not ended and not isinstance(self.entry.fact, facts.IncidentEscalated):
            return
        mail = letter(Scene(history, self.telling.config, self.telling.clock()), self.entry)
        key = keys.sent(history.incident_id, "email", self.entry.id)
        # A sent e-mail cannot be looked up: an attempt that may have failed is repeated once it must be dead.
        delivery = Delivery(key, lambda: self.mail.send(mail.subject, mail.text, mail.html), lambda: None)
        spend = postage(self.telling.config.storm, self.telling.clock())
        try:
            _told(history, self.entry, self.entry, "email", mail.subject, delivery, self.telling, spend)
        except Exhausted as spent:
            if self.telling.chat is None and not ended:
                raise Unavailable(f"{spent}, and there is no other channel", retry_after=LATER) from spent
            self.telling.warn(f"no e-mail about {self.entry.id}: {spent}; the chat tells of it")


@dataclass(frozen=True, slots=True)
class _ByChat:
    """Chat: one message per incident kept current, its thread, and new messages for whatever needs a person."""

    telling: Telling
    chat: Chat
    history: History
    entry: Entry
    past: Sequence[Mapping[str, Any]] = field(default=())

    def tell(self) -> None:
        """The new message that this entry is worth."""
        history = self.history
        about = subject(history, self.entry)
        if about is None:
            return
        key, post = self._key(about.id), self._new(history, about)
        said = self._say(self.entry, about, key, post, "prompt")
        self._current(self._said(key), lambda fresh: self._new(fresh, about), _version(history) if said else 0)

    def _say(self, entry: Entry, about: Entry, key: str, post: Post, kind: Kind) -> bool:
        """Says it by itself, or together with others where the hour has no room; whether this call said it by itself.

        Raises Unavailable while it waits to be told together.
        """
        scene, telling = self._scene(self.history), self.telling
        channel = scene.channel
        critical = scene.service is not None and scene.service.tier == "critical"
        delivery = Delivery(key, lambda: self.chat.post(channel, post, key), lambda: self.chat.find(channel, key))
        spend = price(telling.config.storm, channel, kind, telling.clock(), critical=critical)
        together = Together(telling, self.chat, channel)
        told = partial(_told, self.history, entry, about, "slack", post.text, delivery, telling)
        if not together.waits(about):
            try:
                return told(spend)
            except Exhausted:
                together.wait(scene, about)
        together.say()
        if together.waits(about):
            reason = f"{about.id} waits to be told together with others in {channel}"
            raise Unavailable(reason, retry_after=together.next_turn())
        return told(())

    def keep_current(self) -> None:
        """The incident's one message, a line in its thread, and what was asked before and is settled by this entry."""
        history = self.history
        parent = self._card(history)
        if parent and isinstance(self.entry.fact, _IN_THREAD):
            self._reply(parent)
        if isinstance(self.entry.fact, _SETTLES):
            sent = [e.fact for e in history.entries if isinstance(e.fact, facts.MessageSent) and _is_call(e)]
            newest = {fact.external_id: fact for fact in sent if fact.about != history.entries[0].id}
            for said, fact in list(newest.items())[-KEPT_CURRENT:]:
                about = history.entry(fact.about)
                if fact.together:
                    self._renewed(said, about)
                else:
                    self._current(said, lambda fresh, about=about: self._new(fresh, about), 0)  # type: ignore[misc]

    def _renewed(self, said: str, about: Entry) -> None:
        """A question that was told together with others: it is decided there as well."""
        held = self.telling.state.get(self._key(about.id))
        if held and "turn" in held.value and isinstance(about.fact, facts.ApprovalRequested):
            channel = self._scene(self.history).channel
            Together(self.telling, self.chat, channel).renew(said, int(held.value["turn"]))

    def _card(self, history: History) -> str:
        """Posts the incident's message or brings it up to date; its id, empty where it has none of its own."""
        key, scene, opening = self._key(CARD), self._scene(history), history.entries[0]
        held = self.telling.state.get(key)
        if held is None or "external_id" not in held.value or not history.answered(opening.id, by="notification/slack"):
            waits = Together(self.telling, self.chat, scene.channel).waits
            if opening != self.entry and waits(opening):
                return ""  # its own turn has it told together with others
            try:
                self._say(opening, opening, key, card(scene), "card")
            except Unavailable as error:
                if waits(opening):
                    if opening != self.entry:
                        return ""
                    raise
                # Where another attempt is posting it, what this one has to add does not wait until that must be dead,
                # unless it seems to be: every look counts towards the dead letters.
                soon = held is not None and self._since(held) < POSTING
                raise Unavailable(str(error), retry_after=SOON if soon else error.retry_after) from error
        said = self._said(key)
        if said:
            self._show(history, said)
        return said

    def _since(self, held: Item) -> float:
        """Seconds since somebody began to say it."""
        claimed_at = held.value.get("claimed_at")
        return (self.telling.clock() - datetime.fromisoformat(claimed_at)).total_seconds() if claimed_at else 0.0

    def _show(self, history: History, said: str) -> None:
        """Renders the incident's message, unless a timeline at least as new has been rendered already.

        The marker stands while an update of this cause may overwrite a newer one: an attempt that finds one knows that
        another died there, and renders whatever was shown since.
        """
        shown, marker = self._key(SHOWN), self._key(f"render/{self.entry.seq}")
        seen = self.telling.state.get(shown)
        if seen and seen.value["version"] >= _version(history) and self.telling.state.get(marker) is None:
            return
        self.telling.state.write(Put(marker, {}, expires_at=self.telling.clock() + LEFT_OVER))
        version = self._current(said, lambda fresh: card(self._scene(fresh)), 0)
        self.telling.state.write(Put(shown, {"version": version}), Release(marker))

    def _reply(self, parent: str) -> None:
        key, post, channel = self._key(f"thread/{self.entry.seq}"), detail(self.entry), parent.partition("/")[0]
        reply = Delivery(
            key, lambda: self.chat.post(channel, post, key, parent), lambda: self.chat.find(channel, key, parent)
        )
        now = self.telling.clock()
        spend = price(self.telling.config.storm, self._scene(self.history).channel, "line", now)
        try:
            deliver(reply, self.telling.state, self.telling.clock, dead_after=self.telling.dead_after, spend=spend)
        except (Exhausted, Refused) as error:
            self.telling.warn(f"no line in the thread of {self.entry.incident_id}: {error}")

    def _current(self, said: str, render: Callable[[History], Post], shown: int) -> int:
        """Makes the message say what the newest timeline says; returns that version, `shown` is what it says now."""
        history = self.history
        for _ in range(ROUNDS):
            if not said:
                return _version(history)
            if _version(history) != shown:
                try:
                    self.chat.update(said, render(history))
                except Refused as refusal:
                    self.telling.warn(f"message {said} of {self.entry.incident_id} stays as it is: {refusal}")
                    return _version(history)
                shown = _version(history)
            history = self.telling.timeline.read(self.entry.incident_id)
            if _version(history) == shown:
                return shown
        raise Unavailable(f"{self.entry.incident_id} moves faster than its messages can follow", retry_after=SOON)

    def _new(self, history: History, about: Entry) -> Post:
        scene = self._scene(history)
        match about.fact:
            case facts.ApprovalRequested():
                return ask(scene, about)
            case facts.ApprovalReminded(proposal_id=proposal_id):
                asked = [e for e in history.entries[: about.seq] if isinstance(e.fact, facts.ApprovalRequested)]
                return ask(scene, next(e for e in reversed(asked) if _asks_of(e, proposal_id)), reminds=True)
        return call(scene, about)

    def _scene(self, history: History) -> Scene:
        return Scene(history, self.telling.config, self.telling.clock(), self.past)

    def _key(self, about: str) -> str:
        return keys.sent(self.entry.incident_id, "slack", about)

    def _said(self, key: str) -> str:
        """The id of its own message; empty where it has none, or is named in a message about many."""
        held = self.telling.state.get(key)
        return str(held.value.get("external_id", "")) if held and "together" not in held.value else ""


def _version(history: History) -> int:
    """How far the timeline is, not counting what we ourselves said."""
    return next(
        e.seq for e in reversed(history.entries) if not isinstance(e.fact, facts.MessageSent | facts.MessageFailed)
    )


def _is_call(entry: Entry) -> bool:
    return entry.actor == "notification/slack"


def _asks_of(entry: Entry, proposal_id: str) -> bool:
    return isinstance(entry.fact, facts.ApprovalRequested) and entry.fact.proposal_id == proposal_id
