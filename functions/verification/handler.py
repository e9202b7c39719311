"""CheckDue -> RecoveryVerified, RecoveryFailed, RecoveryInconclusive, or RecoveryChecked and another look."""

import os
from functools import partial

from functions.verification.judge import Patience, judge
from functions.verification.read import Reader
from shared.configuration import load
from shared.decide import Stage
from shared.wiring import Wiring

wiring = Wiring.of("verification", os.environ)
settings = wiring.settings
patience = Patience(
    window=settings.span("check_window"), every=settings.span("check_every"), limit=settings.span("check_limit")
)
config = load(settings.config_dir)
reader = Reader.connect(settings.aws_account_id, settings.aws_region, config, wiring.clock, patience.window)
handler = wiring.decider(Stage("verification", partial(judge, patience=patience), prepare=reader.read))
