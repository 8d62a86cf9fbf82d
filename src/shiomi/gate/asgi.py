"""ASGI middleware: Starlette, FastAPI, Litestar, Django under ASGI, or any other application.

    app = GateMiddleware(app)                               # the default policy
    app.add_middleware(GateMiddleware, policy="gate.toml")  # Starlette, FastAPI

It depends only on the ASGI specification 3.0, not on a framework. Bodies are streamed in both
directions. The body of a refused request is read only if it is a form that the challenge page
keeps.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any

from shiomi.gate.decision import Decision
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.identity.reverse_dns import ReverseDns
from shiomi.gate.kept_form import LONGEST, keeps_form
from shiomi.gate.policy import Policy
from shiomi.gate.request import Request
from shiomi.gate.response import Response
from shiomi.gate.state import State
from shiomi.gate.trap_links import TrapLink, without_body

__all__ = ["GateMiddleware", "send_response"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LONGEST_ROBOTS = 500_000  # bytes

_log = logging.getLogger(__name__)

_Headers = list[tuple[bytes, bytes]]


class GateMiddleware:
    """An ASGI application behind the gate.

    Parameters
    ----------
    app
        The application behind the gate.
    policy
        A policy, or the path of its file; None: the default policy.
    state
        Where budgets and bans are kept: a state, the path of a file, or "redis://HOST:PORT/0" for
        several machines. None: a file that all workers of this site on this machine share
        (`shiomi.gate.state.shared`).
    data
        The folder that `shiomi gate update` writes; None: the lists of the package.
    dns
        Whether to confirm crawlers by reverse DNS if there is no other proof.
    trap_links
        Whether to put the trap's link at the end of complete HTML documents.
    gatekeeper
        A gatekeeper that you made yourself; it replaces `policy`, `state`, `data` and `dns`.
    """

    def __init__(
        self,
        app: Application,
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
            resolver = ReverseDns() if dns else None
            gatekeeper = Gatekeeper.for_site(policy, state=state, data=data, resolver=resolver)
        self.gatekeeper = gatekeeper
        self._judge_at_once = gatekeeper.judge_at_once
        self._trap_link = gatekeeper.trap_link
        self._proxies = gatekeeper.proxies
        self._headers = _encoded(gatekeeper.headers)
        self._links = trap_links and gatekeeper.policy.trap.enabled
        self._slow = _Tarpit(gatekeeper.policy.tarpit.connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket"):  # lifespan, and other types of the specification
            await self._app(scope, receive, send)
            return
        request = Request.from_asgi(scope, self._proxies)
        decision = self._judge_at_once(request)
        if decision is None:
            decision = await self.gatekeeper.judge_fully(request)
        if decision.response is None:
            sent = self._passed(request, decision, send) if kind == "http" else send
            await self._app(scope, receive, sent)
        elif kind == "websocket":
            await _refuse_websocket(scope, receive, send, decision.response)
        elif decision.reason == "file" and request.path == "/robots.txt":
            response = await self._robots(scope, receive) or decision.response
            await send_response(send, response, head=request.method == "HEAD")
        elif keeps_form(request, decision):
            kept = self.gatekeeper.keep_form(request, await _body(receive))
            await send_response(send, kept or decision.response)
        else:
            await self._slow.send(send, receive, decision.response, request.method == "HEAD")

    def _passed(self, request: Request, decision: Decision, send: Send) -> Send:
        """Return a `send` that adds the gate's headers and the trap's link to the answer."""
        added = self._headers
        if decision.headers:
            added = added + _encoded(decision.headers)
        if self._links and TrapLink.wanted(request):
            return _LinkedSend(send, added, TrapLink(self._trap_link, request))
        bare = decision.reason == "preflight"
        head = self._links and request.method == "HEAD"
        if not (added or bare or head):
            return send

        # Not a coroutine, because that is slower: it returns an object that the application awaits.
        def sent(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if bare:
                    headers = without_body(headers)
                elif head:
                    headers = TrapLink.head(message["status"], headers)
                message = {**message, "headers": headers + added}
            elif bare and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            return send(message)

        return sent

    async def _robots(self, scope: Scope, receive: Receive) -> Response | None:
        """Return the application's robots.txt merged with the gate's rules.

        Return None if the application fails or `Gatekeeper.robots` returns None.
        """
        status, body = 404, b""

        async def kept(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and len(body) < _LONGEST_ROBOTS:
                body += message.get("body", b"")

        try:
            await self._app({**scope, "method": "GET"}, receive, kept)
        except Exception:
            _log.exception("the application failed to answer /robots.txt")
            return None
        return self.gatekeeper.robots(status, body)


async def _body(receive: Receive) -> bytes:
    """Return the body of a request, up to the largest size of a form that is kept."""
    body, more = b"", True
    while more and len(body) <= LONGEST:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return body


class _Tarpit:
    """Sends refusals slowly to a limited number of clients at a time.

    Further clients get their refusal at once.
    """

    def __init__(self, connections: int) -> None:
        self._free = connections

    async def send(self, send: Send, receive: Receive, response: Response, head: bool) -> None:
        if not response.seconds or head or self._free < 1:
            await send_response(send, response, head=head)
            return
        self._free -= 1
        try:
            await _send_slowly(send, receive, response)
        finally:
            self._free += 1


async def send_response(send: Send, response: Response, *, head: bool = False) -> None:
    """Send an answer of the gate; leave out the body if the request is HEAD."""
    headers = _encoded(response.headers)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})


async def _send_slowly(send: Send, receive: Receive, response: Response) -> None:
    """Send the body over `response.seconds` seconds; a short body is sent byte by byte."""
    headers = _encoded(response.headers)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    steps = max(1, min(len(response.body), int(response.seconds)))
    size = -(-len(response.body) // steps)
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        for start in range(0, len(response.body), size):
            done, _ = await asyncio.wait((gone,), timeout=response.seconds / steps)
            if done:
                return
            chunk = response.body[start : start + size]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    finally:
        gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Refuse the WebSocket handshake with an HTTP response, or close it (403)."""
    message = await receive()
    if message["type"] != "websocket.connect":
        return
    if "websocket.http.response" in (scope.get("extensions") or {}):
        status = response.status if response.status >= 400 else 403
        headers = _encoded(response.headers)
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": response.body})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": ""})


