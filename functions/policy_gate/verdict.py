"""What the policy answers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from shared.config import Verification
from shared.model import Frozen

LONGEST = 31 * 24 * 3600
"""Seconds that a request may stand by any policy; the gate's own patience is shorter."""


class Verdict(Frozen):
    """What the policy says; times in seconds. All but `verdict` and `reasons` mean nothing where it denies."""

    verdict: Literal["deny", "ask", "go"]
    reasons: tuple[str, ...] = Field(min_length=1)
    quorum: int = Field(default=1, ge=1)
    approvers: tuple[str, ...] = ()
    expires_seconds: float = Field(default=0, ge=0, le=LONGEST)
    remind_seconds: float = Field(default=0, ge=0, le=LONGEST)
    verification: Verification = "auto"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.verdict != "deny" and self.model_fields_set != set(type(self).model_fields):
            missing = sorted(set(type(self).model_fields) - self.model_fields_set)
            raise ValueError(f"{self.verdict} without {', '.join(missing)}")
        return self


class Unanswered(Verdict):
    """No, because the policy gave no answer that can be trusted."""

    @classmethod
    def because(cls, why: str) -> Self:
        """What went wrong with it."""
        return cls(verdict="deny", reasons=(why,))
