"""Make responses with ETag and Last-Modified, and with the headers that every response has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HTML", "JSON", "Content", "SecurityHeaders", "respond", "unavailable"]

HTML = "text/html; charset=utf-8"
JSON = "application/json"

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
        b" base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"browsing-topics=()"),
)
_RETRY = 5  # seconds after which a refused client may ask again


@dataclass(frozen=True, slots=True)
class Content:
    """A body with its ETag and Last-Modified, usable for any number of responses."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    etag: str
    modified: int | None  # unix seconds

    @classmethod
    def of(
        cls, body: str | bytes, media_type: str, *, modified: int | None = None, age: int = 0
    ) -> Content:
        """Make content. For `age` seconds, a client may use its copy without asking again."""
        raw = body.encode("utf-8") if isinstance(body, str) else body
        etag = f'"{blake2b(raw, digest_size=12).hexdigest()}"'
        headers = [
            (b"content-type", media_type.encode("ascii")),
            (b"etag", etag.encode("ascii")),
            (b"cache-control", f"max-age={age}".encode("ascii") if age else b"no-cache"),
        ]
        if modified is not None:
            headers.append((b"last-modified", formatdate(modified, usegmt=True).encode("ascii")))
        return cls(raw, tuple(headers), etag, modified)


def respond(request: Request, content: Content, status: int = 200) -> Response:
    """Return a response with the content, or with status 304 if the client has the content
    already."""
    fresh = status == 200 and _is_fresh(request, content)
    response = Response(None if fresh else content.body, status_code=304 if fresh else status)
    if fresh:
        response.raw_headers = list(content.headers)
    else:
        length = (b"content-length", b"%d" % len(content.body))
        response.raw_headers = [*content.headers, length]
    return response


def unavailable(message: str, media_type: str = "text/plain; charset=utf-8") -> Response:
    """Return a response with status 503 that asks the client to try again soon."""
    return Response(
        message, 503, {"Retry-After": str(_RETRY), "Cache-Control": "no-store"}, media_type
    )


def _is_fresh(request: Request, content: Content) -> bool:
    """Return whether the client's copy is fresh (RFC 9110, 13.2.2).

    If-Modified-Since is used only if the request has no If-None-Match.
    """
    match = request.headers.get("if-none-match")
    if match is not None:
        tags = re.findall(r'(?:W/)?("[^"]*")', match)
        return match.strip() == "*" or content.etag in tags
    since = request.headers.get("if-modified-since")
    if since is None or content.modified is None:
        return False
    try:
        return content.modified <= parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False


class SecurityHeaders:
    """ASGI middleware that adds security headers. They forbid browser features that no page
    needs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, sent)
