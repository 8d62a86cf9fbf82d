"""WSGI middleware: Django, Flask, Bottle, or any other application.

    application = GateMiddleware(application)               # the default policy
    app.wsgi_app = GateMiddleware(app.wsgi_app, "gate.toml")  # Flask

It depends only on PEP 3333, not on a framework. Bodies are streamed in both directions.

WSGI does not distinguish "-" and "_" in header names. So a server behind a proxy must drop names
with "_", as nginx and gunicorn do. Otherwise a client could replace the headers of the proxy.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.identity.reverse_dns import ReverseDns
from shiomi.gate.kept_form import keeps_form
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.response import Response
from shiomi.gate.state import State
from shiomi.gate.trap_links import TrapLink, without_body

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["GateMiddleware"]

_log = logging.getLogger(__name__)

_DNS_SECONDS = 3.0  # a little more than the resolver's own limit

_Headers = list[tuple[str, str]]
_Write = Callable[[bytes], object]


class GateMiddleware:
    """A WSGI application behind the gate; same parameters as `shiomi.gate.asgi.GateMiddleware`.

    A policy's tarpit is a plain refusal here, because a slow answer would block a worker.
    """

    def __init__(
        self,
        app: WSGIApplication,
        policy: Policy | str | os.PathLike[str] | None = None,
        *,
        state: State | str | os.PathLike[str] | None = None,
        data: str | os.PathLike[str] | None = None,
        dns: bool = True,
        trap_links: bool = True,
        gatekeeper: Gatekeeper | None = None,
    ) -> None:
        self._app = app
        if gatekeeper is None:
            gatekeeper = Gatekeeper.for_site(policy, state=state, data=data)
        self.gatekeeper = gatekeeper
        self._confirm = _DnsThread().confirm if dns else None
        self._links = trap_links and gatekeeper.policy.trap.enabled

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        gatekeeper = self.gatekeeper
        request = Request.from_wsgi(environ, gatekeeper.proxies)
        decision = gatekeeper.judge(request, confirm=self._confirm)
        response = decision.response
        if decision.reason == "file" and request.path == "/robots.txt":
            response = self._robots(environ) or response
        elif keeps_form(request, decision):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            response = gatekeeper.keep_form(request, body) or response
        if response is not None:
            return _answer(response, request, start_response)
        added = [*gatekeeper.headers, *decision.headers]
        if self._links and TrapLink.wanted(request):
            passing = _Passing(start_response, added, TrapLink(gatekeeper.trap_link, request))
            return passing.pages(self._app(environ, passing.start))

        bare = decision.reason == "preflight"
        head = self._links and request.method == "HEAD"

        def start(status: str, headers: _Headers, exc_info: Any = None) -> _Write:
            if bare:
                headers = _text(without_body(_raw(headers)))
            elif head and status[:3].isdigit():
                headers = _text(TrapLink.head(int(status[:3]), _raw(headers)))
            write = start_response(status, [*headers, *added], exc_info)
            return (lambda _: None) if bare else write

        answer = self._app(environ, start)
        return _drained(answer) if bare else answer

    def _robots(self, environ: WSGIEnvironment) -> Response | None:
        """Return the application's robots.txt merged with the gate's rules; None without one."""
        said: list[str] = []
        written: list[bytes] = []

        def start(status: str, headers: _Headers, exc_info: Any = None) -> _Write:  # noqa: ARG001
            said.append(status)
            return written.append

        try:
            written += _closing(self._app({**environ, "REQUEST_METHOD": "GET"}, start))
        except Exception:
            _log.exception("the application failed to answer /robots.txt")
            return None
        status = said[-1][:3] if said else ""
        return self.gatekeeper.robots(int(status) if status.isdigit() else 0, b"".join(written))


class _Passing:
    """One answer of the application, with the trap's link if the answer is a complete page.

    The server's `start_response` is called after the first chunk, because this chunk shows whether
    the answer gets the link.
    """

    def __init__(self, start_response: StartResponse, added: _Headers, link: TrapLink) -> None:
        self._start_response = start_response
        self._added = added
        self._link = link
        self._held: tuple[str, _Headers, Any] | None = None
        self._placing = False

    def start(self, status: str, headers: _Headers, exc_info: Any = None) -> _Write:
        """Replace the server's `start_response` for the application."""
        if status[:3].isdigit() and self._link.start(int(status[:3]), _raw(headers)):
            self._held = (status, headers, exc_info)
            return self._write
        self._held = None
        return self._start_response(status, [*headers, *self._added], exc_info)

    def pages(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the application's chunks, with the link inserted before the end of the page."""
        for chunk in _closing(chunks):
            if self._held is None:
                yield self._link.next(chunk, last=False) if self._placing else chunk
            elif chunk:
                yield self._begun(chunk)
        if self._held is not None:  # an empty page
            self._begun(b"")
        if self._placing:
            yield self._link.next(b"", last=True)

    def _begun(self, chunk: bytes) -> bytes:
        assert self._held is not None
        (status, _, exc_info), self._held = self._held, None
        raw, chunk = self._link.first(chunk, last=False)
        self._placing = True
        self._start_response(status, [*_text(raw), *self._added], exc_info)
        return chunk

    def _write(self, chunk: bytes) -> None:
        """Replace the server's `write` callable, which old applications use.

        Their pages stay unchanged.
        """
        assert self._held is not None
        (status, headers, exc_info), self._held = self._held, None
        self._start_response(status, [*headers, *self._added], exc_info)(chunk)


def _answer(response: Response, request: Request, start_response: StartResponse) -> Iterable[bytes]:
    phrase = HTTPStatus(response.status).phrase
    start_response(f"{response.status} {phrase}", list(response.headers))
    return [] if request.method == "HEAD" else [response.body]


class _DnsThread:
    """Query DNS in a separate event loop, in one thread that starts with the first query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resolver: ReverseDns | None = None

    def confirm(self, address: bytes, suffixes: Sequence[str]) -> bool | None:
        """Return the answer of DNS, or None if there is none within a few seconds."""
        loop, resolver = self._running()
        asked = asyncio.run_coroutine_threadsafe(resolver.confirm(address, suffixes), loop)
        try:
            return asked.result(_DNS_SECONDS)
        except TimeoutError:
            return None

    def _running(self) -> tuple[asyncio.AbstractEventLoop, ReverseDns]:
        with self._lock:
            # A fork does not copy the thread, so a worker starts its own.
            if self._loop is None or self._resolver is None or self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._resolver = ReverseDns()
                self._pid = os.getpid()
                threading.Thread(
                    target=self._loop.run_forever, name="shiomi-gate-dns", daemon=True
                ).start()
            return self._loop, self._resolver


def _raw(headers: _Headers) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
        for name, value in headers
    ]


def _text(headers: Sequence[tuple[bytes, bytes]]) -> _Headers:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _drained(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Run the application to its end and discard its output."""
    return (b"" for _ in _closing(chunks))


def _closing(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the application's chunks, and then close the application's iterator (PEP 3333)."""
    try:
        yield from chunks
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
