"""AWS's wire protocols for a server, from botocore's own service models.

botocore writes requests and reads answers. A server needs the reverse, which is the same thing with each operation's
input and output exchanged; so what is read and written here follows the installed SDK, whichever protocol it picks.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

if TYPE_CHECKING:
    from collections.abc import Mapping

CBOR = "smithy-rpc-v2-cbor"
ERROR_OUTPUT = {"type": "structure", "members": {"__type": {"shape": "MwText"}, "message": {"shape": "MwText"}}}


class AwsError(Exception):
    """An error that the caller should see: AWS's code and a sentence."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep the parts; a code for JSON services ends in Exception, as AWS's do."""
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was understood: service (`ecs`, `cloudwatch`, `logs`), operation, parameters, protocol."""

    service: str
    operation: str
    parameters: dict[str, Any]
    protocol: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    headers: dict[str, str]
    body: bytes


@cache
def model(service: str) -> ServiceModel:
    """The installed SDK's own description of a service."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def _reversed(service: str) -> ServiceModel:
    description: dict[str, Any] = copy.deepcopy(Loader().load_service_model(service, "service-2"))
    for operation in description["operations"].values():
        wanted, given = operation.pop("input", None), operation.pop("output", None)
        if given:
            operation["input"] = given
        if wanted:
            operation["output"] = wanted
    description["shapes"] |= {"MwText": {"type": "string"}, "MwFailure": ERROR_OUTPUT}
    description["operations"]["Fail"] = {
        "name": "Fail",
        "http": {"method": "POST", "requestUri": "/"},
        "input": {"shape": "MwFailure"},
    }
    return ServiceModel(description, service)


@cache
def _targets() -> dict[str, str]:
    return {str(model(name).metadata["targetPrefix"]): name for name in ("ecs", "cloudwatch", "logs")}


def read(path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return the call that a request makes; `AwsError` when it is none that is known here."""
    parts = path.strip("/").split("/")
    if headers.get("smithy-protocol") == "rpc-v2-cbor" and len(parts) == 4 and parts[0] == "service":  # noqa: PLR2004
        prefix, name, protocol = parts[1], parts[3], CBOR
    else:
        prefix, _, name = headers.get("x-amz-target", "").partition(".")
        protocol = "json"
    service = _targets().get(prefix)
    if service is None or name not in model(service).operation_names:
        code = "UnknownOperationException"
        raise AwsError(code, f"No such operation here: {prefix}.{name}")
    shape = model(service).operation_model(name).input_shape
    answer = {"status_code": 200, "headers": {}, "body": body or b"{}"}
    parsed = {} if shape is None else create_parser(protocol).parse(answer, shape)
    parsed.pop("ResponseMetadata", None)
    return Call(service, name, parsed, protocol)


def _body(operation: OperationModel, protocol: str, result: dict[str, Any]) -> bytes:
    if operation.input_shape is None:
        return b"{}"
    written = create_serializer(protocol, include_validation=True).serialize_to_request(result, operation)["body"]
    return written if isinstance(written, bytes) else str(written).encode()


def _headers(service: str, protocol: str, request_id: str) -> dict[str, str]:
    common = {"x-amzn-RequestId": request_id}
    if protocol == CBOR:
        return common | {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
    version = model(service).metadata.get("jsonVersion", "1.1")
    return common | {"Content-Type": f"application/x-amz-json-{version}"}


def write(call: Call, result: dict[str, Any], request_id: str) -> Answer:
    """Return the answer that carries a result, which botocore checks against AWS's own shapes."""
    operation = _reversed(call.service).operation_model(call.operation)
    given = {name: value for name, value in result.items() if value is not None}
    body = _body(operation, call.protocol, given)
    return Answer(200, _headers(call.service, call.protocol, request_id), body)


def write_error(call: Call | None, error: AwsError, request_id: str) -> Answer:
    """Return the answer that makes the SDK raise this error."""
    if call is None:
        text = json.dumps({"__type": error.code, "message": error.message}).encode()
        return Answer(error.status, {"Content-Type": "application/x-amz-json-1.1"}, text)
    operation = _reversed(call.service).operation_model("Fail")
    body = _body(operation, call.protocol, {"__type": error.code, "message": error.message})
    headers = _headers(call.service, call.protocol, request_id) | {"x-amzn-ErrorType": error.code}
    if "awsQueryCompatible" in model(call.service).metadata:
        headers["x-amzn-query-error"] = f"{error.code};Sender"
    return Answer(error.status, headers, body)
