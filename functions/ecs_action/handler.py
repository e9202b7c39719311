"""ActionApproved for ECS -> ActionStarted, then its outcome. The only function that may change ECS."""

import os
from functools import partial

from functions.ecs_action.act import EcsEffect, budgets
from shared.configuration import load
from shared.integrations.ecs import EcsServices
from shared.perform import Acting, perform
from shared.wiring import Wiring

wiring = Wiring.of("ecs_action", os.environ)
settings = wiring.settings
acting = Acting(
    name=wiring.name,
    effect=EcsEffect(
        services=EcsServices.connect(settings.aws_region),
        state=wiring.store,
        config=load(settings.config_dir),
        approval_holds=settings.span("approved"),
        look_again=settings.span("held"),
    ),
    timeline=wiring.store,
    clock=wiring.clock,
    dead_after=settings.span("dead_after"),
    check_after=settings.span("check_after"),
    budgets=partial(budgets, in_all=settings.actions_per_hour, per_target=settings.actions_per_target_per_hour),
)
handler = wiring.consumer(partial(perform, acting=acting))
