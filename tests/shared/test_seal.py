"""What exactly a seal binds; who says no without one is in tests/ecs_action and tests/policy_gate."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from json import loads
from typing import Any

import pytest
import rfc8785

from shared import facts
from shared.entry import Entry
from shared.errors import Refused, Unavailable
from shared.history import History
from shared.ports import SealKey
from shared.seal import Yes, doubts, is_genuine, sealed, sealed_decision, why_unproved
from tests.builders import INCIDENT, T0, a_history, a_proposal, an_approval, approved, let_go, more, proposed, requested
from tests.fakes.seals import MemorySeals
from tests.fakes.store import MemoryStore

HASH = a_proposal().hash
YES = Yes(INCIDENT, HASH, "ana", "slack", "go on", T0)


@dataclass
class Bytes:
    """Keeps what it was asked to seal, or to check."""

    said: list[tuple[str, SealKey, bytes]] = field(default_factory=list)

    def make(self, key: SealKey, message: bytes) -> str:
        self.said.append(("make", key, message))
        return "sealed"

    def holds(self, key: SealKey, message: bytes, code: str) -> bool:
        self.said.append((code, key, message))
        return True


def digest(content: dict[str, Any]) -> bytes:
    return sha256(rfc8785.dumps(content)).digest()


def test_a_yes_is_sealed_as_the_documentation_says() -> None:
    seals = Bytes()
    message = digest(
        {
            "sealed": "approval-seal",
            "incident": INCIDENT,
            "proposal": HASH,
            "person": "ana",
            "channel": "slack",
            "reason": "go on",
            "at": "2026-11-21T03:00:00.000Z",
        }
    )

    assert sealed(YES, seals) == "sealed"
    assert is_genuine(INCIDENT, an_approval(reason="go on", given_at=T0, seal="code"), seals)
    assert seals.said == [("make", "approval-seal", message), ("code", "approval-seal", message)]


def test_a_decision_is_sealed_as_the_documentation_says_for_the_entry_behind_the_last_one() -> None:
    seals, store = Bytes(), MemoryStore()
    history = a_history(proposed(), store=store)
    content = {name: value for name, value in approved().model_dump(mode="json").items() if name != "seal"}
    message = digest(
        {
            "sealed": "decision-seal",
            "incident": INCIDENT,
            "after": history.entries[-1].hash,
            "at": "2026-11-21T03:00:02.000Z",
            "fact": content,
        }
    )

    fact = sealed_decision(approved(), history.incident, T0 + timedelta(seconds=2), seals)

    assert fact == approved(seal="sealed")
    history = more(history, fact, store=store)
    assert why_unproved(history.incident, history.entries[-1], seals) == ""
    assert seals.said == [("make", "decision-seal", message), ("sealed", "decision-seal", message)]


def test_a_decision_by_a_clock_that_is_behind_has_the_time_of_the_entry_before() -> None:
    seals, store = MemorySeals(), MemoryStore()
    history = a_history(proposed(), store=store)
    early = T0 - timedelta(minutes=1)
    fact = sealed_decision(approved(), history.incident, early, seals)

    history = store.append(history, [fact], actor="policy_gate", caused_by="x", now=early)

    assert why_unproved(history.incident, history.entries[-1], seals) == ""


def test_what_is_no_approval_is_not_asked_for_its_proof() -> None:
    history = a_history(proposed())

    with pytest.raises(Refused, match="ActionProposed approves nothing"):
        why_unproved(history.incident, history.entries[-1], MemorySeals())


@pytest.mark.parametrize("changes", [{"seal": ""}, {"given_at": None}, {"seal": "made up"}], ids=str)
def test_an_approval_without_a_seal_of_its_own_is_not_genuine(changes: dict[str, Any]) -> None:
    assert not is_genuine(INCIDENT, an_approval().model_copy(update=changes), MemorySeals())


@pytest.mark.parametrize(
    "changes",
    [
        {"proposal_hash": "0" * 64},
        {"person": "bo"},
        {"channel": "email"},
        {"reason": "why not"},
        {"given_at": T0 + timedelta(minutes=2)},
    ],
    ids=str,
)
def test_an_approval_is_genuine_for_what_was_agreed_to_and_for_nothing_else(changes: dict[str, Any]) -> None:
    seals = MemorySeals()

    assert is_genuine(INCIDENT, an_approval(seals), seals)
    assert not is_genuine("INC-OTHER", an_approval(seals), seals)
    assert not is_genuine(INCIDENT, an_approval(seals).model_copy(update=changes), seals)


def decided(*happened: facts.Fact, seals: MemorySeals, **changes: Any) -> tuple[History, Entry]:
    store = MemoryStore()
    history = a_history(*happened, store=store)
    history = more(history, let_go(history, seals, **changes), store=store)
    return history, history.entries[-1]


@pytest.mark.parametrize(
    ("happened", "approved_by", "why"),
    [
        ([proposed()], (), ""),
        ([proposed()], ("ana",), "it is not proved that ana approved this"),
        ([proposed(), requested(), an_approval()], ("ana",), ""),
        ([proposed(), requested()], ("bo", "ana"), "it is not proved that ana, bo approved this"),
        ([proposed(), requested(), an_approval()], ("ana", "bo"), "it is not proved that bo approved this"),
        (
            [proposed(), requested(), an_approval(incident_id="INC-2")],
            ("ana",),
            "it is not proved that ana approved this",
        ),
        (
            [proposed(), requested(quorum=2), an_approval(), an_approval(person="bo")],
            ("ana",),
            "of 2 people who had to approve this, 1 are proved to have done so",
        ),
        ([proposed(), requested(quorum=2), an_approval(), an_approval(person="bo")], ("ana", "bo"), ""),
        ([proposed(), requested(), an_approval(), an_approval(person="bo")], ("ana", "bo"), ""),
    ],
)
def test_a_decision_is_proved_where_all_whom_it_names_agreed_and_they_are_enough(
    happened: list[facts.Fact], approved_by: tuple[str, ...], why: str
) -> None:
    seals = MemorySeals()
    history, entry = decided(*happened, seals=seals, approved_by=approved_by)

    assert why_unproved(history.incident, entry, seals) == why


@pytest.mark.parametrize(
    "changes", [{"prev": "0" * 64}, {"at": T0}, {"incident_id": "INC-OTHER"}], ids=["elsewhere", "sooner", "another"]
)
def test_a_decision_is_good_for_its_own_place_on_its_own_timeline(changes: dict[str, Any]) -> None:
    seals = MemorySeals()
    history, entry = decided(proposed(), seals=seals)

    assert (
        why_unproved(history.incident, replace(entry, **changes), seals) == "it is not proved that the policy said this"
    )


def test_a_decision_is_checked_by_all_that_was_written_of_it() -> None:
    seals = MemorySeals()
    history, entry = decided(proposed(), seals=seals)
    body = loads(entry.body)
    body["fact"]["of_a_newer_release"] = True
    forged = replace(entry, body=rfc8785.dumps(body).decode())

    assert why_unproved(history.incident, forged, seals) == "it is not proved that the policy said this"


def test_where_the_keys_are_away_nothing_is_said_of_a_proof() -> None:
    seals = MemorySeals()
    history, entry = decided(proposed(), seals=seals)
    seals.down = True

    for ask in (
        lambda: why_unproved(history.incident, entry, seals),
        lambda: is_genuine(INCIDENT, an_approval(), seals),
        lambda: sealed(YES, seals),
    ):
        with pytest.raises(Unavailable):
            ask()


def test_people_read_whose_approval_is_doubted_each_once() -> None:
    doubted = [an_approval(person="bo"), an_approval(), an_approval(person="bo")]

    assert doubts(doubted).startswith("it is not proved that ana, bo approved this")
