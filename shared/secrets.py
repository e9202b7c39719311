"""Secrets: from the environment on one machine, from Secrets Manager on AWS; read at first use, never at import."""

import json
import logging
import time
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

KEPT = 300
"""Seconds that a secret is kept before it is read anew: the longest that a rotated one goes unnoticed."""
ABSENT = 30
"""Seconds that we remember that there is none, so that nobody can have Secrets Manager asked at every request."""
Secret = Callable[[str], str]
"""The secret of that name, or an empty text where there is none."""


@dataclass(frozen=True)
class Secrets:
    """Reads `jira_token` from the variable JIRA_TOKEN, or from Secrets Manager where `environment` is not `local`.

    There it is the value of `<prefix>/jira_token`, or where a `bundle` is named, what that one secret, a JSON object,
    holds under `jira_token`.
    """

    variables: Mapping[str, str] = field(repr=False)
    environment: str
    region: str = ""
    prefix: str = ""
    bundle: str = ""
    seconds: Callable[[], float] = time.time
    known: dict[str, tuple[str, float]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, variables: Mapping[str, str], settings: Settings) -> "Secrets":
        """The secrets of these settings; nothing is read yet."""
        return cls(variables, settings.environment, settings.aws_region, settings.secrets_under, settings.secret_bundle)

    @cached_property
    def client(self) -> "SecretsManagerClient":
        """Built when it is needed first, which on one machine is never."""
        return boto3.client("secretsmanager", region_name=self.region)

    def __call__(self, name: str) -> str:
        """The secret, or an empty text where there is none; raises Unavailable if that cannot be known.

        What was read once serves on while it cannot be read anew.
        """
        if given := self.variables.get(name.upper(), ""):
            return given
        value, read_at = self.known.get(name, ("", float("-inf")))
        if 0 <= self.seconds() - read_at < (KEPT if value else ABSENT):
            return value
        try:
            found = self._stored(name)
        except Unavailable as error:
            if not value:
                raise
            logging.getLogger(__name__).warning("%s; the value of before serves on", error)
            return value
        now = self.seconds()
        self.known[name] = ("", now)
        self.known.update({each: (text, now) for each, text in found.items() if text})
        return found.get(name, "")

    def _stored(self, name: str) -> dict[str, str]:
        """What Secrets Manager holds under this name, and what comes with it."""
        if self.environment == "local":
            return {}
        where = self.bundle or f"{self.prefix}/{name}"
        try:
            text = self.client.get_secret_value(SecretId=where).get("SecretString", "")
        except self.client.exceptions.ResourceNotFoundException:  # no such secret, or none that has a value yet
            return {}
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the secret {name} cannot be read: {error}") from error
        return unpacked(where, text) if self.bundle else {name: text}


def unpacked(where: str, text: str) -> dict[str, str]:
    """The secrets in the bundle `where`; raises Unavailable, without a word of its content, if it is no bundle."""
    try:
        held = json.loads(text)
    except ValueError:
        held = None
    if not isinstance(held, dict) or not all(isinstance(value, str) for value in held.values()):
        raise Unavailable(f"the secret {where} is not a JSON object of texts")
    return held
