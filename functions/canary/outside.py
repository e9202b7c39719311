"""The test alarm at CloudWatch, and the switch that rings when it is not told in time."""

from typing import TYPE_CHECKING

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Refused, Unavailable
from shared.secrets import Secret

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

SECONDS = 10.0
"""How long the switch may take to answer."""


def ring(cloudwatch: "CloudWatchClient", alarm: str) -> None:
    """Sets the alarm to ALARM; CloudWatch itself puts it back to OK at its next evaluation."""
    try:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="Middlewatch tests itself")
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"the test alarm {alarm} cannot be rung: {error}") from error


def ping(http: urllib3.PoolManager, secret: Secret) -> bool:
    """Asks for the url in the secret once, over https alone; False where there is none. No error repeats it."""
    url = secret("dead_mans_switch_url")
    if not url:
        return False
    if not url.startswith("https://"):
        raise Refused("dead_mans_switch_url must begin with https://")
    try:
        reply = http.request("GET", url, timeout=SECONDS, retries=False, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"no answer: {type(error).__name__}") from None
    if reply.status // 100 != 2:  # noqa: PLR2004 - HTTP's successes
        raise Unavailable(f"it answered {reply.status}")
    return True
