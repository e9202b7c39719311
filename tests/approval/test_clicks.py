from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from hypothesis import given
from hypothesis import strategies as st

from functions.approval.decide_click import Deciding, decide_click, read_click
from shared import facts
from shared.click import Click
from shared.config import Slack
from shared.errors import Conflict, Refused, Unavailable
from shared.facts import Fact
from shared.history import History
from tests.builders import (
    INCIDENT,
    T0,
    TARGET,
    Clock,
    a_config,
    a_history,
    a_person,
    a_proposal,
    approved,
    more,
    proposed,
    requested,
)
from tests.fakes.chat import MemoryChat
from tests.fakes.store import MemoryStore

ANA = a_person(slack=(Slack(user="U0ANA", team="T0SHOP"), Slack(user="U0ANA2", team="T0SHOP")))
BO = a_person(id="bo", name="Bo", slack=(Slack(user="U0BO", team="T0SHOP"),))
CY = a_person(id="cy", name="Cy", slack=(Slack(user="U0CY", team="T0SHOP"),), groups=("developers",))
USERS = {"ana": "U0ANA", "bo": "U0BO", "cy": "U0CY"}


@dataclass
class Desk:
    """The incident that waits for a yes in entry 3, and the function that decides clicks."""

    store: MemoryStore = field(default_factory=MemoryStore)
    chat: MemoryChat = field(default_factory=MemoryChat)
    clock: Clock = field(default_factory=lambda: Clock(T0 + timedelta(minutes=5)))
    config: dict[str, Any] = field(default_factory=dict)
    clicks: int = 0

    def __post_init__(self) -> None:
        if not self.store.timelines:
            a_history(proposed(), requested(), store=self.store)

    def press(self, button: str = "approve", who: str = "ana", **changes: Any) -> str:
        """A new click; what the clicker was told."""
        self.clicks += 1
        given: dict[str, Any] = {
            "id": f"click{self.clicks}",
            "user": USERS.get(who, who),
            "team": "T0SHOP",
            "channel": "C0INCIDENTS",
            "button": button,
            "value": f"{INCIDENT}/3" if button != "take" else f"{INCIDENT}/1",
            "clicked_at": self.clock.now,
            "proposal_hash": self.shown,
            "seal": "sealed",
        }
        return self.decide(Click(**(given | changes)))

    def decide(self, click: Click) -> str:
        config = a_config(**({"people": (ANA, BO, CY)} | self.config))
        logger = Logger(service="test", level="CRITICAL")
        self.chat.whispers.clear()
        decide_click(click, Deciding(config, self.store, self.chat, self.clock, logger))
        return self.chat.whispers[-1][2] if self.chat.whispers else ""

    def happens(self, *happened: Fact) -> None:
        more(self.store.read(INCIDENT), *happened, store=self.store)

    @property
    def shown(self) -> str:
        """The hash of the proposal that the question is about."""
        (first, *_) = self.store.read(INCIDENT).incident.work.values()
        return first.proposal.hash

    @property
    def made(self) -> list[Fact]:
        """What clicks made of the incident."""
        return [entry.fact for entry in self.store.read(INCIDENT).entries if entry.actor == "approval"]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_entitled_person_approves_exactly_this_proposal(desk: Desk) -> None:
    assert "Your yes to restart_service on shop/orders counts" in desk.press(reason="it is safe")
    assert [told[:2] for told in desk.chat.whispers] == [("C0INCIDENTS", "U0ANA")]
    assert desk.made == [
        facts.ApprovalGiven(
            proposal_id=a_proposal().id,
            proposal_hash=a_proposal().hash,
            person="ana",
            channel="slack",
            reason="it is safe",
            given_at=desk.clock.now,
            seal="sealed",
        )
    ]


def test_a_yes_without_a_seal_changes_nothing_and_says_why(desk: Desk) -> None:
    assert "older than the release that runs now" in desk.press(seal="")
    assert [fact.type for fact in desk.made] == ["ClickDeclined"]


