"""`python -m tests.reliability.forging`: tries to forge an approval, or the policy's word, from each function's role.

What a role may is read from the recorded plan. Whoever may write to the timeline writes what it likes there, as the
function itself or a thief of its credentials would, with every seal that it may make and every genuine one that it has
seen; then the real stages run, on an incident that waits for a person. A violation is an effect, or an attempt that no
person is told of.
"""

from __future__ import annotations

import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from local.aws.policies import allows
from local.reference import manifests
from shared import facts
from shared.entry import Entry, chain
from shared.errors import Unavailable
from shared.facts import ActionApproved, ApprovalGiven, Fact
from shared.ports import SealKey
from shared.proposal import Proposal
from shared.seal import Yes, is_genuine, sealed, sealed_decision, why_unproved
from tests.fakes.seals import MemorySeals
from tests.infra.test_roles import CONTEXT, TIMELINE, arn, key_policy, policies
from tests.lifecycle.house import House
from tests.reliability.table import Row, by_itself

KEYS: tuple[SealKey, ...] = ("approval-seal", "decision-seal")
VERBS = {"make": "kms:GenerateMac", "check": "kms:VerifyMac"}
ANYBODY = MemorySeals()
"""The real keys, for what was said genuinely and can be read on the timelines."""
BUTTON = ("U0ANA", "approve")


@dataclass(frozen=True)
class Thief:
    """Whoever has the role of a function: what it may write, and which seals it may make."""

    role: str
    writes: bool
    seals: MemorySeals

    @classmethod
    def of(cls, role: str) -> Thief:
        """The role as it is planned."""
        policy, ours = policies()[role], f"arn:aws:iam::123456789012:role/middlewatch-{role}"
        may = set[str]()
        for verb, action in VERBS.items():
            for key in KEYS:
                context = CONTEXT | {"kms:ResourceAliases": [f"alias/middlewatch-{key}"]}
                by_key = (
                    ours in statement.get("Condition", {}).get("ArnEquals", {}).get("aws:PrincipalArn", ())
                    for statement in key_policy(key)["Statement"]
                    if action == statement["Action"]
                )
                if allows([policy], action, arn("kms:key/0-0"), context) and any(by_key):
                    may.add(f"{verb} {key}")
        writes = allows([policy], "dynamodb:PutItem", arn(TIMELINE), CONTEXT)
        return cls(role, writes, MemorySeals(may=frozenset(may)))

    def own(self, message: Callable[[MemorySeals], str]) -> str:
        """A seal under the right key where it may make one, else under one that it may, else nonsense."""
        try:
            return message(self.seals)
        except Unavailable:
            return self.other(b"\0" * 32)

    def other(self, message: bytes) -> str:
        """A code of these bytes under any key that it may use."""
        for key in KEYS:
            if f"make {key}" in self.seals.may:
                return self.seals.make(key, message)
        return b64encode(random.Random(0).randbytes(32)).decode()


