"""When more goes wrong than a channel can take in an hour."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from functions.notification.notify import Telling, notify
from shared import facts, keys
from shared.config import Config, Storm
from shared.decide import Message
from shared.entry import Entry
from shared.errors import Refused, Unavailable
from shared.facts import Fact
from shared.history import History
from shared.target import Target
from tests.builders import Clock, a_config, a_proposal, a_service, an_alert, opened, requested
from tests.fakes.chat import MemoryChat, MemoryMail, Shown
from tests.fakes.store import MemoryStore

CHANNEL = "C0INCIDENTS"
SMALL = Storm(messages_per_hour=40, prompts_per_hour=4, emails_per_hour=3, reserve=0.5, together_seconds=300)


def target(name: str) -> Target:
    return Target(kind="ecs", account="123456789012", region="eu-west-1", name=f"shop/{name}")


def fleet(count: int, storm: Storm = SMALL, *, critical: tuple[int, ...] = ()) -> Config:
    services = [
        a_service(
            name=f"s{n}", target=target(f"s{n}"), tier="critical" if n in critical else "standard", mode="approve"
        )
        for n in range(count)
    ]
    return a_config(services=tuple(services), storm=storm, slack_app="A0MIDDLEWATCH")


@dataclass
class Night:
    """Many incidents at once, and the function that tells of them."""

    config: Config
    store: MemoryStore = field(default_factory=MemoryStore)
    chat: MemoryChat = field(default_factory=MemoryChat)
    mail: MemoryMail = field(default_factory=MemoryMail)
    clock: Clock = field(default_factory=Clock)
    has_chat: bool = True
    left: list[Entry] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def telling(self) -> Telling:
        return Telling(
            config=self.config,
            timeline=self.store,
            state=self.store,
            clock=self.clock,
            dead_after=timedelta(seconds=90),
            chat=self.chat if self.has_chat else None,
            mail=self.mail,
            recorded=lambda _: None,
            warn=lambda _: None,
            nobody_told=lambda _: None,
        )

    def happens(self, number: int, *happened: Fact) -> tuple[Entry, ...]:
        history = self.store.read(f"INC-{number}")
        cause = history.entries[-1].id if history.entries else "alert"
        grown = self.store.append(
            history or History(f"INC-{number}"), list(happened), actor="test", caused_by=cause, now=self.clock()
        )
        return grown.fresh

    def rings(self, number: int) -> None:
        alert = an_alert(title=f"s{number}-5xx", target=target(f"s{number}"), fingerprint=f"f{number}")
        self.tell(*self.happens(number, opened(alert=alert, service=f"s{number}")))

    def asks(self, number: int) -> str:
        proposal = a_proposal(id=f"INC-{number}-p1", target=target(f"s{number}"))
        proposed = facts.ActionProposed(proposal=proposal, proposal_hash=proposal.hash)
        self.tell(*self.happens(number, proposed), *self.happens(number, requested(proposal=proposal)))
        return str(proposal.hash)

    def escalates(self, number: int) -> None:
        self.tell(*self.happens(number, facts.IncidentEscalated(reason="nobody knows this")))

    def tell(self, *entries: Entry) -> None:
        """One turn for each; those that have to come back are kept."""
        for entry in entries:
            try:
                notify(Message(entry.incident_id, entry.id, entry.hash, entry.fact.type), self.telling)
            except Unavailable as error:
                self.left.append(entry)
                self.waits.append(error.retry_after or 0)

    def again(self, **later: float) -> None:
        """What had to come back does so."""
        self.clock.forward(**later)
        left, self.left = self.left, []
        self.tell(*left)

    def sent(self, number: int) -> list[facts.MessageSent]:
        return [e.fact for e in self.store.read(f"INC-{number}").entries if isinstance(e.fact, facts.MessageSent)]

    def told_of(self, kind: type[Fact]) -> list[bool]:
        """For every entry of that kind, whether a channel's answer stands on its timeline."""
        found = []
        for timeline in self.store.timelines.values():
            about = {e.fact.about for e in timeline if isinstance(e.fact, facts.MessageSent)}
            found += [e.id in about for e in timeline if isinstance(e.fact, kind)]
        return found

    def spent(self, name: str) -> int:
        item = self.store.get(keys.budget(f"{name}#{CHANNEL}", self.clock()))
        return item.count if item else 0

    @property
    def together(self) -> list[Shown]:
        return [shown for shown in self.chat.messages if "together" in shown.key]

    @property
    def prompts(self) -> list[Shown]:
        return [shown for shown in self.chat.top if "<!here>" in shown.lines and shown not in self.together]


