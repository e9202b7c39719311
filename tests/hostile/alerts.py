# ruff: noqa: RUF001  # letters that look like others are what this is about
"""Alerts in every format, changed in any way: each is taken in, refused with a reason, or kept in quarantine."""

import asyncio
import base64
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

import rfc8785
import urllib3
from aws_lambda_powertools import Logger
from mangum import Mangum
from mangum.types import LambdaContext

from functions.alert_intake.intake import take_in
from functions.http_api.accept import Deps
from functions.http_api.app import create_app
from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP, signature
from functions.http_api.aws import Certificates
from local import reference
from shared.alert import Alert
from shared.alerts.parse import MAX_BYTES, parse
from shared.configuration import load, located
from shared.gateway import plainly
from shared.intake import receive
from shared.queue import Queue, consume
from tests.builders import EVENTS, T0, an_intake
from tests.fakes.store import MemoryStore
from tests.hostile.egress import guarded
from tests.hostile.strings import a_text, a_value
from tests.reliability.table import Row

CONFIG = load(reference.ROOT / "config")
SAMPLES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((EVENTS / "alerts").glob("*.json"))}
FRESH = 200
"""So many payloads meet one table, so that some join, repeat or clear what others opened."""
WORDS = (
    "ALARM", "OK", "INSUFFICIENT_DATA", "firing", "resolved", "aws.ecs", "aws.cloudwatch", "Notification", "critical",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-11-21T03:00:00", "+292278994-08-17T07:12:55Z", "24:00",
    "arn:aws:ecs:eu-west-1:123456789012:service/shop/orders", "arn:aws:a:b:c:d", "arn:::::", "*", "shop/*",
    "123456789012",
    "eu-west-1", "ecs:shop/payments", "shop", "payments", "../payments", "раyments", "payments\u200b", "PAYMENTS",
)  # fmt: skip
_SHAPES = ("cloudwatch", "alertmanager", "grafana", "generic", "ecs")


def payloads(size: int, dice: random.Random) -> Iterator[tuple[str, bytes]]:
    """`size` payloads, each with the format that it was made of."""
    for _ in range(size):
        name = dice.choice(list(SAMPLES))
        kind = next((shape for shape in _SHAPES if name.startswith(shape)), "generic")
        payload = SAMPLES[name]
        for _ in range(dice.choice([1, 1, 2, 5])):
            payload = _somewhere(payload, dice)
        if dice.random() < 0.15:
            payload = _enveloped(payload, dice)
        yield kind, _written(payload, dice)


