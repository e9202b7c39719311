"""A server on loopback that answers every request as it is told, or breaks off."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Wire:
    """What the server answers, and what it was asked; `status` 0 breaks the connection after reading.

    `bodies` are answers of their own for the first requests; `heard` holds line, headers and body of each request.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    asked: int = 0
    bodies: list[bytes] = field(default_factory=list)
    heard: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)


@contextmanager
def wire() -> Iterator[Wire]:
    told = Wire()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked += 1
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.heard.append((f"{self.command} {self.path}", dict(self.headers), body))
            answer = told.bodies.pop(0) if told.bodies else told.body
            if not told.status:
                self.close_connection = True
                return
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