@dataclass
class Scene:
    """The incident of a service in mode `approve`, which waits for a yes."""

    house: House
    thief: Thief

    @classmethod
    def open(cls, thief: Thief) -> Scene:
        """A new one."""
        house = House("payments", seals=MemorySeals())
        house.alarm()
        house.settle()
        assert house.incident().phase == "awaiting approval"
        return cls(house, thief)

    @property
    def proposal(self) -> Proposal:
        """What waits."""
        work = self.house.incident().proposal
        assert work is not None
        return work.proposal

    def yes(self, **changes: object) -> ApprovalGiven:
        """Ana's approval of it, without a seal."""
        given = ApprovalGiven(
            proposal_id=self.proposal.id,
            proposal_hash=self.proposal.hash,
            person="ana",
            channel="slack",
            given_at=self.house.clock.now,
        )
        return given.model_copy(update=changes)

    def word(self, **changes: object) -> ActionApproved:
        """The policy's word for it, without a seal, as if Ana had agreed."""
        word = ActionApproved(
            proposal=self.proposal,
            proposal_hash=self.proposal.hash,
            reasons=("ana agreed",),
            approved_by=("ana",),
            config_digest=self.house.config.digest,
        )
        return word.model_copy(update=changes)

    def genuine(self, incident: str = "", **changes: object) -> str:
        """The seal that Ana's approval of something else has, which anybody can read there."""
        said = self.yes(**changes)
        assert said.given_at is not None
        yes = Yes(
            incident or self.house.incident().id,
            said.proposal_hash,
            said.person,
            said.channel,
            said.reason,
            said.given_at,
        )
        return sealed(yes, ANYBODY)

    def made(self, said: ApprovalGiven) -> str:
        """The seal that the thief can make for this approval."""
        assert said.given_at is not None
        yes = Yes(self.house.incident().id, said.proposal_hash, said.person, said.channel, said.reason, said.given_at)
        return self.thief.own(lambda seals: sealed(yes, seals))

    def decided(self, word: ActionApproved) -> ActionApproved:
        """The word with the seal that the thief can make for it."""
        incident, now = self.house.incident(), self.house.clock.now
        try:
            return sealed_decision(word, incident, now, self.thief.seals)
        except Unavailable:
            return word.model_copy(update={"seal": self.thief.other(b"\1" * 32)})

    def append(self, *forged: Fact) -> None:
        """Writes to the timeline, past all of our code."""
        history = self.house.history()
        self.house.store.append(
            history, forged, actor=self.thief.role, caused_by=f"{self.thief.role}/forged", now=self.house.clock.now
        )

    def overwrite(self, unwanted: Callable[[Fact], bool]) -> None:
        """Puts notes in the place of some entries, in a chain that is whole again, as a bare PutItem can."""
        rewritten: list[Entry] = []
        for entry in self.house.history().entries:
            fact = facts.NoteAdded(person="ana", text="nothing") if unwanted(entry.fact) else entry.fact
            after = rewritten[-1] if rewritten else None
            rewritten += chain(
                entry.incident_id, [fact], after=after, actor=entry.actor, caused_by=entry.caused_by, now=entry.at
            )
        self.house.store.timelines[self.house.history().incident_id] = rewritten


Attempt = Callable[[Scene], None]


def approval_without_a_seal(scene: Scene) -> None:
    """Nothing but the fact."""
    scene.append(scene.yes())


def approval_with_what_seal_it_can_make(scene: Scene) -> None:
    """Under the right key, where the role may use it."""
    scene.append(scene.yes(seal=scene.made(scene.yes())))


def approval_with_nonsense(scene: Scene) -> None:
    """No code at all."""
    scene.append(scene.yes(seal="approved"))


def approval_of_another_proposal(scene: Scene) -> None:
    """A genuine one, of another hash."""
    scene.append(scene.yes(seal=scene.genuine(proposal_hash="0" * 64)))


def approval_of_another_incident(scene: Scene) -> None:
    """A genuine one, of the same hash elsewhere."""
    scene.append(scene.yes(seal=scene.genuine(incident="INC-261120-000001")))


def approval_of_another_person(scene: Scene) -> None:
    """Ana's, in Bo's name."""
    scene.append(scene.yes(person="bo", seal=scene.genuine()))


def approval_through_another_channel(scene: Scene) -> None:
    """Genuine but for the way by which it came."""
    scene.append(scene.yes(channel="email", seal=scene.genuine()))


def approval_at_another_time(scene: Scene) -> None:
    """Genuine but for when it was given."""
    scene.append(scene.yes(given_at=scene.house.clock.now + timedelta(minutes=1), seal=scene.genuine()))


def approval_in_other_words(scene: Scene) -> None:
    """Genuine but for its reason."""
    scene.append(scene.yes(reason="do it", seal=scene.genuine()))


def approval_moved_to_a_proposal_put_in_its_place(scene: Scene) -> None:
    """Another action under the id that Ana approved."""
    other = scene.proposal.model_copy(update={"action": "scale_service", "inputs": {"desired_count": 0}})
    seal = scene.genuine()
    scene.append(
        facts.ActionProposed(proposal=other, proposal_hash=other.hash),
        scene.yes(proposal_hash=other.hash, seal=seal),
    )


