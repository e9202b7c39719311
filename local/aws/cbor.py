"""CloudWatch for those who speak Smithy's RPC v2 CBOR (Terraform's provider does), which moto's server does not."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from werkzeug.wrappers import Response

from local.world import wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIEnvironment


def speaks_cbor(environ: WSGIEnvironment) -> bool:
    """Whether a request is written in CBOR."""
    return environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor"


def through_json(
    environ: WSGIEnvironment, body: bytes, answer: Callable[[WSGIEnvironment, bytes], Response]
) -> Response:
    """Answer a CBOR request with what `answer` says to the same in JSON. Raises AwsError for one that is unknown."""
    call = wire.read(environ["PATH_INFO"], {"smithy-protocol": "rpc-v2-cbor"}, body)
    operation = wire.model(call.service).operation_model(call.operation)
    written: dict[str, Any] = create_serializer("json").serialize_to_request(call.parameters, operation)
    asked = written["body"]
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in written["headers"].items()}
    content = {"CONTENT_TYPE": headers.pop("HTTP_CONTENT_TYPE"), "CONTENT_LENGTH": str(len(asked))}
    others = {name: value for name, value in environ.items() if name != "HTTP_SMITHY_PROTOCOL"}
    answered = answer({**others, **headers, **content, "PATH_INFO": "/", "wsgi.input": io.BytesIO(asked)}, asked)
    if answered.status_code >= 300:  # noqa: PLR2004
        said = json.loads(answered.data or b"{}")
        code = str(said.get("__type", answered.status_code)).rpartition("#")[2]
        error = wire.AwsError(code, str(said.get("message") or said.get("Message") or ""), answered.status_code)
        told = wire.write_error(call, error, str(uuid4()))
    else:
        shape = operation.output_shape
        parts: dict[str, Any] = {"status_code": 200, "headers": {}, "body": answered.data or b"{}"}
        result = {} if shape is None else create_parser("json").parse(parts, shape)
        result.pop("ResponseMetadata", None)
        told = wire.write(call, result, str(uuid4()))
    return Response(told.body, told.status, told.headers)
