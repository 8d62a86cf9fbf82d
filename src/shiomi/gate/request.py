"""Request: the parts of a request that the gate uses. Adapters build it.

The path that rules match is normalised as servers do it: percent-encoding is undone once, doubled
slashes are merged and dot segments resolved (RFC 3986, 5.2.4). This module also does what only some
servers do: it drops the part of a segment after ";" (as Java servlets do), and reads "\\" as "/"
(as Windows does). An application may normalise less, so `spelling` keeps the path that such an
application may see. If the two paths differ, `decide` lets the request through only if both pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from shiomi.gate.client_address import TrustedProxies

__all__ = ["Request", "merge_headers", "normalise"]

_NO_PROXIES = TrustedProxies()
_SAFE_IN_PATHS = "/:@!$&'()*+,;=-._~"  # RFC 3986, 3.3


class Request(NamedTuple):
    """One request. It is a tuple because creating a frozen dataclass takes a microsecond longer."""

    address: bytes  # the client's address, packed: 4 or 16 bytes, empty if unknown
    method: str  # as sent; methods are case-sensitive (RFC 9110, 9.1)
    path: str  # normalised: what rules are matched against
    spelling: str  # the path decoded once and not resolved, as an application may see it
    raw_path: bytes  # as sent, percent-encoded
    query: bytes  # as sent, without "?"
    host: str  # the Host header, or "" (HTTP/1.0)
    scheme: str  # "http" or "https", as the client used it, before any trusted proxy
    user_agent: str  # one character per byte sent
    headers: Mapping[bytes, bytes]  # names in lower case; values of one name joined

    def header(self, name: str) -> str:
        """Return the value of the header with this lower-case name, or "" if it was not sent."""
        return self.headers.get(name.encode(), b"").decode("latin-1")

    @property
    def target(self) -> str:
        """Return the path and query as sent, to which a client is redirected."""
        path = self.raw_path.decode("latin-1")
        return f"{path}?{self.query.decode('latin-1')}" if self.query else path

    @classmethod
    def make(
        cls,
        target: str | bytes = "/",
        *,
        peer: str | None = None,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        scheme: str = "http",
        proxies: TrustedProxies = _NO_PROXIES,
    ) -> Request:
        """Return the request with this target (RFC 9112, 3.2).

        Parameters
        ----------
        target
            The target as sent: "/path?query", "http://host/path" or "*"; a str is encoded as UTF-8.
        peer
            The address at the other end of the connection; None: a Unix socket, or not known.
        headers
            Names in upper or lower case; a header that was sent twice is given twice. Each
            character is one byte (latin-1).
        proxies
            The proxies that are trusted to give the client's address and scheme.
        """
        sent = target if isinstance(target, bytes) else target.encode("utf-8", "surrogatepass")
        merged = merge_headers(
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in headers
        )
        return cls.asked(sent, peer, method, merged, scheme, proxies)

    @classmethod
    def asked(
        cls,
        target: bytes,
        peer: str | None,
        method: str,
        headers: Mapping[bytes, bytes],
        scheme: str,
        proxies: TrustedProxies,
    ) -> Request:
        """Return the request as `make` does, from headers that are already merged."""
        raw_path, _, query = _origin_form(target).partition(b"?")
        spelling = unquote_to_bytes(raw_path).decode("utf-8", "replace")
        return cls(
            proxies.client(peer, headers),
            method,
            normalise(spelling),
            spelling,
            raw_path,
            query,
            headers.get(b"host", b"").decode("latin-1"),
            _scheme(scheme, peer, headers, proxies),
            headers.get(b"user-agent", b"").decode("latin-1"),
            headers,
        )

    @classmethod
    def from_asgi(cls, scope: Mapping[str, Any], proxies: TrustedProxies = _NO_PROXIES) -> Request:
        """Return the request of an ASGI scope of type "http" or "websocket"."""
        pairs = scope["headers"]
        headers: Mapping[bytes, bytes] = dict(pairs)
        # Merge headers if a name occurs twice, or if the names may not be in lower case.
        if len(headers) != len(pairs) or b"user-agent" not in headers:
            headers = merge_headers(pairs)
        client = scope.get("client")
        peer = client[0] if client else None
        spelling: str = scope["path"]
        raw_path = scope.get("raw_path")
        scheme = scope.get("scheme", "http")
        address = proxies.known.get(peer) if peer and not proxies.any else None
        return tuple.__new__(
            cls,
            (
                proxies.client(peer, headers) if address is None else address,
                scope.get("method", "GET"),  # a WebSocket begins as GET (RFC 6455, 4.1)
                normalise(spelling),
                spelling,
                quote(spelling, safe=_SAFE_IN_PATHS).encode() if raw_path is None else raw_path,
                scope.get("query_string", b""),
                headers.get(b"host", b"").decode("latin-1"),
                _scheme(scheme, peer, headers, proxies) if proxies.any else _web(scheme),
                headers.get(b"user-agent", b"").decode("latin-1"),
                headers,
            ),
        )

    @classmethod
    def from_wsgi(
        cls, environ: Mapping[str, Any], proxies: TrustedProxies = _NO_PROXIES
    ) -> Request:
        """Return the request of a WSGI environment (PEP 3333, "environ Variables").

        WSGI replaces "-" in header names by "_" and decodes the path. The path is encoded again
        unless the server passes it as sent (RAW_URI, REQUEST_URI).
        """
        headers = {
            name[5:].replace("_", "-").lower().encode("latin-1", "replace"): _sent(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if value := environ.get(name):
                headers[name.replace("_", "-").lower().encode()] = _sent(value)
        spelling = _sent(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).decode(
            "utf-8", "replace"
        )
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
        raw_path = (
            _origin_form(_sent(target)).partition(b"?")[0]
            if target
            else quote(spelling, safe=_SAFE_IN_PATHS).encode()
        )
        peer = environ.get("REMOTE_ADDR") or None
        return cls(
            proxies.client(peer, headers),
            environ.get("REQUEST_METHOD", "GET"),
            normalise(spelling or "/"),
            spelling or "/",
            raw_path,
            _sent(environ.get("QUERY_STRING", "")),
            headers.get(b"host", b"").decode("latin-1"),
            _scheme(environ.get("wsgi.url_scheme", "http"), peer, headers, proxies),
            headers.get(b"user-agent", b"").decode("latin-1"),
            headers,
        )


def normalise(path: str) -> str:
    """Return a decoded path, resolved as far as any server does.

    Doubled slashes are merged, dot segments resolved, parameters of segments (";") dropped, and
    backslashes replaced by slashes. The result begins with "/", except for the "*" of `OPTIONS *`.
    """
    plain = path[:1] == "/" and "//" not in path and "/." not in path
    if (plain and ";" not in path and "\\" not in path) or path == "*":  # most paths
        return path
    kept: list[str] = []
    segments = [segment.partition(";")[0] for segment in path.replace("\\", "/").split("/")]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment and segment != ".":
            kept.append(segment)
    slash = "/" if kept and segments[-1] in ("", ".", "..") else ""
    return f"/{'/'.join(kept)}{slash}"


def merge_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by lower-case name, values of one name joined (RFC 9110, 5.3).

    Cookies are joined by "; " (RFC 9113, 8.2.3). If a User-Agent is sent twice with the same value,
    the value is used once, so that patterns for its beginning or end still match.
    """
    values: dict[bytes, list[bytes]] = {}
    for name, value in pairs:
        values.setdefault(name.strip().lower(), []).append(value.strip(b" \t"))
    if len(agents := values.get(b"user-agent", [])) > 1:
        values[b"user-agent"] = list(dict.fromkeys(agents))
    return {
        name: (b"; " if name == b"cookie" else b", ").join(several)
        for name, several in values.items()
    }


def _sent(text: str) -> bytes:
    """Return the bytes of a text that WSGI passes as latin-1."""
    return text.encode("latin-1", "replace")


def _origin_form(target: bytes) -> bytes:
    """Return the path and query of a request target in any of its forms (RFC 9112, 3.2)."""
    target = target.partition(b"#")[0]
    if target[:1] != b"/" and b"://" in target.partition(b"?")[0]:
        rest = target.partition(b"://")[2]
        path = rest.find(b"/")
        query = rest.find(b"?")
        if path < 0 or 0 <= query < path:
            return b"/" + rest[query:] if query >= 0 else b"/"
        return rest[path:]
    return target or b"/"


def _scheme(
    scheme: str, peer: str | None, headers: Mapping[bytes, bytes], proxies: TrustedProxies
) -> str:
    if proxies.trusts(peer):
        said = headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower()
        if said in (b"http", b"https"):
            return said.decode()
    return _web(scheme)


def _web(scheme: str) -> str:
    return "https" if scheme in ("https", "wss") else "http"
