"""What a command needs of its surroundings: the same environment as the functions, or that of `make run`."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cli.failure import Failed
from shared.config import Config
from shared.configuration import ConfigError, load
from shared.integrations.dynamodb import DynamoStore
from shared.settings import Settings

LOCAL = Path(__file__).parents[1] / ".local" / "env"
"""Written by `make run`: KEY=VALUE lines."""
_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


def now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def surroundings(given: Mapping[str, str], local: Path = LOCAL) -> dict[str, str]:
    """`given`, completed from `local`, unless it names the tables itself: never half of one and half of the other."""
    if given.get("TIMELINE_TABLE") or not local.is_file():
        return dict(given)
    lines = (_LINE.fullmatch(line.strip()) for line in local.read_text("utf-8").splitlines())
    return {**{line[1]: line[2] for line in lines if line}, **{name: value for name, value in given.items() if value}}


def enter() -> Settings:
    """The settings, with `.local/env` put into this process's environment for boto3 to see."""
    os.environ.update(surroundings(os.environ))
    try:
        return Settings.read(os.environ)
    except ValueError as error:
        raise Failed(f"{error}; run `make run`, or set them to those of a deployment") from error


def connect() -> DynamoStore:
    """The tables."""
    return DynamoStore.connect(enter())


def configured(folder: Path | None = None) -> Config:
    """The configuration; one line about the first problem where it cannot be used."""
    try:
        return load(folder or Path(os.environ.get("CONFIG_DIR") or "config"))
    except ConfigError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        raise Failed(f"{error.problems[0]}{more}; see `middlewatch config check`") from error
