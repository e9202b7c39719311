"""What every model of ours has in common."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, and tolerant of fields that a newer release added."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
