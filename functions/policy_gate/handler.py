"""AssessmentMade, ActionProposed, ApprovalGiven -> ActionApproved, ApprovalRequested, ActionDenied or an escalation."""

import os
from functools import partial

from functions.policy_gate.fleet import watch
from functions.policy_gate.gate import Gate, sealing
from functions.policy_gate.input import recall
from functions.policy_gate.policy import Policy
from shared.configuration import load
from shared.decide import Stage
from shared.integrations.kms import KmsSeals
from shared.telemetry import count
from shared.wiring import Wiring

wiring = Wiring.of("policy_gate", os.environ)
config = load(wiring.settings.config_dir)
gate = Gate(config, Policy.of(config).decide, patience=wiring.settings.span("approval"))
most = config.limits.actions_per_hour
seals = KmsSeals.of(wiring.settings)
spent, unproved = partial(count, wiring.metrics, "BudgetSpent"), partial(count, wiring.metrics, "Unproved")
memory = recall(wiring.store, wiring.clock, seals, most, spent, unproved, watch(wiring.store, config))
handler = wiring.decider(Stage("policy_gate", sealing(gate.conclude, seals), prepare=memory))
