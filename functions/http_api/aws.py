"""What the API asks of the network beside its tables: SNS's certificates, and the confirmation of a subscription."""

from collections.abc import Callable

import boto3
import urllib3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from functions.http_api.sns import Published
from shared.errors import Refused, Unavailable

SECONDS = 3.0
"""SNS gives an endpoint 15 s to answer."""
LARGEST = 32 * 1024
"""Bytes of a certificate; SNS's have 2 KB."""
FINAL = {"InvalidParameter", "NotFound"}
"""Errors of ConfirmSubscription that come again whenever it is asked: a wrong token, a topic that is gone."""


class Certificates:
    """SNS's signing certificates by address (checked by the caller to be at SNS), fetched once per process."""

    def __init__(self, http: urllib3.PoolManager) -> None:
        self._http = http
        self._known: dict[str, bytes] = {}

    def __call__(self, address: str) -> bytes:
        """The PEM certificate; raises Unavailable. A redirect is not followed: it could lead anywhere."""
        if address in self._known:
            return self._known[address]
        try:
            reply = self._http.request(
                "GET", address, redirect=False, retries=False, timeout=SECONDS, preload_content=False
            )
            pem = reply.read(LARGEST + 1)
            reply.close()
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"SNS's certificate cannot be read: {error}") from error
        if reply.status != 200:  # noqa: PLR2004 - HTTP's OK
            raise Unavailable(f"SNS's certificate cannot be read: status {reply.status}")
        if len(pem) > LARGEST:
            raise Unavailable(f"SNS's certificate is longer than {LARGEST} bytes")
        self._known[address] = pem
        return pem


def confirm(message: Published) -> None:
    """Confirms the subscription by an API call, so that only we can end it; raises Refused or Unavailable."""
    config = ClientConfig(
        retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=SECONDS, read_timeout=SECONDS
    )
    try:
        boto3.client("sns", region_name=message.region, config=config).confirm_subscription(
            TopicArn=message.topic, Token=message.token, AuthenticateOnUnsubscribe="true"
        )
    except BotoCoreError as error:
        raise Unavailable(f"SNS did not answer: {error}") from error
    except ClientError as error:
        why = f"SNS does not confirm the subscription: {error.response['Error']['Message']}"
        if error.response["Error"]["Code"] in FINAL:
            raise Refused(why) from error
        raise Unavailable(why) from error


def reached(ask: Callable[[], object]) -> Callable[[], None]:
    """`ask` as a check of health: whatever AWS says other than yes is raised as Unavailable."""

    def check() -> None:
        try:
            ask()
        except ClientError as error:
            raise Unavailable(str(error)) from error

    return check
