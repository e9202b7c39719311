import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from os import environ
from pathlib import Path
from typing import Any

import pytest

from functions.notification.notify import Telling, notify
from shared import facts, keys
from shared.alert import as_text
from shared.decide import Message
from shared.entry import Entry
from shared.errors import Refused, Unavailable, Unclear
from shared.facts import Fact
from shared.history import History
from shared.writes import Claim, Put, Write
from tests.builders import INCIDENT, Clock, opened, proposed, requested
from tests.fakes.chat import MemoryChat, MemoryMail, Shown
from tests.fakes.store import MemoryStore
from tests.notification.story import ALERT, CONFIG, EVIDENCE, PROPOSAL, VERDICT, append, heard_by, moments, pointer

SNAPSHOT = Path(__file__).with_name("payments.txt")


@dataclass
class Watch:
    """A notification function and what it speaks to."""

    store: MemoryStore = field(default_factory=MemoryStore)
    chat: MemoryChat | None = field(default_factory=MemoryChat)
    mail: MemoryMail | None = field(default_factory=MemoryMail)
    clock: Clock = field(default_factory=Clock)
    warnings: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    recorded: list[str] = field(default_factory=list)

    @property
    def telling(self) -> Telling:
        return Telling(
            config=CONFIG,
            timeline=self.store,
            state=self.store,
            clock=self.clock,
            dead_after=timedelta(seconds=90),
            chat=self.chat,
            mail=self.mail,
            recorded=lambda history: self.recorded.extend(entry.fact.type for entry in history.fresh),
            warn=self.warnings.append,
            nobody_told=lambda entry: self.alarms.append(entry.fact.type),
        )

    @property
    def slack(self) -> MemoryChat:
        assert self.chat
        return self.chat

    def happens(self, *happened: Fact, actor: str = "test", caused_by: str = "") -> tuple[Entry, ...]:
        entries = append(self.store, actor, list(happened), caused_by)
        self.clock.now = max(self.clock.now, entries[-1].at)
        return entries

    def tell(self, *entries: Entry) -> None:
        for entry in entries:
            if entry.fact.type in heard_by("notification"):
                notify(pointer(entry), self.telling)

    def told(self, *happened: Fact, caused_by: str = "") -> None:
        self.tell(*self.happens(*happened, caused_by=caused_by))

    def sent(self, kind: type[Fact] = facts.MessageSent) -> list[tuple[str, str]]:
        found = [entry.fact for entry in self.store.read(INCIDENT).entries if isinstance(entry.fact, kind)]
        return [(fact.channel, fact.about.rpartition("/")[2]) for fact in found]  # type: ignore[union-attr]

    def escalated(self, reason: str = "nobody knows this") -> Entry:
        return self.happens(facts.IncidentEscalated(reason=reason))[0]


@pytest.fixture
def watch() -> Watch:
    """A watch over `payments`, whose incident is open and told."""
    watch = Watch()
    watch.told(opened(alert=ALERT, service="payments"))
    return watch


@pytest.fixture
def asked() -> Watch:
    """A watch over `payments` that waits for a yes."""
    watch = Watch()
    watch.told(opened(alert=ALERT, service="payments"))
    watch.told(EVIDENCE)
    watch.told(VERDICT, facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash))
    watch.told(requested(proposal=PROPOSAL))
    return watch


def question(watch: Watch) -> Shown:
    (found,) = [message for message in watch.slack.top if "your yes or no" in message.lines]
    return found


def yes(person: str = "ana") -> facts.ApprovalGiven:
    return facts.ApprovalGiven(proposal_id=PROPOSAL.id, proposal_hash=PROPOSAL.hash, person=person, channel="slack")


def test_one_message_per_incident_is_kept_current(watch: Watch) -> None:
    assert "investigating" in watch.slack.top[0].lines
    watch.told(EVIDENCE)
    watch.told(VERDICT, facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash))
    (card,) = watch.slack.top
    assert "the policy decides" in card.lines
    assert "Restart shop/payments" in card.lines
    assert watch.sent() == [("slack", "1")]


def test_the_question_is_a_new_message_that_wakes_who_is_on_call(asked: Watch) -> None:
    assert "<!subteam^S0PAYMENTS>" in question(asked).lines
    assert question(asked).buttons == ["approve", "reject", "timeline", "take"]
    assert "<!" not in asked.slack.top[0].lines.replace("<!date", "")


