"""What a command needs of its surroundings: the same environment as the functions, a deployment's or `make run`'s."""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli.failure import Failed
from shared.config import Config
from shared.configuration import ConfigError, load
from shared.integrations.dynamodb import DynamoStore
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.audit.bucket import S3Bucket

ROOT = Path(__file__).parents[1]
LOCAL = ROOT / ".local" / "env"
"""Written by `make run`: KEY=VALUE lines."""
DEPLOYED = ROOT / "build" / "deployment.json"
"""Written by `make deploy`: the outputs of the stack, as `tofu output -json` prints them."""
_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


def now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def surroundings(given: Mapping[str, str], local: Path = LOCAL, deployed: Path = DEPLOYED) -> dict[str, str]:
    """`given` if it names the tables itself; else completed from `deployed`, or where there is none, from `local`.

    Never half of one and half of the other. ENVIRONMENT=local means `local` whatever was deployed, and another never.
    """
    meant = given.get("ENVIRONMENT")
    if given.get("TIMELINE_TABLE"):
        return dict(given)
    if meant != "local" and deployed.is_file():
        return {**given, **outputs(deployed)}
    if meant not in {None, "", "local"} or not local.is_file():
        return dict(given)
    lines = (_LINE.fullmatch(line.strip()) for line in local.read_text("utf-8").splitlines())
    return {**{line[1]: line[2] for line in lines if line}, **{name: value for name, value in given.items() if value}}


def outputs(deployed: Path) -> dict[str, str]:
    """The output `environment` of the stack; raises Failed where the file holds no such thing."""
    try:
        variables = json.loads(deployed.read_text("utf-8"))["environment"]["value"]
        return {"ENVIRONMENT": "production", **{str(name): str(value) for name, value in variables.items()}}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Failed(f"{deployed} is not what `tofu output -json` prints; run `make deploy` again") from error


def enter() -> Settings:
    """The settings, with what completes them put into this process's environment for boto3 to see."""
    os.environ.update(surroundings(os.environ))
    try:
        return Settings.read(os.environ)
    except ValueError as error:
        meant = os.environ.get("ENVIRONMENT") or "local"
        known = "`make run` or `make deploy`" if meant == "local" else f"`make deploy` (ENVIRONMENT is {meant})"
        raise Failed(f"{error}; run {known}, or set them to those of a deployment") from error


def enter_deployment() -> Settings:
    """The settings of a deployment; raises Failed where only `make run` is known."""
    settings = enter()
    if settings.environment == "local":
        why = "no deployment is known here (ENVIRONMENT is local)"
        raise Failed(f"{why}: run `make deploy`, or set it and the other variables of docs/settings.md")
    return settings


def prefix() -> str:
    """What the names of the queues, functions and schedules begin with, before the hyphen; after `enter`."""
    return os.environ.get("NAME_PREFIX") or "middlewatch"


def connect() -> DynamoStore:
    """The tables."""
    return DynamoStore.connect(enter())


def anchors() -> "S3Bucket":
    """The bucket of the anchors; after `connect`."""
    from shared.audit.bucket import S3Bucket  # noqa: PLC0415 - most commands need none

    settings = enter()
    if not settings.audit_bucket:
        raise Failed("AUDIT_BUCKET is not set; run `make run` or `make deploy`, or set it to that of a deployment")
    return S3Bucket.connect(settings.audit_bucket, settings.aws_region)


def configured(folder: Path | None = None) -> Config:
    """The configuration; one line about the first problem where it cannot be used."""
    try:
        return load(folder or Path(os.environ.get("CONFIG_DIR") or "config"))
    except ConfigError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise Failed(f"{error.problems[0]}{more}; see `middlewatch config check`") from error