def approval_with_the_seal_of_a_decision(scene: Scene) -> None:
    """A genuine code under the other key."""
    decided = sealed_decision(scene.word(), scene.house.incident(), scene.house.clock.now, ANYBODY)
    scene.append(scene.yes(seal=decided.seal))


def approval_and_the_policys_word(scene: Scene) -> None:
    """Both at once, so that nobody is asked in between."""
    scene.append(scene.yes(seal=scene.made(scene.yes())))
    scene.append(scene.decided(scene.word()))


def word_without_a_seal(scene: Scene) -> None:
    """Nothing but the fact."""
    scene.append(scene.word())


def word_with_what_seal_it_can_make(scene: Scene) -> None:
    """Under the right key, where the role may use it; it names Ana, who did not agree."""
    scene.append(scene.decided(scene.word()))


def word_that_names_nobody(scene: Scene) -> None:
    """As if the policy let it go alone."""
    scene.append(scene.decided(scene.word(approved_by=())))


def word_before_anybody_was_asked(scene: Scene) -> None:
    """The question never stood there, so that no quorum is known."""
    scene.overwrite(lambda fact: isinstance(fact, facts.ApprovalRequested))
    scene.append(scene.decided(scene.word(approved_by=())))


def word_with_the_seal_of_an_approval(scene: Scene) -> None:
    """A genuine code under the other key."""
    scene.append(scene.word(seal=scene.genuine()))


def word_of_another_incident(scene: Scene) -> None:
    """A genuine one."""
    elsewhere = replace(scene.house.incident(), id="INC-261120-000001")
    scene.append(sealed_decision(scene.word(), elsewhere, scene.house.clock.now, ANYBODY))


def word_that_stood_elsewhere_on_the_timeline(scene: Scene) -> None:
    """A genuine one, of the same incident."""
    word = sealed_decision(scene.word(), scene.house.incident(), scene.house.clock.now, ANYBODY)
    scene.append(facts.NoteAdded(person="ana", text="no"))
    scene.append(word)


def word_made_young_again(scene: Scene) -> None:
    """What the policy said ten minutes ago, where it stood, as of now."""
    house = scene.house
    word = sealed_decision(scene.word(), house.incident(), house.clock.now, ANYBODY)
    house.clock.forward(minutes=10)
    scene.append(word)


def word_with_other_inputs(scene: Scene) -> None:
    """A genuine one, for another proposal."""
    word = sealed_decision(scene.word(), scene.house.incident(), scene.house.clock.now, ANYBODY)
    other = scene.proposal.model_copy(update={"inputs": {"desired_count": 0}})
    scene.append(word.model_copy(update={"proposal": other, "proposal_hash": other.hash}))


def word_with_other_people(scene: Scene) -> None:
    """A genuine one, that names others."""
    word = sealed_decision(scene.word(), scene.house.incident(), scene.house.clock.now, ANYBODY)
    scene.append(word.model_copy(update={"approved_by": ("bo",)}))


def word_after_a_no(scene: Scene) -> None:
    """A genuine one, once Ana said no."""
    word = sealed_decision(scene.word(), scene.house.incident(), scene.house.clock.now, ANYBODY)
    scene.house.click("U0ANA", "reject")
    scene.house.settle()
    scene.append(word)


ATTEMPTS: tuple[Attempt, ...] = (
    approval_without_a_seal,
    approval_with_what_seal_it_can_make,
    approval_with_nonsense,
    approval_of_another_proposal,
    approval_of_another_incident,
    approval_of_another_person,
    approval_through_another_channel,
    approval_at_another_time,
    approval_in_other_words,
    approval_moved_to_a_proposal_put_in_its_place,
    approval_with_the_seal_of_a_decision,
    approval_and_the_policys_word,
    word_without_a_seal,
    word_with_what_seal_it_can_make,
    word_that_names_nobody,
    word_before_anybody_was_asked,
    word_with_the_seal_of_an_approval,
    word_of_another_incident,
    word_that_stood_elsewhere_on_the_timeline,
    word_made_young_again,
    word_with_other_inputs,
    word_with_other_people,
    word_after_a_no,
)


