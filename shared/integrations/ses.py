"""E-mail over SES, for what Slack must not be alone with."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from shared.errors import Refused, Unavailable, Unclear
from shared.sentences import plain

if TYPE_CHECKING:
    from mypy_boto3_ses import SESClient

BUSY = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable"})
SUBJECT = 200
"""Characters of a subject."""


@dataclass(frozen=True, slots=True)
class SesMail:
    """The port Mail; one attempt per call, because SES has no token that would make a second one harmless."""

    client: "SESClient"
    sender: str
    recipients: tuple[str, ...]

    @classmethod
    def of(cls, environment: Mapping[str, str], region: str) -> "SesMail | None":
        """Mail from SES_SENDER to EMAIL_RECIPIENT (one or several, with commas); None where either is missing."""
        sender = environment.get("SES_SENDER", "").strip()
        recipients = tuple(filter(None, (each.strip() for each in environment.get("EMAIL_RECIPIENT", "").split(","))))
        if not sender or not recipients:
            return None
        config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
        return cls(boto3.client("ses", region_name=region, config=config), sender, recipients)

    def send(self, subject: str, text: str, html: str) -> str:
        """See Mail; a subject of several lines becomes one, so that it cannot bring headers of its own."""
        for address in (self.sender, *self.recipients):
            if "@" not in parseaddr(address)[1] or not address.isprintable():
                raise Refused(f"{plain(address)!r} is no e-mail address: correct SES_SENDER or EMAIL_RECIPIENT")
        try:
            reply = self.client.send_email(
                Source=self.sender,
                Destination={"ToAddresses": list(self.recipients)},
                Message={
                    "Subject": {"Data": plain(subject, SUBJECT), "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": text, "Charset": "UTF-8"},
                        "Html": {"Data": html, "Charset": "UTF-8"},
                    },
                },
            )
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            raise Unavailable(f"SES cannot be reached: {error}") from error
        except BotoCoreError as error:
            raise Unclear(f"SES did not answer: {error}") from error
        except ClientError as error:
            raise _of_reply(error) from error
        return reply["MessageId"]


def _of_reply(error: ClientError) -> Unavailable | Refused:
    code = error.response["Error"]["Code"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in BUSY:
        return Unavailable(f"SES is busy ({code})")
    if status >= 500:  # noqa: PLR2004 - HTTP's own number
        return Unclear(f"SES failed ({code}); the e-mail may have gone out")
    said = error.response["Error"].get("Message", "")
    return Refused(f"SES did not take the e-mail: {plain(said)} ({code}); verify SES_SENDER and leave the sandbox")