def test_a_yes_to_something_else_than_what_was_asked_changes_nothing(desk: Desk) -> None:
    assert "what you were shown is not what was asked" in desk.press(proposal_hash="0" * 64)
    assert [fact.type for fact in desk.made] == ["ClickDeclined"]


def test_a_no_needs_no_seal(desk: Desk) -> None:
    assert "Your no counts" in desk.press("reject", seal="", proposal_hash="")


def test_one_no_is_enough_and_carries_its_reason(desk: Desk) -> None:
    assert "Your no counts" in desk.press("reject", reason="a deploy is coming")
    (refused,) = desk.made
    assert isinstance(refused, facts.ApprovalRefused)
    assert refused.reason == "a deploy is coming"


def test_a_second_click_does_nothing_and_says_so(desk: Desk) -> None:
    desk.press()
    assert desk.press() == "Nothing was changed: you already approved this at 03:05 UTC."
    assert [fact.type for fact in desk.made] == ["ApprovalGiven", "ClickDeclined"]


def test_the_same_human_with_another_account_counts_once(desk: Desk) -> None:
    desk.happens(requested(quorum=2))
    desk.press(value=f"{INCIDENT}/4")
    assert "you already approved this" in desk.press(who="U0ANA2", value=f"{INCIDENT}/4")


def test_two_people_make_a_quorum_of_two(desk: Desk) -> None:
    desk.happens(requested(quorum=2))
    assert "1 of 2; 1 more needed" in desk.press(value=f"{INCIDENT}/4")
    assert "The policy has the last word" in desk.press(who="bo", value=f"{INCIDENT}/4")


def test_the_second_of_two_approvers_hears_who_was_first(desk: Desk) -> None:
    desk.press()
    assert desk.press(who="bo") == "Nothing was changed: already approved by Ana at 03:05 UTC."


def test_a_yes_after_a_no_does_nothing(desk: Desk) -> None:
    desk.press("reject", reason="not now")
    assert desk.press(who="bo") == "Nothing was changed: Ana said no at 03:05 UTC: not now."


def test_a_no_after_a_yes_still_counts_until_it_is_approved(desk: Desk) -> None:
    desk.happens(requested(quorum=2))
    desk.press(value=f"{INCIDENT}/4")
    assert "Your no counts" in desk.press("reject", value=f"{INCIDENT}/4")


def test_a_no_comes_too_late_once_the_policy_let_it_go(desk: Desk) -> None:
    desk.press()
    desk.happens(approved(approved_by=("ana",)))
    assert "already approved by Ana" in desk.press("reject", who="bo")


def test_a_stranger_is_refused_and_told(desk: Desk) -> None:
    assert desk.press(who="U0NOBODY") == "Nothing was changed: you are not in config/people.yaml."
    (declined,) = desk.made
    assert isinstance(declined, facts.ClickDeclined)
    assert declined.person == "slack:T0SHOP/U0NOBODY"


def test_the_same_user_id_in_another_workspace_is_a_stranger(desk: Desk) -> None:
    assert "you are not in config/people.yaml" in desk.press(team="T0OTHER")


def test_a_person_of_another_group_is_told_who_may(desk: Desk) -> None:
    assert desk.press(who="cy") == "Nothing was changed: you may not decide this; may decide: on-call."


def test_an_empty_list_of_approvers_means_nobody(desk: Desk) -> None:
    desk.happens(requested(approvers=()))
    for who in USERS:
        assert "nobody, as no approver is named" in desk.press(who=who, value=f"{INCIDENT}/4")


def test_who_proposed_it_may_not_approve_it_but_may_take_it_back() -> None:
    store = MemoryStore()
    own = a_proposal(author="ana")
    a_history(proposed(author="ana"), requested(proposal=own), store=store)
    desk = Desk(store)
    assert "you proposed this yourself" in desk.press()
    assert "Your no counts" in desk.press("reject")


