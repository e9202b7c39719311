"""POST /slack/actions, POST /slack/commands -> a click in the queue of `approval`, a dialog, an answer."""

import os
from typing import Any

from mangum import Mangum
from mangum.types import LambdaContext, LambdaEvent

from functions.slack_api.app import Needs, create_app
from shared.configuration import load
from shared.gateway import plainly
from shared.integrations.clicks import ClickQueue
from shared.integrations.dynamodb import DynamoStore
from shared.integrations.kms import KmsSeals
from shared.integrations.slack import SlackChat
from shared.logs import log_of
from shared.secrets import Secrets
from shared.settings import Settings
from shared.wiring import utc_now

settings = Settings.read(os.environ)
secret = Secrets.of(os.environ, settings)
store = DynamoStore.connect(settings)
needs = Needs(
    config=load(settings.config_dir),
    secret=secret,
    clicks=ClickQueue.connect(settings.approval_queue_url, settings.aws_region),
    chat=SlackChat.of(secret, os.environ),
    timeline=store,
    state=store,
    clock=utc_now,
    logger=log_of("slack_api"),
    seals=KmsSeals.of(settings),
)
http = Mangum(create_app(needs), lifespan="off")


def handler(event: LambdaEvent, context: LambdaContext) -> dict[str, Any]:
    """Answers one request (API Gateway's payload format 2.0)."""
    return http(plainly(event), context)