def text(shown: Shown) -> str:
    return "\n".join(str(block["text"]["text"]) for block in shown.post.blocks if "text" in block)


def values(shown: Shown, action: str) -> list[str]:
    buttons = [each for block in shown.post.blocks for each in block.get("elements", ())]
    return [each["value"] for each in buttons if each["action_id"] == action]


def test_what_a_channel_has_room_for_is_told_one_by_one() -> None:
    night = Night(fleet(2))
    for number in range(2):
        night.rings(number)
        night.asks(number)

    assert len(night.prompts) == 2
    assert night.together == []
    assert night.left == []


def test_more_prompts_than_an_hour_has_room_for_become_one_message_that_names_each() -> None:
    night = Night(fleet(6))
    for number in range(6):
        night.rings(number)
        night.asks(number)
    night.again(seconds=301)

    assert len(night.prompts) == 2  # half of four; the rest is kept for critical services
    assert night.left == []
    named = "\n".join(text(shown) for shown in night.together)
    assert all(f"s{number}" in named for number in range(2, 6))
    assert all(night.told_of(facts.ApprovalRequested))
    assert night.spent("prompts") <= 4
    assert len(night.chat.messages) == night.spent("messages") <= 40


def test_each_question_told_together_can_be_answered_by_itself() -> None:
    night = Night(fleet(5))
    for number in range(5):
        night.rings(number)
        night.asks(number)
    night.again(seconds=301)

    waiting = [value for shown in night.together for value in values(shown, "approve")]
    asked = [
        e.id for n in range(2, 5) for e in night.store.read(f"INC-{n}").entries if e.fact.type == "ApprovalRequested"
    ]
    assert sorted(value.partition("#")[0] for value in waiting) == sorted(asked)


def test_a_question_that_was_answered_has_no_buttons_there_any_more() -> None:
    night = Night(fleet(4))
    for number in range(4):
        night.rings(number)
        night.asks(number)
    night.again(seconds=301)
    (shown,) = [shown for shown in night.together if "INC-3/" in str(values(shown, "approve"))]

    refused = facts.ApprovalRefused(proposal_id="INC-3-p1", person="ana", channel="slack", reason="a deploy is coming")
    night.tell(*night.happens(3, refused))

    assert "INC-3/" not in str(values(shown, "approve"))
    assert "Ana said no" in text(shown)


def test_critical_services_are_heard_from_what_is_kept_for_them_and_come_first() -> None:
    night = Night(fleet(9, critical=(4, 5, 8)))
    for number in range(9):
        night.rings(number)
        night.asks(number)
    night.again(seconds=301)

    alone = "\n".join(shown.lines for shown in night.prompts)
    assert "s4" in alone
    assert "s5" in alone
    late = next(shown for shown in night.together if "s8" in text(shown))
    assert text(late).index("*s8*") < min(text(late).find(f"*s{n}*") for n in (6, 7) if f"*s{n}*" in text(late))


def test_every_escalation_is_told_once_and_stands_on_its_timeline() -> None:
    night = Night(fleet(30))
    for number in range(30):
        night.rings(number)
        night.escalates(number)
    for _ in range(3):
        night.again(seconds=301)

    assert night.left == []
    assert all(night.told_of(facts.IncidentEscalated))
    assert all(night.store.read(f"INC-{n}").incident.unheard == {} for n in range(30))
    named = [f"INC-{n}`" for n in range(30) for shown in night.together if f"INC-{n}`" in text(shown)]
    assert len(named) == len(set(named))
    assert night.spent("messages") <= 40


