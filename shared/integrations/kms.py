"""Seals, made and checked by KMS."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Unavailable
from shared.ports import SealKey
from shared.settings import Settings

LENGTH = 32
"""Bytes of an HMAC-SHA-256."""


@dataclass(frozen=True)
class KmsSeals:
    """The port Seals over the keys with the aliases `alias/<prefix>-approval-seal` and `alias/<prefix>-decision-seal`.

    Only KMS's own word that a code is wrong counts as one: whatever else goes wrong is Unavailable, so that a key that
    is away refuses nothing for good and lets nothing through.
    """

    region: str
    prefix: str

    @classmethod
    def of(cls, settings: Settings) -> "KmsSeals":
        """The seals of a deployment; nothing is connected yet."""
        return cls(settings.aws_region, settings.name_prefix)

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - two calls are not worth their types
        """Built when it is needed first; time-outs leave room for an answer within Slack's 3 s."""
        config = Config(connect_timeout=1, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 2})
        return boto3.client("kms", region_name=self.region, config=config)

    def make(self, key: SealKey, message: bytes) -> str:
        """See Seals."""
        try:
            reply = self.client.generate_mac(KeyId=self._alias(key), Message=message, MacAlgorithm="HMAC_SHA_256")
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"KMS made no {key}: {error}") from error
        return b64encode(reply["Mac"]).decode()

    def holds(self, key: SealKey, message: bytes, code: str) -> bool:
        """See Seals."""
        try:
            mac = b64decode(code, validate=True)
        except (NotBase64, ValueError):
            return False
        if len(mac) != LENGTH:
            return False
        try:
            self.client.verify_mac(KeyId=self._alias(key), Message=message, MacAlgorithm="HMAC_SHA_256", Mac=mac)
        except self.client.exceptions.KMSInvalidMacException:
            return False
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"KMS did not say whether a {key} holds: {error}") from error
        return True

    def _alias(self, key: SealKey) -> str:
        return f"alias/{self.prefix}-{key}"
