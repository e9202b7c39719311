"""The queue in which clicks wait to be decided, on SQS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.click import Click
from shared.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class ClickQueue:
    """Sends clicks to the queue of `approval`. A click that is sent twice is decided once, so the SDK may retry."""

    client: "SQSClient"
    url: str

    @classmethod
    def connect(cls, url: str, region: str) -> "ClickQueue":
        """The queue at `url`, with time-outs that leave room for an answer within Slack's 3 s."""
        config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
        return cls(boto3.client("sqs", region_name=region, config=config), url)

    def send(self, click: Click) -> None:
        """Puts it there durably; raises Unavailable where that is not certain."""
        try:
            self.client.send_message(QueueUrl=self.url, MessageBody=click.model_dump_json())
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the click could not be queued: {error}") from error
