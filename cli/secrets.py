"""The secrets of a deployment: set without a trace, listed without a value."""

import getpass
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import show
from cli.failure import Failed
from shared.alert import as_text
from shared.errors import Unavailable
from shared.secrets import KEPT, unpacked
from shared.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient

CURRENT = "AWSCURRENT"
LARGEST = 65_536
"""Bytes of a secret, Secrets Manager's own limit."""

Readers = Mapping[str, Sequence[str]]
"""The functions that read each secret, by its name; from the manifests."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whether a secret has a value, and when it was changed last (of a bundle: when the bundle was)."""

    name: str
    since: "datetime | None"
    wanted: str = ""
    """What has to be made before it can have one, where it is not there at all."""


@dataclass(frozen=True, slots=True)
class Vault:
    """The secrets of one deployment in Secrets Manager, each by itself or all in one bundle."""

    client: "SecretsManagerClient"
    prefix: str
    bundle: str = ""

    @classmethod
    def of(cls, client: "SecretsManagerClient", settings: Settings) -> "Vault":
        """The secrets of these settings."""
        return cls(client, settings.secrets_under, settings.secret_bundle)

    def put(self, name: str, value: str) -> None:
        """Gives the secret a value; of two people who change a bundle at once, the later one wins."""
        where = self._where(name)
        text = value
        if self.bundle:
            text = json.dumps(self._bundled() | {name: value}, ensure_ascii=False, sort_keys=True)
        if len(text.encode()) > LARGEST:
            raise Failed(f"{where} would be larger than {LARGEST} bytes")
        try:
            self.client.put_secret_value(SecretId=where, SecretString=text)
        except self.client.exceptions.ResourceNotFoundException as error:
            raise Failed(f"there is no secret {where}; `make deploy` makes it") from error

    def held(self, names: Sequence[str]) -> list[Held]:
        """What is there under each of these names; no value is read, but that of a bundle for its names."""
        if self.bundle:
            since, wanted = self._since(self.bundle)
            there = self._bundled() if since else {}
            return [Held(name, since if there.get(name) else None, wanted) for name in names]
        return [Held(name, *self._since(self._where(name))) for name in names]

    def _where(self, name: str) -> str:
        return self.bundle or f"{self.prefix}/{name}"

    def _since(self, where: str) -> "tuple[datetime | None, str]":
        try:
            said = self.client.describe_secret(SecretId=where)
        except self.client.exceptions.ResourceNotFoundException:
            return None, where
        has_value = any(CURRENT in stages for stages in said.get("VersionIdsToStages", {}).values())
        return said["LastChangedDate"] if has_value else None, ""

    def _bundled(self) -> dict[str, str]:
        try:
            text = self.client.get_secret_value(SecretId=self.bundle).get("SecretString", "")
        except self.client.exceptions.ResourceNotFoundException:  # it has no value yet, or is not there: `put` tells
            return {}
        try:
            return unpacked(self.bundle, text)
        except Unavailable as error:
            raise Failed(f"{error}; put an object there, or `{{}}`, by hand") from error


def change(name: str, readers: Readers, vault: Vault) -> None:
    """Sets one secret, from a hidden prompt or from standard input, and says who reads it."""
    if name not in readers:
        there = ", ".join(sorted(readers))
        raise Failed(
            f"no function here reads a secret {name}; there are: {there} (more by `sources`, `model`, `jira_url`)"
        )
    value = _typed(name)
    if not value:
        raise Failed("an empty value is none; nothing was changed")
    vault.put(name, value)
    show.line(f"{name} is set; {', '.join(readers[name])} will use it within {KEPT // 60} minutes")


def listed(readers: Readers, vault: Vault, *, as_json: bool) -> None:
    """Every secret that a function reads: whether it has a value, since when, and who reads it."""
    held = vault.held(sorted(readers))
    if as_json:
        show.json(
            {
                "secrets": [
                    {
                        "name": each.name,
                        "set": bool(each.since),
                        "since": as_text(each.since) if each.since else None,
                        "readers": list(readers[each.name]),
                    }
                    for each in held
                ]
            }
        )
        return
    show.table(
        ("secret", "set since (UTC)", "read by"),
        [
            (
                each.name,
                f"{each.since:%Y-%m-%d %H:%M}" if each.since else "no secret" if each.wanted else "not set",
                ", ".join(readers[each.name]),
            )
            for each in held
        ],
    )
    for wanted in sorted({each.wanted for each in held if each.wanted}):
        show.aside(f"there is no secret {wanted}; `make deploy` makes it")


def _typed(name: str) -> str:
    try:
        if not sys.stdin.isatty():
            return sys.stdin.buffer.read(LARGEST + 1).decode().strip()
        typed = getpass.getpass(f"{name} (hidden): ").strip()
        typed.encode()  # a terminal's odd bytes come as surrogates
        return typed  # noqa: TRY300 - the same error
    except UnicodeError as error:
        raise Failed("what came in is not UTF-8 text; nothing was changed") from error
