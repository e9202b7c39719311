"""What finds no room of its own in a channel's hour is told together: one message that names many, now and then.

What waits is a list in the state table, critical services first. Whoever finds that nothing was said in this turn
(`together_seconds` of the clock) says it; what it says is fixed beforehand, so that a second attempt says the same.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from functions.notification.budget import price
from functions.notification.render import Scene, brief, mention
from shared import facts, keys
from shared.entry import Entry
from shared.errors import Exhausted, Refused, Taken, Unavailable
from shared.history import History
from shared.mrkdwn import Block, actions, section
from shared.perform import Delivery, deliver
from shared.ports import Chat, Post
from shared.writes import Claim, Put, Release

if TYPE_CHECKING:
    from functions.notification.notify import Telling

IN_FULL = 8
"""Questions that stand in the message with their buttons; the others are named, with how to see them."""
ON_A_PAGE = 60
PAGES = 5
"""Incidents on a page, and pages: the message, then its thread. Slack takes some 13,000 characters in a message."""
IN_A_LINE = 12
KEPT = timedelta(days=2)
_CALLS = (
    facts.ApprovalRequested, facts.ApprovalReminded, facts.IncidentEscalated, facts.ActionFailed,
    facts.ActionOutcomeUnknown, facts.IncidentStalled, facts.AlertRepeated, facts.AlertJoined,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Together:
    """Telling of many at once in one channel."""

    telling: "Telling"
    chat: Chat
    channel: str

    def waits(self, about: Entry) -> bool:
        """Whether this was told to wait before."""
        return self.telling.state.get(keys.waits(about.incident_id, about.seq)) is not None

    def wait(self, scene: Scene, about: Entry) -> None:
        """Puts it on the list of what is told together next."""
        service = scene.service
        value = {
            "incident_id": about.incident_id,
            "about": about.seq,
            "line": mention(scene, about),
            "asks": isinstance(about.fact, facts.ApprovalRequested),
            "calls": isinstance(about.fact, _CALLS),
            "mention": scene.mention,
        }
        first = 0 if service and service.tier == "critical" else 1
        place = f"{first}{0 if value['asks'] else 1 if value['calls'] else 2}|{about.at.isoformat()}"
        self.telling.state.write(
            Put(
                keys.waits(about.incident_id, about.seq),
                value,
                listed=(keys.waiting(self.channel), place),
                expires_at=self.telling.clock() + KEPT,
            )
        )

    def say(self) -> None:
        """Tells what waits, if nothing was told together in this turn; raises Unavailable where that must come back."""
        now = self.telling.clock()
        every = self.telling.config.storm.together_seconds
        turn = int(now.timestamp() // every)
        key = keys.sent("together", "slack", f"{self.channel}/{turn}")
        held = self.telling.state.get(key)
        if held and "external_id" in held.value and held.value.get("all"):
            return
        members = self._fixed(turn, now)
        if not members:
            return
        try:
            said = self._deliver(key, "", self._front(members))
        except Refused as refusal:
            self._told(members, {"external_id": "", "refused": str(refusal)})
            return
        rest = members[ON_A_PAGE:]
        told = list(members[:ON_A_PAGE])
        for number in range(1, PAGES):
            page = rest[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
            if not page:
                break
            try:
                self._deliver(f"{key}/{number}", said, Post("More that waits", tuple(_sections(page))))
            except (Exhausted, Refused) as error:
                self.telling.warn(f"what waits in {self.channel} is not told as a whole: {error}")
                break
            told += page
        self._told(told, {"external_id": said, "together": len(_incidents(members)), "turn": turn})
        self.telling.state.write(Put(key, {"external_id": said, "all": True}, expires_at=now + KEPT))

    def next_turn(self) -> float:
        """Seconds until something may be told together again."""
        every = self.telling.config.storm.together_seconds
        return every - self.telling.clock().timestamp() % every + 1

    def renew(self, said: str, turn: int) -> None:
        """Brings the questions in an earlier message up to date: what is decided has no buttons any more."""
        fixed = self.telling.state.get(keys.together(self.channel, turn))
        if fixed is None:
            return
        try:
            self.chat.update(said, self._front(fixed.value["members"]))
        except Refused as refusal:
            self.telling.warn(f"message {said} stays as it is: {refusal}")

    def _fixed(self, turn: int, now: datetime) -> Sequence[Mapping[str, Any]]:
        """What this turn's message tells of, decided once."""
        state, key = self.telling.state, keys.together(self.channel, turn)
        page = state.listed(keys.waiting(self.channel), limit=ON_A_PAGE * PAGES, newest_first=False)
        if page.items:
            with suppress(Taken):
                state.write(Claim(key, {"members": [item.value for item in page.items]}, expires_at=now + KEPT))
        fixed = state.get(key)
        return fixed.value["members"] if fixed else ()

    def _front(self, members: Sequence[Mapping[str, Any]]) -> Post:
        """The message itself: the first questions in full, then the others of its page."""
        full = [member for member in members if member["asks"]][:IN_FULL]
        others = [member for member in members[:ON_A_PAGE] if member not in full]
        calls = [member for member in members if member["calls"]]
        names = " ".join(list(dict.fromkeys(str(member["mention"]) for member in calls))[:IN_A_LINE])
        count = len(_incidents(members))
        head = f"{count} incidents at once" if count > 1 else "One more incident"
        lines = [
            f"🔴 {names} *{head}*".replace("  ", " "),
            "This hour has had its messages for one incident each; critical services come first here."
            + (" More in the thread." if len(members) > ON_A_PAGE else ""),
            "`/middlewatch open` lists all that is open, `/middlewatch show` and an id shows one with its buttons.",
        ]
        blocks: list[Block] = [section(lines)]
        for member in full:
            history = self.telling.timeline.read(member["incident_id"])
            said, buttons = brief(self._scene(history), history.entries[int(member["about"]) - 1])
            blocks += [section(said), *actions(buttons)]
        return Post(f"{head}, told together", (*blocks, *_sections(others)))

    def _scene(self, history: History) -> Scene:
        return Scene(history, self.telling.config, self.telling.clock())

    def _deliver(self, key: str, thread: str, post: Post) -> str:
        """Says one page; raises Unavailable where the hour has no room for the first one."""
        spend = price(self.telling.config.storm, self.channel, "together", self.telling.clock())
        delivery = Delivery(
            key,
            lambda: self.chat.post(self.channel, post, key, thread),
            lambda: self.chat.find(self.channel, key, thread),
        )
        state, clock = self.telling.state, self.telling.clock
        try:
            said, _ = deliver(delivery, state, clock, dead_after=self.telling.dead_after, spend=spend)
        except Exhausted as spent:
            if thread:
                raise
            raise Unavailable(str(spent), retry_after=self.next_turn()) from spent
        if not said:
            held = state.get(key)
            raise Refused(str(held.value.get("refused", "")) if held else "it was refused before")
        return said

    def _told(self, members: Sequence[Mapping[str, Any]], outcome: Mapping[str, Any]) -> None:
        """Leaves each incident's own turn the answer of the channel, and takes it off the list."""
        for member in members:
            incident_id, about = str(member["incident_id"]), int(member["about"])
            key = keys.sent(incident_id, "slack", "card" if about == 1 else f"{incident_id}/{about}")
            waits = Release(keys.waits(incident_id, about))
            try:
                self.telling.state.write(Claim(key, outcome), waits)
            except Taken:
                held = self.telling.state.get(key)
                spoken = held is not None and "external_id" in held.value
                self.telling.state.write(*([] if spoken else [Put(key, outcome)]), waits)


def _incidents(members: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(member["incident_id"]) for member in members))


def _sections(members: Sequence[Mapping[str, Any]]) -> list[Block]:
    """One line for each incident, so many to a block that Slack takes it."""
    lines = list({str(member["incident_id"]): str(member["line"]) for member in reversed(members)}.values())[::-1]
    return [section(lines[start : start + IN_A_LINE]) for start in range(0, len(lines), IN_A_LINE)]