def test_a_thread_gives_way_first() -> None:
    night = Night(fleet(1, Storm(messages_per_hour=24, prompts_per_hour=10, together_seconds=900)))
    night.rings(0)
    for _ in range(30):
        night.tell(*night.happens(0, facts.NoteAdded(person="ana", text="still looking")))
    night.escalates(0)

    assert len([shown for shown in night.chat.messages if shown.thread]) == 7  # with the message itself 40 % of 20
    assert len(night.prompts) == 1


def test_a_new_hour_has_room_again() -> None:
    night = Night(fleet(8))
    for number in range(4):
        night.rings(number)
        night.escalates(number)
    night.again(hours=1)
    assert night.left == []
    before = len(night.prompts)
    night.rings(5)
    night.escalates(5)

    assert len(night.prompts) == before + 1


def test_what_waits_comes_back_when_the_next_message_is_due() -> None:
    night = Night(fleet(6))
    for number in range(6):
        night.rings(number)
        night.escalates(number)

    assert night.waits
    assert all(0 < seconds <= 301 for seconds in night.waits)


def test_a_channel_that_refuses_the_message_is_on_every_timeline() -> None:
    night = Night(fleet(3))
    for number in range(3):
        night.rings(number)
        night.escalates(number) if number < 2 else None
    night.chat.fails = [Refused("no such channel")]
    night.escalates(2)

    failed = [e.fact for e in night.store.read("INC-2").entries if isinstance(e.fact, facts.MessageFailed)]
    assert [fact.why for fact in failed] == ["no such channel"]


def test_a_message_about_many_that_was_lost_on_its_way_is_said_again_and_the_same() -> None:
    night = Night(fleet(4))
    for number in range(3):
        night.rings(number)
        night.escalates(number) if number < 2 else None
    night.chat.fails = [Unavailable("Slack is busy")]
    night.escalates(2)
    assert night.together == []
    night.again(seconds=2)

    (shown,) = night.together
    assert "INC-2" in text(shown)
    assert all(night.told_of(facts.IncidentEscalated))


def test_attempts_that_fail_spend_as_well_so_that_a_budget_is_never_exceeded() -> None:
    night = Night(fleet(1, Storm(messages_per_hour=24, prompts_per_hour=4, reserve=0, together_seconds=900)))
    night.rings(0)
    night.chat.fails = [Unavailable("Slack is busy")] * 50
    night.escalates(0)
    for _ in range(30):
        night.again(seconds=10)

    assert night.spent("messages") <= 24
    assert night.spent("prompts") <= 4


def test_a_storm_of_escalations_is_no_storm_of_letters() -> None:
    night = Night(fleet(10))
    for number in range(10):
        night.rings(number)
        night.escalates(number)

    assert len(night.mail.letters) == 3


def test_where_letters_are_the_only_way_what_finds_no_room_comes_back() -> None:
    night = Night(fleet(5), has_chat=False)
    for number in range(5):
        night.rings(number)
        night.escalates(number)
    assert len(night.mail.letters) == 3
    assert len(night.left) == 2
    night.again(hours=1)

    assert len(night.mail.letters) == 5
    assert all(night.told_of(facts.IncidentEscalated))


def test_many_that_wait_are_told_on_pages_of_one_thread() -> None:
    storm = Storm(messages_per_hour=60, prompts_per_hour=1, reserve=0, together_seconds=900)
    night = Night(fleet(150, storm))
    for number in range(150):
        night.rings(number)
        night.escalates(number)
    night.again(seconds=901)
    night.again(seconds=901)

    assert night.left == []
    assert all(night.told_of(facts.IncidentEscalated))
    assert max(len(text(shown)) for shown in night.together) < 12_000
    assert max(len(shown.post.blocks) for shown in night.together) <= 50
    (page, *_) = [shown for shown in night.together if shown.thread]
    assert page.thread in {shown.id for shown in night.together}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [({"calm": 0.9}, "could not end"), ({"messages_per_hour": 20}, "more than half of messages_per_hour")],
)
def test_a_storm_that_makes_no_sense_is_refused(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        Storm(**changes)
