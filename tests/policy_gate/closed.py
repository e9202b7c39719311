"""Everything that can be wrong with one fact of the policy's input, and the most that the policy may then say.

The verdicts are ordered: deny < ask < go. A fact that is missing, or that cannot be a fact of its kind, means deny. A
fact of its kind that is empty, negative or huge may not make the verdict more permissive than the true one did.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf, nan
from typing import Any

from functions.policy_gate.policy import TESTED, Policy
from functions.policy_gate.verdict import Verdict
from tests.policy_gate.shipped import FINE, LIMITS, MODULES

Way = tuple[str | int, ...]
Decide = Callable[[Mapping[str, Any], Mapping[str, Any]], Verdict]
"""The verdict on an input under limits."""
ORDER = ("deny", "ask", "go")
BY_AGREEMENT = {"service.mode": "approve", "approvals": [{"person": "ana", "proposal_hash": "h1"}]}
TWO_MUST_AGREE: dict[str, Any] = LIMITS | {"quorum": {"critical": 2, "standard": 2, "best-effort": 2}}
RECENT = [{"action": "restart_service", "standing": "verified", "hours_ago": 1.5}]
READ = frozenset(re.findall(r"data\.limits\.(\w+)", "".join(MODULES.values())))
"""The limits that the policy asks for; others are asked for elsewhere."""
NAMED = tuple(re.findall(r'^incomplete contains "([a-z_.]+)"', "\n".join(MODULES.values()), re.MULTILINE))
"""The facts that the policy asks for, by the names that it has for them."""
MONTH = 31 * 24 * 3600
BASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "alone": ("go", {}, LIMITS),
    "by agreement": ("go", BY_AGREEMENT, LIMITS),
    "a restart": (
        "go",
        {"proposal.action": "restart_service", "proposal.inputs": {}, "service.actions": ["restart_service"]},
        LIMITS,
    ),
    "a rollback": (
        "go",
        {
            "proposal.action": "rollback_service",
            "proposal.inputs": {"task_definition": "arn:7"},
            "service.actions": ["rollback_service"],
        },
        LIMITS,
    ),
    "at the lower edges": (
        "go",
        {
            "time.hour": 0,
            "time.weekday": 1,
            "proposal.inputs": {"desired_count": 1},
            "service.scale": {"least": 1, "most": 1},
            "assessment.confidence": 0,
        },
        LIMITS | {"confidence": 0, "gaps": 0, "again_after_hours": 0, "approval_seconds": 0},
    ),
    "at the upper edges": (
        "go",
        {
            "time.hour": 23,
            "time.weekday": 7,
            "proposal.id": "p" * 999,
            "proposal.expires_in_seconds": MONTH,
            "proposal.inputs": {"desired_count": 5_000},
            "service.scale": {"least": 5_000, "most": 5_000},
            "assessment.confidence": 1,
            "history.actions": [{"action": "restart_service", "standing": "verified", "hours_ago": MONTH / 36}],
        },
        LIMITS | {"confidence": 1, "again_after_hours": MONTH / 3600},
    ),
    "asks, by mode": ("ask", {"service.mode": "approve"}, LIMITS),
    "asks, as critical": ("ask", {"service.tier": "critical"}, LIMITS),
    "asks, as it is not safe": ("ask", {"assessment.decision": "ESCALATE"}, LIMITS),
    "asks, as it is not sure": ("ask", {"assessment.confidence": 0.5}, LIMITS),
    "asks, for the risk": ("ask", {"assessment.risk": "high"}, LIMITS),
    "asks, for the gaps": ("ask", {"assessment.gaps": 3}, LIMITS),
    "asks, as nobody saw it": ("ask", {"breach_confirmed": False}, LIMITS),
    "asks, for the severity": ("ask", {"severity": "critical"}, LIMITS),
    "asks, for the second time": ("ask", {"history.actions": RECENT}, LIMITS),
    "asks, as somebody took it": ("ask", {"acknowledged": True}, LIMITS),
    "asks, as it flaps": ("ask", {"flapping": True}, LIMITS),
    "asks, in a storm": ("ask", {"fleet.stopped": True, "fleet.words": "12 of 20 are unhealthy"}, LIMITS),
    "asks another person": ("ask", {"proposal.by_person": True, "proposal.author": "cy"}, LIMITS),
    "asks a second person": ("ask", {**BY_AGREEMENT, "service.able": ["ana", "cy"]}, TWO_MUST_AGREE),
    "no, as nobody may": ("deny", {"service.mode": "approve", "service.able": []}, LIMITS),
    "no, as only the author may": ("deny", {**BY_AGREEMENT, "proposal.author": "ana"}, LIMITS),
    "no, by mode": ("deny", {"service.mode": "observe"}, LIMITS),
    "no, for another target": ("deny", {"target": "ecs:1:r:shop/search"}, LIMITS),
    "no, as it is not listed": ("deny", {"service.actions": ["restart_service"]}, LIMITS),
    "no, as too few": ("deny", {"proposal.inputs": {"desired_count": 1}}, LIMITS),
    "no, as too many": ("deny", {"proposal.inputs": {"desired_count": 7}}, LIMITS),
    "no, as stopped": ("deny", {"switch": "stopped"}, LIMITS),
    "no, as all is clear": ("deny", {"alerts": [{"title": "x", "state": "resolved", "severity": "high"}]}, LIMITS),
    "no, as it expired": ("deny", {"proposal.expires_in_seconds": -1}, LIMITS),
    "no, as it is strange": ("deny", {"strange": True}, LIMITS),
    "no, for the hour": ("deny", {"history.actions_this_hour": 10}, LIMITS),
    "no, for the hour here": ("deny", {"history.actions_this_hour_on_target": 2}, LIMITS),
}
"""What the policy says of each input, how that differs from FINE, and the limits."""
NULL_SAYS_SOMETHING: set[Way] = {("breach_confirmed",), ("service", "scale")}
"""Where null is a fact: we could not tell whether there is a breach; the service is not to be scaled."""
WELL_FORMED_LIES: set[tuple[str, Way]] = {
    ("asks, for the second time", ("history", "actions")),
    ("asks, for the second time", ("history", "actions", 0)),
}
"""That nothing was done to the target is a whole answer; that it is the true one, no policy can see."""


BEYOND: tuple[tuple[Way, Any], ...] = (
    (("time", "hour"), 24),
    (("time", "hour"), -1),
    (("time", "weekday"), 8),
    (("time", "weekday"), 0),
    (("proposal", "id"), "p" * 1_000),
    (("proposal", "expires_in_seconds"), MONTH + 1),
    (("service", "scale", "most"), 5_001),
    (("service", "scale", "least"), 0),
    (("service", "scale", "least"), 7),
    (("assessment", "confidence"), 1.01),
    (("assessment", "gaps"), -1),
    (("history", "actions", 0, "hours_ago"), MONTH / 36 + 1),
)
"""Facts just beyond what they can be."""
LIMITS_BEYOND: tuple[tuple[Way, Any], ...] = (
    (("confidence",), 1.01),
    (("again_after_hours",), MONTH / 3600 + 1),
    (("quorum", "standard"), 0),
    (("verification", "standard"), "nobody"),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One thing that is wrong with one input, and the most that may be said of it."""

    name: str
    document: dict[str, Any]
    limits: dict[str, Any]
    most: str

    def broken(self, decide: Decide) -> str:
        """How the policy said more than it may; empty where it did not."""
        said = decide(self.document, self.limits).verdict
        return f"{self.name}: {said}, not {self.most}" if ORDER.index(said) > ORDER.index(self.most) else ""


