"""Ends a request that takes too long as a whole.

A client's own timeouts bound each wait for bytes, not their sum: a server that sends one byte now
and then (slowloris, turned around) would hold a source for hours. The watchdog shuts the socket
down when the time is over, and the blocked read returns.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2

__all__ = ["Watchdog"]


class Watchdog:
    """Watches the requests of one client, one at a time."""

    def __init__(self) -> None:
        self.bit = False  # whether the last request watched was ended
        self._sockets: deque[socket.socket] = deque(maxlen=8)  # those that may still be in use

    @contextlib.contextmanager
    def watch(self, request: httpx2.Request, seconds: float) -> Iterator[None]:
        """End the request when it is not over, answer and all, after `seconds`."""
        self.bit = False
        request.extensions["trace"] = self._trace
        timer = threading.Timer(seconds, self.bite)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note the socket of a new connection; httpcore2 tells of it through its trace hook."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets.append(found)

    def bite(self) -> None:
        """End the request under way, if there is one."""
        self.bit = True
        for one in tuple(self._sockets):
            with contextlib.suppress(OSError):  # closed already
                one.shutdown(socket.SHUT_RDWR)
