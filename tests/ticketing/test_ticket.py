from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.ticketing.describe import escaped
from functions.ticketing.ticket import MOST_UPDATES, Ticketing, ticket
from shared import facts
from shared.config import Config, Jira
from shared.entry import Entry
from shared.errors import Refused, Unavailable, Unclear
from shared.facts import Fact
from tests.builders import INCIDENT, Clock, opened
from tests.fakes.store import MemoryStore
from tests.fakes.tickets import MemoryTickets, Ticket
from tests.notification.story import ALERT, CONFIG, append, heard_by, moments, pointer

WITH_JIRA = CONFIG.model_copy(update={"default_jira": Jira(project="OPS", type="Incident")})


@dataclass
class Desk:
    """The ticketing function, and what it writes to."""

    store: MemoryStore = field(default_factory=MemoryStore)
    tickets: MemoryTickets | None = field(default_factory=MemoryTickets)
    clock: Clock = field(default_factory=Clock)
    config: Config = WITH_JIRA
    notes: list[str] = field(default_factory=list)

    def happens(self, *happened: Fact, actor: str = "test") -> tuple[Entry, ...]:
        entries = append(self.store, actor, list(happened))
        self.clock.now = max(self.clock.now, entries[-1].at)
        return entries

    def answer(self, *entries: Entry) -> None:
        ticketing = Ticketing(
            config=self.config,
            timeline=self.store,
            state=self.store,
            clock=self.clock,
            dead_after=timedelta(seconds=90),
            tickets=self.tickets,
            note=self.notes.append,
        )
        for entry in entries:
            if entry.fact.type in heard_by("ticketing"):
                ticket(pointer(entry), ticketing)

    def answered(self, *happened: Fact) -> None:
        self.answer(*self.happens(*happened))

    def story(self, *, refused: bool = False) -> None:
        for actor, happened in moments(refused=refused):
            if actor != "ticketing":
                self.answer(*self.happens(*happened, actor=actor))

    @property
    def jira(self) -> MemoryTickets:
        assert self.tickets
        return self.tickets

    @property
    def only(self) -> Ticket:
        (found,) = self.jira.tickets
        return found

    def made(self, kind: type[Fact]) -> list[Fact]:
        return [entry.fact for entry in self.store.read(INCIDENT).entries if isinstance(entry.fact, kind)]


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.answered(opened(alert=ALERT, service="payments"))
    return desk


ESCALATED = facts.IncidentEscalated(reason="nobody knows this")


def test_an_incident_that_needs_nobody_gets_no_ticket(desk: Desk) -> None:
    desk.answered(facts.IncidentResolved(reason="quiet", close_at=desk.clock.now))
    assert not desk.jira.tickets


def test_an_escalation_gets_one_ticket_in_its_teams_project(desk: Desk) -> None:
    desk.answered(ESCALATED)
    assert (desk.only.project, desk.only.kind) == ("OPS", "Incident")
    assert desk.only.summary == "[critical] payments: payments-5xx"
    assert desk.only.label == f"middlewatch-{INCIDENT}"
    assert "nobody knows this" in desk.only.description
    assert desk.made(facts.TicketCreated) == [
        facts.TicketCreated(key="OPS-1", url="https://jira.shop.example/browse/OPS-1")
    ]


def test_the_story_is_commented_and_the_ticket_moves_with_it() -> None:
    desk = Desk()
    desk.story()
    assert desk.only.state == "Done"
    assert [text.split(": ", 1)[1].split("\n", maxsplit=1)[0] for text in desk.only.comments] == [
        "ana approved on slack.",
        "Starting restart_service on ecs:shop/payments.",
        "The action took effect; whether it helped is checked from 03:10:00 UTC.",
        "Recovered: the rollout finished, the alarm reads OK, server errors 31 → 0 for 3 min.",
        "Resolved: the action helped, and every alarm stayed clear.",
    ]
    moved = [fact for fact in desk.made(facts.TicketUpdated) if isinstance(fact, facts.TicketUpdated)]
    assert [fact.change for fact in moved if fact.change != "commented"] == ["moved to In Progress", "moved to Done"]


def test_a_refusal_is_commented() -> None:
    desk = Desk()
    desk.story(refused=True)
    assert "ana said no on slack: a deploy is coming" in desk.only.comments[-1]


def test_a_second_escalation_is_a_comment(desk: Desk) -> None:
    desk.answered(ESCALATED)
    desk.answered(facts.IncidentEscalated(reason="it rings again"))
    assert "it rings again" in desk.only.comments[0]


