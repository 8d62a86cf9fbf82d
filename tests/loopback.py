"""Free ports, and HTTP servers on loopback that end with their block."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["QuietHandler", "free_port", "loopback"]

_PORTS = range(15_000, 32_000)  # below the ports that Linux gives to outgoing connections


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that writes no log; `answer` sends a whole answer."""

    server: Any
    wbufsize = -1  # head and body in one segment; else each answer waits 40 ms for an ACK

    def body(self) -> bytes:
        """Read the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send the status, the headers ("X_Y" is X-Y) and the body, which HEAD leaves out."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(OSError):
                self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that hang up are part of the tests."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no outgoing connection takes."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def loopback(handler: type[BaseHTTPRequestHandler], **known: object) -> Iterator[str]:
    """Serve requests by `handler`; yield the address. The handler's `server` has `known`."""
    with _Server(("127.0.0.1", 0), handler) as server:
        for name, value in known.items():
            setattr(server, name, value)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