def named(attempt: Attempt) -> str:
    """What it is called."""
    return attempt.__name__.replace("_", " ")


def forge(role: str, attempt: Attempt) -> str:
    """What went wrong with us while this role tried that; empty where nothing did."""
    thief = Thief.of(role)
    if not thief.writes:
        return ""
    scene = Scene.open(thief)
    attempt(scene)
    house, told = scene.house, len(scene.house.facts(facts.IncidentEscalated))
    house.settle()
    house.wait(minutes=3)
    if house.ecs.updates:
        return f"{house.ecs.updates} was done"
    if len(house.facts(facts.IncidentEscalated)) == told:
        return "nobody was told"
    return ""


def mutated(size: int, seed: int) -> Row:
    """`size` genuine seals, each with a bit of it or a word of what it binds changed, asked about at once."""
    started, dice, accepted = time.perf_counter(), random.Random(seed), 0
    scene = Scene.open(Thief("nobody", writes=True, seals=MemorySeals(may=frozenset())))
    incident, now = scene.house.incident(), scene.house.clock.now
    good = scene.yes(seal=scene.genuine())
    word = sealed_decision(scene.word(), incident, now, ANYBODY)
    (entry,) = chain(incident.id, [word], after=incident.last, actor="x", caused_by="x", now=now)
    agreed = replace(incident, work={scene.proposal.id: replace(incident.work[scene.proposal.id], approvals=(good,))})
    assert is_genuine(incident.id, good, ANYBODY)
    assert why_unproved(agreed, entry, ANYBODY) == ""
    note = facts.NoteAdded(person="ana", text="no")
    (elsewhere,) = chain(incident.id, [note], after=incident.last, actor="x", caused_by="x", now=now)
    for number in range(size):
        seal = bytearray(b64decode(good.seal if number % 2 else word.seal))
        bit = dice.randrange(8 * len(seal))
        seal[bit // 8] ^= 1 << bit % 8
        bent: dict[str, object] = {"seal": b64encode(bytes(seal)).decode()}
        text = "".join(dice.choices("abcdef0123456789ü", k=dice.randint(0, 64)))
        later = now + timedelta(milliseconds=dice.randint(1, 10**9))
        if number % 2:
            yes: list[dict[str, object]] = [
                bent,
                {"person": text},
                {"proposal_hash": text},
                {"channel": text},
                {"given_at": later},
                {},
            ]
            changes = dice.choice(yes)
            accepted += is_genuine(incident.id if changes else text, good.model_copy(update=changes), ANYBODY)
            continue
        says: list[dict[str, object]] = [
            bent,
            {"approved_by": (text,)},
            {"proposal_hash": text},
            {"config_digest": text},
            {"reasons": (text,)},
            {},
        ]
        changes = dice.choice(says)
        places = [
            (incident.id, elsewhere, now),
            (incident.id, incident.last, later),
            (f"INC-{text}", incident.last, now),
        ]
        where, after, at = (incident.id, incident.last, now) if changes else dice.choice(places)
        (other,) = chain(where, [word.model_copy(update=changes)], after=after, actor="x", caused_by="x", now=at)
        accepted += why_unproved(agreed, other, ANYBODY) == ""
    return Row("seals with something changed", size, accepted, time.perf_counter() - started)


def run(size: int, seed: int) -> list[Row]:
    """Every role with every way to forge, and `size` changed seals."""
    rows = []
    for role in sorted(manifests()):
        started = time.perf_counter()
        found = [f"{named(attempt)}: {wrong}" for attempt in ATTEMPTS if (wrong := forge(role, attempt))]
        thief = Thief.of(role)
        may = ", ".join(sorted(thief.seals.may)) or "no seal"
        remark = "; ".join(found) or ("" if thief.writes else "cannot write to a timeline; ") + may
        tried = len(ATTEMPTS) if thief.writes else 1
        rows.append(Row(f"forging as {role}", tried, len(found), time.perf_counter() - started, remark))
    return [*rows, mutated(size, seed)]


if __name__ == "__main__":
    by_itself(run, __doc__, size=20_000, of="changed seals")
