"""What a `function.yaml` says to the embedded AWS: what calls the function, and within which limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pathlib import Path

RATE = re.compile(r"rate\((\d{1,6}) (minute|hour|day)s?\)")
"""EventBridge Scheduler's expression for a period (its user guide, 'Schedule types'); cron is not played here."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class QueueTrigger(_Part):
    """A queue of the function's own, and what is sent there."""

    facts: tuple[str, ...] = ()
    matching: dict[str, Any] = {}
    default_bus: tuple[dict[str, Any], ...] = ()
    topic: str | None = None
    direct: bool = False
    batch_size: int = 10


class Trigger(_Part):
    """What calls the function: exactly one of the four."""

    queue: QueueTrigger | None = None
    http: tuple[str, ...] = ()
    stream: str | None = None
    schedule: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Trigger:
        if sum(map(bool, (self.queue, self.http, self.stream, self.schedule))) != 1:
            msg = "a function has exactly one trigger: queue, http, stream or schedule"
            raise ValueError(msg)
        return self


def minutes_of(schedule: str) -> float:
    """How many minutes pass between two calls of a schedule. Raises ValueError for what is no `rate(...)`."""
    said = RATE.fullmatch(schedule)
    if said is None or not int(said[1]):
        msg = f"a schedule is rate(<number> minutes | hours | days) here, not {schedule}"
        raise ValueError(msg)
    return float(int(said[1]) * {"minute": 1, "hour": 60, "day": 1440}[said[2]])


class FunctionSpec(_Part):
    """One function. `timeout` is in seconds, `memory` in MB; `handler` is `functions.<name>.handler.handler`."""

    name: str
    handler: str
    trigger: Trigger
    timeout: float = 3
    memory: int = 128
    secrets: tuple[str, ...] = Field(default=())


def read_functions(root: Path) -> list[FunctionSpec]:
    """Read every `functions/*/function.yaml` under `root`, by name. Raises ValueError that names the file."""
    specs = []
    for path in sorted((root / "functions").glob("*/function.yaml")):
        name = path.parent.name
        try:
            said = yaml.safe_load(path.read_text("utf-8"))
            specs.append(FunctionSpec(name=name, handler=f"functions.{name}.handler.handler", **said))
        except (TypeError, ValueError, yaml.YAMLError) as error:
            msg = f"{path}: {error}"
            raise ValueError(msg) from error
    return specs
