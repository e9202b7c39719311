"""The API over a table in memory, with a clock that stands still and senders that sign."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from json import dumps
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from fastapi.testclient import TestClient

from functions.http_api.accept import Deps
from functions.http_api.app import create_app
from functions.http_api.authentication import DELIVERY, SIGNATURE, TIMESTAMP, signature
from functions.http_api.sns import Published
from shared import keys
from shared.alert import Alert
from shared.alerts.parsed import Parsed
from shared.config import Config
from shared.configuration import located
from shared.errors import Refused, Unavailable
from shared.history import History
from shared.intake import receive
from shared.ports import Item
from tests.builders import T0, an_intake
from tests.fakes.store import MemoryStore

TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
READER = {"X-Api-Key": "reader-1"}
SECRETS = {
    "http_api_keys": "reader-1 reader-2",
    "source_grafana": "grafana-key",
    "source_generic": "generic-secret an-older-secret",
    "source_cloudwatch": "cloudwatch-key",
    "source_empty": "",
}


def config() -> Config:
    sources = [
        {"name": "grafana", "kind": "grafana", "authentication": "key"},
        {"name": "generic", "kind": "generic", "authentication": "hmac"},
        {"name": "cloudwatch", "kind": "cloudwatch", "authentication": "key"},
        {"name": "empty", "kind": "grafana", "authentication": "key"},
        {"name": "forgotten", "kind": "grafana", "authentication": "key"},
    ]
    return Config.model_validate(
        {
            "services": (),
            "people": (),
            "sources": [
                {**source, "secret": f"source_{source['name']}", "targets": ["ecs:shop/*"]} for source in sources
            ],
            "default_channel": "C1",
            "allowed_topics": (TOPIC,),
            "policy": {},
            "digest": "c" * 64,
        }
    )


def parse(payload: Any, source: str, now: datetime) -> Parsed:
    """Payloads of these tests: `{"alerts": [{title, state?, target?, at?}]}`."""
    if not isinstance(payload, dict) or "alerts" not in payload:
        reason = "alerts: is missing"
        raise Refused(reason)
    return Parsed(tuple(_alert(each, source, now) for each in payload["alerts"]), payload.get("note", ""))


def _alert(each: Mapping[str, Any], source: str, now: datetime) -> Alert:
    kind, _, name = each.get("target", "").partition(":")
    at = each.get("at", now)
    return Alert.model_validate(
        {
            "source": source,
            "state": each.get("state", "firing"),
            "title": each["title"],
            "target": {"kind": kind, "name": name} if kind else None,
            "starts_at": at,
            "changed_at": at,
            "external_id": each["title"],
            "fingerprint": f"{source}-{each['title']}",
        }
    )


class BrokenStore(MemoryStore):
    """A table that does not answer."""

    def read(self, incident_id: str) -> History:
        raise Unavailable(f"no answer about {incident_id}", retry_after=7.2)

    def get(self, key: str) -> Item | None:
        raise Unavailable(f"no answer about {key}", retry_after=7.2)

    def write(self, *_: object) -> None:
        raise Unavailable("no answer")


@dataclass
class World:
    """The API, its table, and what it asked of SNS."""

    store: MemoryStore
    now: datetime = T0
    confirmed: list[Published] = field(default_factory=list)
    certificates: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)

    def deps(self) -> Deps:
        clock = lambda: self.now  # noqa: E731
        intake = an_intake(self.store, config=config(), clock=clock, actor="http_api")
        return Deps(
            timeline=self.store,
            state=self.store,
            config=config(),
            clock=clock,
            logger=Logger(service="test", level="CRITICAL"),
            secret=self._secret,
            parse=parse,
            locate=partial(located, config(), account="123456789012", region="eu-west-1"),
            receive=partial(receive, intake=intake),
            certificate=self._certificate,
            confirm=self.confirmed.append,
            checks={"timeline": self._ask_timeline, "state": self._ask_state},
            environment="test",
        )

    def client(self, **changes: Any) -> TestClient:
        # A real server turns a bug into a 500; so does this one, so that a test can say "never a 500".
        return TestClient(create_app(replace(self.deps(), **changes)), raise_server_exceptions=False)

    def _secret(self, name: str) -> str:
        if name not in SECRETS:
            raise Unavailable(f"the secret {name} cannot be read")
        return SECRETS[name]

    def _certificate(self, address: str) -> bytes:
        self.fetched.append(address)
        return self.certificates[address]

    def _ask_timeline(self) -> None:
        self.store.read("health")

    def _ask_state(self) -> None:
        self.store.get(keys.KILL_SWITCH)


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


@pytest.fixture
def client(world: World) -> TestClient:
    return world.client()


def body_of(*alerts: Mapping[str, Any]) -> bytes:
    return dumps({"alerts": alerts}).encode()


def ringing(title: str = "orders-5xx", target: str = "ecs:shop/orders", **more: Any) -> dict[str, Any]:
    return {"title": title, "target": target, **more}


def signing(
    body: bytes,
    *,
    delivery: str = "d-1",
    at: datetime = T0,
    secret: str = "generic-secret",  # noqa: S107 - made up
) -> dict[str, str]:
    timestamp = str(int(at.astimezone(UTC).timestamp()))
    return {
        TIMESTAMP: timestamp,
        DELIVERY: delivery,
        SIGNATURE: signature(secret.encode(), timestamp, delivery, body),
        "Content-Type": "application/json",
    }


Post = Callable[..., Any]


@pytest.fixture
def post(client: TestClient) -> Post:
    """Posts alerts as Grafana does, with its key."""

    def send(*alerts: Mapping[str, Any], source: str = "grafana", key: str = "grafana-key") -> Any:
        return client.post(f"/alerts/{source}", content=body_of(*alerts), headers={"X-Api-Key": key})

    return send


def ids(response: Any) -> Sequence[str]:
    found: list[str] = response.json()["incident_ids"]
    return found