def test_buttons_carry_ids_and_a_yes_the_hash_of_what_was_shown(asked: Watch) -> None:
    values = {
        element["action_id"]: element["value"]
        for block in question(asked).post.blocks
        for element in block.get("elements", ())
    }
    ((request, wanted),) = [
        (entry, entry.fact)
        for entry in asked.store.read(INCIDENT).entries
        if isinstance(entry.fact, facts.ApprovalRequested)
    ]
    assert values == {
        "approve": f"{request.id}#{wanted.proposal_hash}",
        "reject": request.id,
        "timeline": f"{INCIDENT}/1",
        "take": f"{INCIDENT}/1",
    }


def test_approving_asks_once_more_and_says_exactly_what_would_be_done(asked: Watch) -> None:
    approve = question(asked).post.blocks[-1]["elements"][0]
    assert approve["confirm"]["title"]["text"] == "Restart shop/payments?"
    assert approve["confirm"]["text"]["text"] == "replaces 4 tasks, rolling, about 3 min"


def test_the_buttons_give_way_to_what_was_decided(asked: Watch) -> None:
    message = question(asked)
    asked.told(yes())
    assert message.buttons == ["timeline"]
    assert "approved by Ana at" in message.lines


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (facts.ApprovalRefused(proposal_id=PROPOSAL.id, person="ana", channel="slack", reason="no"), "Ana said no: no"),
        (facts.ApprovalExpired(proposal_id=PROPOSAL.id), "nobody answered in time; nothing was done"),
        (facts.ProposalVoided(proposal_id=PROPOSAL.id, why="the alarm cleared"), "withdrawn: the alarm cleared"),
        (facts.ActionDenied(proposal_id=PROPOSAL.id, reasons=("budget",), config_digest="c"), "policy says no: budget"),
    ],
)
def test_every_end_of_a_question_is_said_where_the_buttons_were(asked: Watch, fact: Fact, said: str) -> None:
    message = question(asked)
    asked.told(fact)
    assert message.buttons == ["timeline"]
    assert said in message.lines


def test_a_question_says_who_may_answer_why_it_is_asked_and_what_happens_without_a_click(watch: Watch) -> None:
    watch.told(facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash))
    watch.told(requested(proposal=PROPOSAL, reasons=("the service is critical", "x" * 90, "y" * 90)))
    told = re.sub(r"<!date[^|]*\|([^>]*)>", r"\1", question(watch).lines)
    assert "May approve: on-call (Ana, Bo), until 03:30 UTC" in told
    assert f"Asked because: the service is critical; {'x' * 90}; and 1 more" in told
    assert "No click: nothing is done; on call is reminded at 03:15 UTC and paged again at 03:30 UTC" in told


def test_a_newer_proposal_takes_the_buttons_from_the_older_question(asked: Watch) -> None:
    message = question(asked)
    asked.told(proposed(id=f"{INCIDENT}-p2", target=PROPOSAL.target, revision=2))
    assert message.buttons == ["timeline"]
    assert "replaced by a newer proposal" in message.lines


def test_a_question_with_a_quorum_keeps_its_buttons_until_enough_agreed(watch: Watch) -> None:
    watch.told(facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash))
    watch.told(requested(proposal=PROPOSAL, quorum=2))
    watch.told(yes())
    assert "(2 needed, so far Ana)" in question(watch).lines
    assert "approve" in question(watch).buttons


def test_a_question_and_the_escalation_that_comes_with_it_are_one_message(watch: Watch) -> None:
    watch.told(facts.ActionProposed(proposal=PROPOSAL, proposal_hash=PROPOSAL.hash))
    entries = watch.happens(facts.IncidentEscalated(reason="critical"), requested(proposal=PROPOSAL))
    watch.tell(*entries)
    assert len(watch.slack.top) == 2
    assert "approve" in watch.slack.top[1].buttons
    assert {about for channel, about in watch.sent() if channel == "slack"} == {"1", entries[1].id.rpartition("/")[2]}


def test_a_failure_and_the_escalation_that_follows_from_it_are_one_message(asked: Watch) -> None:
    before = len(asked.slack.top)
    (failed,) = asked.happens(facts.ActionFailed(proposal_id=PROPOSAL.id, why="access denied"))
    asked.tell(failed)
    (escalated,) = asked.happens(facts.IncidentEscalated(reason="the action failed"), caused_by=failed.id)
    asked.tell(escalated)
    (call,) = asked.slack.top[before:]
    assert "needs a person" in call.lines
    assert "access denied" in call.lines
    assert asked.mail
    assert len(asked.mail.letters) == 1


