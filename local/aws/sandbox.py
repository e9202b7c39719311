"""One process of one function, under AWS's runtime client and a Lambda Runtime API of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from uuid import uuid4

from local.aws import runtime_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

INIT_SECONDS = 10.0
"""How long a function may import before its first event; Lambda's own limit."""
LARGEST_PAYLOAD = 6 * 1024 * 1024
"""Bytes of a synchronous event or result; Lambda's own limit."""


def error(kind: str, message: str) -> bytes:
    """Write an error as Lambda hands it to the caller."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


@dataclass
class Invocation:
    """One event on its way through a process; `payload` and `failed` are its outcome once `done` is set."""

    event: bytes
    timeout: float
    arn: str
    id: str = field(default_factory=lambda: str(uuid4()))
    started: float = 0.0
    payload: bytes = b""
    failed: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    def finish(self, payload: bytes, *, failed: bool = False) -> None:
        """Settle the outcome; the first one counts."""
        if not self.done.is_set():
            self.payload, self.failed = payload, failed
            self.done.set()


class _RuntimeApi(BaseHTTPRequestHandler):
    """Lambda's Runtime API, version 2018-06-01, for one connection of one process."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: Sandbox  # type: ignore[assignment]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        invocation = self.server.next() if self.path.endswith("/runtime/invocation/next") else None
        if invocation is None:
            self.close_connection = True
            self._answer(410, b"{}")
            return
        deadline = int((time.time() + invocation.timeout) * 1000)
        root = f"1-{int(time.time()):08x}-{uuid4().hex[:24]}"
        self._answer(
            200,
            invocation.event,
            {
                "Lambda-Runtime-Aws-Request-Id": invocation.id,
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
                "Lambda-Runtime-Trace-Id": f"Root={root};Parent={uuid4().hex[:16]};Sampled=0",
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(iter(self._chunk, b""))
        known = self.server.settle(self.path.split("/runtime/", 1)[-1], body)
        self._answer(202 if known else 400, b'{"status":"OK"}' if known else b'{"errorType":"InvalidRequestID"}')

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            **(headers or {}),
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Sandbox:
    """A process of a function. Use by one caller at a time: `invoke`, again `invoke`, `kill`."""

    def __init__(
        self,
        handler: str,
        root: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        client: str | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Start the process; `on_line` gets each line that it prints. `client` is the module that runs the handler.

        `alone` it finds nothing but what the handler's folder `root` holds and Python's own library.
        """
        self._next: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self._init_error: bytes | None = None
        self._ready = threading.Event()
        self._on_line = on_line
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        if client is None:
            client = "awslambdaric" if importlib.util.find_spec("runtime_client") else "local.aws.runtime_client"
        runs = ["-S", "-P", runtime_client.__file__] if alone else ["-m", client]
        self.process = subprocess.Popen(
            [sys.executable, *runs, handler],
            cwd=root,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for work in (self._accept, self._read):
            threading.Thread(target=work, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def invoke(self, invocation: Invocation) -> None:
        """Have the process answer the event; afterwards the invocation is done.

        A process that takes longer than its time is killed; one that exits has failed (`Runtime.ExitError`).
        """
        self._current = invocation
        if not self._ready.wait(max(INIT_SECONDS, invocation.timeout)):
            self.kill()
            invocation.finish(
                error("Sandbox.Timedout", f"RequestId: {invocation.id} Error: the function did not initialise in time"),
                failed=True,
            )
        elif self._init_error is not None:
            invocation.finish(self._init_error, failed=True)
            self.kill()
        elif not self.alive:
            self._exited()
        invocation.started = time.monotonic()
        if not invocation.done.is_set():
            self._next.put(invocation)
            if not invocation.done.wait(invocation.timeout):
                message = f"RequestId: {invocation.id} Error: Task timed out after {invocation.timeout:.2f} seconds"
                invocation.finish(error("Sandbox.Timedout", message), failed=True)
                self._on_line(f"{invocation.id} Task timed out after {invocation.timeout:.2f} seconds")
                self.kill()
        if len(invocation.payload) > LARGEST_PAYLOAD and not invocation.failed:
            message = f"Response payload size exceeded maximum allowed payload size ({LARGEST_PAYLOAD} bytes)."
            invocation.payload, invocation.failed = error("Function.ResponseSizeTooLarge", message), True
        self._current = None

    def next(self) -> Invocation | None:
        """Wait for the next event on behalf of the process; None when there will be none."""
        self._ready.set()
        return self._next.get()

    def settle(self, path: str, body: bytes) -> bool:
        """Take what the process reports; False when it speaks of an event that it does not have."""
        if path == "init/error":
            self._init_error = body
            self._ready.set()
            return True
        current = self._current
        _, _, rest = path.partition("/")
        request_id, _, outcome = rest.partition("/")
        if current is None or current.id != request_id:
            return False
        current.finish(body, failed=outcome == "error")
        return True

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        self._next.put(None)

    def _exited(self) -> None:
        if current := self._current:
            code = self.process.poll() or 0
            how = f"exit status {code}" if code >= 0 else f"signal: {-code}"
            current.finish(
                error("Runtime.ExitError", f"RequestId: {current.id} Error: Runtime exited with error: {how}"),
                failed=True,
            )

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, address = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection, address), daemon=True).start()

    def _serve(self, connection: socket.socket, address: object) -> None:
        with connection, contextlib.suppress(OSError):
            _RuntimeApi(connection, address, self)  # type: ignore[arg-type]

    def _read(self) -> None:
        stdout = self.process.stdout
        if stdout is not None:
            with stdout:
                for line in stdout:
                    self._on_line(line.decode("utf-8", "replace").rstrip("\n"))
        self.process.wait()
        self._exited()
        self._ready.set()
        self._next.put(None)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
