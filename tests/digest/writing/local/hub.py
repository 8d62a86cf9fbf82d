"""A loopback server that behaves like the Hugging Face hub: metadata here, bytes at a storage.

HEAD and GET of /REPOSITORY/resolve/REVISION/FILE redirect to the storage, which is on another host
name and answers ranges. What goes wrong is set by the fields of `Hub`.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.loopback import QuietHandler, loopback

__all__ = ["COMMIT", "Hub", "hub"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The file it has, and its faults."""

    def __init__(self, content: bytes) -> None:
        self.content = content  # that the storage sends
        self.etag = hashlib.sha256(content).hexdigest()
        self.size: int | None = None  # stated; None: the true one
        self.status = 200  # of the hub
        self.code = ""  # X-Error-Code
        self.cut_after: list[int] = []  # bytes, one for each answer of the storage that breaks off
        self.hold_after: int | None = None  # bytes, then nothing until the client hangs up
        self.ranges = True  # whether the storage heeds Range
        self.asked: list[tuple[str, str, str | None]] = []  # method, path, Range
        self.endpoint = self.storage = ""


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub: Hub = self.server.hub
        hub.asked.append((self.command, self.path, self.headers["Range"]))
        if self.path.startswith("/storage/"):
            self._bytes(hub)
        elif hub.status != 200:
            self.answer(hub.status, b"", **({"X_Error_Code": hub.code} if hub.code else {}))
        else:
            size = len(hub.content) if hub.size is None else hub.size
            headers = {"Location": f"{hub.storage}/storage/file", "X_Repo_Commit": COMMIT}
            headers |= {"X_Linked_Size": str(size), "X_Linked_Etag": f'"{hub.etag}"'}
            self.answer(302, b"", **headers)

    do_HEAD = do_GET

    def _bytes(self, hub: Hub) -> None:
        start = 0
        if (found := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")) and hub.ranges:
            start = int(found[1])
        body = hub.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            whole = len(hub.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        self.end_headers()
        if hub.hold_after is not None:
            self.wfile.write(body[: hub.hold_after])
            self.wfile.flush()
            self.connection.recv(1)
            self.close_connection = True
        elif hub.cut_after:
            self.wfile.write(body[: hub.cut_after.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body)


@contextmanager
def hub(content: bytes) -> Iterator[Hub]:
    """Serve a file in a thread."""
    one = Hub(content)
    with loopback(_Handler, hub=one) as address:
        one.endpoint, one.storage = address, address.replace("127.0.0.1", "localhost")
        yield one
