# ruff: noqa: RUF001  # letters that look like others are what this is about
"""Mutated requests at Slack's door, and signed ones that hold what nobody expects."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from aws_lambda_powertools import Logger

from functions.approval.decide_click import Deciding, decide_click
from functions.slack_api.app import LARGEST
from shared.click import SHOWN, Click
from shared.facts import ApprovalGiven, ApprovalRefused, ApprovalRequested, IncidentAcknowledged
from shared.integrations.slack import signature, verified
from shared.seal import is_genuine
from tests.builders import INCIDENT, T0, a_config, a_history, a_person, a_proposal, a_service, proposed, requested
from tests.fakes.chat import MemoryChat
from tests.fakes.store import MemoryStore
from tests.hostile.egress import guarded
from tests.hostile.slack_edge import (
    APP,
    ASKED,
    SEALS,
    SECRET,
    SIGNED,
    STAMP,
    STAMPED,
    TEAM,
    YES,
    Edge,
    Request,
    command,
    edge,
    form_of,
    pressed,
    request,
    submitted,
    valid,
)
from tests.hostile.strings import a_text, a_value
from tests.reliability.table import Row

Mutation = Callable[[Request, random.Random], Request]
STAMPS = (
    "abc", "", " ", "-1", f"-{STAMP}", f"+{STAMP}", f" {STAMP}", f"{STAMP} ", f"{STAMP}.0", f"{STAMP}.5", "1e9", "0x1F",
    f"0{STAMP}", f"{STAMP}0", "32503680000", "99999999999999999999", "0", "inf", "NaN", "None", "1_700_000_000",
    "".join(chr(0x0660 + int(digit)) for digit in STAMP), "".join(chr(0xFF10 + int(digit)) for digit in STAMP),
    f"{STAMP},{STAMP}", f"{STAMP}\n", f"{STAMP}\x00", str(int(STAMP) - 301), str(int(STAMP) + 301),
    str(int(STAMP) - 86400), "².³",
)  # fmt: skip
"""Time stamps that none is: words, signs, parts, other digits, the year 3000, too old, too early."""


def _byte_changed(sent: Request, dice: random.Random) -> Request:
    body = bytearray(sent.body)
    at = dice.randrange(len(body))
    body[at] ^= dice.randrange(1, 256)
    return sent.changed(body=bytes(body))


def _byte_inserted(sent: Request, dice: random.Random) -> Request:
    at = dice.randrange(len(sent.body) + 1)
    return sent.changed(body=sent.body[:at] + bytes([dice.randrange(256)]) + sent.body[at:])


def _bytes_cut(sent: Request, dice: random.Random) -> Request:
    at, end = sorted(dice.sample(range(len(sent.body) + 1), 2))
    return sent.changed(body=sent.body[:at] + sent.body[end:])


def _bytes_swapped(sent: Request, dice: random.Random) -> Request:
    at, middle, end = sorted(dice.sample(range(len(sent.body) + 1), 3))
    return sent.changed(body=sent.body[:at] + sent.body[middle:end] + sent.body[at:middle] + sent.body[end:])


def _body_appended(sent: Request, dice: random.Random) -> Request:
    more = dice.choice([b"&payload={}", b"&user_id=U0BO", b"\n", b"\x00", b"%00", b"&", b"\xff\xfe", "ä".encode()])
    return sent.changed(body=sent.body + more if dice.random() < 0.5 else more + sent.body)


def _body_reencoded(sent: Request, dice: random.Random) -> Request:
    text = sent.body.decode()
    other = dice.choice([str.lower, str.upper, str.swapcase, lambda said: said.replace("%20", "+"), str.title])
    return sent.changed(body=other(text).encode())


def _body_of_noise(sent: Request, dice: random.Random) -> Request:
    return sent.changed(body=dice.randbytes(dice.choice([0, 1, 7, 100, 5000])))


def _body_huge(sent: Request, dice: random.Random) -> Request:
    return sent.changed(body=sent.body + b"x" * dice.choice([LARGEST, LARGEST + 1, 2 * LARGEST]))


def _other_body_of_slack(sent: Request, dice: random.Random) -> Request:
    return sent.changed(body=dice.choice([each for each in valid() if each.body != sent.body]).body)


def _stamp(sent: Request, dice: random.Random) -> Request:
    return _with(sent, STAMPED, dice.choice(STAMPS))


def _stamp_signed_too(sent: Request, dice: random.Random) -> Request:
    """A time that is no time, signed with the right secret all the same."""
    stamp = dice.choice([each for each in STAMPS if each.isprintable() and each.isascii() and each != f"0{STAMP}"])
    return _with(_with(sent, STAMPED, stamp), SIGNED, signature(stamp, sent.body, SECRET))


def _signature_of_another_secret(sent: Request, dice: random.Random) -> Request:
    secret = dice.choice(["", " ", SECRET.upper(), SECRET + " ", SECRET[:-1], "xoxb-1", "\x00"])
    return _with(sent, SIGNED, signature(STAMP, sent.body, secret))


def _signature_mangled(sent: Request, dice: random.Random) -> Request:
    (right,) = sent.values(SIGNED)
    digest = right.removeprefix("v0=")
    position = dice.randrange(len(digest))
    flipped = f"{digest[:position]}{(int(digest[position], 16) + dice.randrange(1, 16)) % 16:x}{digest[position + 1 :]}"
    return _with(
        sent,
        SIGNED,
        dice.choice(
            [
                f"v1={digest}", f"V0={digest}", digest, f"v0={flipped}", f"v0={digest[:-1]}", f"v0={digest}0", "v0=",
                "",
                f" {right}", f"{right} ", f"{right},{right}", f"v0={digest.upper()}X", f"v0:{digest}", f"v0={'é' * 64}",
                f"v0={'٣' * 64}", f"v0={digest[::-1]}", right + "\x00", f"{right};{right}", "v0=" + "0" * 64, "\udcff",
            ]
        ),
    )  # fmt: skip


def _header_gone(sent: Request, dice: random.Random) -> Request:
    gone = dice.choice([STAMPED, SIGNED])
    return sent.changed(headers=tuple(each for each in sent.headers if each[0] != gone))


def _header_twice(sent: Request, dice: random.Random) -> Request:
    name = dice.choice([STAMPED, SIGNED])
    (right,) = sent.values(name)
    second = dice.choice([right, "", "0", "v0=0", dice.choice(STAMPS)])
    pair = [(name, right), (dice.choice([name, name.upper(), name.title()]), second)]
    dice.shuffle(pair)
    others = tuple(each for each in sent.headers if each[0] != name)
    return sent.changed(headers=(*others, *pair))


def _header_renamed(sent: Request, dice: random.Random) -> Request:
    name = dice.choice([STAMPED, SIGNED])
    other = dice.choice(
        [name.replace("-", "_"), name.removeprefix("x-"), f"{name}2", f"x-{name}", name.replace("s", "ѕ")]
    )
    return sent.changed(headers=tuple((other if each == name else each, value) for each, value in sent.headers))


def _header_case(sent: Request, dice: random.Random) -> Request:
    """This one is still signed: the names of headers have no case."""
    other = dice.choice([str.upper, str.title, str.swapcase])
    return sent.changed(headers=tuple((other(name), value) for name, value in sent.headers))


def _more_headers(sent: Request, dice: random.Random) -> Request:
    """Still signed: what else is sent says nothing, not even of which kind the body is."""
    more = dice.choice(
        [
            ("host", "evil.example:1:2"), ("x-forwarded-port", "1,443"), ("x-forwarded-port", "abc"), ("x-test", "ü"),
            ("x-slack-no-retry", "1"), ("x-slack-retry-num", "9" * 40), ("content-type", "application/json"),
            ("content-length", "1"), ("transfer-encoding", "chunked"), ("expect", "100-continue"), ("cookie", "a=" * 9),
            ("x-http-method-override", "GET"), ("content-encoding", "gzip"), ("x-slack-signature-2", "v0=0"),
        ]
    )  # fmt: skip
    return sent.changed(headers=(*(each for each in sent.headers if each[0] != more[0]), more))


def _stale_replay(sent: Request, dice: random.Random) -> Request:
    """The whole request of some minutes ago, as it was signed then."""
    stamp = str(int(STAMP) - dice.choice([301, 302, 600, 86400, 10**8]))
    return request(sent.path, sent.body, stamp=stamp)


MUTATIONS: tuple[Mutation, ...] = (
    _byte_changed, _byte_inserted, _bytes_cut, _bytes_swapped, _body_appended, _body_reencoded, _body_of_noise,
    _body_huge, _other_body_of_slack, _stamp, _stamp_signed_too, _signature_of_another_secret, _signature_mangled,
    _header_gone, _header_twice, _header_renamed, _header_case, _more_headers, _stale_replay,
)  # fmt: skip
_RARE = frozenset({"_body_huge"})
"""Tried one time in fifty, for the time that it takes."""


@dataclass
class Tally:
    """What was answered how often, and what should not have been."""

    answers: Counter[int] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    signed_still: int = 0


def mutated(size: int, seed: int) -> tuple[Row, list[str]]:
    """Sends `size` mutants; only one in which nothing signed was changed may be let in."""
    dice, started, tally = random.Random(seed), perf_counter(), Tally()
    with edge() as door:
        originals = valid()
        for number in range(size):
            original = originals[number % len(originals)]
            mutations = [_mutation(dice) for _ in range(dice.choice([1, 1, 1, 2, 3]))]
            mutant = original
            for mutation in mutations:
                mutant = _tried(mutation, mutant, dice)
            _judge(original, mutant, door, dice, tally, "+".join(each.__name__ for each in mutations))
        let_in = len(door.clicks.clicks) + len(door.chat.views)
        if let_in > tally.signed_still:
            tally.violations.append(f"{let_in} clicks and dialogs of {tally.signed_still} requests that were signed")
    said = ", ".join(f"{status}: {count:,}" for status, count in sorted(tally.answers.items()))
    remark = f"{said}; {tally.signed_still:,} of them with all that is signed unchanged"
    return Row(
        "mutated Slack requests", size, len(tally.violations), perf_counter() - started, remark
    ), tally.violations


def _mutation(dice: random.Random) -> Mutation:
    chosen = dice.choice(MUTATIONS)
    return _byte_changed if chosen.__name__ in _RARE and dice.random() > 0.02 else chosen


def _tried(mutation: Mutation, sent: Request, dice: random.Random) -> Request:
    """The mutant; a second mutation that finds nothing left to change leaves it alone."""
    try:
        return mutation(sent, dice)
    except (ValueError, IndexError, UnicodeDecodeError):
        return sent


def _judge(original: Request, mutant: Request, door: Edge, dice: random.Random, tally: Tally, how: str) -> None:
    same = mutant.signed == original.signed
    tally.signed_still += same
    try:
        status = _sent(mutant, door, dice)
    except Exception as error:  # noqa: BLE001 - any error at all is what is looked for
        tally.violations.append(f"{how}: {error!r}")
        return
    tally.answers[status] += 1
    large = len(mutant.body) > LARGEST
    wanted = {200} if same else {413} if large else {401, 400}
    if status not in wanted:
        tally.violations.append(f"{how}: {status}, wanted {wanted}: {mutant.headers} {mutant.body[:200]!r}")


def _sent(mutant: Request, door: Edge, dice: random.Random) -> int:
    way = dice.randrange(3)
    text = _is_text(mutant.body)
    if way == 0 or any(not _is_text(value.encode("utf-8", "surrogatepass")) for _, value in mutant.headers):
        return door.by_server(_ascii_names(mutant))
    return door.by_gateway(mutant, encoded=way == 1 or not text)


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ascii_names(sent: Request) -> Request:
    """A server reads no header whose name is not of ASCII letters."""
    return sent.changed(headers=tuple(each for each in sent.headers if each[0].isascii()))


def _with(sent: Request, name: str, value: str) -> Request:
    others = tuple(each for each in sent.headers if each[0].lower() != name)
    return sent.changed(headers=(*others, (name, value)))


def signed_hostile(size: int, seed: int) -> tuple[Row, list[str]]:
    """Sends `size` requests that are signed well and hold anything; what they queue is decided on a real question."""
    dice, started, violations = random.Random(seed), perf_counter(), list[str]()
    answers, clicks = Counter[int](), 0
    judge = _Judge()
    with edge() as door, guarded() as reached:
        for sent, about in _hostile(size, dice):
            door.clicks.clicks.clear()
            try:
                status = door.by_gateway(sent, encoded=dice.random() < 0.5)
            except Exception as error:  # noqa: BLE001 - any error at all is what is looked for
                violations.append(f"{sent.body[:300]!r}: {error!r}")
                continue
            answers[status] += 1
            if status not in {200, 400, 403, 413}:
                violations.append(f"{status}: {sent.body[:300]!r}")
            for click in door.clicks.clicks:
                clicks += 1
                violations += judge.decided(click, about)
    said = ", ".join(f"{status}: {count:,}" for status, count in sorted(answers.items()))
    violations += [f"{host} was to be reached" for host in reached]
    remark = f"{said}; {clicks:,} clicks decided, {judge.counted} of them counted"
    return Row(
        "signed Slack requests with hostile content", size, len(violations), perf_counter() - started, remark
    ), violations


def _hostile(size: int, dice: random.Random) -> Iterator[tuple[Request, Any]]:
    for _ in range(size):
        kind = dice.randrange(6)
        if kind == 0:
            words, changes = a_text(dice), {dice.choice(["team_id", "api_app_id", "user_id", "text"]): a_text(dice)}
            yield request("/slack/commands", _encodable(lambda w=words, c=changes: command(w, **c))), {}  # type: ignore[misc]
            continue
        payload: Any = pressed() if dice.random() < 0.5 else submitted()
        if kind == 1:
            payload = pressed(dice.choice(["approve", "take", "reject"]), _forged_value(dice))
        elif kind == 2:
            payload["team"] = dice.choice([{"id": "T0OTHER"}, None, {}, [], "T0SHOP", {"id": ["T0SHOP"]}])
            payload["api_app_id"] = dice.choice([APP, "A0OTHER", None, [APP], {"id": APP}, APP.lower()])
        elif kind == 3:
            payload["user"] = dice.choice(
                [
                    {"id": "U0EVE", "team_id": TEAM},
                    {"id": "U0ANA", "team_id": "T0OTHER"},
                    {"id": ["U0ANA"]},
                    "U0ANA",
                    None,
                ]
            )
        elif kind == 4:
            payload = _deep(dice)
        else:
            for _ in range(dice.randrange(1, 4)):
                payload = _anywhere(payload, dice)
        yield request("/slack/actions", _encodable(lambda p=payload: form_of(p))), payload  # type: ignore[misc]


def _encodable(make: Callable[[], bytes]) -> bytes:
    try:
        return make()
    except UnicodeEncodeError:
        return b"payload=%ED%A0%80"


def _forged_value(dice: random.Random) -> str:
    """What a button of ours never carries."""
    return dice.choice(
        [
            json.dumps({"user": {"id": "U0ANA"}, "action": "restart_service", "target": "ecs:shop/payments"}),
            ASKED, f"{ASKED}{SHOWN}", f"{ASKED}{SHOWN}{'0' * 64}", f"{YES}{SHOWN}{YES}", f"{SHOWN}{YES}", YES.upper(),
            f"{INCIDENT}/1", f"{INCIDENT}/2", f"{INCIDENT}/999", f"{INCIDENT}/-1", f"{INCIDENT}/05", f"{INCIDENT}/5 ",
            "INC-261121-OTHER1/3", "*", "", "/", "//", f"../{INCIDENT}/3", f"{INCIDENT}/３", "U0ANA", f"{INCIDENT}/3/3",
            a_text(dice),
        ]
    )  # fmt: skip


def _deep(dice: random.Random) -> Any:
    depth = dice.choice([10, 70, 900, 3000])
    nested: Any = "x"
    for _ in range(min(depth, 900)):
        nested = [nested] if dice.random() < 0.5 else {"a": nested}
    return {**pressed(), "view": nested, "state": nested}


def _anywhere(value: Any, dice: random.Random) -> Any:
    """`value` with something else in one place of it, or under a name that it does not have."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        name = dice.choice(list(value))
        if dice.random() < 0.1:
            return {key: each for key, each in value.items() if key != name}
        return value | {name: _anywhere(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return [*value[:at], _anywhere(value[at], dice), *value[at + 1 :]]
    return a_value(dice)


class _Judge:
    """One question that waits for Ana; only her own press of its own button may answer it."""

    def __init__(self) -> None:
        self.counted = 0
        self.config = a_config(
            slack_app=APP, slack_team=TEAM, people=(a_person(),), services=(a_service(mode="approve"),)
        )

    def decided(self, click: Click, payload: Any) -> list[str]:
        """What is wrong with the decision that this click led to."""
        store = MemoryStore()
        history = a_history(proposed(), requested(), store=store)
        question = next(e for e in history.entries if isinstance(e.fact, ApprovalRequested))
        deciding = Deciding(self.config, store, MemoryChat(), lambda: T0, Logger(service="hostile", level="CRITICAL"))
        try:
            read_again = Click.model_validate_json(click.model_dump_json())
            after = decide_click(read_again, deciding)
        except Exception as error:  # noqa: BLE001 - any error at all is what is looked for
            return [f"the click {click!r} is not decided: {error!r}"]
        user = payload.get("user") if isinstance(payload, dict) else None
        said = user if isinstance(user, dict) else {}
        wrong = []
        if said.get("id") != click.user and click.user != str(said.get("id")):
            wrong.append(f"the click is {click.user}'s, the signed payload {said}'s")
        spoke = [
            e.fact for e in after.entries if isinstance(e.fact, ApprovalGiven | ApprovalRefused | IncidentAcknowledged)
        ]
        self.counted += len(spoke)
        for fact in spoke:
            if (click.user, click.team) != ("U0ANA", TEAM):
                wrong.append(f"{click.user} of {click.team} was let to say {fact.type}")
            if not isinstance(fact, IncidentAcknowledged) and click.value != question.id:
                wrong.append(f"{click.value!r} answered {question.id}")
            if isinstance(fact, ApprovalGiven) and not is_genuine(INCIDENT, fact, SEALS):
                wrong.append(f"a yes without its seal: {fact!r}")
            if isinstance(fact, ApprovalGiven) and click.proposal_hash != a_proposal().hash:
                wrong.append(f"a yes to {click.proposal_hash!r}")
        return wrong


class _Tattling(str):
    """A text that tells when somebody compares it letter by letter."""

    compared: list[str] = []
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        self.compared.append("==")
        return str.__eq__(self, other)

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return _TattlingBytes(str.encode(self, encoding, errors))


class _TattlingBytes(bytes):
    __hash__ = bytes.__hash__

    def __eq__(self, other: object) -> bool:
        _Tattling.compared.append("==")
        return bytes.__eq__(self, other)


def in_constant_time(size: int, seed: int) -> tuple[Row, list[str]]:
    """Whether the signature is only ever compared by a function whose time does not tell where it differs."""
    started, body = perf_counter(), b"payload={}"
    right = signature(STAMP, body, SECRET)
    _Tattling.compared.clear()
    wrong = []
    for number in range(size):
        at = (number + seed) % len(right)
        given = right if number == 0 else f"{right[:at]}x{right[at + 1 :]}"
        said = verified([(STAMPED, STAMP), (SIGNED, _Tattling(given))], body, SECRET, T0)
        if said is not (given == right):
            wrong.append(f"{given} was taken for {said}")
    wrong += [f"the signature was compared with {_Tattling.compared[0]}"] if _Tattling.compared else []
    return Row("signatures compared in constant time", size, len(wrong), perf_counter() - started), wrong


__all__ = ["in_constant_time", "mutated", "signed_hostile"]
