"""What every model of ours has in common."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, and tolerant of fields that a newer release added.

    A model is built when it is used first: a function has some sixty and, between two cold starts, uses few of them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)
