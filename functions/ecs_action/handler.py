"""ActionApproved for ECS -> ActionStarted, then its outcome. The only function that may change ECS."""

import os
from functools import partial

from functions.ecs_action.act import EcsEffect, budgets, unproved
from shared.configuration import load
from shared.integrations.ecs import EcsServices
from shared.integrations.kms import KmsSeals
from shared.perform import Acting, perform
from shared.telemetry import count
from shared.wiring import Wiring

wiring = Wiring.of("ecs_action", os.environ)
settings = wiring.settings
config = load(settings.config_dir)
limits = config.limits
acting = Acting(
    name=wiring.name,
    effect=EcsEffect(
        services=EcsServices.connect(settings.aws_region),
        state=wiring.store,
        config=config,
        approval_holds=settings.span("approved"),
        look_again=settings.span("held"),
    ),
    unproved=partial(unproved, seals=KmsSeals.of(settings), told=partial(count, wiring.metrics, "Unproved")),
    timeline=wiring.store,
    clock=wiring.clock,
    dead_after=settings.span("dead_after"),
    check_after=settings.span("check_after"),
    budgets=partial(
        budgets,
        in_all=limits.actions_per_hour,
        per_target=limits.actions_per_target_per_hour,
        per_source=limits.actions_per_source_per_hour,
        reserved=limits.actions_reserved,
        critical=frozenset(service.target.key for service in config.services if service.tier == "critical"),
    ),
)
handler = wiring.consumer(partial(perform, acting=acting))
