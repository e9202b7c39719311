"""The plans as they were recorded, and what they were made from."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLANS = ROOT / "tests" / "infra" / "plans"
STACKS = ("records", "app")
READ = ("infra/terraform/*/*.tf", "infra/terraform/modules/*/*.tf", "functions/*/function.yaml", "config/services.yaml")
"""What a plan follows from, but for the provider."""


def digest() -> str:
    """The SHA-256 of all that the plans follow from, as it is now."""
    hashed = sha256()
    for path in sorted({path for pattern in READ for path in ROOT.glob(pattern)}):
        content = path.read_bytes()
        hashed.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode() + content)
    return hashed.hexdigest()


@cache
def plan(stack: str) -> dict[str, Any]:
    """The recorded plan of `records` or `app`, in the format of `terraform show -json`."""
    read: dict[str, Any] = json.loads((PLANS / f"{stack}.json").read_text("utf-8"))
    return read


def planned(kind: str, stack: str = "app") -> dict[str, dict[str, Any]]:
    """What is planned of a type of resource, by address; what AWS decides is not there."""
    return {
        each["address"]: each["change"]["after"]
        for each in plan(stack)["resource_changes"]
        if each["type"] == kind and each["mode"] == "managed"
    }
