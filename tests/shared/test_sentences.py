"""Every fact can be read aloud."""

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import facts
from shared.assessment import Gap
from shared.entry import chain
from shared.sentences import LONGEST, figure, foremost, plain, sentence, told, unlinked, when
from tests.builders import T0, a_proposal, every_fact

EVERY = every_fact()
SAID = {
    "ActionApproved": "Approved by ana: restart_service on ecs:shop/orders.",
    "ActionCompleted": "The action took effect; whether it helped is checked from 03:02:00 UTC.",
    "ActionDenied": "The policy says no: orders is observed only.",
    "ActionFailed": "The action failed and nothing was changed: ECS refused: AccessDeniedException.",
    "ActionHeld": "Waiting, and looking again at 03:02:00 UTC: a deployment of shop/orders is in progress.",
    "ActionOutcomeUnknown": (
        "Whether the action took effect is unknown, a person has to look: restart_service was started at "
        "03:01; ecs:shop/orders does not show whether it ran."
    ),
    "ActionProposed": "rules proposes restart_service on ecs:shop/orders: replaces 4 tasks, rolling, about 3 min.",
    "ActionRefused": "Did not act: the alarm has cleared.",
    "ActionStarted": "Starting restart_service on ecs:shop/orders.",
    "AlertFlapped": "orders-5xx changed 20 times; from now on its changes are only counted.",
    "AlertJoined": "Another alert joined: orders-latency-p95 (cloudwatch, severity high).",
    "AlertLapsed": "orders-5xx gives no data any more, which is no health; looked at again at 03:21:00 UTC.",
    "AlertRepeated": "orders-5xx has rung 10 times.",
    "AlertResolved": "orders-5xx cleared; nothing fires any more, and it has to stay so until 03:20:00 UTC.",
    "ApprovalExpired": "Nobody answered the request for approval in time.",
    "ApprovalGiven": "ana approved on slack: seen it before.",
    "ApprovalRefused": "ana said no on slack: wait for the deploy.",
    "ApprovalReminded": "Nobody has answered the request for approval yet; half of the time is gone.",
    "ApprovalRequested": "Needs 1 approval until 03:30:00 UTC; may approve: on-call.",
    "AssessmentMade": "SAFE (90% sure, by rules): Stuck workers on a steady release; a restart is the known cure.",
    "CheckDue": "Time for look 1 at whether it recovered.",
    "ClickDeclined": "U0EVE pressed 'approve', which changed nothing: U0EVE is not in people.yaml.",
    "DryRunCompleted": (
        "Only a test, so policy_gate did not go on; it would have: said deny: not enough is known: service.name."
    ),
    "EvidenceCollected": "Collected 1 piece of evidence; we see the breach ourselves; could not read logs (denied).",
    "HoldElapsed": "The time for which the alarms had to stay clear is over.",
    "IncidentAcknowledged": "ana took it on slack; nothing runs here any more without a person.",
    "IncidentClosed": "Closed: it stayed quiet.",
    "IncidentEscalated": "Escalated, people are needed: the action did not help: orders-5xx is ALARM.",
    "IncidentOpened": "Opened about ecs:shop/orders: orders-5xx (cloudwatch, severity high).",
    "IncidentReopened": "Reopened: orders-5xx rang again.",
    "IncidentResolved": "Resolved: the action helped, and every alarm stayed clear.",
    "IncidentStalled": "Nothing moved since entry 3, so it is published again (time 1).",
    "InvestigationRequested": "Round 2 of the investigation was asked for: orders-latency-p95 joined.",
    "MessageFailed": "email could not be told about INC-261121-K7Q2M4/4: SES: address is not verified.",
    "MessageSent": "Told slack: orders: investigating.",
    "NoteAdded": "ana noted: saw the same last week",
    "ProposalVoided": "The proposal no longer stands: the alarm cleared at 2026-11-21T03:05:00.000Z.",
    "RecoveryChecked": "Look 1, too early to tell: the rollout goes on: 2 of 4 tasks run.",
    "RecoveryFailed": "It did not help: orders-5xx is ALARM.",
    "RecoveryInconclusive": "Cannot tell whether it recovered: healthy hosts is no data.",
    "RecoveryVerified": "Recovered: rollout complete, alarms clear, healthy hosts 1 → 4.",
    "TicketCreated": "Ticket OPS-17 was created.",
    "TicketUpdated": "Ticket OPS-17: commented (inc-261121-k7q2m4/9).",
}
"""What people read of each sample in `events/facts`."""


def test_every_fact_is_one_plain_sentence() -> None:
    said = {kind: sentence(fact) for kind, fact in EVERY.items()}
    assert said == SAID
    assert set(said) == set(facts.BY_TYPE)
    assert all(len(each) <= LONGEST for each in said.values())


