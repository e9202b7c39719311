"""Serve an application on loopback: as a process that says where it listens, or beside a test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

PATIENCE = 10.0


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket, without a slash at its end."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=1, ws="none"
        )
    )


def serve(app: ASGIApp, listener: socket.socket, name: str) -> None:
    """Print one JSON line `{"name", "url", "port"}` and serve until the process is told to end."""
    said = {"name": name, "url": url_of(listener), "port": listener.getsockname()[1]}
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    print(json.dumps(said), flush=True)  # noqa: T201  # whoever started the process waits for this line
    _server(app).run(sockets=[listener])


def _end_with(parent: int) -> None:
    """End this process soon after its parent, which may have been killed without a word to us."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def serving(app: ASGIApp, listener: socket.socket | None = None) -> Iterator[str]:
    """Serve in a thread for as long as the block runs; yields the URL. `TimeoutError` when it does not start."""
    where = listener or listen()
    server = _server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [where]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            message = "the server did not start"
            raise TimeoutError(message)
        time.sleep(0.01)
    try:
        yield url_of(where)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        where.close()
