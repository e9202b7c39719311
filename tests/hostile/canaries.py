"""Secrets of every known form, planted everywhere; afterwards each sink is searched for them.

What redaction cannot know by its form (an arbitrary word that happens to be a password, without a name beside it that
says so) is not tried: nothing could tell it from any other word.
"""

import asyncio
import base64
import io
import json
import random
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, cast

from botocore.exceptions import ClientError
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo

from cli import incidents as cli_incidents
from functions.alert_intake.intake import take_in
from functions.approval.decide_click import read_click
from functions.slack_api.timeline_view import timeline
from shared import facts
from shared.decide import Message
from shared.errors import MiddlewatchError, Refused, Unavailable
from shared.queue import Queue, consume
from shared.telemetry import meter, tell
from tests.builders import T0, an_intake
from tests.fakes.store import MemoryStore
from tests.hostile.alerts import CONFIG, SAMPLES
from tests.hostile.aws import STORIES
from tests.hostile.egress import guarded
from tests.hostile.house import PLACES, HostileHouse
from tests.hostile.models import USUAL
from tests.hostile.sinks import a_log
from tests.hostile.slack_edge import command, edge, form_of, pressed, request, submitted
from tests.reliability.table import Row

LOG = "log of canaries"
SINKS = ("Slack", "Jira", "e-mail", "the timeline", "the log", "prompts", "quarantine and state", "the queue of clicks")
ENOUGH = 500
"""Secrets after which every sink has been written to."""
_LETTERS = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Canary:
    """A made-up secret: how it is written, and the part of it that must be found nowhere."""

    form: str
    written: str
    secret: str


def _word(dice: random.Random, length: int, letters: str = _LETTERS) -> str:
    return "".join(dice.choice(letters) for _ in range(length))


def a_canary(dice: random.Random) -> Canary:
    """One that was never seen before."""
    kind, make = dice.choice(list(_FORMS.items()))
    written, secret = make(dice)
    return Canary(kind, written, secret)


def _jwt(dice: random.Random) -> tuple[str, str]:
    parts = [
        base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
        for text in ('{"alg":"HS256"}', f'{{"sub":"{_word(dice, 9)}"}}')
    ]
    token = ".".join([*parts, _word(dice, 43)])
    return token, token


def _pem(dice: random.Random, gap: str = "\n") -> tuple[str, str]:
    lines = [_word(dice, 64) for _ in range(6)]
    kind = dice.choice(["RSA ", "EC ", "OPENSSH ", ""])
    return gap.join([f"-----BEGIN {kind}PRIVATE KEY-----", *lines, f"-----END {kind}PRIVATE KEY-----"]), lines[3]


def _same(text: str) -> tuple[str, str]:
    return text, text


def _given(dice: random.Random) -> tuple[str, str]:
    secret = _word(dice, 16)
    name = dice.choice(
        ["password", "DB_PASSWORD", "api_key", "client_secret", "token", "aws_secret_access_key", "passwd"]
    )
    form = dice.choice(
        ["{n}={s}", "{n}: {s}", '{{"{n}": "{s}"}}', "{n} => {s}", "'{n}': '{s}'", '{{\\"{n}\\":\\"{s}\\"}}']
    )
    return form.format(n=name, s=secret), secret


def _url(dice: random.Random) -> tuple[str, str]:
    secret = _word(dice, 16)
    scheme = dice.choice(["postgres", "https", "redis", "amqp", "mongodb+srv", "mysql"])
    user = dice.choice(["app", "", "bob.smith"])
    slashes = dice.choice(["//", "//", "\\/\\/"])
    return f"{scheme}:{slashes}{user}:{secret}@db.shop.example:5432/shop", secret


def _in_two_lines(make: Callable[[random.Random], str]) -> Callable[[random.Random], tuple[str, str]]:
    def broken(dice: random.Random) -> tuple[str, str]:
        secret = make(dice)
        at = dice.randrange(6, len(secret) - 4)
        return f"{secret[:at]}\n{secret[at:]}", secret

    return broken


def _aws_key(dice: random.Random) -> str:
    return f"{dice.choice(['AKIA', 'ASIA'])}{_word(dice, 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}"


