"""The ASGI middleware under a real uvicorn: streams, sockets, uploads, hostile bytes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from tests.gate.adapters.stacks import APPS, Stack, stack
from tests.gate.http_client import BROWSER, Visitor, fetch, raw
from tests.gate.servers import Server, python_server

pytestmark = pytest.mark.process

HELD = 500  # slow sockets


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("asgi")
    with python_server(f"{APPS}:starlette_app", folder, options=("--factory",)) as running:
        yield running


@pytest.fixture(scope="module", params=["starlette", "flask", "nginx", "caddy"])
def any_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    with stack(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


def memory(running: Server) -> int:
    """Bytes of the server's process in memory."""
    pages = Path(f"/proc/{running.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def cookies_of(visitor: Visitor) -> str:
    return "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())


def test_server_sent_events_arrive_one_by_one(site: Server) -> None:
    """The second comes half a second after the first, which is not held back for it."""
    visitor = Visitor(site.port, source="127.1.1.1")
    visitor.visit("/")
    asked = (
        f"GET /events HTTP/1.1\r\nHost: x\r\nUser-Agent: {BROWSER}\r\n"
        f"Cookie: {cookies_of(visitor)}\r\n\r\n"
    )
    with socket.create_connection(
        ("127.0.0.1", site.port), timeout=20, source_address=("127.1.1.1", 0)
    ) as connection:
        connection.sendall(asked.encode())
        received = b""
        while b"data: 0" not in received:
            received += connection.recv(65536)
        assert b"data: 1" not in received
        while b"data: 2" not in received:
            received += connection.recv(65536)
    assert b"text/event-stream" in received


def test_a_websocket_is_opened_to_who_passed_and_refused_to_others(site: Server) -> None:
    visitor = Visitor(site.port, source="127.1.1.2")
    visitor.visit("/")

    async def talk(agent: str, cookies: str) -> str | int:
        headers = {"Cookie": cookies} if cookies else {}
        try:
            async with websockets.connect(
                f"ws://127.0.0.1:{site.port}/ws",
                user_agent_header=agent,
                additional_headers=headers,
                local_addr=("127.1.1.2", 0),
            ) as opened:
                await opened.send("hello")
                return str(await opened.recv())
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(talk(BROWSER, cookies_of(visitor))) == "hello"
    assert asyncio.run(talk(BROWSER, "")) == 403
    assert asyncio.run(talk("GPTBot/1.2", cookies_of(visitor))) == 403


def test_a_large_upload_passes_through_without_being_kept(site: Server) -> None:
    visitor = Visitor(site.port, source="127.1.1.3")
    visitor.visit("/")
    before = memory(site)
    body = bytes(100_000_000)
    answer = visitor.get("/echo", "POST", body)
    assert (answer.status, answer.text) == (200, str(len(body)))
    assert memory(site) - before < 30_000_000


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /robots.txt HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: GPT\x00Bot\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: caf\xe9 \xff\r\nConnection: close\r\n\r\n",
        b"GET /%00 HTTP/1.1\r\nHost: a\r\nUser-Agent: a\r\nConnection: close\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: a\r\nUser-Agent: a\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a/../" * 1500 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n"
        b"User-Agent: GPTBot\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n"
        + b"".join(b"Cookie: shiomi-gate=%d.a.b\r\n" % n for n in range(90))
        + b"Connection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Language: " + b"ja," * 2000 + b"\r\n\r\n",
        b"GET /.gate/enter?" + b"t=1&to=/&" * 500 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x00\x01\x02 nothing of HTTP",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + b"1.2.3.4," * 3000 + b"\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[:40]),
)
def test_hostile_bytes_get_no_page_and_no_error_of_the_server(any_site: Stack, sent: bytes) -> None:
    received = raw(any_site.port, sent)
    status = received[9:12]
    if b"robots.txt" in sent:
        assert status == b"200"
    else:
        assert status != b"500"
        assert b"own page" not in received
    assert fetch(any_site.port, "/robots.txt", agent="GPTBot").status == 200


def test_options_and_head_do_not_get_round_the_gate(any_site: Stack) -> None:
    for method in ("OPTIONS", "HEAD", "PUT", "DELETE", "PATCH", "POST"):
        answer = fetch(any_site.port, "/page/1", method=method, source="127.1.2.1")
        assert answer.status == 403, method


def test_slow_sockets_keep_nobody_from_the_page_or_robots_txt(site: Server) -> None:
    """HELD connections that send a header now and then, and never the end of them."""
    before = memory(site)
    held = []
    try:
        for _ in range(HELD):
            connection = socket.create_connection(("127.0.0.1", site.port), timeout=20)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ")
            held.append(connection)
        for connection in held:
            connection.sendall(b"x")
        assert Visitor(site.port, source="127.1.3.1").visit("/").status == 200
        assert fetch(site.port, "/robots.txt", agent="GPTBot").status == 200
        assert memory(site) - before < HELD * 100_000
    finally:
        for connection in held:
            connection.close()


def test_a_tarpit_is_slow_holds_few_and_ends_with_its_client(tmp_path: Path) -> None:
    policy = tmp_path / "gate.toml"
    policy.write_text(
        '[purpose.ai-training]\naction = "tarpit"\n[tarpit]\nseconds = 2\nconnections = 1\n',
        encoding="utf-8",
    )
    with stack("starlette", tmp_path, policy) as running:
        asked = b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: GPTBot\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as first:
            first.sendall(asked)
            begun = first.recv(65536)
            assert b"403" in begun
            assert not begun.endswith(b"</html>\n")
            # One is held, so the next is refused at once and whole.
            second = fetch(running.port, agent="GPTBot")
            assert second.status == 403
            assert second.text.rstrip().endswith("</html>")
        for _ in range(200):  # until the server has seen that the first went away
            with socket.create_connection(("127.0.0.1", running.port), timeout=20) as third:
                third.sendall(asked)
                first_part = third.recv(65536)
                whole = first_part
                while chunk := third.recv(65536):
                    whole += chunk
            assert whole.rstrip().endswith(b"</html>")
            if not first_part.endswith(b"</html>\n"):
                break
            time.sleep(0.1)
        else:
            pytest.fail("the place in the tarpit was not given back")
