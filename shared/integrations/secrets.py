"""Secrets by name: from Secrets Manager, or, locally, from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable
from shared.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT = timedelta(minutes=5)
"""How long a secret is used before it is asked for again, and so how long a withdrawn one still works."""
PREFIX = "middlewatch/"


def connect(region: str) -> "SecretsManagerClient":
    """A client of Secrets Manager that gives up in seconds."""
    config = ClientConfig(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=2, read_timeout=3)
    return boto3.client("secretsmanager", region_name=region, config=config)


@dataclass
class Secrets:
    """Gives the secret `name`: the variable of its upper-case name if it is set, else `middlewatch/<name>`.

    The client is made when the first secret has to be fetched.
    """

    environment: Mapping[str, str]
    client: Callable[[], "SecretsManagerClient"]
    clock: Clock
    _kept: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        """The secret; raises Unavailable where it cannot be had, which authenticates nobody."""
        if given := self.environment.get(name.upper()):
            return given
        now = self.clock()
        if name in self._kept and now - self._kept[name][0] < KEPT:
            return self._kept[name][1]
        try:
            text = self.client().get_secret_value(SecretId=f"{PREFIX}{name}")["SecretString"]
        except (BotoCoreError, ClientError, KeyError) as error:
            raise Unavailable(f"the secret {name} cannot be read: {error}") from error
        self._kept[name] = (now, text)
        return text
