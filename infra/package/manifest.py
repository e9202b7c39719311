"""What a `function.yaml` says to its package: which groups of libraries it takes, which services of AWS it calls."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError


class ManifestError(ValueError):
    """A function.yaml does not say what it has to."""


class Call(BaseModel):
    """IAM actions, each `service:Action`."""

    model_config = ConfigDict(frozen=True)

    actions: tuple[str, ...]


class Manifest(BaseModel):
    """One function; `memory` in MB."""

    model_config = ConfigDict(frozen=True)

    name: str
    trigger: dict[str, Any]
    memory: int
    dependencies: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()

    @property
    def services(self) -> frozenset[str]:
        """The services, in boto3's names (those of its actions are the same), that its permissions are for."""
        called = {action.partition(":")[0] for call in self.calls for action in call.actions}
        queue = {"sqs"} if "queue" in self.trigger else set()
        secrets = {"secretsmanager"} if self.secrets else set()
        return frozenset(called | queue | secrets)


def manifests(root: Path) -> Iterator[Manifest]:
    """Every function under `root`, by name. Raises ManifestError that names the file."""
    for path in sorted((root / "functions").glob("*/function.yaml")):
        try:
            yield Manifest(name=path.parent.name, **yaml.safe_load(path.read_text("utf-8")))
        except (TypeError, ValidationError, yaml.YAMLError) as error:
            raise ManifestError(f"{path}: {error}") from error
