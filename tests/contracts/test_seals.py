"""The port Seals, held against the fake and, through boto3, against moto's KMS."""

from base64 import b64decode, b64encode
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local.aws.embedded import EmbeddedAws
from local.aws.provision import Names, Provisioner
from shared.errors import Unavailable
from shared.integrations.kms import LENGTH, KmsSeals
from shared.ports import Seals
from tests.fakes.seals import MemorySeals

MESSAGE = b"\x00what is said\xff" * 3


def kms(endpoint: str, prefix: str = "middlewatch") -> KmsSeals:
    seals = KmsSeals("us-east-1", prefix)
    config = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    vars(seals)["client"] = boto3.client("kms", region_name="us-east-1", endpoint_url=endpoint, config=config)
    return seals


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with EmbeddedAws(tmp_path_factory.mktemp("no-functions")) as aws:
        Provisioner(aws.client, Names()).seals()
        yield aws.endpoint


@pytest.fixture(params=["memory", "kms"])
def seals(request: pytest.FixtureRequest) -> Seals:
    return MemorySeals() if request.param == "memory" else kms(request.getfixturevalue("endpoint"))


@pytest.mark.enable_socket
def test_a_code_holds_for_its_message_and_its_key_and_for_nothing_else(seals: Seals) -> None:
    code = seals.make("approval-seal", MESSAGE)

    assert seals.holds("approval-seal", MESSAGE, code)
    assert not seals.holds("decision-seal", MESSAGE, code)
    assert not seals.holds("approval-seal", MESSAGE + b".", code)
    assert code == seals.make("approval-seal", MESSAGE) != seals.make("decision-seal", MESSAGE)


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    "code",
    ["", "x", "no base64!", "\u00e4\u00f6", b64encode(b"short").decode(), b64encode(b"\0" * (LENGTH + 1)).decode()],
)
def test_what_is_no_code_does_not_hold(seals: Seals, code: str) -> None:
    assert not seals.holds("approval-seal", MESSAGE, code)


@pytest.mark.enable_socket
@pytest.mark.parametrize("place", range(LENGTH))
def test_a_code_with_one_bit_changed_does_not_hold(seals: Seals, place: int) -> None:
    code = bytearray(b64decode(seals.make("approval-seal", MESSAGE)))
    code[place] ^= 1

    assert not seals.holds("approval-seal", MESSAGE, b64encode(bytes(code)).decode())


@pytest.mark.enable_socket
def test_a_key_that_is_not_there_says_neither_yes_nor_no(endpoint: str) -> None:
    code = kms(endpoint).make("approval-seal", MESSAGE)
    elsewhere = kms(endpoint, "elsewhere")

    with pytest.raises(Unavailable, match="made no approval-seal"):
        elsewhere.make("approval-seal", MESSAGE)
    with pytest.raises(Unavailable, match="did not say"):
        elsewhere.holds("approval-seal", MESSAGE, code)


@pytest.mark.enable_socket
def test_a_kms_that_does_not_answer_says_neither_yes_nor_no(endpoint: str) -> None:
    code = kms(endpoint).make("approval-seal", MESSAGE)
    away = kms("http://127.0.0.1:9")

    with pytest.raises(Unavailable):
        away.make("approval-seal", MESSAGE)
    with pytest.raises(Unavailable):
        away.holds("approval-seal", MESSAGE, code)


def test_nothing_is_connected_before_it_is_needed() -> None:
    assert "client" not in vars(KmsSeals("eu-west-1", "middlewatch"))
