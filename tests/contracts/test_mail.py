"""The port Mail, held against the fake and, through boto3, against moto's SES."""

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from shared.errors import Refused
from shared.integrations.ses import SesMail
from shared.ports import Mail
from tests.fakes.chat import MemoryMail

SENDER, TEAM = "middlewatch@shop.example", ("team@shop.example", "boss@shop.example")


@pytest.fixture(params=["memory", "ses"])
def mail(request: pytest.FixtureRequest) -> Mail:
    if request.param == "memory":
        return MemoryMail()
    moto: DynamoDBClient = request.getfixturevalue("moto_client")
    client = boto3.client(
        "ses",
        region_name="us-east-1",
        endpoint_url=moto.meta.endpoint_url,
        aws_access_key_id="tests",
        aws_secret_access_key="tests",
    )
    client.verify_email_identity(EmailAddress=SENDER)
    return SesMail(client, SENDER, TEAM)


def test_an_e_mail_gets_an_id(mail: Mail) -> None:
    assert mail.send("payments needs a person", "text", "<p>text</p>")


def test_two_e_mails_get_two_ids(mail: Mail) -> None:
    assert mail.send("one", "text", "<p>text</p>") != mail.send("two", "text", "<p>text</p>")


def test_a_sender_that_is_not_verified_is_refused_with_what_to_do(mail: Mail) -> None:
    if not isinstance(mail, SesMail):
        pytest.skip("the fake has no senders")
    with pytest.raises(Refused, match="verify SES_SENDER"):
        SesMail(mail.client, "nobody@elsewhere.example", TEAM).send("s", "t", "h")