def _slack(dice: random.Random) -> str:
    numbers = "-".join(_word(dice, length, string.digits) for length in (12, 13))
    return f"xox{dice.choice('bpas')}-{numbers}-{_word(dice, 24)}"


_FORMS: Mapping[str, Callable[[random.Random], tuple[str, str]]] = {
    "AWS access key": lambda dice: _same(_aws_key(dice)),
    "AWS secret key beside its name": lambda dice: (
        f"aws_secret_access_key = {(key := _word(dice, 40, _LETTERS + '/+'))}", key
    ),
    "Slack token": lambda dice: _same(_slack(dice)),
    "GitHub token": lambda dice: _same(f"ghp_{_word(dice, 36)}"),
    "Google key": lambda dice: _same(f"AIza{_word(dice, 35)}"),
    "model key": lambda dice: _same(f"sk-ant-api03-{_word(dice, 32)}"),
    "JSON web token": _jwt,
    "private key": _pem,
    "private key with a prefix on each line": lambda dice: _pem(dice, "\n2026-11-21T03:00:00Z app | "),
    "private key in JSON": lambda dice: _pem(dice, "\\n"),
    "password beside its name": _given,
    "password in a URL": _url,
    "bearer token": lambda dice: (f"Authorization: Bearer {(token := _word(dice, 40))}", token),
    "cookie": lambda dice: (f"Cookie: session={(value := _word(dice, 40))}", value),
    "AWS access key over two lines": _in_two_lines(_aws_key),
    "Slack token over two lines": _in_two_lines(_slack),
    "JSON web token over two lines": _in_two_lines(lambda dice: _jwt(dice)[0]),
    "GitHub token over two lines": _in_two_lines(lambda dice: f"ghp_{_word(dice, 36)}"),
}  # fmt: skip


@dataclass
class Search:
    """What was planted, and the sinks in which it was found."""

    planted: list[tuple[str, Canary]] = field(default_factory=list)
    searched: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def look(self, sink: str, text: str) -> None:
        """Looks for every secret in what a sink holds, also where it was escaped, wrapped or spaced."""
        self.searched[sink] += len(text)
        flat = text.replace("\\n", "").replace("\\/", "/").replace("\\", "")
        bare = "".join(flat.split())
        for place, canary in self.planted:
            if canary.secret in bare or canary.secret in flat:
                self.found.append(f"a {canary.form} out of {place} is in {sink}")


def planted(size: int, seed: int) -> tuple[Row, list[str]]:
    """Plants `size` secrets, and searches all that was said, kept, logged, asked or answered afterwards."""
    dice, started = random.Random(seed), perf_counter()
    sinks, found, done = Counter[str](), list[str](), 0
    ways = (_through_the_product, _through_the_doors, _through_the_queues)
    with guarded() as reached, asyncio.Runner() as runner:
        while done < size:
            search = ways[min(2, dice.choice([0, 0, 1, 2]))](dice, runner)
            done += len(search.planted)
            sinks += search.searched
            found += search.found
    found += [f"{host} was to be reached" for host in reached]
    if size >= ENOUGH:
        found += [f"nothing was written to {sink}, so this shows nothing" for sink in SINKS if not sinks[sink]]
    remark = f"{len(_FORMS)} forms in {len(PLACES) + len(_ERRORS) + 8} places; searched " + ", ".join(
        f"{sink} ({count / 1e6:.1f} MB)" for sink, count in sinks.most_common()
    )
    return Row("canary secrets", done, len(found), perf_counter() - started, remark), found


def _through_the_product(dice: random.Random, runner: asyncio.Runner) -> Search:
    """An incident in a world full of secrets, with a model that repeats them, to its end."""
    search, stream = Search(), io.StringIO()
    said = {place: _around(search, place, dice) for place in dice.sample(PLACES, dice.choice([3, 8, len(PLACES)]))}
    said = {place: text for place, text in said.items() if not place.endswith("error") or dice.random() < 0.2}
    said.pop("runbook", "")  # a team's own configuration, which is not redacted
    logger = a_log(LOG, stream)
    answered: list[str] = []
    house = HostileHouse(
        dice.choice(["orders", "payments", "search", "ghost"]), story=dice.choice(STORIES), said=said,
        model=partial(_repeating, search, dice, answered), runner=runner, logger=logger,
    )  # fmt: skip
    failing = dice.random() < 0.3
    if failing:
        house.chat.fails = [_failure(search, dice) for _ in range(40)]
        house.tickets.fails = [_failure(search, dice) for _ in range(40)]
        house.mail.fails = [_failure(search, dice) for _ in range(40)]
    errors = _logged(house, logger)
    house.chat.fails, house.tickets.fails, house.mail.fails = [], [], []
    _look_into(house, search, stream.getvalue(), errors)
    return search


