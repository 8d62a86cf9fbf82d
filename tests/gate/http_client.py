"""A small HTTP client for the tests: what it sends is what the test says, and nothing else."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["BROWSER", "Answer", "Visitor", "fetch", "raw"]

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The first value of a header, or ""."""
        return next((v for n, v in self.headers if n.lower() == name.lower()), "")

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


def fetch(
    port: int,
    path: str = "/",
    *,
    agent: str | None = BROWSER,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    source: str = "127.0.0.1",
) -> Answer:
    """Ask the server on 127.0.0.1:`port`, from any address of 127.0.0.0/8."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=_SECONDS, source_address=(source, 0)
    )
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        if agent is not None:
            connection.putheader("User-Agent", agent)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def raw(port: int, sent: bytes, *, seconds: float = _SECONDS) -> bytes:
    """Send bytes as they are, and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        # A server may refuse and close before all is sent; what it said can still be read.
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except (ConnectionResetError, TimeoutError):
            pass
        return received


@dataclass
class Visitor:
    """A browser as far as the gate can see: keeps cookies, follows Refresh and Location."""

    port: int
    agent: str = BROWSER
    source: str = "127.0.0.1"
    headers: tuple[tuple[str, str], ...] = ()
    cookies: dict[str, str] = field(default_factory=dict)
    hops: int = 0

    def get(self, path: str, method: str = "GET", body: bytes | None = None) -> Answer:
        """One request, without following anything."""
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        cookies = (("Cookie", jar),) if jar else ()
        answer = fetch(
            self.port,
            path,
            agent=self.agent,
            method=method,
            headers=(*self.headers, *cookies),
            body=body,
            source=self.source,
        )
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                self._keep(value)
        return answer

    def visit(self, path: str) -> Answer:
        """Go to a page as a browser does, over at most five hops; they are counted."""
        for _ in range(5):
            answer = self.get(path)
            onward = answer.header("location") or _refresh(answer)
            if not onward:
                return answer
            self.hops += 1
            path = re.sub(r"^https?://[^/]+", "", onward)
        raise AssertionError(f"still sent on after five hops, to {path}")

    def _keep(self, set_cookie: str) -> None:
        pair, *attributes = set_cookie.split(";")
        name, _, value = pair.partition("=")
        if any(attribute.strip().lower() == "max-age=0" for attribute in attributes):
            self.cookies.pop(name.strip(), None)
        else:
            self.cookies[name.strip()] = value.strip()


def _refresh(answer: Answer) -> str:
    found = re.search(r"url=(.*)", answer.header("refresh"), re.IGNORECASE)
    return found[1] if found else ""