class _LinkedSend:
    """A `send` that puts the trap's link into a page. Not a coroutine, because that is slower."""

    __slots__ = ("_added", "_link", "_placing", "_send", "_start")

    def __init__(self, send: Send, added: _Headers, link: TrapLink) -> None:
        self._send = send
        self._added = added
        self._link = link
        self._start: Message | None = None  # held until the first chunk shows if it is a document
        self._placing = False

    def __call__(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "http.response.start":
            headers = list(message.get("headers", ()))
            if self._link.start(message["status"], headers):
                self._start = message
                return _NOTHING
            return self._send({**message, "headers": headers + self._added})
        start = self._start
        if kind == "http.response.body":
            chunk, last = message.get("body", b""), not message.get("more_body", False)
            if start is not None:
                headers, chunk = self._link.first(chunk, last=last)
                self._start, self._placing = None, True
                begin = {**start, "headers": headers + self._added}
                return _one_after_other(self._send, begin, {**message, "body": chunk})
            if self._placing:
                message = {**message, "body": self._link.next(chunk, last=last)}
        elif start is not None:  # the application asks the server to send a file
            self._start = None
            begin = {**start, "headers": [*start.get("headers", ()), *self._added]}
            return _one_after_other(self._send, begin, message)
        return self._send(message)


async def _one_after_other(send: Send, first: Message, second: Message) -> None:
    await send(first)
    await send(second)


class _Nothing:
    """An awaitable that does nothing, returned while a message is held back."""

    def __await__(self) -> Generator[Any, None, None]:
        return _ENDED


_ENDED: Generator[Any, None, None] = iter(())  # type: ignore[assignment]
_NOTHING = _Nothing()


def _encoded(headers: tuple[tuple[str, str], ...]) -> _Headers:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
