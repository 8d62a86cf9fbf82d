"""Requests written to a socket as they are: no client library mends or refuses them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import httptools

from tests.gate.corpus import Sent

__all__ = ["Answer", "send_all"]

_CONNECTIONS = 8
_SECONDS = 20.0  # for one answer
_HOP = "X-Forwarded-For"


@dataclass
class Answer:
    """What came back; status 0: the connection was closed without an answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class _Reader:
    """Collects one answer; httptools calls its methods."""

    def __init__(self, head: bool) -> None:
        self.answer = Answer()
        self.done = False
        self._head = head

    def on_header(self, name: bytes, value: bytes) -> None:
        self.answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.done = self._head

    def on_body(self, body: bytes) -> None:
        self.answer.body += body

    def on_message_complete(self) -> None:
        self.done = True


def send_all(port: int, requests: Sequence[Sent], *, forwarded: bool = True) -> list[Answer]:
    """Send the requests over a few connections that are kept open; the answers in order."""
    return asyncio.run(_send_all(port, requests, forwarded))


async def _send_all(port: int, requests: Sequence[Sent], forwarded: bool) -> list[Answer]:
    answers: list[Answer] = [Answer() for _ in requests]

    async def some(start: int) -> None:
        pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for place in range(start, len(requests), _CONNECTIONS):
            for _ in range(2):  # once more where a kept connection had been closed
                fresh = pair is None
                if pair is None:
                    pair = await asyncio.open_connection("127.0.0.1", port)
                answers[place], keep = await _exchange(*pair, requests[place], forwarded)
                if not keep:
                    pair[1].close()
                    pair = None
                if answers[place].status or fresh:
                    break
        if pair is not None:
            pair[1].close()

    await asyncio.gather(*(some(start) for start in range(_CONNECTIONS)))
    return answers


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Sent, forwarded: bool
) -> tuple[Answer, bool]:
    """One request and its answer, and whether the connection may be used again."""
    lines = [f"{sent.method} {sent.target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in sent.headers]
    if forwarded:
        lines.append(f"{_HOP}: {sent.address}")
    body = b"x=1" if sent.method in ("POST", "PUT") else b""
    if body:
        lines.append(f"Content-Length: {len(body)}")
    collect = _Reader(sent.method == "HEAD")
    parser = httptools.HttpResponseParser(collect)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        async with asyncio.timeout(_SECONDS):
            await writer.drain()
            while not collect.done:
                received = await reader.read(65536)
                if not received:
                    break
                parser.feed_data(received)
    except (ConnectionError, httptools.HttpParserError):
        return collect.answer, False
    if not collect.done:
        return Answer(), False
    collect.answer.status = parser.get_status_code()
    closing = collect.answer.headers.get("connection", "").lower() == "close"
    return collect.answer, not closing and parser.should_keep_alive()