VARIED: list[tuple[str, dict[str, object], str]] = [
    (
        "IncidentOpened",
        {"target": None},
        "Opened about no target that we know: orders-5xx (cloudwatch, severity high).",
    ),
    ("IncidentOpened", {"test": True}, "Opened to test Middlewatch itself: orders-5xx (cloudwatch, severity high)."),
    (
        "AlertJoined",
        {"again": True},
        "Rang again after it had cleared: orders-latency-p95 (cloudwatch, severity high).",
    ),
    ("AlertRepeated", {"reason": "still 7"}, "orders-5xx has rung 10 times: still 7."),
    ("AlertResolved", {"hold_until": None}, "orders-5xx cleared; other alerts are still firing."),
    (
        "EvidenceCollected",
        {"breach_confirmed": False, "gaps": (), "items": ()},
        "Collected 0 pieces of evidence; we do not see the breach ourselves.",
    ),
    ("EvidenceCollected", {"breach_confirmed": None, "gaps": ()}, "Collected 1 piece of evidence."),
    (
        "EvidenceCollected",
        {"gaps": tuple(Gap(source=each, query="q", reason="slow") for each in ("a", "b", "c", "d", "e"))},
        (
            "Collected 1 piece of evidence; we see the breach ourselves; "
            "could not read a (slow), b (slow), c (slow) and 2 more."
        ),
    ),
    (
        "ActionProposed",
        {"proposal": a_proposal(author="rules/stuck")},
        "Proposes restart_service on ecs:shop/orders: replaces 4 tasks, rolling, about 3 min.",
    ),
    ("ActionDenied", {"reasons": ("a", "b", "c", "d")}, "The policy says no: a, b, c and 1 more."),
    ("ActionDenied", {"reasons": ("x" * 61,)}, f"The policy says no: {'x' * 59}…"),
    (
        "ApprovalRequested",
        {"quorum": 2, "approvers": ("a", "b", "c", "d", "e")},
        "Needs 2 approvals until 03:30:00 UTC; may approve: a, b, c, d and 1 more.",
    ),
    (
        "ApprovalRequested",
        {"approvers": tuple("abcd")},
        "Needs 1 approval until 03:30:00 UTC; may approve: a, b, c, d.",
    ),
    ("ApprovalGiven", {"reason": ""}, "ana approved on slack."),
    ("ApprovalRefused", {"reason": ""}, "ana said no on slack."),
    ("ActionApproved", {"approved_by": ()}, "Approved by the policy alone: restart_service on ecs:shop/orders."),
    (
        "ActionApproved",
        {"approved_by": tuple("abcd")},
        "Approved by a, b, c and 1 more: restart_service on ecs:shop/orders.",
    ),
    (
        "ActionCompleted",
        {"reconciled": True},
        "The action took effect; its reply was lost, so we read that from the target itself.",
    ),
    ("ActionRefused", {"again": True}, "Did not act: the alarm has cleared; the policy is asked again."),
    ("HoldElapsed", {"of": "reopen"}, "The time in which it could reopen is over."),
    ("HoldElapsed", {"of": "look"}, "Time to see whether what was left alone still fires."),
    ("HoldElapsed", {"of": "action"}, "Time to look at the action that was held."),
    ("TicketUpdated", {"about": "RecoveryVerified"}, "Ticket OPS-17: commented (recovery verified)."),
    ("TicketUpdated", {"about": "RecoveryVerified", "change": "moved to Done"}, "Ticket OPS-17: moved to Done."),
    ("RecoveryChecked", {"seen": "a; b"}, "Look 1, too early to tell: a; b."),
]


@pytest.mark.parametrize(("kind", "changes", "said"), VARIED)
def test_what_a_fact_says_follows_from_what_it_holds(kind: str, changes: dict[str, object], said: str) -> None:
    assert sentence(EVERY[kind].model_copy(update=changes)) == said


@pytest.mark.parametrize("kind", ["AlertRepeated", "AlertResolved", "AlertLapsed", "AlertFlapped"])
def test_a_long_title_leaves_room_for_what_became_of_the_alert(kind: str) -> None:
    said = sentence(EVERY[kind].model_copy(update={"title": "t" * 91}))
    assert said.startswith(f"{'t' * 89}… ")


def test_a_long_title_of_a_new_alert_leaves_room_for_where_it_comes_from() -> None:
    opened = EVERY["IncidentOpened"]
    assert isinstance(opened, facts.IncidentOpened)
    long = opened.alert.model_copy(update={"title": "t" * 91})
    assert f": {'t' * 89}… (cloudwatch, severity high)." in sentence(opened.model_copy(update={"alert": long}))


