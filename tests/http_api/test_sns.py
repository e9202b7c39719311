"""SNS over HTTP is believed when SNS itself signed it for a topic of ours."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import cache
from json import dumps, loads
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared.alert import as_text
from tests.builders import T0
from tests.fakes.store import MemoryStore
from tests.http_api.conftest import TOPIC, World, body_of, ids, ringing

ADDRESS = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem"
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


@cache
def sns() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key and a certificate like SNS's."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    return key, certificate.public_bytes(Encoding.PEM)


def message(version: str = "2", **fields: str) -> dict[str, str]:
    """What SNS posts, signed after Amazon's rule."""
    envelope = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "ALARM: orders-5xx",
        "Message": body_of(ringing()).decode(),
        "Timestamp": as_text(T0),
        "SignatureVersion": version,
        "SigningCertURL": ADDRESS,
        **fields,
    }
    signed = NOTIFICATION if envelope["Type"] == "Notification" else CONFIRMATION
    text = "".join(f"{name}\n{envelope[name]}\n" for name in signed if name in envelope)
    key, _ = sns()
    signature = key.sign(text.encode(), PKCS1v15(), SHA256() if version == "2" else SHA1())  # noqa: S303 - SNS's own
    return {**envelope, "Signature": b64encode(signature).decode()}


def confirmation(kind: str = "SubscriptionConfirmation", topic: str = TOPIC) -> dict[str, str]:
    envelope = message(
        Type=kind, TopicArn=topic, Token="t0k3n", SubscribeURL="https://evil.example/confirm", MessageId="m-2"
    )
    return {name: value for name, value in envelope.items() if name != "Subject"}


def deliver(world: World, envelope: Any) -> Any:
    world.certificates = {ADDRESS: sns()[1]}
    world_parse = unwrapping(world)
    headers = {"x-amz-sns-message-type": "Notification", "Content-Type": "text/plain; charset=UTF-8"}
    return world_parse.post("/alerts/cloudwatch", content=dumps(envelope), headers=headers)


def unwrapping(world: World) -> Any:
    """The API with a parser that looks into the envelope, as the real one does."""
    deps = world.deps()

    def parse(payload: Any, source: str, now: datetime) -> Any:
        return deps.parse(loads(payload["Message"]), source, now)

    return world.client(parse=parse)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_message_of_an_allowed_topic_is_taken_in(world: World, version: str) -> None:
    response = deliver(world, message(version))
    assert response.status_code == 202
    assert ids(response)


def test_a_message_that_sns_sends_again_counts_once(world: World) -> None:
    first, again = deliver(world, message()), deliver(world, message())
    assert ids(first) == ids(again)
    assert len(world.store.read(ids(first)[0]).entries) == 1


def test_a_message_without_a_subject_is_signed_without_one(world: World) -> None:
    envelope = message()
    del envelope["Subject"]
    assert deliver(world, envelope).status_code == 401
    key, _ = sns()
    text = "".join(f"{name}\n{envelope[name]}\n" for name in NOTIFICATION if name in envelope)
    envelope["Signature"] = b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
    assert deliver(world, envelope).status_code == 202


@pytest.mark.parametrize("field", [*NOTIFICATION, "Signature", "SignatureVersion"])
def test_a_changed_field_is_refused(world: World, field: str) -> None:
    envelope = message()
    envelope[field] = envelope[field][:-1] + ("A" if envelope[field][-1] != "A" else "B")
    assert deliver(world, envelope).status_code == 401
    assert not world.store.timelines


@pytest.mark.parametrize(
    "field", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SigningCertURL"]
)
@pytest.mark.parametrize("value", [None, 7, [], {}])
def test_a_missing_or_misshapen_field_is_refused(world: World, field: str, value: object) -> None:
    assert deliver(world, {**message(), field: value}).status_code == 401
    assert deliver(world, {name: text for name, text in message().items() if name != field}).status_code == 401


@pytest.mark.parametrize(
    "address",
    [
        ADDRESS.replace("https", "http"),
        ADDRESS.replace("amazonaws.com", "amazonaws.com.evil.example"),
        ADDRESS.replace("sns.eu-west-1.amazonaws.com", "evil.example"),
        ADDRESS.replace("sns.eu-west-1", "sns.eu-west-1.evil"),
        ADDRESS.replace("eu-west-1", "us-east-1"),
        ADDRESS.replace("sns.", "s3."),
        ADDRESS.replace("amazonaws.com", "amazonaws.com:8443"),
        ADDRESS.replace("https://", "https://sns.eu-west-1.amazonaws.com@"),
        ADDRESS.replace("/Simple", "/x/../Simple"),
        ADDRESS + "?a=b",
        ADDRESS + "\n",
    ],
)
def test_nothing_is_fetched_from_anywhere_but_sns(world: World, address: str) -> None:
    assert deliver(world, message(SigningCertURL=address)).status_code == 401
    assert not world.fetched


def test_nothing_is_fetched_for_a_topic_that_is_not_allowed(world: World) -> None:
    response = deliver(world, message(TopicArn=TOPIC.replace("alarms", "theirs")))
    assert response.status_code == 401
    assert not world.fetched


@pytest.mark.parametrize(("minutes", "status"), [(-66, 401), (-64, 202), (4, 202), (6, 401)])
def test_a_message_is_good_for_as_long_as_sns_may_be_sending_it(world: World, minutes: int, status: int) -> None:
    assert deliver(world, message(Timestamp=as_text(T0 + timedelta(minutes=minutes)))).status_code == status


def test_a_subscription_is_confirmed_by_a_call_for_an_allowed_topic_alone(world: World) -> None:
    assert deliver(world, confirmation()).json()["note"] == f"subscribed to {TOPIC}"
    assert [(each.topic, each.token, each.region) for each in world.confirmed] == [(TOPIC, "t0k3n", "eu-west-1")]
    assert deliver(world, confirmation(topic=TOPIC.replace("alarms", "theirs"))).status_code == 401
    assert len(world.confirmed) == 1


def test_the_end_of_a_subscription_is_noted_and_not_undone(world: World) -> None:
    response = deliver(world, confirmation("UnsubscribeConfirmation"))
    assert response.json()["note"] == f"{TOPIC} no longer sends here"
    assert not world.confirmed


def test_sns_speaks_to_sources_of_cloudwatch_alone() -> None:
    world = World(MemoryStore())
    headers = {"x-amz-sns-message-type": "Notification"}
    assert world.client().post("/alerts/grafana", content=dumps(message()), headers=headers).status_code == 401


def test_a_topic_says_no_more_than_the_source_that_it_comes_by(world: World) -> None:
    response = deliver(world, message(Message=body_of(ringing(target="ecs:bank/ledger")).decode()))
    (incident_id,) = ids(response)
    (alarm,) = world.store.read(incident_id).incident.alarms.values()
    assert (alarm.alert.origin, alarm.alert.beyond) == ("cloudwatch", "ecs:bank/ledger")
    (incident_id,) = ids(deliver(world, message(MessageId="m-2")))
    (alarm,) = world.store.read(incident_id).incident.alarms.values()
    assert (alarm.alert.origin, alarm.alert.beyond) == (TOPIC, "")