def attempts(*names: str) -> Iterator[Attempt]:
    """Everything that can be wrong with the inputs of these names (all, where none is named) and with their limits."""
    for name in names or BASES:
        verdict, document, limits = base(name)
        for way, value in BEYOND if name == "alone" else ():
            wrong = changed(document, way, value)
            yield Attempt(f"{name}, {'.'.join(map(str, way))} is beyond, as {value!s:.20}", wrong, limits, "deny")
        for way, value in LIMITS_BEYOND if name == "alone" else ():
            wrong = changed(limits, way, value)
            yield Attempt(f"{name}, limits.{'.'.join(map(str, way))} is beyond, as {value}", document, wrong, "deny")
        for way in ways(document):
            for what, wrong, most in _wrong(name, way, document, verdict):
                yield Attempt(f"{name}, {'.'.join(map(str, way))} {what}", wrong, limits, most)
        for way in ways(limits):
            if way[0] not in READ:
                continue
            if set(way) & {"quorum", "verification"} and way[-1] not in {"quorum", "verification", _tier(document)}:
                continue  # another tier's number decides nothing here
            for what, wrong, _ in _wrong("", way, limits, verdict):
                if "huge" not in what and "all numbers" not in what and "engine" not in what:  # a team may say so
                    yield Attempt(f"{name}, limits.{'.'.join(map(str, way))} {what}", document, wrong, "deny")


