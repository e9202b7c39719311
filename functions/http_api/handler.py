"""HTTP -> IncidentOpened, AlertJoined, AlertRepeated, AlertResolved; and incidents and health for those who read."""

import os
from functools import partial
from typing import Any

import urllib3
from mangum import Mangum
from mangum.types import LambdaContext, LambdaEvent

from functions.http_api.accept import Deps
from functions.http_api.app import create_app
from functions.http_api.aws import Certificates, confirm, reached
from shared import keys
from shared.alerts.parse import parse
from shared.configuration import load, located
from shared.gateway import plainly
from shared.intake import Intake, receive
from shared.integrations.dynamodb import DynamoStore
from shared.logs import log_of
from shared.secrets import Secrets
from shared.settings import Settings
from shared.wiring import utc_now

settings = Settings.read(os.environ)
logger = log_of("http_api")
store = DynamoStore.connect(settings)
config = load(settings.config_dir)
intake = Intake.of(settings, store, config, utc_now, actor="http_api")
deps = Deps(
    timeline=store,
    state=store,
    config=config,
    clock=utc_now,
    logger=logger,
    secret=Secrets.of(os.environ, settings),
    parse=parse,
    locate=partial(located, config, account=settings.aws_account_id, region=settings.aws_region),
    receive=partial(receive, intake=intake),
    certificate=Certificates(urllib3.PoolManager()),
    confirm=confirm,
    checks={
        "timeline": reached(partial(store.read, "health")),
        "state": reached(partial(store.get, keys.KILL_SWITCH)),
    },
    environment=settings.environment,
)
http = Mangum(
    create_app(deps), lifespan="off", text_mime_types=["text/", "application/json", "application/problem+json"]
)


def handler(event: LambdaEvent, context: LambdaContext) -> dict[str, Any]:
    """Answers one request (API Gateway's payload format 2.0) and writes its canonical line."""
    response = http(plainly(event), context)
    asked = event["requestContext"]["http"]
    logger.info("request", extra={"method": asked["method"], "path": asked["path"], "status": response["statusCode"]})
    return response
