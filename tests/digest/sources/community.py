"""A community's server on loopback: real HTTP, recorded or crafted answers, every request noted."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from shiomi.digest.sources.http import Http, new_client, user_agent
from shiomi.digest.sources.manners import Manners
from tests.loopback import QuietHandler, loopback

__all__ = ["Asked", "Clock", "Community", "Reply", "html", "json_reply", "running"]


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    connection: int  # the client's port: one number for one connection


@dataclass(frozen=True)
class Reply:
    """An answer to be sent. The faults are those of real servers."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    length: int | None = None  # a stated Content-Length that is not true
    reset: bool = False  # the connection is reset instead
    drip: float = 0.0  # seconds between the bytes of the body
    drip_head: float = 0.0  # seconds between the bytes of the head, which never ends


def json_reply(value: Any, status: int = 200, /, **headers: str) -> Reply:
    """`value` as JSON; `retry_after="3"` is the header Retry-After."""
    named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
    content = ("Content-Type", "application/json; charset=UTF-8")
    return Reply(json.dumps(value).encode(), status, (content, *named))


def html(body: str, status: int = 200) -> Reply:
    """A web page."""
    return Reply(body.encode(), status, (("Content-Type", "text/html; charset=UTF-8"),))


Answerer = Callable[[Asked], Reply]


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    now: float = 1_780_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Community:
    """Answers by path: one reply for ever, a list in turn (the last one stays), or a function."""

    url: str = ""
    routes: dict[str, Reply | list[Reply] | Answerer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, asked: Asked) -> Reply:
        with self.lock:
            self.asked.append(asked)
            route = self.routes.get(asked.path, json_reply({"error": 404}, 404))
            if isinstance(route, list):
                return route.pop(0) if len(route) > 1 else route[0]
        return route if isinstance(route, Reply) else route(asked)

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    @contextlib.contextmanager
    def http(self, name: str = "test", **settings: Any) -> Iterator[Http]:
        """A polite client whose waits pass at once."""
        settings.setdefault("manners", Manners())
        with new_client(trust_env=False) as client:
            yield Http(
                name,
                client,
                user_agent("https://example.org/contact"),
                settings.pop("clock", self.clock),
                settings.pop("sleep", self.clock.sleep),
                random.Random(7),
                contact="https://example.org/contact",
                **settings,
            )


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    community: Community

    def _reply(self) -> None:
        parts = urlsplit(self.path)
        asked = Asked(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.body(),
            self.client_address[1],
        )
        reply = self.community.reply(asked)
        with contextlib.suppress(OSError):
            self._send(reply)

    do_GET = do_POST = do_HEAD = _reply

    def _send(self, reply: Reply) -> None:
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        if reply.drip_head:
            self.close_connection = True
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
                self.connection.send(bytes([byte]))
                time.sleep(reply.drip_head)
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status != 304:
            length = len(reply.body) if reply.length is None else reply.length
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if reply.length is not None and reply.length != len(reply.body):
            self.close_connection = True
        if reply.drip:
            for byte in reply.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(reply.drip)
        elif reply.status != 304:
            self.wfile.write(reply.body)


@contextlib.contextmanager
def running(community: Community) -> Iterator[Community]:
    """The community, serving on loopback at its `url`."""
    handler = type("Handler", (_Handler,), {"community": community})
    with loopback(handler) as community.url:
        yield community
