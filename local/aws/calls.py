"""Who called which AWS operation on what."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT = 50_000
"""Calls remembered; older ones are forgotten."""

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([a-z0-9-]+)/([a-z0-9.-]+)/")
_RESOURCES = (
    "TableName", "QueueUrl", "QueueName", "TopicArn", "StreamArn", "EventBusName", "Rule", "SecretId", "cluster",
    "Bucket", "TargetArn", "Name", "logGroupName", "ResourceArn", "KeyId",
)  # fmt: skip


def access_key(function: str) -> str:
    """Give the access key id by which the calls of a function are known: 20 characters, as AWS has them."""
    return ("AKIA" + re.sub(r"[^A-Z0-9]", "", function.upper()))[:20].ljust(20, "0")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to AWS.

    `function` is None for a caller outside, `bytes` is the size of the request's body, `parts` are the actions of a
    transaction (`Put middlewatch-timeline`), `at` is when it was answered, in seconds since 1970.
    """

    service: str
    operation: str
    function: str | None
    resource: str
    bytes: int
    status: int
    parts: tuple[str, ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What a request says about itself before it is answered."""

    service: str
    operation: str
    key: str
    request: Mapping[str, Any]


_REST = {"POST /v2/email/outbound-emails": "SendEmail"}
"""Names of operations that are known by method and path."""
_OBJECTS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_RPC = re.compile(r"POST /service/\w+/operation/(\w+)")


def identify(authorization: str, target: str, line: str, body: bytes, query: str = "") -> Identity:
    """Read service, operation, access key and parameters of a request signed with signature version 4.

    `line` is its method and path, such as `POST /`.
    """
    signed = _CREDENTIAL.search(authorization)
    key, service = (signed[1], signed[3]) if signed else ("", "")
    if service == "s3":
        return _of_s3(key, line, query)
    if target:
        operation = target.rpartition(".")[2]
        if target.startswith("DynamoDBStreams"):
            service = "dynamodbstreams"
        return Identity(service, operation, key, json.loads(body) if body.startswith(b"{") else {})
    form = dict(parse_qsl(body.decode("utf-8", "replace")))
    if "Action" in form:
        return Identity(service, form["Action"], key, form)
    if named := _RPC.fullmatch(line):
        return Identity(service, named[1], key, {})
    return Identity(service, _REST.get(line, line), key, json.loads(body) if body.startswith(b"{") else {})


def _of_s3(access: str, line: str, query: str) -> Identity:
    """What S3 is asked for: by method and path, and for anything but an object itself by the query."""
    method, _, path = line.partition(" ")
    if path.startswith("/v20180820/"):  # S3 Control signs as S3
        return Identity("s3", line, access, {})
    bucket, _, key = path.lstrip("/").partition("/")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    request = {"Bucket": bucket, **({"Key": key} if key else {})}
    if key and not asked.keys() - {"versionId"}:
        return Identity("s3", _OBJECTS.get(method, line), access, request)
    if method == "GET" and not key and asked.get("list-type") == "2":
        return Identity("s3", "ListObjectsV2", access, request | {"Prefix": asked.get("prefix", "")})
    return Identity("s3", f"{line}?{query}" if query else line, access, request)


class Calls:
    """The last calls, in their order."""

    def __init__(self, functions: Mapping[str, str]) -> None:
        """Attribute calls by access key id; `functions` maps it to the function's name."""
        self._functions = functions
        self._calls: deque[Call] = deque(maxlen=KEPT)

    def record(self, identity: Identity, size: int, status: int) -> None:
        """Remember one call; `size` is the request's body in bytes."""
        request = identity.request
        parts: tuple[str, ...] = ()
        if identity.operation == "TransactWriteItems":
            actions = [next(iter(item.items())) for item in request["TransactItems"]]
            parts = tuple(f"{kind} {action['TableName']}" for kind, action in actions)
            resource = ",".join(dict.fromkeys(action["TableName"] for _, action in actions))
        elif "RequestItems" in request:
            resource = ",".join(request["RequestItems"])
        elif "Entries" in request and identity.service == "events":
            resource = ",".join(dict.fromkeys(e.get("EventBusName", "default") for e in request["Entries"]))
        else:
            resource = next((str(request[name]) for name in _RESOURCES if name in request), "")
        function = self._functions.get(identity.key)
        operation = identity.operation
        self._calls.append(Call(identity.service, operation, function, resource, size, status, parts, time.time()))

    def seen(self) -> list[Call]:
        """Give the calls remembered, oldest first."""
        return list(self._calls)
