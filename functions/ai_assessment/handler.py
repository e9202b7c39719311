"""EvidenceCollected -> AssessmentMade (+ ActionProposed), by rules, and by a language model where one is configured."""

import os
from functools import partial

from aws_lambda_powertools.metrics import MetricUnit

from functions.ai_assessment.assess import SecondOpinion, stage
from shared.configuration import load
from shared.redaction import redact
from shared.secrets import Secrets
from shared.telemetry import count
from shared.wiring import Wiring

wiring = Wiring.of("ai_assessment", os.environ)
settings = wiring.settings
second: SecondOpinion | None = None
if os.environ.get("MODEL") or os.environ.get("GEMINI_API_KEY"):
    from functions.ai_assessment import model

    name = os.environ.get("MODEL") or model.GEMINI
    second = model.SecondOpinion(
        name=name,
        build=model.named(name, Secrets.of(os.environ, settings)),
        budget=model.Budget(
            state=wiring.store,
            clock=wiring.clock,
            calls=settings.model_calls_per_hour,
            dollars=float(os.environ.get("MODEL_DOLLARS_PER_HOUR", "2")),
        ),
        redact=redact,
        spent=partial(wiring.metrics.add_metric, "ModelDollars", MetricUnit.NoUnit),
        exhausted=partial(count, wiring.metrics, "BudgetSpent"),
        seconds=float(os.environ.get("MODEL_SECONDS", "20")),
    )
handler = wiring.decider(stage(load(settings.config_dir), settings.span("approval"), second))
