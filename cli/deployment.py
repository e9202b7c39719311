"""The deployment that a command is about: its functions, as the manifests say, its secrets, its clients."""

import os
from functools import cache
from typing import Any

import boto3

from cli.doctor.finding import Aws
from cli.environment import ROOT, enter_deployment
from cli.secrets import Vault
from local.aws.spec import read_functions


def readers() -> dict[str, list[str]]:
    """The functions that read each secret for which the deployment has a place, by the name of the secret."""
    enter_deployment()
    kept = set(filter(None, os.environ.get("SECRETS", "").split(",")))
    found: dict[str, list[str]] = {}
    for function in read_functions(ROOT):
        for secret in function.secrets:
            if not kept or secret in kept:
                found.setdefault(secret, []).append(function.name)
    return found


def vault() -> Vault:
    """The secrets of the deployment."""
    settings = enter_deployment()
    return Vault.of(boto3.client("secretsmanager", region_name=settings.aws_region), settings)


def clients() -> Aws:
    """A client of each service in the deployment's region, made once."""
    region = enter_deployment().aws_region

    @cache
    def client(service: str) -> Any:  # noqa: ANN401 - boto3's types go by literal names
        return boto3.client(service, region_name=region)  # type: ignore[call-overload]

    return client
