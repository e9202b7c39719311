"""AlertJoined, AlertResolved, Recovery*, Action*, ApprovalExpired, HoldElapsed -> the incident's course."""

import os

from functions.lifecycle.follow import Course, lifecycle
from shared.wiring import Wiring

wiring = Wiring.of("lifecycle", os.environ)
course = Course(hold=wiring.settings.span("hold"), reopen=wiring.settings.span("reopen"))
handler = wiring.decider(lifecycle(course, wiring.store))
