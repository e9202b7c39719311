"""The loop of AWS's own runtime client, for machines where that has no wheel.

`python -m local.aws.runtime_client HANDLER`
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace
from typing import Any

_API = "/2018-06-01/runtime"


def main(handler_name: str, api: str) -> None:
    """Ask for events and answer them until the Runtime API is gone."""
    connection = http.client.HTTPConnection(api)

    def call(method: str, path: str, body: object = None) -> tuple[dict[str, str], bytes]:
        connection.request(method, _API + path, None if body is None else json.dumps(body, ensure_ascii=False).encode())
        response = connection.getresponse()
        return dict(response.getheaders()), response.read()

    def error(trouble: BaseException) -> dict[str, Any]:
        return {
            "errorMessage": str(trouble),
            "errorType": type(trouble).__name__,
            "stackTrace": traceback.format_tb(trouble.__traceback__),
        }

    try:
        module, _, name = handler_name.rpartition(".")
        handler = getattr(importlib.import_module(module), name)
    except BaseException as trouble:
        call("POST", "/init/error", error(trouble))
        raise
    while True:
        headers, event = call("GET", "/invocation/next")
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
        deadline = int(headers["Lambda-Runtime-Deadline-Ms"])
        context = SimpleNamespace(
            aws_request_id=request_id,
            function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
            log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
            client_context=None,
            identity=None,
            get_remaining_time_in_millis=lambda deadline=deadline: max(0, deadline - int(time.time() * 1000)),
        )
        try:
            result = handler(json.loads(event), context)
            call("POST", f"/invocation/{request_id}/response", result)
        except Exception as trouble:  # noqa: BLE001 - the handler's edge: whatever it raises is reported
            traceback.print_exc()
            call("POST", f"/invocation/{request_id}/error", error(trouble))


if __name__ == "__main__":
    main(sys.argv[1], os.environ["AWS_LAMBDA_RUNTIME_API"])