def _somewhere(value: Any, dice: random.Random) -> Any:
    """`value` with one place of it changed, taken away, doubled or renamed; texts that hold JSON are looked into."""
    if isinstance(value, dict) and value and dice.random() < 0.93:
        name = dice.choice(list(value))
        match dice.randrange(12):
            case 0:
                return {key: each for key, each in value.items() if key != name}
            case 1:
                return {(a_text(dice, 300) if key == name else key): each for key, each in value.items()}
            case 2:
                return value | {a_text(dice, 300): a_value(dice)}
        return value | {name: _somewhere(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.85:
        at = dice.randrange(len(value))
        if dice.random() < 0.15:
            return value * dice.choice([0, 2, 40])
        return [*value[:at], _somewhere(value[at], dice), *value[at + 1 :]]
    if isinstance(value, str) and value.startswith(("{", "[")) and dice.random() < 0.9:
        return _dumped(_somewhere(json.loads(value), dice), dice) if _is_json(value) else value
    if isinstance(value, str) and dice.random() < 0.3:
        at = dice.randrange(len(value) + 1)
        return value[:at] + dice.choice([a_text(dice, 100), *WORDS]) + value[at:]
    return dice.choice(WORDS) if dice.random() < 0.3 else a_value(dice)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _enveloped(payload: Any, dice: random.Random) -> Any:
    """In an SNS notification, in a Lambda event's record, in the body of a queue message, or in several of them."""
    said = _dumped(payload, dice)
    for _ in range(dice.choice([1, 1, 2, 6])):
        notification = {
            "Type": dice.choice(["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]),
            "TopicArn": dice.choice(["arn:aws:sns:eu-west-1:123456789012:alarms", a_text(dice, 100)]),
            "Message": said,
            "SubscribeURL": dice.choice(["http://169.254.169.254/", "https://evil.example/", "file:///etc/passwd"]),
        }
        around = dice.choice(
            [notification, {"Records": [{"Sns": notification}]}, {"Records": [{"body": said}]}, {"Records": [{}]}]
        )
        said = _dumped(around, dice)
    return json.loads(said) if _is_json(said) else notification


def _dumped(value: Any, dice: random.Random) -> str:
    return json.dumps(value, ensure_ascii=dice.random() < 0.5)


def _written(payload: Any, dice: random.Random) -> bytes:
    """As bytes, which are changed as well now and then: cut, flipped, not UTF-8, a key twice, brackets without end."""
    raw = bytearray(_dumped(payload, dice).encode("utf-8", "surrogatepass"))
    match dice.randrange(20):
        case 0:
            del raw[dice.randrange(len(raw) + 1) :]
        case 1:
            raw[dice.randrange(len(raw))] ^= dice.randrange(1, 256)
        case 2:
            raw[dice.randrange(len(raw) + 1) : 0] = dice.choice(
                [b"\xff", b"\x00", b"\xed\xa0\x80", b"\xf0\x9f", b"\xc0\xaf"]
            )
        case 3:
            return b"[" * dice.choice([100, 50_000]) + bytes(raw)
        case 4:
            return bytes(raw).replace(b"{", b'{"source": "aws.ecs", "source": "aws.cloudwatch",', 1)
        case 5:
            return b'{"detail": {"summary": ' + b"9" * dice.choice([30, 5000]) + b"}}"
        case 6:
            return dice.choice(
                [b"", b"null", b"NaN", b'"x"', b"\xef\xbb\xbf{}", b"{}{}", b"[]", b"-", dice.randbytes(40)]
            )
    return bytes(raw)


def hold(alert: Alert) -> list[str]:
    """What is not as it has to be for every alert, whatever it was read from."""
    wrong = []
    if Alert.model_validate_json(alert.model_dump_json()) != alert:
        wrong.append("it does not come back from its JSON as it was")
    if len(rfc8785.dumps(alert.model_dump(mode="json"))) > MAX_BYTES:
        wrong.append("it is larger than an entry may hold")
    if not alert.title.strip():
        wrong.append("it has no title")
    if alert.starts_at > alert.changed_at or alert.changed_at > T0 + timedelta(minutes=10):
        wrong.append("its times are impossible")
    wrong += [f"it links to {link}" for link in alert.links if not _plain_https(link)]
    if alert.target and any(each in alert.target.name for each in "*? \n\t"):
        wrong.append(f"its target is {alert.target.name!r}")
    return [f"{problem}: {alert.model_dump_json()[:300]}" for problem in wrong]


def _plain_https(link: str) -> bool:
    parts = urlsplit(link)
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


@dataclass
class QueueEdge:
    """The alarm queue's edge over a table in memory; what goes wrong inside is kept."""

    store: MemoryStore = field(default_factory=MemoryStore)
    quarantined: int = 0

    def turn(self, raw: bytes) -> list[str]:
        """What is wrong with what became of this message; SQS carries text, so other bytes come as replacements."""
        record = {"messageId": "m", "body": raw.decode("utf-8", "surrogatepass" if _pairs(raw) else "replace")}
        kept, known = len(self.items), sum(map(len, self.store.timelines.values()))
        failed: list[str] = []

        def turn(body: Mapping[str, Any]) -> None:
            try:
                for alert in _read(body):
                    failed.extend(hold(alert))
                take_in(body, an_intake(self.store, config=CONFIG, clock=lambda: T0, new_id=self._id), _SILENT)
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                failed.append(f"{error!r}: {raw[:300]!r}")
                raise

        queue = Queue("alert_intake", "url", cast("Any", None), self.store, _SILENT, lambda: T0)
        answer = consume({"Records": [record]}, turn, queue)
        self.quarantined += len(self.items) - kept
        if answer["batchItemFailures"] and not failed:
            failed.append(f"it comes back: {raw[:300]!r}")
        if sum(map(len, self.store.timelines.values())) < known:
            failed.append("a timeline became shorter")
        return failed

    @property
    def items(self) -> list[str]:
        return [key for key in self.store.items if key.startswith("quarantine#")]

    def _id(self, _now: object) -> str:
        return f"INC-261121-{len(self.store.timelines) + 1:06}"


def _pairs(raw: bytes) -> bool:
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _read(body: Mapping[str, Any]) -> tuple[Alert, ...]:
    return parse(body, "auto", T0).alerts


_SILENT = Logger(service="hostile", level="CRITICAL")


def queued(size: int, seed: int) -> tuple[Row, list[str]]:
    """Gives `size` payloads to the alarm queue's edge."""
    dice, started, violations = random.Random(seed), perf_counter(), list[str]()
    became, queue = Counter[str](), QueueEdge()
    with guarded() as reached:
        for number, (_, raw) in enumerate(payloads(size, dice)):
            if number % FRESH == 0:
                became["in quarantine"] += queue.quarantined
                became["incidents"] += len(queue.store.timelines)
                queue = QueueEdge()
            violations += queue.turn(raw)
    became["in quarantine"] += queue.quarantined
    became["incidents"] += len(queue.store.timelines)
    violations += [f"{host} was to be reached" for host in reached]
    remark = ", ".join(f"{count:,} {what}" for what, count in became.items())
    return Row("mutated alerts at the alarm queue", size, len(violations), perf_counter() - started, remark), violations


_KEYS = {"source_grafana": "g", "source_alertmanager": "a", "source_generic": "s", "source_cloudwatch": "c"}
_ANSWERS = {202, 400, 401, 403, 404, 409, 413, 422}


@contextmanager
def _door(store: MemoryStore, certificate: Certificates) -> Iterator[Mangum]:
    intake = an_intake(store, config=CONFIG, clock=lambda: T0, actor="http_api")
    deps = Deps(
        timeline=store,
        state=store,
        config=CONFIG,
        clock=lambda: T0,
        logger=_SILENT,
        secret=lambda name: _KEYS[name],
        parse=parse,
        locate=partial(located, CONFIG, account="123456789012", region="eu-west-1"),
        receive=partial(receive, intake=intake),
        certificate=certificate,
        confirm=lambda _: None,
        checks={},
        environment="production",
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield Mangum(create_app(deps), lifespan="off")
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)


def posted(size: int, seed: int) -> tuple[Row, list[str]]:
    """Posts `size` payloads to the HTTP API with the key of each source; nothing is fetched but SNS's certificate."""
    dice, started, violations = random.Random(seed), perf_counter(), list[str]()
    answers, store = Counter[int](), MemoryStore()
    with guarded() as reached, _door(store, Certificates(urllib3.PoolManager())) as door:
        for number, (kind, raw) in enumerate(payloads(size, dice)):
            if number % FRESH == 0:
                store.timelines.clear()
                store.items.clear()
            source = "cloudwatch" if kind == "ecs" else kind
            headers = _headers(source, raw, number)
            body = raw
            if source == "cloudwatch" and dice.random() < 0.3:
                headers["x-amz-sns-message-type"] = "Notification"
                body = json.dumps(_from_sns(raw, dice)).encode()
            status = _posted(door, source, headers, body)
            answers[status] += 1
            expected = _ANSWERS | ({503} if "x-amz-sns-message-type" in headers else set())
            if status not in expected:
                violations.append(f"{status}: {source} {body[:300]!r}")
    meant = [host for host in reached if host == "sns.eu-west-1.amazonaws.com"]
    violations += [f"{host} was to be reached" for host in reached if host not in meant]
    said = ", ".join(f"{status}: {count:,}" for status, count in sorted(answers.items()))
    remark = f"{said}; {len(meant)} times SNS's own certificate was asked for, nothing else"
    return Row("mutated alerts at the HTTP API", size, len(violations), perf_counter() - started, remark), violations


def _headers(source: str, raw: bytes, number: int) -> dict[str, str]:
    if source != "generic":
        return {"x-api-key": _KEYS[f"source_{source}"]}
    stamp, delivery = str(int(T0.timestamp())), f"d-{number}"
    mark = signature(_KEYS["source_generic"].encode(), stamp, delivery, raw)
    return {TIMESTAMP.lower(): stamp, DELIVERY.lower(): delivery, SIGNATURE.lower(): mark}


def posted_once(raw: bytes) -> int:
    """The answer to one generic alert, posted and signed as its source does."""
    with _door(MemoryStore(), Certificates(urllib3.PoolManager())) as door:
        return _posted(door, "generic", _headers("generic", raw, 1), raw)


_CERTIFICATES = (
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0.pem",
    "https://169.254.169.254/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://2852039166/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://[::ffff:169.254.169.254]/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://localhost/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "file:///SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://sns.eu-west-1.amazonaws.com:8080/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem\n",
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem?x=https://evil",
    "//evil.example/x.pem", "", "https://sns.eu-west-1.amazonaws.com\\@evil.example/SimpleNotificationService-01d088a6.pem",
)  # fmt: skip


def _from_sns(raw: bytes, dice: random.Random) -> dict[str, Any]:
    """A message that claims to come from a topic of ours."""
    envelope = {
        "Type": dice.choice(["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]),
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": dice.choice([*CONFIG.allowed_topics, "arn:aws:sns:eu-west-1:999999999999:evil"]),
        "Subject": "ALARM",
        "Message": raw.decode("utf-8", "replace"),
        "Timestamp": "2026-11-21T03:00:00.000Z",
        "Token": "t",
        "SignatureVersion": dice.choice(["1", "2", "3", ""]),
        "Signature": base64.b64encode(dice.randbytes(256)).decode(),
        "SigningCertURL": dice.choice(_CERTIFICATES),
        "SubscribeURL": "http://169.254.169.254/",
    }
    return envelope if dice.random() < 0.8 else {**envelope, dice.choice(list(envelope)): a_value(dice)}


def _posted(door: Mangum, source: str, headers: Mapping[str, str], body: bytes) -> int:
    path = f"/alerts/{source}"
    event = {
        "version": "2.0",
        "routeKey": "POST /alerts/{source}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": dict(headers),
        "requestContext": {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
    return int(door(plainly(event), cast("LambdaContext", None))["statusCode"])
