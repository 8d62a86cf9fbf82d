"""Serve the gate's metrics of all workers at a separate address, which clients of the site cannot
reach."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

from shiomi.background_server import background_server
from shiomi.gate.metrics import CONTENT_TYPE, Metrics, prometheus_text
from shiomi.site.errors import SiteError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["SavesMetrics", "metrics_server"]

_SECONDS = 2.0  # seconds between two saves of a worker's counts


class SavesMetrics:
    """ASGI middleware that saves the counts of its gate in a folder, again and again while it
    runs."""

    def __init__(self, app: ASGIApp, metrics: Metrics, folder: Path) -> None:
        self._app = app
        self._metrics = metrics
        self._folder = folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        saving = asyncio.create_task(self._save())
        try:
            await self._app(scope, receive, send)
        finally:
            saving.cancel()

    async def _save(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # the disk may be full; the next save tries again
                self._metrics.save(self._folder)
            await asyncio.sleep(_SECONDS)


@contextlib.contextmanager
def metrics_server(address: str) -> Iterator[Path]:
    """Answer requests for `/metrics` on `address`, such as "127.0.0.1:9465", until the block ends.

    Yields the folder in which the workers save their counts. Raises SiteError if the address
    cannot be used.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shiomi-metrics-")))
        handler = type("Handler", (_Handler,), {"folder": folder})
        try:
            stack.enter_context(background_server(address, handler))
        except (OSError, OverflowError, ValueError) as error:
            raise SiteError(
                f"--metrics {address!r} cannot be used: {error}; give a free address such as"
                " 127.0.0.1:9465"
            ) from None
        yield folder


class _Handler(BaseHTTPRequestHandler):
    folder: Path

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404)
            return
        found = []
        for file in self.folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError):  # another process is replacing the file
                found.append(json.loads(file.read_text(encoding="utf-8")))
        body = prometheus_text(found or [Metrics().snapshot()]).encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""