def test_nobody_is_mentioned_once_somebody_took_it(watch: Watch) -> None:
    watch.told(facts.IncidentAcknowledged(person="ana", channel="slack"))
    watch.tell(watch.escalated())
    assert "<!subteam" not in watch.slack.top[1].lines
    assert "take" not in watch.slack.top[0].buttons
    assert "taken by Ana" in watch.slack.top[0].lines


def test_a_reminder_asks_again_with_the_same_buttons_while_it_is_still_open(asked: Watch) -> None:
    asked.told(facts.ApprovalReminded(proposal_id=PROPOSAL.id))
    reminder = asked.slack.top[-1]
    assert "still needs your yes or no" in reminder.lines
    assert reminder.buttons == question_buttons()
    asked.told(yes())
    assert reminder.buttons == ["timeline"]


def question_buttons() -> list[str]:
    return ["approve", "reject", "timeline", "take"]


def test_a_reminder_that_comes_too_late_says_nothing(asked: Watch) -> None:
    asked.told(yes())
    asked.told(facts.ApprovalExpired(proposal_id=PROPOSAL.id))
    before = len(asked.slack.top)
    asked.told(facts.ApprovalReminded(proposal_id=PROPOSAL.id))
    assert len(asked.slack.top) == before


def test_an_escalated_incident_that_rings_on_is_told_again(watch: Watch) -> None:
    repeated = facts.AlertRepeated(fingerprint="f1", title="payments-5xx", count=100)
    watch.told(repeated)
    assert len(watch.slack.top) == 1
    watch.tell(watch.escalated())
    watch.told(repeated)
    assert "still needs a person, and rings again" in watch.slack.top[-1].lines


def test_a_ring_after_an_escalation_and_the_escalation_that_follows_from_it_are_one_message(watch: Watch) -> None:
    watch.tell(watch.escalated())
    before = len(watch.slack.top)
    watch.clock.forward(seconds=1)
    (rings,) = watch.happens(facts.AlertJoined(alert=ALERT, again=True))
    (escalated,) = watch.happens(facts.IncidentEscalated(reason="it rings again after an action"), caused_by=rings.id)
    watch.tell(rings, escalated)
    assert [message.lines.count("rings again") for message in watch.slack.top[before:]] == [1]
    watch.happens(facts.IncidentAcknowledged(person="ana", channel="slack"))
    watch.tell(rings, escalated)
    assert len(watch.slack.top) == before + 1


def test_a_ring_whose_message_is_late_is_no_second_call_after_the_first_escalation(watch: Watch) -> None:
    (rings,) = watch.happens(facts.AlertJoined(alert=ALERT, again=True))
    watch.clock.forward(seconds=1)
    (escalated,) = watch.happens(facts.IncidentEscalated(reason="it rings again after an action"), caused_by=rings.id)
    before = len(watch.slack.top)
    watch.tell(escalated, rings)
    assert len(watch.slack.top) == before + 1


def test_the_first_stall_wakes_nobody_and_the_second_does(watch: Watch) -> None:
    watch.told(facts.IncidentStalled(since=1, times=1))
    assert len(watch.slack.top) == 1
    watch.told(facts.IncidentStalled(since=1, times=2))
    assert "nothing moves here" in watch.slack.top[1].lines


def test_details_go_to_the_thread_with_their_citations(asked: Watch) -> None:
    thread = [message.lines for message in asked.slack.messages if message.thread == asked.slack.top[0].id]
    assert any("`e1`" in lines for lines in thread)
    assert any("[e2]" in lines for lines in thread)


def test_a_redelivered_message_says_nothing_twice(asked: Watch) -> None:
    before = len(asked.slack.messages), asked.store.read(INCIDENT).entries
    asked.tell(*[entry for entry in asked.store.read(INCIDENT).entries if not entry.actor.startswith("notification")])
    assert (len(asked.slack.messages), asked.store.read(INCIDENT).entries) == before


def test_a_post_whose_reply_was_lost_is_found_and_not_said_again(watch: Watch) -> None:
    escalated = watch.escalated()
    watch.slack.lost = [Unclear("no answer")]
    with pytest.raises(Unavailable):
        watch.tell(escalated)
    watch.tell(escalated)
    assert len(watch.slack.top) == 2
    assert ("slack", str(escalated.seq)) in watch.sent()


