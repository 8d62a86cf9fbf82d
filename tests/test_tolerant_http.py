"""Addresses that are not percent-encoded, under both of uvicorn's parsers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest

pytest.importorskip("uvicorn")

import uvicorn

from shiomi.tolerant_http import TolerantH11Protocol, TolerantProtocol, percent_encoded

PROTOCOLS = pytest.mark.parametrize(
    "protocol", {TolerantProtocol, TolerantH11Protocol}, ids=lambda protocol: protocol.__name__
)
HOST = b"Host: x\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST
# Percent-encoded, the raw bytes would grow by the length of the smuggled request.
GROWING = b"P " + b"\xe9" * (len(SMUGGLED) // 2) + b"\r\n"


def answered(
    protocol: Any, pieces: Iterable[bytes], app_reads: bool = False
) -> tuple[list[bytes], bytes]:
    """Send each piece once everything before it has been processed.

    Returns the path of each request that the application got, and all answers.
    """

    paths: list[bytes] = []

    async def app(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        paths.append(scope["raw_path"])
        while app_reads and (await receive()).get("more_body"):
            pass
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def conversation() -> bytes:
        config = uvicorn.Config(app, http=protocol, lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        config.load()
        made: list[Any] = []

        def connected() -> Any:
            made.append(
                protocol(config=config, server_state=server.server_state, app_state={}, _loop=None)
            )
            return made[-1]

        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(connected, theirs)
        for piece in pieces:
            with suppress(OSError):  # the server has closed the connection
                await loop.sock_sendall(ours, piece)
            for _ in range(20):
                await asyncio.sleep(0)
        transport.close()
        got = b""
        while piece := await loop.sock_recv(ours, 65536):
            got += piece
        ours.close()
        return got

    return paths, asyncio.run(conversation())


@PROTOCOLS
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_comes_after_the_answer_is_no_second_request(
    protocol: Any, framing: str
) -> None:
    body = GROWING + SMUGGLED
    if framing == "length":
        head = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n%s" % (len(body), HOST)
        pieces = [head, body]
    else:
        head = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n%s" % HOST
        pieces = [head + b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n"]
    paths, answer = answered(protocol, pieces)
    assert paths == [b"/a"]
    assert answer.count(b"HTTP/1.1 ") == 1


@PROTOCOLS
@pytest.mark.parametrize("cut", range(1, 70))
def test_no_cut_of_a_body_makes_a_second_request(protocol: Any, cut: int) -> None:
    body = GROWING + SMUGGLED
    sent = b"POST /a HTTP/1.1\r\nContent-Length: %d\r\n%s" % (len(body), HOST) + body
    paths, _ = answered(protocol, [sent[:cut], sent[cut:]])
    assert paths == [b"/a"]


@PROTOCOLS
def test_a_body_behind_an_address_in_raw_bytes_is_not_changed(protocol: Any) -> None:
    """Lines that end in LF alone: nothing but the address may grow."""
    body = GROWING + SMUGGLED
    head = b"POST /\xe9 HTTP/1.1\nContent-Length: %d\nHost: x\n\n" % len(body)
    paths, _ = answered(protocol, [head + body])
    assert set(paths) <= {b"/%E9"}


@PROTOCOLS
@pytest.mark.parametrize("app_reads", [False, True])
def test_each_request_on_a_connection_may_have_such_an_address(
    protocol: Any, app_reads: bool
) -> None:
    body = b"P \xe9\r\n"
    post = b"POST /\xe9 HTTP/1.1\r\nContent-Length: %d\r\n%s" % (len(body), HOST)
    get = "GET /潮?q=é HTTP/1.1\r\n".encode() + HOST
    paths, answer = answered(protocol, [post, body, get, post + body, get], app_reads)
    assert paths == [b"/%E9", b"/%E6%BD%AE", b"/%E9", b"/%E6%BD%AE"]
    assert answer.count(b"HTTP/1.1 403") == 4


@PROTOCOLS
@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /a", "é HTTP/1.1\r\nHost: x\r\n\r\n".encode()],
        [b"G", "ET /é HTTP/1.1\r\nHost: x\r\n\r\n".encode()],
        [b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n"],
    ],
)
def test_a_request_line_that_is_not_accepted_gets_a_reason(
    protocol: Any, pieces: list[bytes]
) -> None:
    paths, answer = answered(protocol, pieces)
    assert paths == []
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"percent-encode them" in answer


@PROTOCOLS
def test_a_second_request_in_the_same_bytes_is_not_encoded(protocol: Any) -> None:
    first = b"GET /a HTTP/1.1\r\n" + HOST
    paths, _ = answered(protocol, [first + b"GET /\xe9 HTTP/1.1\r\n" + HOST])
    assert paths in ([], [b"/a"])


def test_only_the_address_is_percent_encoded() -> None:
    rest = b" \xe9 HTTP/1.1\nX: \xe9\n\n\xe9\r\nX: \xe9\r\n\r\nGET /\xe9"
    assert percent_encoded("GET /é?q=潮".encode() + rest) == b"GET /%C3%A9?q=%E6%BD%AE" + rest
    for data in (b"", b"GET / HTTP/1.1" + rest, "é GET /é".encode(), b"\xff" * 100):
        assert percent_encoded(data) == data