def test_of_a_long_message_the_beginning_is_told() -> None:
    sent = facts.MessageSent(channel="slack", about="i1/1", external_id="1.0", summary="w" * 121)
    assert sentence(sent) == f"Told slack: {'w' * 119}…"


@pytest.mark.parametrize(
    ("listed", "said"),
    [("a", "a"), ("a; b", "a; b"), ("a; b; c", "a; b; and 1 more"), ("a; b; c; d", "a; b; and 2 more")],
)
def test_the_foremost_are_two_unless_more_are_asked_for(listed: str, said: str) -> None:
    assert foremost(listed) == said
    assert foremost(listed, most=4) == listed


@pytest.mark.parametrize(
    ("text", "longest", "said"),
    [
        ("as it is", 8, "as it is"),
        ("as it is", 7, "as it…"),
        ("two  words\n", 200, "two words"),
        ("ä\u200b  b\t", 200, "ä b"),
        ("x" * 201, 200, "x" * 199 + "…"),
    ],
)
def test_a_text_is_one_line_of_the_length_that_is_asked_for(text: str, longest: int, said: str) -> None:
    assert plain(text, longest) == said


def test_a_time_is_told_in_utc_with_its_day() -> None:
    assert when(datetime(2026, 11, 1, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))) == "1 Nov 2026 02:05:06 UTC"


def test_no_two_facts_say_the_same() -> None:
    assert len({sentence(fact) for fact in EVERY.values()}) == len(EVERY)


def test_a_fact_of_a_newer_release_is_named() -> None:
    said = sentence(facts.UnknownFact(type="MoonPhaseSeen", content={"type": "MoonPhaseSeen"}))
    assert said.startswith("MoonPhaseSeen: a newer release wrote this")


def test_nobody_may_approve_is_said_in_so_many_words() -> None:
    asked = EVERY["ApprovalRequested"]
    assert isinstance(asked, facts.ApprovalRequested)
    assert "nobody (no approver is named)" in sentence(asked.model_copy(update={"approvers": ()}))


def test_a_reason_that_ends_in_a_stop_ends_in_one_stop() -> None:
    assert sentence(facts.IncidentClosed(reason="It is over.")) == "Closed: It is over."


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.20314, "0.203"),
        (6.3333, "6.33"),
        (3.0, "3"),
        (999.4, "999"),
        (999.5, "1,000"),
        (-999.5, "-1,000"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (-0.5, "-0.5"),
    ],
)
def test_a_figure_has_three_digits_and_no_exponent(value: float, said: str) -> None:
    assert figure(value) == said


def test_a_look_names_what_is_foremost_and_counts_the_rest() -> None:
    look = facts.RecoveryChecked(proposal_id="p", number=3, seen="a; b; c; d", check_at=T0)
    assert sentence(look) == "Look 3, too early to tell: a; b; and 2 more."


def test_a_message_is_told_by_its_first_line() -> None:
    sent = facts.MessageSent(channel="slack", about="i1/1", external_id="1.0", summary="payments needs you · 31 > 5")
    assert sentence(sent) == "Told slack: payments needs you."


def test_a_severity_that_nobody_named_is_not_talked_about() -> None:
    opened = EVERY["IncidentOpened"]
    assert isinstance(opened, facts.IncidentOpened)
    unnamed = opened.alert.model_copy(update={"severity": "unknown"})
    said = sentence(opened.model_copy(update={"alert": unnamed}))
    assert said == "Opened about ecs:shop/orders: orders-5xx (cloudwatch)."


@given(st.text(max_size=4000))
def test_whatever_a_person_wrote_becomes_one_bounded_line(text: str) -> None:
    said = sentence(facts.NoteAdded(person="ada", text=text))
    assert len(said) <= LONGEST
    assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in said)


def test_text_that_would_reorder_or_hide_itself_does_not() -> None:
    assert plain("approve\u202edeny\u200b\x1b[31m") == "approve deny [31m"


def test_an_entry_is_told_with_its_time_and_its_actor() -> None:
    (entry,) = chain("i1", [EVERY["TicketCreated"]], after=None, actor="ticketing", caused_by="", now=T0)
    assert told(entry) == {
        "at": "2026-11-21T03:00:00.000Z",
        "actor": "ticketing",
        "type": "TicketCreated",
        "sentence": "Ticket OPS-17 was created.",
    }


def test_no_address_is_left_that_a_program_makes_a_link_of() -> None:
    said = unlinked("log in at https://evil.example, www.evil.example or mailto:eve@evil.example")
    assert said.replace("\u2060", "") == "log in at https://evil.example, www.evil.example or mailto:eve@evil.example"
    assert not [each for each in ("://", "www.", "mailto:") if each in said]