def test_what_waits_for_a_message_comes_back_soon_and_where_its_sender_died_once_that_one_must_be_dead() -> None:
    watch = Watch()
    watch.happens(opened(alert=ALERT, service="payments"))
    (evidence,) = watch.happens(EVIDENCE)
    watch.store.write(Claim(keys.sent(INCIDENT, "slack", "card"), {"claimed_at": as_text(watch.clock.now)}))
    waits = []
    for seconds in (0, 2, 4):
        watch.clock.forward(seconds=seconds)
        with pytest.raises(Unavailable) as later:
            watch.tell(evidence)
        waits.append(later.value.retry_after)
    assert waits == [2, 2, 84]
    watch.clock.forward(seconds=84)
    watch.tell(evidence)
    assert len(watch.slack.top) == 1


def test_a_chat_that_is_down_holds_up_no_e_mail_and_is_tried_again(watch: Watch) -> None:
    escalated = watch.escalated()
    watch.slack.fails = [Unavailable("busy", retry_after=7), Unavailable("busy", retry_after=7)]
    with pytest.raises(Unavailable) as later:
        watch.tell(escalated)
    assert later.value.retry_after == 7
    assert watch.mail
    assert len(watch.mail.letters) == 1
    watch.tell(escalated)
    assert len(watch.mail.letters) == 1
    assert {channel for channel, about in watch.sent() if about == str(escalated.seq)} == {"slack", "email"}


def test_an_e_mail_that_fails_holds_up_no_chat(watch: Watch) -> None:
    escalated = watch.escalated()
    assert watch.mail
    watch.mail.fails = [Unavailable("throttled")]
    with pytest.raises(Unavailable):
        watch.tell(escalated)
    assert len(watch.slack.top) == 2
    watch.tell(escalated)
    assert len(watch.mail.letters) == 1
    assert len(watch.slack.top) == 2


def test_a_channel_that_refuses_is_recorded_with_the_reason_and_others_are_told(watch: Watch) -> None:
    escalated = watch.escalated()
    watch.slack.fails = [Refused("the bot is not in this channel: invite it there")]
    watch.tell(escalated)
    assert watch.sent(facts.MessageFailed) == [("slack", str(escalated.seq))]
    assert watch.recorded[-2:] == ["MessageFailed", "MessageSent"]
    assert not watch.alarms


def test_a_call_that_no_channel_took_raises_the_alarm(watch: Watch) -> None:
    escalated = watch.escalated()
    assert watch.mail
    watch.slack.fails = [Refused("no")]
    watch.mail.fails = [Refused("no")]
    watch.tell(escalated)
    assert watch.alarms == ["IncidentEscalated"]


def test_a_call_that_every_channel_refused_is_said_once_when_it_is_published_again_after_they_were_mended(
    watch: Watch,
) -> None:
    (escalated,) = watch.happens(facts.IncidentEscalated(reason="it is critical"), caused_by="a person")
    before = len(watch.slack.top)
    assert watch.mail
    for _ in range(2):
        watch.slack.fails, watch.mail.fails = [Refused("the token is wrong")], [Refused("the token is wrong")]
        watch.tell(escalated)
    assert len(watch.sent(facts.MessageFailed)) == 2
    assert watch.store.read(INCIDENT).incident.calls

    for _ in range(3):
        watch.tell(escalated)

    assert (len(watch.slack.top), len(watch.mail.letters)) == (before + 1, 1)
    assert [channel for channel, about in watch.sent() if about == str(escalated.seq)] == ["slack", "email"]
    assert not watch.store.read(INCIDENT).incident.calls
    assert len(watch.alarms) == 2


def test_a_call_where_no_channel_is_configured_raises_the_alarm() -> None:
    watch = Watch(chat=None, mail=None)
    watch.told(opened(alert=ALERT, service="payments"))
    watch.tell(watch.escalated())
    assert watch.alarms == ["IncidentEscalated"]


def test_the_end_is_mailed_to_those_who_were_mailed_before(watch: Watch) -> None:
    done = facts.IncidentResolved(reason="it stayed quiet", close_at=watch.clock.now)
    watch.told(done)
    assert watch.mail
    assert not watch.mail.letters
    watch.tell(watch.escalated())
    watch.told(done)
    assert [subject for subject, _, _ in watch.mail.letters] == [
        f"[{INCIDENT}] payments needs a person",
        f"[{INCIDENT}] payments resolved",
    ]


def test_facts_that_arrive_in_the_wrong_order_end_in_the_same_message() -> None:
    first, second = Watch(), Watch()
    for watch in (first, second):
        entries = [e for _, happened in moments() for e in append(watch.store, "test", happened)]
        watch.clock.now = entries[-1].at
        watch.tell(*(entries if watch is first else reversed(entries)))
    assert first.slack.top[0].lines == next(m for m in second.slack.top if m.key.endswith("#card")).lines