EXPIRES = T0 + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("clicked", "now", "counts"),
    [
        (EXPIRES - timedelta(milliseconds=1), EXPIRES - timedelta(milliseconds=1), True),
        (EXPIRES, EXPIRES, False),
        (EXPIRES - timedelta(milliseconds=1), EXPIRES, False),
        (EXPIRES + timedelta(milliseconds=1), EXPIRES - timedelta(milliseconds=1), False),
    ],
    ids=["just in time", "too late", "in time but decided too late", "a clock that runs ahead"],
)
def test_a_click_counts_only_before_it_expires(clicked: datetime, now: datetime, *, counts: bool) -> None:
    desk = Desk(clock=Clock(now))
    said = desk.press(clicked_at=clicked)
    assert ("counts" in said) == counts
    assert counts or "it expired at 03:30 UTC; nothing will be done" in said


def test_a_click_after_the_alarm_cleared_says_that_it_was_withdrawn(desk: Desk) -> None:
    desk.happens(facts.ProposalVoided(proposal_id=a_proposal().id, why="the alarm cleared at 03:04"))
    assert desk.press() == "Nothing was changed: the proposal was withdrawn: the alarm cleared at 03:04."


STARTED = facts.ActionStarted(
    proposal_id=a_proposal().id, proposal_hash=a_proposal().hash, action="restart_service", target=TARGET, before={}
)
COMPLETED = facts.ActionCompleted(proposal_id=a_proposal().id, after={}, check_at=T0)


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (
            [facts.ActionDenied(proposal_id=a_proposal().id, reasons=("a freeze",), config_digest="c" * 64)],
            "the policy says no: a freeze",
        ),
        ([approved()], "the policy let it go without a person"),
        (
            [approved(), facts.ActionRefused(proposal_id=a_proposal().id, why="the alarm has cleared")],
            "it is over: the alarm has cleared",
        ),
        (
            [approved(), STARTED, facts.ActionFailed(proposal_id=a_proposal().id, why="ECS said no")],
            "it is over: ECS said no",
        ),
        (
            [approved(), STARTED, facts.ActionOutcomeUnknown(proposal_id=a_proposal().id, why="no reply")],
            "it is over: no reply",
        ),
        ([approved(), STARTED], "the policy let it go without a person"),
        ([approved(), STARTED, COMPLETED], "the policy let it go without a person"),
        (
            [approved(), facts.ActionRefused(proposal_id=a_proposal().id, why="it is old", again=True)],
            "the policy is deciding about it again; wait for its question",
        ),
    ],
    ids=["denied", "let go", "refused", "failed", "unknown", "started", "completed", "asked again"],
)
@pytest.mark.parametrize("button", ["approve", "reject"])
def test_a_click_on_what_is_settled_says_how_it_was_settled(
    desk: Desk, happened: list[Fact], said: str, button: str
) -> None:
    desk.happens(*happened)
    assert desk.press(button) == f"Nothing was changed: {said}."
    assert [fact.type for fact in desk.made] == ["ClickDeclined"]


def test_a_click_that_came_from_nowhere_counts_and_is_answered_nowhere(desk: Desk) -> None:
    assert desk.press(channel="") == ""
    assert [fact.type for fact in desk.made] == ["ApprovalGiven"]


def test_a_click_after_expiry_was_recorded_says_when(desk: Desk) -> None:
    desk.happens(facts.ApprovalExpired(proposal_id=a_proposal().id))
    assert desk.press() == "Nothing was changed: it expired at 03:30 UTC; nothing will be done."


def test_a_click_on_a_replaced_proposal_shows_what_replaced_it(desk: Desk) -> None:
    desk.happens(proposed(id=f"{INCIDENT}-p2", revision=2, effect="replaces 2 tasks"))
    said = desk.press()
    assert said == "Nothing was changed: replaced by revision 2: restart_service on ecs:shop/orders, replaces 2 tasks."


def test_a_question_that_was_asked_anew_is_answered_there(desk: Desk) -> None:
    desk.happens(requested(quorum=2))
    assert "has changed since this question" in desk.press()


