"""End a request whose total time is too long.

A client's timeouts limit each wait for bytes, but not the total time. So a server that sends a byte
now and then (a reversed slowloris) could block a source for hours. If the total time is over, the
watchdog shuts the socket down, so that the blocked read returns.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx2

from shiomi.digest.sources.public_address import PrivateAddressError

__all__ = ["Watchdog"]


class Watchdog:
    """Watches the requests of one client, one at a time."""

    def __init__(self) -> None:
        self.pin: Callable[[str], str] | None = None  # host → the checked address to connect to
        self.bit = False  # whether the watchdog ended the last request
        self._pinned = ""
        self._sockets: deque[socket.socket] = deque(maxlen=8)  # sockets that may be in use

    @contextlib.contextmanager
    def watch(self, request: httpx2.Request, seconds: float) -> Iterator[None]:
        """End the request if its answer is not complete after `seconds`."""
        self.bit, self._pinned = False, ""
        request.extensions["trace"] = partial(self._trace, request.url.host)
        timer = threading.Timer(seconds, self.bite)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _trace(self, host: str, event: str, info: dict[str, Any]) -> None:
        """Pin the address of a new connection and remember its socket, through httpcore2's trace
        hook.

        `info` of "connect_tcp.started" holds the arguments of the connect. A connection to a proxy
        has another host name and is not changed.
        """
        if event == "connection.connect_tcp.started" and self.pin and info.get("host") == host:
            self._pinned = info["host"] = self.pin(host)
        if event == "connection.connect_tcp.complete" and self._pinned:
            address = info["return_value"].get_extra_info("server_addr")[0]
            if address.partition("%")[0] != self._pinned.partition("%")[0]:
                info["return_value"].close()
                raise PrivateAddressError(f"{host} was reached at {address}, which was not checked")
            self._pinned = ""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            found = info["return_value"].get_extra_info("socket")
            if isinstance(found, socket.socket):
                self._sockets.append(found)

    def bite(self) -> None:
        """End the current request, if there is one."""
        self.bit = True
        for one in tuple(self._sockets):
            with contextlib.suppress(OSError):  # the socket may be closed already
                one.shutdown(socket.SHUT_RDWR)
