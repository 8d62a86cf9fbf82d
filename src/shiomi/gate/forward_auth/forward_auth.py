"""Forward auth: the gate as a service that a web server asks about every request.

    GET /auth     Caddy `forward_auth`, Traefik `forwardAuth`: 2xx lets the request through. Any
                  other answer is sent to the client as it is, with its page and cookie.
    GET /ask      nginx `auth_request`: 204 lets the request through, 403 does not. The header
                  X-Gate-Trap is the trap's link for a page of HTML. After a refusal, nginx fetches
                  the page for the client:
    GET /answer   the page for the verdict that nginx sends back in headers. No request is counted.
    GET /metrics  Prometheus.
    GET /health   204.
    else          the gate's own pages and files (`/.gate/`, /robots.txt), at the client's path.

The client's request is in the headers X-Forwarded-Method and X-Forwarded-Uri, or for nginx in
X-Original-Method and X-Original-URI. Each of the three addresses reads only the two headers that
its web server sets, because the server passes on the other two as the client sent them. The service
answers only the web servers in `servers`. All other senders get an error, never a 2xx.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from shiomi.gate.addresses import text_of
from shiomi.gate.asgi import Receive, Scope, Send, send_response
from shiomi.gate.client_address import TrustedProxies
from shiomi.gate.decision import Decision, Verdict
from shiomi.gate.gatekeeper import Gatekeeper
from shiomi.gate.metrics import CONTENT_TYPE
from shiomi.gate.request import Request, merge_headers
from shiomi.gate.response import Response
from shiomi.gate.state import Charge, State
from shiomi.gate.trap_links import TrapLink

__all__ = ["LOOPBACK", "VERDICT", "WAIT", "ForwardAuth"]

LOOPBACK = ("127.0.0.1", "::1", "unix")
VERDICT, WAIT, TRAP = "X-Gate-Verdict", "X-Gate-Wait", "X-Gate-Trap"

_Headers = dict[bytes, bytes]

_NGINX = (b"x-original-method", b"x-original-uri")
_FORWARDED = (b"x-forwarded-method", b"x-forwarded-uri")
_OURS = frozenset((*_NGINX, *_FORWARDED, b"x-gate-verdict", b"x-gate-wait"))


class ForwardAuth:
    """The service, an ASGI application.

    Parameters
    ----------
    gatekeeper
        The gatekeeper that decides.
    servers
        Addresses and networks of the web servers that may use the service.
    metrics
        Returns the text for `/metrics`; None: the counts of this process.
    """

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        *,
        servers: Sequence[str] = LOOPBACK,
        metrics: Callable[[], str] | None = None,
    ) -> None:
        self.gatekeeper = gatekeeper
        policy = gatekeeper.policy
        self._servers = TrustedProxies(tuple(servers))
        # Proxies before the server, and the server itself if it is part of the chain.
        chained = self._servers.header == policy.proxies.header
        chain = (*servers, *policy.proxies.trusted) if chained else policy.proxies.trusted
        self._proxies = TrustedProxies(tuple(dict.fromkeys(chain)), policy.proxies.header)
        self._metrics = metrics or gatekeeper.metrics_text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        response = await self._answer(scope)
        await send_response(send, response, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope) -> Response:
        client = scope.get("client")
        peer = client[0] if client else None
        path = scope["path"]
        if path == "/health":
            return _short(204)
        if not self._servers.trusts(peer):
            return _short(403, f"{peer} may not use this service; see the option --server\n")
        if path == "/metrics":
            return _short(200, self._metrics(), media_type=CONTENT_TYPE)
        if path in ("/auth", "/ask", "/answer"):
            return await self._asked(scope, peer, path)
        headers = _headers(scope)
        request = self._request(scope, peer, scope["method"], _target(scope), headers)
        decision = await self._judge(request)
        return decision.response or _short(404, "the gate has no such page\n")

    async def _asked(self, scope: Scope, peer: str | None, path: str) -> Response:
        headers = _headers(scope)
        names = _FORWARDED if path == "/auth" else _NGINX
        method, target = (headers.get(name) for name in names)
        if not method or not target:
            needed = " and ".join(name.decode() for name in names)
            return _short(400, f"the headers {needed} are required\n")
        verdict, waited = headers.get(b"x-gate-verdict", b""), headers.get(b"x-gate-wait", b"")
        request = self._request(scope, peer, method.decode("latin-1"), target, headers)
        if path == "/answer":
            return await self._page(request, verdict.decode("latin-1"), _number(waited))
        decision = await self._judge(request)
        if decision.response is None:
            said = decision.headers
            if b"text/html" in headers.get(b"accept", b"") and TrapLink.wanted(request):
                link = self.gatekeeper.trap_link(request)
                said = (*said, (TRAP, link.decode()))
            return _short(200 if path == "/auth" else 204, headers=said)
        if path == "/ask":
            wait = math.ceil(decision.retry_after * 1000) / 1000
            said = ((VERDICT, str(decision.verdict)), (WAIT, f"{wait:.3f}"))
            return _short(403, headers=said)
        return _refusing(decision.response)

    async def _judge(self, request: Request) -> Decision:
        decision = self.gatekeeper.judge_at_once(request)
        return await self.gatekeeper.judge_fully(request) if decision is None else decision

    async def _page(self, request: Request, verdict: str, wait: float) -> Response:
        """Return the page for a verdict that was already given and counted."""
        if verdict == Verdict.LIMIT:
            wait = max(wait, 0.001)
        elif verdict != Verdict.CHALLENGE:
            wait = 0.0
        settled = _Settled(self.gatekeeper.state, wait)
        decision = await self.gatekeeper.judge_fully(request, state=settled)
        # There is no page if the server refused for another reason, or if a ban has ended.
        return decision.response or _short(403, "403 Forbidden\n")

    def _request(
        self, scope: Scope, peer: str | None, method: str, target: bytes, headers: _Headers
    ) -> Request:
        for name in _OURS:
            headers.pop(name, None)
        # The host that the client asked for, if the server uses another name for this service.
        headers[b"host"] = headers.get(b"x-forwarded-host") or headers.get(b"host", b"")
        scheme = scope.get("scheme", "http")
        # The servers give their own peer in X-Forwarded-For.
        request = Request.asked(target, peer, method, headers, scheme, self._servers)
        if not self._proxies.any:
            return request
        # The sender that connects to the web server may be a proxy that the policy trusts. The
        # proxy's header is used only in that case, because the web server passes on the headers of
        # any client.
        came = text_of(request.address) if request.address else None
        return request._replace(address=self._proxies.client(came, headers))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.gatekeeper.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


class _Settled:
    """A state that does not count a request a second time.

    It repeats the wait that was determined when the request was first counted.
    """

    def __init__(self, state: State, wait: float) -> None:
        self._state = state
        self._wait = wait
        self.blocking = state.blocking

    @property
    def secret(self) -> bytes:
        return self._state.secret

    def take(self, charges: Sequence[Charge], now: float) -> float:  # noqa: ARG002
        return self._wait

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        """Do nothing: clients were banned when the request was counted."""

    def revoked(self, keys: Sequence[int], now: float) -> float:
        return self._state.revoked(keys, now)

    def close(self) -> None:
        """Do nothing: the gatekeeper owns the state."""


def _refusing(response: Response) -> Response:
    """Return the response, with 403 in place of the status 200 that a challenge may have.

    A web server takes 200 as permission.
    """
    return response if response.status >= 300 else response._replace(status=403)


def _short(
    status: int,
    text: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    media_type: str = "text/plain",
) -> Response:
    body = text.encode("utf-8", "replace")
    if status == 204:
        return Response(status, headers, b"")
    length = ("Content-Length", str(len(body)))
    return Response(status, (("Content-Type", media_type), length, *headers), body)


def _headers(scope: Scope) -> _Headers:
    """Return the headers by name, in a new dict."""
    pairs = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs) or b"user-agent" not in headers:
        return merge_headers(pairs)
    return headers


def _target(scope: Scope) -> bytes:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return raw + b"?" + query if query else raw


def _number(text: bytes) -> float:
    try:
        return min(float(text), 86_400.0)
    except ValueError:
        return 0.0