def test_a_button_of_anything_but_a_question_changes_nothing_and_says_so(desk: Desk) -> None:
    assert desk.press(value=f"{INCIDENT}/1") == "Nothing was changed: this button belongs to no question."


@pytest.mark.parametrize("value", [f"{INCIDENT}/1", f"{INCIDENT}/99", f"{INCIDENT}/x", f"{INCIDENT}/٣"])
def test_a_value_that_points_at_no_question_changes_nothing(desk: Desk, value: str) -> None:
    assert desk.press(value=value).startswith("Nothing was changed")
    assert [fact.type for fact in desk.made] == ["ClickDeclined"]


@pytest.mark.parametrize("value", ["", "/", "INC-OTHER/3", "x"])
def test_a_value_that_points_at_no_incident_changes_nothing(desk: Desk, value: str) -> None:
    assert desk.press(value=value) == "Nothing was changed: this button belongs to no incident."
    assert not desk.made


def test_taking_it_makes_it_mine_and_the_next_one_hears_so(desk: Desk) -> None:
    assert "It is yours" in desk.press("take", who="cy")
    assert desk.press("take", who="cy") == "Nothing was changed: you have it already."
    assert desk.press("take") == "Nothing was changed: Cy has it at 03:05 UTC."
    assert isinstance(desk.made[0], facts.IncidentAcknowledged)


def test_an_incident_that_is_over_is_not_taken(desk: Desk) -> None:
    desk.happens(facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(hours=1)))
    assert desk.press("take") == "Nothing was changed: the incident is resolved already."


def test_a_redelivered_click_is_recorded_once_and_told_again(desk: Desk) -> None:
    first = desk.press(id="same")
    again = desk.press(id="same")
    assert first == again
    assert len(desk.made) == 1


def test_telling_that_fails_does_not_undo_the_click(desk: Desk) -> None:
    desk.chat.fails = [Unavailable("busy")]
    assert desk.press() == ""
    assert [fact.type for fact in desk.made] == ["ApprovalGiven"]


def test_clicks_that_change_nothing_are_recorded_a_bounded_number_of_times_and_always_answered(desk: Desk) -> None:
    for _ in range(25):
        assert "you are not in config/people.yaml" in desk.press(who="U0NOBODY")
    assert len(desk.made) == 20


def test_of_a_yes_and_a_no_at_once_the_first_to_be_written_wins() -> None:
    class Racing(MemoryStore):
        raced = False

        def append(self, history: History, *args: Any, **kwargs: Any) -> History:
            if kwargs["actor"] == "approval" and not self.raced:
                self.raced = True
                no = facts.ApprovalRefused(proposal_id=a_proposal().id, person="bo", channel="slack")
                super().append(history, [no], actor="approval", caused_by="slack:other", now=T0)
                message = "somebody appended first"
                raise Conflict(message)
            return super().append(history, *args, **kwargs)

    store = Racing()
    desk = Desk(store)
    assert "Bo said no" in desk.press()
    assert [fact.type for fact in desk.made] == ["ApprovalRefused", "ClickDeclined"]


@given(st.dictionaries(st.sampled_from([*Click.model_fields, "other"]), st.none() | st.integers() | st.text()))
def test_a_message_that_is_no_click_is_refused_with_the_field(body: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="not a click"):
        read_click(body)


@given(
    st.frozensets(st.sampled_from(["on-call", "developers", "ana", "bo", "cy", "nobody"])),
    st.sampled_from([*USERS, "U0X"]),
)
def test_only_who_is_entitled_ever_approves(approvers: frozenset[str], who: str) -> None:
    desk = Desk()
    desk.happens(requested(approvers=tuple(approvers)))
    groups = {"ana": {"ana", "on-call"}, "bo": {"bo", "on-call"}, "cy": {"cy", "developers"}}
    said = desk.press(who=who, value=f"{INCIDENT}/4")
    assert ("counts" in said) == bool(approvers & groups.get(who, set()))