def test_an_older_rendering_that_comes_last_is_put_right(watch: Watch) -> None:
    """Another attempt appends and renders between this one's reading and its update."""

    class Racing(MemoryChat):
        def update(self, message_id: str, post: Any) -> None:
            if not self.views:
                self.views["raced"] = {}
                watch.happens(facts.IncidentAcknowledged(person="ana", channel="slack"))
            super().update(message_id, post)

    racing = Racing(messages=watch.slack.messages, numbers=watch.slack.numbers)
    watch.chat = racing
    watch.told(EVIDENCE)
    assert "taken by Ana" in racing.top[0].lines


def test_an_attempt_that_died_while_updating_is_made_good_by_the_next(watch: Watch) -> None:
    (evidence,) = watch.happens(EVIDENCE)
    watch.slack.fails = [Unavailable("cut off")]
    with pytest.raises(Unavailable):
        watch.tell(evidence)
    watch.told(facts.IncidentAcknowledged(person="ana", channel="slack"))
    stale = watch.slack.top[0].post
    edits = watch.slack.top[0].edits
    watch.tell(evidence)
    assert watch.slack.top[0].edits == edits + 1
    assert watch.slack.top[0].post == stale
    assert watch.store.get(keys.sent(INCIDENT, "slack", f"render/{evidence.seq}")) is None


class Remembering(MemoryStore):
    """Keeps every marker of an update that was put there."""

    def write(self, *writes: Write) -> None:
        super().write(*writes)
        self.markers = [
            *getattr(self, "markers", ()),
            *(w for w in writes if isinstance(w, Put) and "render/" in w.key),
        ]


def test_a_marker_that_a_dead_attempt_leaves_behind_is_not_kept_for_ever() -> None:
    watch = Watch(store=(store := Remembering()))
    watch.told(opened(alert=ALERT, service="payments"))
    assert store.markers
    assert all(each.expires_at and each.expires_at > watch.clock() + timedelta(days=14) for each in store.markers)


def test_a_message_that_somebody_deleted_is_a_warning_and_stops_nothing(watch: Watch) -> None:
    watch.slack.messages.clear()
    watch.told(facts.IncidentAcknowledged(person="ana", channel="slack"))
    assert any("stays as it is" in warning for warning in watch.warnings)


def test_what_it_says_itself_never_comes_back_to_it() -> None:
    assert not heard_by("notification") & {"MessageSent", "MessageFailed", "TicketUpdated"}


def test_a_forged_message_is_refused(watch: Watch) -> None:
    entry = watch.escalated()
    with pytest.raises(Refused):
        notify(Message(INCIDENT, entry.id, "0" * 64, "IncidentEscalated"), watch.telling)


def test_every_message_of_the_story_is_at_most_twelve_lines_and_within_slacks_limits() -> None:
    for shown in every_moment():
        assert len(shown.lines.splitlines()) <= 12
        assert len(shown.lines) <= 3000
        assert len(shown.post.blocks) <= 50


def test_the_messages_of_the_story_read_as_they_did() -> None:
    text = "".join(
        f"--- {shown.id} {' '.join(f'[{each}]' for each in shown.buttons)}\n{shown.lines}\n> {shown.post.text}\n"
        for shown in every_moment()
    )
    if environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text, "utf-8")
    assert text == SNAPSHOT.read_text("utf-8"), "read it; if it is better now: UPDATE_SNAPSHOTS=1"


def every_moment() -> list[Shown]:
    """Each message of the channel as it was after each moment of the story in which it changed."""
    watch, seen, found = Watch(), dict[str, str](), list[Shown]()
    for actor, happened in moments():
        watch.tell(*watch.happens(*happened, actor=actor))
        for message in watch.slack.top:
            content = json.dumps(message.post.blocks)
            if seen.get(message.id) != content:
                seen[message.id] = content
                found.append(Shown(**vars(message)))
    return found


def test_the_history_of_the_story_holds_each_new_message_once() -> None:
    watch = Watch()
    for actor, happened in moments():
        watch.tell(*watch.happens(*happened, actor=actor))
    history: History = watch.store.read(INCIDENT)
    sent = [
        (entry.fact.channel, entry.fact.about) for entry in history.entries if isinstance(entry.fact, facts.MessageSent)
    ]
    assert len(sent) == len(set(sent)) == 4
