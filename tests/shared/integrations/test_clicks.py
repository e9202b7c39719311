"""What is asked of SQS for a click."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from shared.click import Click
from shared.errors import Unavailable
from shared.integrations.clicks import ClickQueue
from tests.builders import T0

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/approval"
CLICK = Click(id="c1", user="U0ANA", team="T0SHOP", button="approve", value="INC-1/4", clicked_at=T0)


def test_the_client_leaves_room_for_an_answer_within_three_seconds() -> None:
    queue = ClickQueue.connect(URL, "eu-north-1")
    config: Any = queue.client.meta.config
    assert (queue.url, queue.client.meta.region_name) == (URL, "eu-north-1")
    assert (config.connect_timeout, config.read_timeout) == (1, 1)
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}


def test_a_click_is_queued_as_it_was_heard() -> None:
    client = boto3.client("sqs", region_name="eu-west-1")
    stub = Stubber(client)
    stub.add_response("send_message", {}, {"QueueUrl": URL, "MessageBody": CLICK.model_dump_json()})
    with stub:
        ClickQueue(client, URL).send(CLICK)
        stub.assert_no_pending_responses()


def test_a_click_of_which_nobody_knows_whether_it_is_queued_is_told_so() -> None:
    client = boto3.client("sqs", region_name="eu-west-1")
    stub = Stubber(client)
    stub.add_client_error("send_message", "AWS.SimpleQueueService.NonExistentQueue")
    with stub, pytest.raises(Unavailable):
        ClickQueue(client, URL).send(CLICK)

    def fail(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url=URL)

    client.meta.events.register("before-send.sqs.SendMessage", fail)
    with pytest.raises(Unavailable):
        ClickQueue(client, URL).send(CLICK)
