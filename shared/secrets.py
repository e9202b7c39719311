"""Secrets: from the environment on one machine, from Secrets Manager on AWS; read at first use, never at import."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable
from shared.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

Secret = Callable[[str], str]
"""The secret of that name, or an empty text where there is none."""


@dataclass(frozen=True)
class Secrets:
    """Reads `jira_token` from the variable JIRA_TOKEN or the secret `middlewatch/<environment>/jira_token`.

    A secret that is there is read once per process. `environment` named `local` never asks Secrets Manager.
    """

    variables: Mapping[str, str]
    environment: str
    region: str = ""
    known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, variables: Mapping[str, str], settings: Settings) -> "Secrets":
        """The secrets of these settings; nothing is read yet."""
        return cls(variables, settings.environment, settings.aws_region)

    @cached_property
    def client(self) -> "SecretsManagerClient":
        """Built when it is needed first, which on one machine is never."""
        return boto3.client("secretsmanager", region_name=self.region)

    def __call__(self, name: str) -> str:
        """The secret, or an empty text where there is none; raises Unavailable if that cannot be known."""
        found = self.known.get(name) or self.variables.get(name.upper(), "") or self._stored(name)
        if found:
            self.known[name] = found
        return found

    def _stored(self, name: str) -> str:
        if self.environment == "local":
            return ""
        try:
            reply = self.client.get_secret_value(SecretId=f"middlewatch/{self.environment}/{name}")
        except self.client.exceptions.ResourceNotFoundException:
            return ""
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the secret {name} cannot be read: {error}") from error
        return reply["SecretString"]
