"""EvidenceCollected -> AssessmentMade (+ ActionProposed), by rules, and by a language model where one is configured."""

import os

from functions.ai_assessment.assess import stage
from shared.configuration import load
from shared.wiring import Wiring

wiring = Wiring.of("ai_assessment", os.environ)
settings = wiring.settings
handler = wiring.decider(stage(load(settings.config_dir), settings.span("approval")))