def _logged(house: HostileHouse, logger: Any) -> list[str]:
    """Plays it as the handlers do, which log what goes wrong; the texts of the errors that came out."""
    errors: list[str] = []
    queue = Queue("hostile", "url", cast("Any", _Deaf()), house.store, logger, house.clock)
    with redirect_stdout(io.StringIO()):
        try:
            house.rings()
        except MiddlewatchError as error:
            errors.append(repr(error))
            return errors
        for _ in range(60):
            house._publish()  # noqa: SLF001 - its own subclass's step, one at a time
            if not house.waiting:
                break
            name, message = house.waiting.pop(0)
            consume(_record(message), partial(_turn, house, name, logger, errors), queue)
    house.wait(minutes=2)
    return errors


def _turn(house: HostileHouse, name: str, logger: Any, errors: list[str], body: Mapping[str, Any]) -> None:
    message = Message.read(body)
    try:
        house.functions[name](message)
    except MiddlewatchError as error:
        errors.append(str(error))
        raise
    tell(house.store.read(message.incident_id), message.entry_id, logger, meter("hostile"))


def _record(message: Message) -> dict[str, Any]:
    detail = {
        "incident_id": message.incident_id,
        "id": message.entry_id,
        "hash": message.hash,
        "fact": {"type": message.type},
    }
    body = json.dumps({"detail": detail})
    attributes = {"ApproximateReceiveCount": "1"}
    return {"Records": [{"messageId": "m", "body": body, "receiptHandle": "r", "attributes": attributes}]}


class _Deaf:
    def change_message_visibility(self, **_: object) -> None:
        raise ClientError({"Error": {"Code": "x", "Message": "x"}}, "x")


_ERRORS = ("error of a channel",)


def _failure(search: Search, dice: random.Random) -> MiddlewatchError:
    """What an adapter says of a failure may hold what it was asked to send."""
    text = _around(search, _ERRORS[0], dice)
    said = f"the channel failed: {text}"
    return Refused(said) if dice.random() < 0.5 else Unavailable(said)


def _around(search: Search, place: str, dice: random.Random) -> str:
    """A secret in a text, as the place holds it; kept to be searched for."""
    canary = a_canary(dice)
    search.planted.append((place, canary))
    return dice.choice(["{}", "failed with {} in hand", "ERROR {}", '{{"message": "{}"}}', "({}),", "url={}"]).format(
        canary.written
    )


def _repeating(
    search: Search, dice: random.Random, answered: list[str], messages: Sequence[ModelMessage], info: AgentInfo
) -> ModelResponse:
    """A model that puts secrets of its own, and all that it was told, into its answer."""
    text = _around(search, "the model's answer", dice)
    told = "".join(str(getattr(part, "content", "")) for message in messages for part in message.parts)[:300]
    answer = USUAL | {
        "message": text[:200],
        "diagnosis": f"{text} {told}"[:2000],
        "claims": [{"text": text[:400], "evidence": ["e1"]}],
        "suggested_fixes": [text[:400]],
        "info_needed": [text[:400]],
        "links": [text[:400]],
    }
    answered.append(text)
    return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, json.dumps(answer))])


