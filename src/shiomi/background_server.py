"""A small HTTP server in a thread of its own: health checks and metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["background_server"]


@contextmanager
def background_server(address: str, handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer on `address` ("127.0.0.1:9465"; port 0: a free one) until the block ends.

    Yields the address in use. Raises OSError, OverflowError or ValueError if it cannot be used.
    """
    host, _, port = address.rpartition(":")
    server = ThreadingHTTPServer((host.strip("[]"), int(port)), handler)
    server.daemon_threads = True
    with server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        try:
            yield f"{host}:{server.server_port}"
        finally:
            server.shutdown()
