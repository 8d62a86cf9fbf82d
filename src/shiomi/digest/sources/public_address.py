"""Only addresses of the public network: a page must not send this program into the reader's own.

An address that a community gives, or that a page redirects to, may name the reader's router, a
service on this machine or a cloud's metadata server (server-side request forgery). Every hop is
looked at before it is asked for. A name that resolves to a public address now and to a private one
a moment later (DNS rebinding) is not caught; the answer would still have to look like an article.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from shiomi.digest.errors import SourceError

__all__ = ["PrivateAddressError", "refuse_private", "resolve"]

Resolver = Callable[[str], Iterable[str]]


class PrivateAddressError(SourceError):
    """An address that is no public web page."""


def resolve(host: str) -> list[str]:
    """The IP addresses of a host name. Raises OSError where it has none."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def refuse_private(url: str, resolver: Resolver = resolve) -> None:
    """Raise PrivateAddressError unless `url` is http(s) and its host has only public addresses."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise PrivateAddressError(f"{url[:200]!r} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise PrivateAddressError(f"{url[:200]!r} is no http:// or https:// address")
    try:
        addresses = list(resolver(host))
    except UnicodeError as error:
        raise PrivateAddressError(f"{host[:200]!r} is no host name: {error}") from None
    except OSError:
        return  # offline, or behind a proxy that knows the name; the request itself will tell
    for address in addresses:
        if not _is_public(address):
            raise PrivateAddressError(
                f"{url[:200]!r} leads to {address}, which is not on the public network; "
                "articles are fetched only from there"
            )


def _is_public(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)
