"""What is written beside a timeline, whole: lists, timers and the policy's memory stand on nothing else."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from shared import facts, keys
from shared.alert import as_text
from shared.facts import Fact
from shared.history import History
from shared.incident import Incident, Timer
from shared.projection import projected, stall_timer
from shared.writes import Claim, Put, Release, Write
from tests.builders import (
    INCIDENT,
    SEEN,
    T0,
    TARGET,
    a_history,
    a_proposal,
    an_alert,
    approved,
    opened,
    proposed,
    requested,
    resolved,
)
from tests.fakes.store import MemoryStore

STALL = timedelta(minutes=5)
PROPOSAL = a_proposal().id
STARTED = facts.ActionStarted(
    proposal_id=PROPOSAL, proposal_hash="h", action="restart_service", target=TARGET, before=SEEN
)
COMPLETED = facts.ActionCompleted(proposal_id=PROPOSAL, after=SEEN, check_at=T0 + timedelta(minutes=2))
FLAPPED = facts.AlertFlapped(
    fingerprint="f1", title="orders-5xx", state="resolved", changed_at=T0, changes=20, look_again_at=T0
)


def written(history: History) -> list[Write]:
    """What the newest entry of a history puts beside its timeline."""
    before = Incident.replay(history.entries[:-1]) if history.entries[1:] else None
    return projected(before, history.incident, history.entries[-1:], STALL)


def of_key(writes: Sequence[Write], prefix: str) -> list[Write]:
    return [write for write in writes if write.key.startswith(prefix)]


def test_all_that_is_written_with_an_opening() -> None:
    history = a_history()

    assert written(history) == [
        Put(
            f"head#{INCIDENT}",
            {
                "incident_id": INCIDENT,
                "status": "open",
                "phase": "investigating",
                "severity": "high",
                "title": "orders-5xx",
                "service": "orders",
                "target": "ecs:shop/orders",
                "identity": TARGET.key,
                "opened_at": as_text(T0),
                "updated_at": as_text(T0),
                "test": False,
                "firing": True,
                "escalated": False,
                "acknowledged_by": "",
                "version": 1,
                "hash": history.entries[-1].hash,
            },
            listed=(f"open#{keys.shard(INCIDENT)}", as_text(T0)),
        ),
        Put(
            f"moved#{INCIDENT}",
            {"incident_id": INCIDENT, "seq": 1, "hash": history.entries[-1].hash},
            listed=(f"moved#{keys.shard(INCIDENT)}", as_text(T0)),
        ),
        Put(
            f"timer#{INCIDENT}#stall",
            {"incident_id": INCIDENT, "name": "stall", "due_at": as_text(T0 + STALL), "set_by": 1},
            due=T0 + STALL,
        ),
        Claim(f"open#{TARGET.key}", {"incident_id": INCIDENT}),
        Put(
            f"alarm#{INCIDENT}#f1",
            {
                "state": "firing",
                "since": as_text(T0),
                "changes": 1,
                "flapping": False,
                "recorded_at": as_text(T0),
            },
        ),
    ]


def test_a_list_shows_how_far_an_incident_has_come() -> None:
    history = a_history(
        resolved(),
        facts.IncidentEscalated(reason="x"),
        facts.IncidentAcknowledged(person="ana", channel="slack"),
        facts.IncidentResolved(reason="quiet", close_at=T0 + timedelta(hours=1)),
    )

    (head,) = of_key(written(history), "head#")

    assert isinstance(head, Put)
    assert head.listed == (f"resolved#{keys.shard(INCIDENT)}", as_text(T0))
    assert {**head.value, "hash": ""} == {
        "incident_id": INCIDENT,
        "status": "resolved",
        "phase": "resolved",
        "severity": "high",
        "title": "orders-5xx",
        "service": "orders",
        "target": "ecs:shop/orders",
        "identity": TARGET.key,
        "opened_at": as_text(T0),
        "updated_at": as_text(T0 + timedelta(seconds=4)),
        "test": False,
        "firing": False,
        "escalated": True,
        "acknowledged_by": "ana",
        "version": 5,
        "hash": "",
    }


def test_an_incident_without_a_target_shows_none() -> None:
    store = MemoryStore()
    nowhere = opened(an_alert(target=None))
    store.append(History("INC-1"), [nowhere], actor="alert_intake", caused_by="alert", now=T0)

    head = store.get(keys.head("INC-1"))

    assert head is not None
    assert (head.value["target"], head.value["identity"]) == ("", "alert:cloudwatch/f1")


def test_only_timers_that_changed_are_written_and_those_that_ended_are_released() -> None:
    hold, stall = T0 + timedelta(minutes=20), T0 + timedelta(minutes=5, seconds=2)

    assert of_key(written(a_history(proposed(), facts.NoteAdded(person="ana", text="hm"))), "timer#") == [
        Put(
            f"timer#{INCIDENT}#stall",
            {"incident_id": INCIDENT, "name": "stall", "due_at": as_text(stall), "set_by": 3},
            due=stall,
        )
    ]
    told = facts.MessageSent(channel="slack", about=f"{INCIDENT}/3", external_id="C0/1.0", summary="look")
    waiting = a_history(proposed(), requested(), told, facts.NoteAdded(person="ana", text="hm"))
    assert of_key(written(waiting), "timer#") == []
    assert of_key(written(a_history(resolved())), f"timer#{INCIDENT}#hold") == [
        Put(
            f"timer#{INCIDENT}#hold",
            {"incident_id": INCIDENT, "name": "hold", "due_at": as_text(hold), "set_by": 2},
            due=hold,
        )
    ]
    closed = a_history(resolved(), facts.IncidentClosed(reason="quiet"))
    assert of_key(written(closed), "timer#") == [
        Release(f"timer#{INCIDENT}#hold"),
        Release(f"timer#{INCIDENT}#stall"),
    ]


@pytest.mark.parametrize(
    ("happened", "state", "since", "changes", "flapping", "count"),
    [
        ([facts.AlertJoined(alert=an_alert(), again=True)], "firing", T0, 2, False, None),
        ([resolved()], "resolved", T0 + timedelta(minutes=5), 2, False, None),
        (
            [
                resolved(),
                facts.AlertLapsed(fingerprint="f1", title="x", since=T0 + timedelta(minutes=6), look_again_at=T0),
            ],
            *("unknown", T0 + timedelta(minutes=6), 3, False, None),
        ),
        ([FLAPPED], "resolved", T0, 20, True, None),
        ([facts.AlertRepeated(fingerprint="f1", title="x", count=10)], "firing", T0, 1, False, 10),
    ],
    ids=lambda each: each[-1].type if isinstance(each, list) else "",
)
def test_what_intake_asks_about_an_alert_stands_beside_its_incident(
    happened: list[Fact], state: str, since: datetime, changes: int, flapping: bool, count: int | None
) -> None:
    history = a_history(*happened)

    assert of_key(written(history), "alarm#") == [
        Put(
            f"alarm#{INCIDENT}#f1",
            {
                "state": state,
                "since": as_text(since),
                "changes": changes,
                "flapping": flapping,
                "recorded_at": as_text(history.entries[-1].at),
            },
            count=count,
        )
    ]


def test_what_is_counted_of_a_flapping_alert_is_not_set_back() -> None:
    assert of_key(written(a_history(FLAPPED, FLAPPED)), "alarm#") == []


def test_an_end_frees_the_target_and_forgets_as_many_alarms_as_a_transaction_takes() -> None:
    joined = [facts.AlertJoined(alert=an_alert(fingerprint=f"f{number}")) for number in range(2, 101)]
    few, many = (a_history(*joined[:some], facts.IncidentClosed(reason="quiet")) for some in (1, 99))

    assert of_key(written(few), "open#") == [Release(f"open#{TARGET.key}")]
    assert of_key(written(few), "alarm#") == [Release(f"alarm#{INCIDENT}#f1"), Release(f"alarm#{INCIDENT}#f2")]
    assert len(of_key(written(many), "alarm#")) == 80


@pytest.mark.parametrize(
    ("happened", "standing"),
    [
        ([STARTED], "started"),
        ([STARTED, COMPLETED], "completed"),
        ([STARTED, facts.ActionFailed(proposal_id=PROPOSAL, why="x")], "failed"),
        ([STARTED, facts.ActionOutcomeUnknown(proposal_id=PROPOSAL, why="x")], "unknown"),
        ([STARTED, COMPLETED, facts.RecoveryVerified(proposal_id=PROPOSAL, measures=(), seen="x")], "verified"),
        ([STARTED, COMPLETED, facts.RecoveryFailed(proposal_id=PROPOSAL, measures=(), seen="x")], "unproved"),
        ([STARTED, COMPLETED, facts.RecoveryInconclusive(proposal_id=PROPOSAL, measures=(), seen="x")], "unproved"),
    ],
    ids=lambda each: each[-1].type if isinstance(each, list) else "",
)
def test_the_policy_remembers_an_action_by_its_start_for_thirty_days(happened: list[Fact], standing: str) -> None:
    history = a_history(proposed(), approved(), *happened)
    began = as_text(T0 + timedelta(seconds=3))

    assert of_key(written(history), "action#") == [
        Put(
            f"action#{INCIDENT}#{PROPOSAL}",
            {
                "incident_id": INCIDENT,
                "proposal_id": PROPOSAL,
                "action": "restart_service",
                "target": TARGET.key,
                "at": began,
                "standing": standing,
            },
            listed=(f"actions#{TARGET.key}", began),
            expires_at=history.entries[-1].at + timedelta(days=30),
        )
    ]


@pytest.mark.parametrize(("stalls", "waits"), [(0, 1), (1, 2), (2, 4), (8, 256), (9, 256), (40, 256)])
def test_what_nobody_can_move_is_told_of_ever_more_rarely_but_never_for_the_last_time(stalls: int, waits: int) -> None:
    stalled = [facts.IncidentStalled(since=1, times=number + 1) for number in range(stalls)]
    incident = a_history(*stalled).incident

    due_at, fact = incident.last.at + STALL * waits, facts.IncidentStalled(since=1, times=stalls + 1)
    assert stall_timer(incident, STALL) == {"stall": Timer(due_at, fact)}


def test_where_it_is_not_our_move_nothing_can_stall() -> None:
    assert stall_timer(a_history(facts.IncidentClosed(reason="quiet")).incident, STALL) == {}
