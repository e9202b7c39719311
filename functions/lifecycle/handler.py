"""AlertJoined, AlertResolved, Recovery*, Action*, ApprovalExpired, HoldElapsed -> the incident's course."""

import os
from functools import partial

from functions.lifecycle.follow import Course, flapping_alerts, follow
from shared.decide import Stage
from shared.wiring import Wiring

wiring = Wiring.of("lifecycle", os.environ)
course = Course(hold=wiring.settings.span("hold"), reopen=wiring.settings.span("reopen"))
handler = wiring.decider(
    Stage("lifecycle", partial(follow, course=course), prepare=partial(flapping_alerts, state=wiring.store))
)
