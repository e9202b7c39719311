"""The settings that functions share. Only a handler reads them; times are in seconds."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError

from shared.model import Frozen


class Settings(Frozen):
    """Where things are, and how long they may take. Each field is read from the environment by its upper-case name."""

    timeline_table: str = Field(description="the table that holds the timelines")
    state_table: str = Field(description="the table that holds everything else")
    bus_name: str = Field(default="middlewatch", description="the event bus of our facts")
    audit_bucket: str = Field(default="", description="the bucket of the anchors (docs/audit.md)")
    queue_url: str = Field(default="", description="the function's own queue")
    approval_queue_url: str = Field(default="", description="where clicks are queued")
    config_dir: Path = Field(default=Path("config"), description="the folder of the configuration")
    environment: str = Field(default="local", description="`local` takes secrets from the environment alone")
    secret_prefix: str = Field(default="", description="secrets are `<it>/<name>`; else `middlewatch/<environment>`")
    secret_bundle: str = Field(default="", description="the one secret, a JSON object, that holds all instead")
    aws_region: str = Field(default="eu-west-1", description="the region that we run in")
    aws_account_id: str = Field(default="", description="the account that alerts without one mean, 12 digits")
    ecs_cluster_name: str = Field(default="", description="the cluster that an alert means which names only a service")
    name_prefix: str = Field(default="middlewatch", description="what the name of everything of ours begins with")
    alarm_prefixes: str = Field(default="", description="names of alarms to sweep for begin so (comma separated)")
    test_alarm: str = Field(default="", description="the alarm that tests us, and nothing else; empty: no test")
    hold_seconds: float = Field(default=900, gt=0, description="alarms stay clear so long before it is resolved")
    reopen_seconds: float = Field(default=1800, gt=0, description="an alarm reopens a resolved incident for so long")
    stall_seconds: float = Field(default=300, gt=0, description="a move of ours may take so long before it is repeated")
    evidence_seconds: float = Field(default=20, gt=0, description="what is not read by then is a gap")
    check_after_seconds: float = Field(default=60, gt=0, description="the first look after an action")
    check_every_seconds: float = Field(default=60, gt=0, description="between looks")
    check_window_seconds: float = Field(default=180, gt=0, description="all must be well for so long")
    check_limit_seconds: float = Field(default=1200, gt=0, description="then recovery failed or cannot be told")
    held_seconds: float = Field(default=60, gt=0, description="between looks at a deployment that is in our way")
    approval_seconds: float = Field(default=1800, gt=0, description="the longest that a question stands")
    approved_seconds: float = Field(default=120, gt=0, description="the policy's answer holds so long")
    dead_after_seconds: float = Field(default=90, gt=0, description="an attempt must be dead by then; > any time-out")
    retell_seconds: float = Field(default=1800, gt=0, description="an alert that goes on is told again after so long")
    sweep_grace_seconds: float = Field(default=120, ge=0, description="an alarm's own event may take so long")
    test_seconds: float = Field(default=900, gt=0, description="a test must have crossed every stage by then")
    model_calls_per_hour: int = Field(default=60, ge=0, description="questions to a language model in a clock hour")

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

    @property
    def secrets_under(self) -> str:
        """What the names of our secrets begin with, before the slash."""
        return self.secret_prefix or f"middlewatch/{self.environment}"

    def span(self, name: str) -> timedelta:
        """The setting `<name>_seconds` as a duration."""
        return timedelta(seconds=getattr(self, f"{name}_seconds"))
