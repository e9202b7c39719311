"""A test of Middlewatch itself is told once, in one place, and wakes nobody."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from functions.notification.notify import Telling, notify
from shared import facts
from shared.decide import Message
from shared.entry import Entry
from shared.errors import Refused, Unavailable
from shared.facts import Fact
from shared.history import History
from tests.builders import T0, Clock, a_config, an_alert, more, opened, types
from tests.fakes.chat import MemoryChat, MemoryMail
from tests.fakes.store import MemoryStore

ANSWERED = facts.DryRunCompleted(stage="policy_gate", would="said deny: nothing is known of it")


@dataclass
class Watch:
    chat: MemoryChat | None = field(default_factory=MemoryChat)
    channel: str = "C0CANARY"
    store: MemoryStore = field(default_factory=MemoryStore)
    mail: MemoryMail = field(default_factory=MemoryMail)
    clock: Clock = field(default_factory=lambda: Clock(T0 + timedelta(seconds=9)))
    alarms: list[Entry] = field(default_factory=list)
    number: int = 0

    @property
    def telling(self) -> Telling:
        return Telling(
            config=a_config(canary_channel=self.channel),
            timeline=self.store,
            state=self.store,
            clock=self.clock,
            dead_after=timedelta(seconds=90),
            chat=self.chat,
            mail=self.mail,
            recorded=lambda _: None,
            warn=lambda _: None,
            nobody_told=self.alarms.append,
        )

    @property
    def slack(self) -> MemoryChat:
        assert self.chat
        return self.chat

    def test(self, *happened: Fact) -> History:
        """One test in which this happened, each of it told twice."""
        self.number += 1
        name = f"INC-T{self.number}"
        first = opened(alert=an_alert(target=None, fingerprint=name), test=True, service="")
        history = self.store.append(History(name), [first], actor="alert_intake", caused_by=name, now=T0)
        history = more(history, *happened, store=self.store)
        for entry in history.entries * 2:
            notify(Message(name, entry.id, entry.hash, entry.fact.type), self.telling)
        return self.store.read(name)


def test_all_tests_share_one_message_that_is_kept_current() -> None:
    watch = Watch()

    watch.test(ANSWERED)
    history = watch.test(ANSWERED)

    (message,) = watch.slack.messages
    assert (message.channel, message.edits, message.buttons) == ("C0CANARY", 1, [])
    assert "INC-T2" in message.lines
    assert "<!" not in message.lines.replace("<!date", "")
    assert types(history) == ["IncidentOpened", "DryRunCompleted", "MessageSent"]


def test_without_a_channel_it_says_what_it_would_have_said() -> None:
    for watch in (Watch(channel=""), Watch(chat=None)):
        said = watch.test(ANSWERED).entries[-1].fact

        assert isinstance(said, facts.DryRunCompleted)
        assert said.stage == "notification"
        assert "INC-T1 came through" in said.would
        assert watch.chat is None or watch.chat.messages == []


def test_nothing_that_happens_in_a_test_wakes_anybody() -> None:
    watch = Watch()

    watch.test(facts.IncidentEscalated(reason="nothing moves"), facts.IncidentStalled(since=1, times=2))

    assert (watch.slack.messages, watch.mail.letters, watch.alarms) == ([], [], [])


def test_a_message_that_was_deleted_is_posted_anew() -> None:
    watch = Watch()
    watch.test(ANSWERED)
    watch.slack.messages.clear()

    assert types(watch.test(ANSWERED))[-1] == "MessageSent"
    assert [message.edits for message in watch.slack.messages] == [0]


def test_a_channel_that_refuses_is_tried_again_by_the_next_test() -> None:
    watch = Watch(chat=MemoryChat(fails=[Refused("not in channel")]))

    assert types(watch.test(ANSWERED))[-1] == "MessageFailed"
    assert types(watch.test(ANSWERED))[-1] == "MessageSent"


def test_a_slack_that_does_not_answer_brings_the_message_back() -> None:
    watch = Watch(chat=MemoryChat(fails=[Unavailable("throttled")]))

    with pytest.raises(Unavailable):
        watch.test(ANSWERED)
    (history,) = [watch.store.read(name) for name in watch.store.timelines]
    assert types(history)[-1] == "DryRunCompleted"
