"""One action that somebody proposes, and the hash that an approval is bound to."""

from hashlib import sha256
from typing import Any, Literal

import rfc8785
from pydantic import AwareDatetime, Field

from shared.assessment import ActionName
from shared.model import Frozen
from shared.target import Target

Backend = Literal["ecs"]


class Proposal(Frozen):
    """Exactly what would be done, to what, on which evidence, and until when.

    `binding` holds the fields of the target's state that must not have changed when the action runs
    (restart: `deployment` and `task_definition`; scale adds `desired_count`); `undo` says how to take it back. `source`
    is the origin of the alert that it answers, whose hour's share of actions it takes from.
    """

    id: str
    revision: int = 1
    supersedes: str = ""
    author: str
    source: str = ""
    action: ActionName
    backend: Backend = "ecs"
    target: Target
    inputs: dict[str, Any] = {}
    binding: dict[str, Any] = Field(min_length=1)
    undo: str = ""
    effect: str
    evidence_digest: str
    config_digest: str
    expires_at: AwareDatetime

    @property
    def hash(self) -> str:
        """sha256 over the canonical JSON of everything above; one changed byte makes it another proposal."""
        return sha256(rfc8785.dumps(self.model_dump(mode="json"))).hexdigest()
