import boto3
import pytest
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
    mail = SesMail.of({"SES_SENDER": "a@b.example", "EMAIL_RECIPIENT": "c@d.example, e@f.example"}, "eu-west-1")
    assert mail
    assert mail.recipients == ("c@d.example", "e@f.example")
    assert mail.client.meta.config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]  # the stubs lack it


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


@pytest.mark.parametrize("sender", ["", "nobody", "a@b.example\r\nBcc: c@d.example"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(sender: str) -> None:
    with pytest.raises(Refused, match="no e-mail address"):
        a_mail(sender)[0].send("s", "t", "h")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("Throttling", 400, Unavailable),
        ("InternalFailure", 500, Unclear),
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
