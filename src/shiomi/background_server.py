"""A small HTTP server for health checks and metrics. It runs in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["background_server"]


@contextmanager
def background_server(address: str, handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer requests on `address`, such as "127.0.0.1:9465", until the block ends.

    Port 0 selects a free port. Yields the address in use. Raises OSError, OverflowError or
    ValueError if the address cannot be used.
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