def base(name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The verdict that the policy gives, the input, and the limits."""
    verdict, changes, limits = BASES[name]
    document = FINE
    for place, value in changes.items():
        document = changed(document, tuple(place.split(".")), value)
    return verdict, document, limits


def asked(modules: Mapping[str, str]) -> Decide:
    """The policy of these modules; one for each limits, compiled once."""

    @cache
    def policy(limits: str) -> Policy:
        return Policy(modules, {"limits": known[limits]}, seconds=TESTED)

    known: dict[str, Mapping[str, Any]] = {}

    def decide(document: Mapping[str, Any], limits: Mapping[str, Any]) -> Verdict:
        known[repr(limits)] = limits
        return policy(repr(limits)).decide(document)

    return decide


def unnamed(decide: Decide) -> list[str]:
    """The facts of which the policy does not say that they are missing when they are of no kind that it takes."""
    _, document, limits = base("alone")
    silent = []
    for fact in NAMED:
        place = tuple(fact.split("."))
        if place[0] == "limits":
            verdict = decide(document, changed(limits, place[1:], [None]))
        else:
            verdict = decide(changed(document, place, [None]), limits)
        if f"{fact} is not known, or of the wrong type" not in verdict.reasons:
            silent.append(fact)
    return silent


def ways(value: Any, way: Way = ()) -> Iterator[Way]:
    """The way to everything in `value`."""
    if way:
        yield way
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from ways(each, (*way, key))


def at(value: Any, way: Way) -> Any:
    """What stands at the end of `way`."""
    for step in way:
        value = value[step]
    return value


def changed(value: Any, way: Way, new: Any, *, drop: bool = False) -> Any:
    """A copy of `value` with another value, or nothing, at the end of `way`."""
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if len(way) > 1:
        copy[way[0]] = changed(copy[way[0]], way[1:], new, drop=drop)
    elif drop:
        del copy[way[0]]
    else:
        copy[way[0]] = new
    return copy


def without(value: Any, way: Way) -> Any:
    """A copy of `value` with nothing at the end of `way`."""
    return changed(value, way, None, drop=True)


def _wrong(name: str, way: Way, whole: Any, verdict: str) -> Iterator[tuple[str, Any, str]]:
    """What is wrong, the whole with that in it, and the most that may then be said."""
    true = at(whole, way)
    item = isinstance(way[-1], int)
    if not (item and (name, way) in WELL_FORMED_LIES):
        yield "is missing", without(whole, way), verdict if item else "deny"
    for what, value in _of_no_kind(true):
        yield what, changed(whole, way, value), verdict if value is None and way in NULL_SAYS_SOMETHING else "deny"
    for what, value in _of_its_kind(true):
        if (name, way) not in WELL_FORMED_LIES:
            yield what, changed(whole, way, value), verdict


def _of_no_kind(true: Any) -> Iterator[tuple[str, Any]]:
    if true is not None:
        yield "is null", None
    if not isinstance(true, dict):
        yield "is an object", {"not": "this"}
    if not isinstance(true, list):
        yield "is a list", ["nor", 1]
    if not isinstance(true, str):
        yield "is a text", str(true)
    if not isinstance(true, bool):
        yield "is a truth", True
    if isinstance(true, bool) or not isinstance(true, int | float):
        yield "is a number", 1
    else:
        yield "is not a number", nan
        yield "is infinite", inf
        yield "is infinitely small", -inf


def _of_its_kind(true: Any) -> Iterator[tuple[str, Any]]:
    match true:
        case bool():
            return
        case str():
            yield "is empty", ""
            yield "is huge", true * 1_000
        case int() | float():
            yield "is negative", -1
            yield "is hugely negative", -(2**62)
            yield "is huge", 2**62
            yield "is too large for the engine", 2**64 + 4
            yield "is beyond all numbers", 10**400
            yield "is a huge fraction", 1e300
        case list():
            yield "is empty", []
            yield "is long", true * 100
        case dict():
            yield "is empty", {}


def _tier(document: Mapping[str, Any]) -> str:
    return str(document["service"]["tier"])
