"""moto behind one HTTP endpoint: one request at a time, recorded, and kept for a restart."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import socket
import threading
import time
import traceback
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

import moto.core.responses
from moto.awslambda.models import lambda_backends
from moto.core.authorization import enable_iam_authentication
from moto.core.base_backend import BackendDict
from moto.core.request import Request
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamRecord
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler
from moto.events.models import events_backends
from moto.kms.models import kms_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sesv2.models import sesv2_backends
from moto.sqs.models import Message, sqs_backends
from moto.sqs.responses import SQSResponse
from werkzeug.datastructures import Headers
from werkzeug.serving import ThreadedWSGIServer
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Response

from local.aws.buckets import bring_back, forget, keep_tags, versions
from local.aws.calls import Calls, Identity, identify
from local.aws.cbor import speaks_cbor, through_json
from local.aws.changes import Changes
from local.aws.dynamodb import Answers, Tables, storage_key, written_keys
from local.aws.events import Answers as BusAnswers
from local.aws.events import Buses
from local.aws.keys import Keys
from local.aws.lambdas import Functions
from local.aws.mail import Mail
from local.aws.sqs import Queues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from local.aws.store import Store

IDEMPOTENT_FOR = 600.0
"""Seconds for which DynamoDB knows a ClientRequestToken again."""

Fault = Literal["throttle", "lost request", "lost reply", "first entry"]
"""What may go wrong with a request: refused, never arrived, done but not answered, one entry of PutEvents refused."""

_INSTALLING = threading.Lock()

_DATA = {
    "dynamodb": {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"},
    "sqs": {"SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
            "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "PurgeQueue"},
    "events": {"PutEvents"},
    "sns": {"Publish", "PublishBatch"},
    "kms": {"GenerateMac", "VerifyMac", "GenerateDataKey", "Encrypt", "Decrypt"},
}  # fmt: skip
_KEPT_SERVICES = {"dynamodb", "sqs", "events", "sns", "ses", "secretsmanager", "s3", "scheduler", "kms"}
_READS = (
    "Get",
    "List",
    "Describe",
    "Query",
    "Scan",
    "BatchGet",
    "TransactGet",
    "Send",
    "Test",
    "Receive",
    "Confirm",
    "GET ",
    "HEAD ",
    "Head",
)
_UNDERSTOOD: dict[str, Any] = {
    "dynamodb": Answers,
    "dynamodbstreams": DynamoDBStreamsHandler,
    "events": BusAnswers,
    "sqs": SQSResponse,
}
"""Services that answer every path alike, so that Flask's routing (a fifth of a request's time) is not needed."""


class KeepAliveHandler(MotoRequestHandler):
    """HTTP/1.1 with connections kept open, one packet for an answer and no waiting for full ones.

    werkzeug's own way of running an application closes every connection and waits 10 ms after each answer for
    more of the request; the applications here read every request to its end and answer in one piece.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_request(self, *_: object) -> None:
        """Say nothing; the recorder knows."""

    def run_wsgi(self) -> None:
        """Answer one request."""
        answer: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
            answer[:] = [(status, headers)]
            return lambda _: None

        try:
            body = b"".join(self.server.app(self.make_environ(), start_response))
            ((status, headers),) = answer
        except Exception:  # noqa: BLE001 - moto's edge: a bug of moto's is a 500
            traceback.print_exc()
            status, headers, body = "500 Internal Server Error", [("Content-Length", "0")], b""
        code, _, reason = status.partition(" ")
        try:
            self.send_response(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:
            self.close_connection = True


class _Connections(ThreadedWSGIServer):
    """A server that knows its open connections."""

    daemon_threads = True

    def __init__(self, app: WSGIApplication, port: int) -> None:
        self.connected: set[socket.socket] = set()
        super().__init__("127.0.0.1", port, app, handler=KeepAliveHandler)

    def process_request(self, request: Any, client_address: object) -> None:  # noqa: ANN401 - socketserver's signature
        self.connected.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's signature
        self.connected.discard(request)
        super().shutdown_request(request)


class _ServerRequest(Request):
    from_wsgi_server = True


class _Dispatcher(DomainDispatcherApplication):
    """moto's own dispatcher, looking for a host's service once instead of at every request."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        vars(self)["get_backend_for_host"] = lru_cache(maxsize=256)(super().get_backend_for_host)


def _error(status: int, kind: str, message: str) -> Response:
    body = json.dumps({"__type": kind, "message": message})
    return Response(body, status, content_type="application/x-amz-json-1.0")


def _identity(environ: WSGIEnvironment, body: bytes) -> Identity:
    line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    signed, target = environ.get("HTTP_AUTHORIZATION", ""), environ.get("HTTP_X_AMZ_TARGET", "")
    return identify(signed, target, line, body, environ.get("QUERY_STRING", ""))


class Server:
    """A threaded WSGI server on a loopback port, running in the background between `start` and `stop`."""

    def __init__(self, app: WSGIApplication, port: int) -> None:
        """Listen on `port`; 0 is any free one."""
        self._server = _Connections(app, port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.port = self._server.server_port

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def stop(self) -> None:
        """Answer no more, and hang up."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._server.connected):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Moto:
    """moto's backends of one account in this process, reachable over HTTP.

    Each request runs alone under `changes.lock`, and what it changed is in the store before it is answered.
    """

    def __init__(self, store: Store, functions: Mapping[str, str], account: str, region: str, port: int = 0) -> None:
        """Forget what moto held for the account and bring back what the store holds.

        `functions` maps access key ids to names.
        """
        self.account = account
        self.changes = Changes()
        self.calls = Calls(functions)
        self.region = region
        self._store = store
        self.enforced = False
        self._functions = functions
        self.fault: Callable[[Identity], Fault | None] | None = None
        self._tokens: dict[str, tuple[float, bytes]] = {}
        self._dispatcher = _Dispatcher()
        self._install()
        self._told: dict[str, int] = {}
        self._restore()
        self._server = Server(self, port)
        self.endpoint = self._server.url
        self.port = self._server.port

    def start(self) -> None:
        """Answer HTTP requests."""
        self._server.start()

    def stop(self) -> None:
        """Answer no more; what is under way is refused, as by a host that went away."""
        with self.changes.lock:
            self.changes.closed = True
            self.changes.wake_all()
        self._server.stop()

    @property
    def tables(self) -> Tables:
        """The tables."""
        return dynamodb_backends[self.account][self.region]  # type: ignore[return-value]

    @property
    def queues(self) -> Queues:
        """The queues."""
        return sqs_backends[self.account][self.region]  # type: ignore[return-value]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request: alone, recorded, and kept before the caller hears of it."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        identity = _identity(environ, body)
        with self.changes.lock:
            if self.changes.closed:
                return Response(status=503)(environ, start_response)
            response = self._failing(identity, environ, body)
            if response.status_code < 300:  # noqa: PLR2004
                self._keep(identity, environ, body)
            else:
                self.commit()
            self.calls.record(identity, len(body), response.status_code)
        return response(environ, start_response)

    def commit(self) -> None:
        """Keep the messages and stream records that changed since the last commit."""
        with self.changes.lock, self._store:
            self._keep_messages()

    def trim(self, table_name: str, before: str) -> None:
        """Forget stream records below a sequence number, as AWS does after a day."""
        with self.changes.lock:
            shard = self.tables.get_table(table_name).stream_shard
            if shard is not None:
                gone = max(0, min(int(before) - shard.starting_sequence_number, len(shard.items)))
                del shard.items[:gone]
                shard.starting_sequence_number += gone
                self._told[table_name] -= gone
                self._store.forget_records(table_name, before)

    def _install(self) -> None:
        # moto inspects its classes at every request.
        vars(moto.core.responses)["method_names_from_class"] = cache(method_names_from_class)
        with _INSTALLING:
            known: Any = BackendDict
            for backends in known._instances:  # noqa: SLF001 - moto can forget all accounts, but not one
                backends.pop(self.account, None)
            forget(self.account)
            kinds: tuple[tuple[Any, type], ...] = (
                (dynamodb_backends, Tables),
                (sqs_backends, Queues),
                (events_backends, Buses),
                (lambda_backends, Functions),
                (sesv2_backends, Mail),
                (kms_backends, Keys),
            )
            for backends, kind in kinds:
                usual = backends.backend
                backends.backend = type(
                    kind.__name__, (kind,), {"changes": self.changes, "__module__": usual.__module__}
                )
                backends[self.account]
                backends.backend = usual

    def _answer(self, identity: Identity, environ: WSGIEnvironment, body: bytes) -> Response:
        if speaks_cbor(environ):
            return through_json(environ, body, partial(self._answer, identity))
        with (
            enable_iam_authentication()
            if self.enforced and identity.key in self._functions
            else contextlib.nullcontext()
        ):
            return self._permitted(identity, environ, body)

    def _permitted(self, identity: Identity, environ: WSGIEnvironment, body: bytes) -> Response:
        environ["wsgi.input"] = io.BytesIO(body)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account
        understood = _UNDERSTOOD.get(identity.service)
        if understood is None:
            chunks, status, headers = run_wsgi_app(self._dispatcher, environ, buffered=True)
            response = Response(b"".join(chunks), status, Headers(headers))
            if identity.service == "s3" and response.status_code < 300:  # noqa: PLR2004
                keep_tags(self.account, environ, body)
            return response
        request = _ServerRequest(environ)
        status, headers, content = understood.dispatch(request, request.raw_url, dict(request.headers))
        return Response(content, status, headers)

    def _failing(self, identity: Identity, environ: WSGIEnvironment, body: bytes) -> Response:
        """Answer as the injected fault, if there is one, has it."""
        fault = self.fault(identity) if self.fault else None
        if fault == "throttle":
            return _error(400, "ThrottlingException", "Rate exceeded")
        if fault == "lost request":
            return _error(500, "InternalServerError", "lost on the way there")
        if fault == "first entry":
            request = {**identity.request, "Entries": [dict(entry) for entry in identity.request["Entries"]]}
            request["Entries"][0]["Detail"] = "lost"
            body = json.dumps(request).encode()
            environ["CONTENT_LENGTH"] = str(len(body))
        response = self._repeated(identity, body) or self._answer(identity, environ, body)
        if fault == "lost reply" and response.status_code < 300:  # noqa: PLR2004
            self._keep(identity, environ, body)
            return _error(500, "InternalServerError", "lost on the way back")
        return response

    def _repeated(self, identity: Identity, body: bytes) -> Response | None:
        """Answer a transaction whose token is known without doing it again."""
        token = identity.request.get("ClientRequestToken")
        if identity.operation != "TransactWriteItems" or token not in self._tokens:
            return None
        at, digest = self._tokens[token]
        if time.monotonic() - at > IDEMPOTENT_FOR:
            del self._tokens[token]
            return None
        if digest == hashlib.sha256(body).digest():
            return Response("{}", 200, content_type="application/x-amz-json-1.0")
        message = "The provided client token was used with different parameters in an earlier request"
        return _error(400, "com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException", message)

    def _keep(self, identity: Identity, environ: WSGIEnvironment, body: bytes) -> None:
        service, operation, request = identity.service, identity.operation, identity.request
        with self._store:
            if service == "dynamodb" and operation in _DATA["dynamodb"]:
                if operation == "TransactWriteItems" and (token := request.get("ClientRequestToken")):
                    self._remember(token, body)
                for table, attributes in written_keys(operation, request):
                    self._keep_item(table, attributes)
            elif service == "s3" and "Key" in request and not operation.startswith(_READS):
                bucket, key = request["Bucket"], request["Key"]
                self._store.keep_object(bucket, key, versions(self.account, bucket, key))
            elif (
                service in _KEPT_SERVICES
                and operation not in _DATA.get(service, ())
                and not operation.startswith(_READS)
            ):
                self._keep_request(identity, environ, body)
            self._keep_messages()

    def _keep_request(self, identity: Identity, environ: WSGIEnvironment, body: bytes) -> None:
        kept = ("HTTP_AUTHORIZATION", "HTTP_X_AMZ_TARGET", "CONTENT_TYPE", "HTTP_X_AMZ_BUCKET_OBJECT_LOCK_ENABLED")
        headers: dict[str, str] = {name: str(environ[name]) for name in kept if name in environ}
        # The port may be another one after the restart; moto reads no more of a queue's URL than its path.
        body = body.replace(self.endpoint.encode(), b"http://local")
        names = [str(v) for k, v in identity.request.items() if k.endswith(("Name", "Arn", "Rule", "Id"))]
        names += [str(v).rpartition("/")[2] for k, v in identity.request.items() if k.endswith("Url")]
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        path = "?".join(filter(None, (path, environ.get("QUERY_STRING"))))
        self._store.keep_request(identity.operation, "|".join(sorted(names)), method, path, headers, body)

    def _remember(self, token: str, body: bytes) -> None:
        now = time.monotonic()
        for old in [t for t, (at, _) in self._tokens.items() if now - at > IDEMPOTENT_FOR]:
            del self._tokens[old]
        self._tokens[token] = (now, hashlib.sha256(body).digest())

    def _keep_item(self, table_name: str, attributes: Mapping[str, Any]) -> None:
        table = self.tables.get_table(table_name)
        key = {name: attributes[name] for name in table.table_key_attrs}
        item = table.get_item(*storage_key(table, key))
        self._store.keep_item(
            table.name, json.dumps(key, sort_keys=True), item.to_json()["Attributes"] if item else None
        )
        if table.stream_shard is not None:
            told = self._told.get(table.name, 0)
            for record in table.stream_shard.items[told:]:
                content = {**record.record, "awsRegion": self.region, "dynamodb": dict(record.record["dynamodb"])}
                content["dynamodb"]["ApproximateCreationDateTime"] = content["dynamodb"][
                    "ApproximateCreationDateTime"
                ].timestamp()
                self._store.keep_record(table.name, content["dynamodb"]["SequenceNumber"], content)
            self._told[table.name] = len(table.stream_shard.items)
            self.changes.touched(f"stream/{table.name}")

    def _keep_messages(self) -> None:
        changed, self.changes.messages = self.changes.messages, {}
        for message_id, place in changed.items():
            if place is None:
                self._store.forget_message(message_id)
            else:
                queue, message = place
                self._store.keep_message(message_id, queue, vars(message))

    def _restore(self) -> None:
        for method, line, headers, body in self._store.requests():
            path, _, query = line.partition("?")
            environ = {
                "REQUEST_METHOD": method,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_LENGTH": str(len(body)),
                "SERVER_NAME": "127.0.0.1",
                "SERVER_PORT": "80",
                "HTTP_HOST": "127.0.0.1",
                "wsgi.url_scheme": "http",
                **headers,
            }
            self._answer(_identity(environ, body), environ, body)
        for bucket, key, held in self._store.objects():
            bring_back(self.account, bucket, key, held)
        for name, attributes in self._store.items():
            table = self.tables.get_table(name)
            shard, table.stream_shard = table.stream_shard, None
            table.put_item(attributes, overwrite=True)
            table.stream_shard = shard
        for name, number in self._store.positions():
            shard = self.tables.get_table(name).stream_shard
            if shard is not None:
                # What was read is gone; what is new must come after it.
                shard.starting_sequence_number = max(shard.starting_sequence_number, int(number))
        for name, content in self._store.records():
            table = self.tables.get_table(name)
            shard = table.stream_shard
            if shard is None:
                continue
            if not shard.items:
                shard.starting_sequence_number = int(content["dynamodb"]["SequenceNumber"])
            record: Any = StreamRecord.__new__(StreamRecord)
            at = datetime.fromtimestamp(content["dynamodb"]["ApproximateCreationDateTime"], UTC).replace(tzinfo=None)
            record.record = {**content, "dynamodb": {**content["dynamodb"], "ApproximateCreationDateTime": at}}
            shard.items.append(record)
            self._told[name] = len(shard.items)
        for name, content in self._store.messages():
            message: Any = Message.__new__(Message)
            vars(message).update(content)
            self.queues.watched(name).bring_back(message)
        self.changes.messages = {}