def _look_into(house: HostileHouse, search: Search, log: str, errors: Sequence[str]) -> None:
    search.look("the log", log)
    search.look("the log", "\n".join(house.warnings))
    for prompt in house.prompts:
        search.look("prompts", prompt)
    for shown in house.chat.messages:
        search.look("Slack", json.dumps([shown.post.text, list(shown.post.blocks)], ensure_ascii=False))
    for whisper in house.chat.whispers:
        search.look("Slack", whisper[2])
    for ticket in house.tickets.tickets:
        search.look("Jira", "\n".join([ticket.summary, ticket.description, *ticket.comments]))
    for letter in house.mail.letters:
        search.look("e-mail", "\n".join(letter))
    for incident_id, entries in house.store.timelines.items():
        search.look("the timeline", "\n".join(entry.body for entry in entries))
        search.look("Slack", json.dumps(timeline(house.store.read(incident_id)), ensure_ascii=False))
        with redirect_stdout(io.StringIO()) as printed:
            cli_incidents.shown(house.store, incident_id, as_json=True)
        search.look("the terminal", printed.getvalue())
    search.look(
        "the state table", "\n".join(f"{key} {item.value} {item.listed}" for key, item in house.store.items.items())
    )
    if any(isinstance(e.fact, facts.MessageFailed) for each in house.store.timelines.values() for e in each):
        search.searched["failures on the timeline"] += 1
    search.look("errors", "\n".join(errors))


def _through_the_doors(dice: random.Random, _runner: asyncio.Runner) -> Search:
    """Slash commands, reasons and clicks that hold secrets; what is queued is what a dead-letter queue would hold."""
    search, stream = Search(), io.StringIO()
    with edge(logger=a_log(LOG, stream)) as door:
        for _ in range(4):
            text = _around(search, "a reason or a command", dice)
            door.by_gateway(request("/slack/actions", form_of(submitted(text))), encoded=False)
            door.by_gateway(request("/slack/commands", command(f"stop {text}")), encoded=False)
            door.by_gateway(request("/slack/commands", command(f"{text}")), encoded=False)
            door.by_gateway(request("/slack/actions", form_of(pressed() | {"type": text})), encoded=False)
        for click in door.clicks.clicks:
            search.look("the queue of clicks", click.model_dump_json())
        search.look("the state table", "\n".join(f"{key} {item.value}" for key, item in door.store.items.items()))
        for whisper in door.chat.whispers:
            search.look("Slack", whisper[2])
    search.look("the log", stream.getvalue())
    return search


def _through_the_queues(dice: random.Random, _runner: asyncio.Runner) -> Search:
    """Messages that end in quarantine, or are taken in, with secrets in any place of them."""
    search, stream, store = Search(), io.StringIO(), MemoryStore()
    logger = a_log(LOG, stream)
    intake = an_intake(store, config=CONFIG, clock=lambda: T0)
    turns: tuple[Callable[[Mapping[str, Any]], object], ...] = (
        lambda body: take_in(body, intake, logger),
        Message.read,
        read_click,
    )
    for _ in range(12):
        place = dice.choice(["a payload", "a payload that is none"])
        text = _around(search, place, dice)
        body = _with_secret(dice.choice(list(SAMPLES.values())), text, dice)
        raw = (
            json.dumps(body)
            if place == "a payload"
            else dice.choice([text, f"{json.dumps(body)}}}", json.dumps(body)[:-3]])
        )
        record = {"messageId": "m", "body": raw, "receiptHandle": "r", "attributes": {"ApproximateReceiveCount": "1"}}
        queue = Queue("hostile", "url", cast("Any", _Deaf()), store, logger, lambda: T0)
        turn = dice.choice([turns[0], *turns])
        consume({"Records": [record]}, cast("Any", turn), queue)
    search.look("quarantine and state", "\n".join(f"{key} {item.value}" for key, item in store.items.items()))
    for entries in store.timelines.values():
        search.look("the timeline", "\n".join(entry.body for entry in entries))
    search.look("the log", stream.getvalue())
    return search


def _with_secret(payload: Any, text: str, dice: random.Random) -> Any:
    """The payload with `text` in one of its places, or as the name of a field."""
    ways = list(_leaves(payload))
    way = dice.choice(ways)
    copy = json.loads(json.dumps(payload))
    inner = copy
    for step in way[:-1]:
        inner = inner[step]
    if isinstance(inner, dict) and dice.random() < 0.1:
        inner[text] = inner.pop(way[-1])
    else:
        inner[way[-1]] = text
    return copy


def _leaves(value: Any, so_far: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*so_far, key))
    elif so_far:
        yield so_far
