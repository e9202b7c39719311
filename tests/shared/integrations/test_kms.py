"""What is asked of KMS; that KMS does it, tests/contracts asks."""

from base64 import b64encode
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from shared.errors import Unavailable
from shared.integrations.kms import KmsSeals
from shared.settings import Settings

MAC = bytes(range(32))
ASKED = {"KeyId": "alias/watch-approval-seal", "Message": b"yes", "MacAlgorithm": "HMAC_SHA_256"}


def stubbed() -> tuple[KmsSeals, Stubber]:
    """Seals of a deployment whose client takes only what it is told to expect."""
    seals = KmsSeals.of(Settings(timeline_table="t", state_table="s", aws_region="eu-north-1", name_prefix="watch"))
    return seals, Stubber(seals.client)


def test_the_client_leaves_room_for_an_answer_within_three_seconds() -> None:
    meta = stubbed()[0].client.meta
    assert meta.region_name == "eu-north-1"
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (1, 1)
    assert meta.config.retries == {"mode": "standard", "total_max_attempts": 2}


def test_a_code_is_made_and_checked_under_the_key_of_the_deployment() -> None:
    seals, stub = stubbed()
    stub.add_response("generate_mac", {"Mac": MAC}, ASKED)
    stub.add_response("verify_mac", {"MacValid": True}, {**ASKED, "Mac": MAC})
    with stub:
        code = seals.make("approval-seal", b"yes")
        assert code == b64encode(MAC).decode()
        assert seals.holds("approval-seal", b"yes", code)


def test_only_kms_says_that_a_code_is_wrong() -> None:
    seals, stub = stubbed()
    stub.add_client_error("verify_mac", "KMSInvalidMacException")
    stub.add_client_error("verify_mac", "AccessDeniedException")
    with stub:
        assert not seals.holds("approval-seal", b"yes", b64encode(MAC).decode())
        with pytest.raises(Unavailable):
            seals.holds("approval-seal", b"yes", b64encode(MAC).decode())


@pytest.mark.parametrize("code", ["", "!", "ä", b64encode(MAC[:31]).decode(), b64encode(MAC).decode() + "\n"])
def test_kms_is_not_asked_about_what_is_no_code(code: str) -> None:
    seals, stub = stubbed()
    with stub:
        assert not seals.holds("approval-seal", b"yes", code)


def test_a_kms_that_cannot_be_reached_says_neither_yes_nor_no() -> None:
    seals, _ = stubbed()

    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    for operation in ("GenerateMac", "VerifyMac"):
        seals.client.meta.events.register(f"before-send.kms.{operation}", fail)
    with pytest.raises(Unavailable):
        seals.make("approval-seal", b"yes")
    with pytest.raises(Unavailable):
        seals.holds("approval-seal", b"yes", b64encode(MAC).decode())
