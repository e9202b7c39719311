"""The policy and the limits that this release ships, and an input for which they say go."""

from pathlib import Path
from typing import Any

from functions.policy_gate.policy import TESTED, Policy
from shared.config import Limits

FOLDER = Path("config/policy")
MODULES = {f"policy/{path.name}": path.read_text() for path in FOLDER.glob("*.rego") if "_test" not in path.name}
TESTS = {f"policy/{path.name}": path.read_text() for path in FOLDER.glob("*_test.rego")}
LIMITS: dict[str, Any] = Limits().model_dump(mode="json")
TARGET = "ecs:123456789012:eu-west-1:shop/orders"
FINE: dict[str, Any] = {
    "target": TARGET,
    "severity": "high",
    "breach_confirmed": True,
    "acknowledged": False,
    "flapping": False,
    "strange": False,
    "switch": "running",
    "proposal": {
        "id": "p1",
        "hash": "h1",
        "author": "rules",
        "by_person": False,
        "action": "scale_service",
        "target": TARGET,
        "inputs": {"desired_count": 4},
        "expires_in_seconds": 1799.5,
    },
    "service": {
        "name": "orders",
        "target": TARGET,
        "tier": "standard",
        "owner": "commerce",
        "mode": "auto",
        "approvers": ["on-call"],
        "able": ["ana"],
        "actions": ["scale_service"],
        "scale": {"least": 2, "most": 6},
    },
    "alerts": [{"title": "orders-5xx", "state": "firing", "severity": "high"}],
    "assessment": {"decision": "SAFE", "confidence": 0.9, "risk": "low", "gaps": 0},
    "history": {
        "actions": [{"action": "restart_service", "standing": "verified", "hours_ago": 30.5}],
        "actions_this_hour": 0,
        "actions_this_hour_on_target": 0,
        "actions_this_hour_of_source": 0,
    },
    "approvals": [{"person": "ana", "proposal_hash": "h0"}],
    "fleet": {"stopped": False, "words": ""},
    "time": {"at": "2026-11-21T03:00:00.000Z", "hour": 3, "weekday": 6},
}
SHIPPED = Policy(MODULES, {"limits": LIMITS}, seconds=TESTED)