def test_a_redelivery_creates_comments_and_moves_nothing_twice() -> None:
    desk = Desk()
    desk.story()
    before = desk.store.read(INCIDENT).entries, list(desk.only.comments)
    desk.answer(*before[0])
    assert (desk.store.read(INCIDENT).entries, desk.only.comments) == before


def test_a_ticket_whose_creation_was_not_confirmed_is_found_by_its_label(desk: Desk) -> None:
    (escalated,) = desk.happens(ESCALATED)
    desk.jira.lost = [Unclear("no answer")]
    with pytest.raises(Unavailable):
        desk.answer(escalated)
    desk.answer(escalated)
    assert desk.only.key == "OPS-1"
    assert len(desk.made(facts.TicketCreated)) == 1


def test_a_comment_that_was_not_confirmed_is_found_by_its_mark(desk: Desk) -> None:
    desk.answered(ESCALATED)
    (again,) = desk.happens(facts.IncidentEscalated(reason="it rings again"))
    desk.jira.lost = [Unclear("no answer")]
    with pytest.raises(Unavailable):
        desk.answer(again)
    desk.answer(again)
    assert len(desk.only.comments) == 1


def test_what_follows_an_escalation_waits_for_its_ticket_even_out_of_order(desk: Desk) -> None:
    (escalated,) = desk.happens(ESCALATED)
    (taken,) = desk.happens(facts.IncidentAcknowledged(person="ana", channel="slack"))
    desk.answer(taken, escalated)
    assert desk.only.state == "In Progress"
    assert len(desk.only.comments) == 1


def test_a_jira_that_is_down_is_tried_again_when_it_asks_for_it(desk: Desk) -> None:
    (escalated,) = desk.happens(ESCALATED)
    desk.jira.fails = [Unavailable("busy", retry_after=30)]
    with pytest.raises(Unavailable) as later:
        desk.answer(escalated)
    assert later.value.retry_after == 30
    desk.answer(escalated)
    assert desk.only.key == "OPS-1"


def test_a_ticket_that_jira_refuses_is_recorded_with_the_reason_and_not_tried_for_ever(desk: Desk) -> None:
    desk.jira.fails = [Refused("there is no such project")]
    desk.answered(ESCALATED)
    desk.answered(facts.IncidentAcknowledged(person="ana", channel="slack"))
    assert not desk.jira.tickets
    (failed,) = desk.made(facts.MessageFailed)
    assert isinstance(failed, facts.MessageFailed)
    assert failed.why == "there is no such project"


def test_without_jira_there_is_no_ticket_and_a_note(desk: Desk) -> None:
    desk.tickets = None
    desk.answered(ESCALATED)
    assert "gets no ticket" in desk.notes[0]


def test_without_a_project_there_is_no_ticket_and_a_note(desk: Desk) -> None:
    desk.config = CONFIG
    desk.answered(ESCALATED)
    assert not desk.jira.tickets
    assert "gets no ticket" in desk.notes[0]


def test_a_ticket_is_commented_a_bounded_number_of_times(desk: Desk) -> None:
    desk.answered(ESCALATED)
    for _ in range(MOST_UPDATES + 5):
        desk.answered(facts.IncidentEscalated(reason="again"))
    assert len(desk.only.comments) == MOST_UPDATES


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mailto:eve@evil", "m\u2060ailto:eve@evil"),
        ("www.evil.example", "w\u2060ww.evil.example"),
        ("*bold* _it_ -gone-", "\\*bold* \\_it_ \\-gone-"),
        ("(/) done", "\\(/) done"),
        ("orders-5xx_a", "orders-5xx_a"),
    ],
)
def test_what_jira_would_mark_up_by_itself_stays_text(text: str, shown: str) -> None:
    assert escaped(text) == shown


@given(st.text())
def test_nothing_from_outside_is_markup_in_a_ticket(text: str) -> None:
    shown = escaped(text)
    assert "\n" not in shown
    assert "://" not in shown
    bare = shown.replace("\\\\", "")
    for mark in "{}[]|!":
        assert bare.count(mark) == bare.count("\\" + mark)


def test_a_test_of_ours_gets_no_ticket_even_where_it_is_escalated() -> None:
    desk = Desk()
    desk.answered(opened(alert=ALERT, service="payments", test=True))
    desk.answered(facts.IncidentEscalated(reason="nothing moves"))

    assert desk.jira.tickets == []
