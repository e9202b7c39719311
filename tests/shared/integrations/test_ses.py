from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused, Unavailable, Unclear
from shared.integrations.ses import SesMail


def a_mail(sender: str = "middlewatch@shop.example") -> tuple[SesMail, Stubber]:
    client = boto3.client("ses", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    return SesMail(client, sender, ("team@shop.example",)), Stubber(client)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SES_SENDER": "a@b.example"},
        {"EMAIL_RECIPIENT": "a@b.example"},
        {"SES_SENDER": " ", "EMAIL_RECIPIENT": ","},
    ],
)
def test_mail_that_is_not_configured_is_none(environment: dict[str, str]) -> None:
    assert SesMail.of(environment, "eu-west-1") is None


def test_the_sdk_sends_one_request_per_call_because_ses_has_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    environment = {"SES_SENDER": " a@b.example ", "EMAIL_RECIPIENT": "c@d.example, e@f.example,"}
    mail = SesMail.of(environment, "eu-north-1")
    assert mail
    assert (mail.sender, mail.recipients) == ("a@b.example", ("c@d.example", "e@f.example"))
    config: Any = mail.client.meta.config
    assert mail.client.meta.region_name == "eu-north-1"
    assert (config.connect_timeout, config.read_timeout) == (2, 5)
    assert config.retries["total_max_attempts"] == 1


def test_an_e_mail_goes_to_everybody_as_text_and_as_html() -> None:
    mail, stub = a_mail()
    asked = {
        "Source": "middlewatch@shop.example",
        "Destination": {"ToAddresses": ["team@shop.example"]},
        "Message": {
            "Subject": {"Data": f"one {'x' * 195}…", "Charset": "UTF-8"},
            "Body": {
                "Text": {"Data": "text", "Charset": "UTF-8"},
                "Html": {"Data": "<p>text</p>", "Charset": "UTF-8"},
            },
        },
    }
    stub.add_response("send_email", {"MessageId": "1"}, asked)
    with stub:
        assert mail.send("one\n" + "x" * 197, "text", "<p>text</p>") == "1"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (EndpointConnectionError(endpoint_url="x"), Unavailable),
        (ConnectTimeoutError(endpoint_url="x"), Unavailable),
        (ReadTimeoutError(endpoint_url="x"), Unclear),
        (ConnectionClosedError(endpoint_url="x"), Unclear),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_e_mail_may_have_gone_out_once_a_connection_stood(failure: Exception, kind: type[Exception]) -> None:
    mail, _ = a_mail()

    def fail(**_: object) -> None:
        raise failure

    mail.client.meta.events.register("before-send.ses.SendEmail", fail)
    with pytest.raises(kind) as raised:
        mail.send("s", "t", "h")
    assert type(raised.value) is kind


@given(st.text())
def test_a_subject_is_one_line_whatever_it_was_made_of(subject: str) -> None:
    mail, stub = a_mail()
    sent: list[str] = []
    mail.client.meta.events.register(
        "provide-client-params.ses.SendEmail", lambda params, **_: sent.append(params["Message"]["Subject"]["Data"])
    )
    stub.add_response("send_email", {"MessageId": "1"})
    with stub:
        mail.send(subject, "text", "<p>text</p>")
    assert not {"\r", "\n", "\u2028", "\x00"} & set(sent[0])
    assert len(sent[0]) <= 200


@pytest.mark.parametrize("sender", ["", "nobody", "a@b.example\r\nBcc: c@d.example", "a@b.example\x00"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(sender: str) -> None:
    with pytest.raises(Refused, match="no e-mail address"):
        a_mail(sender)[0].send("s", "t", "h")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("Throttling", 400, Unavailable),
        ("ThrottlingException", 400, Unavailable),
        ("RequestLimitExceeded", 400, Unavailable),
        ("ServiceUnavailable", 503, Unavailable),
        ("InternalFailure", 500, Unclear),
        ("BadGateway", 502, Unclear),
        ("MessageRejected", 400, Refused),
        ("AccessDenied", 403, Refused),
    ],
)
def test_what_ses_answers_is_told_apart(code: str, status: int, error: type[Exception]) -> None:
    mail, stub = a_mail()
    stub.add_client_error("send_email", code, "Email address is not verified.", http_status_code=status)
    with stub, pytest.raises(error) as raised:
        mail.send("s", "t", "h")
    assert type(raised.value) is error
    assert error is not Refused or "Email address is not verified." in str(raised.value)
