"""The deployment that a command is about: its functions, as the manifests say, and its secrets."""

import boto3

from cli.environment import ROOT, enter_deployment
from cli.secrets import Vault
from local.aws.spec import read_functions


def readers() -> dict[str, list[str]]:
    """The functions that read each secret, by the name of the secret."""
    found: dict[str, list[str]] = {}
    for function in read_functions(ROOT):
        for secret in function.secrets:
            found.setdefault(secret, []).append(function.name)
    return found


def vault() -> Vault:
    """The secrets of the deployment."""
    settings = enter_deployment()
    return Vault.of(boto3.client("secretsmanager", region_name=settings.aws_region), settings)
