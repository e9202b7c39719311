"""Most facts -> Slack and e-mail, each once; MessageSent | MessageFailed."""

import os
from functools import partial

from functions.notification.notify import Telling, notify
from shared.configuration import load
from shared.entry import Entry
from shared.history import History
from shared.integrations.ses import SesMail
from shared.integrations.slack import SlackChat
from shared.secrets import Secrets
from shared.telemetry import count, tell
from shared.wiring import Wiring

wiring = Wiring.of("notification", os.environ)
secret = Secrets.of(os.environ, wiring.settings)


def nobody_told(entry: Entry) -> None:
    """What the alarm of last resort rings on: somebody is needed, and no channel could say so."""
    wiring.logger.critical("nobody told", extra={"incident_id": entry.incident_id, "entry": entry.id})
    count(wiring.metrics, "NobodyTold")


def recorded(history: History) -> None:
    """What a channel answered, in the log and the metrics."""
    tell(history, history.fresh[0].caused_by, wiring.logger, wiring.metrics)


telling = Telling(
    config=load(wiring.settings.config_dir),
    timeline=wiring.store,
    state=wiring.store,
    clock=wiring.clock,
    dead_after=wiring.settings.span("dead_after"),
    chat=SlackChat.of(secret, os.environ),
    mail=SesMail.of(os.environ, wiring.settings.aws_region),
    recorded=recorded,
    warn=wiring.logger.warning,
    nobody_told=nobody_told,
)
handler = wiring.consumer(partial(notify, telling=telling))
