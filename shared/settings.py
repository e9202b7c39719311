"""The settings that functions share. Only a handler reads them; times are in seconds."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError

from shared.model import Frozen


class Settings(Frozen):
    """Where things are, and how long they may take. Each field is read from the environment by its upper-case name."""

    timeline_table: str
    state_table: str
    bus_name: str = "middlewatch"
    queue_url: str = ""
    approval_queue_url: str = ""
    config_dir: Path = Path("config")
    environment: str = "local"
    aws_region: str = "eu-west-1"
    aws_account_id: str = ""
    hold_seconds: float = Field(default=900, gt=0)
    reopen_seconds: float = Field(default=1800, gt=0)
    stall_seconds: float = Field(default=300, gt=0)
    evidence_seconds: float = Field(default=20, gt=0)
    check_after_seconds: float = Field(default=60, gt=0)
    check_every_seconds: float = Field(default=60, gt=0)
    check_window_seconds: float = Field(default=180, gt=0)
    check_limit_seconds: float = Field(default=1200, gt=0)
    held_seconds: float = Field(default=60, gt=0)
    approval_seconds: float = Field(default=1800, gt=0)
    approved_seconds: float = Field(default=120, gt=0)
    dead_after_seconds: float = Field(default=90, gt=0)
    retell_seconds: float = Field(default=1800, gt=0)
    model_calls_per_hour: int = Field(default=60, ge=0)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The settings in `environment`; raises ValueError that names each variable that is missing or wrong."""
        given = {name: environment[name.upper()] for name in cls.model_fields if environment.get(name.upper())}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = "; ".join(f"{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
            message = f"the environment is not usable: {wrong}"
            raise ValueError(message) from error

    def span(self, name: str) -> timedelta:
        """The setting `<name>_seconds` as a duration."""
        return timedelta(seconds=getattr(self, f"{name}_seconds"))
