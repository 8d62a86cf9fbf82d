"""Allow only public addresses, so that no page can make this program access the user's own network.

An address from a community or a redirect may point to the user's router, a service on this machine
or a cloud's metadata server (server-side request forgery). Every hop is checked before the request,
and the connection uses the IP address that was checked. So DNS rebinding does not work. In that
attack, a host name first resolves to a public address and later to a private one.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from shiomi.digest.errors import SourceError

__all__ = ["PrivateAddressError", "UnresolvedError", "public_address", "refuse_private", "resolve"]

Resolver = Callable[[str], Iterable[str]]


class PrivateAddressError(SourceError):
    """An address that is not a public web page."""


class UnresolvedError(SourceError):
    """The addresses of a host cannot be looked up at the moment."""


def resolve(host: str) -> list[str]:
    """Return the IP addresses of a host name. Raises OSError if it has none."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def refuse_private(url: str, resolver: Resolver = resolve) -> None:
    """Raise PrivateAddressError unless `url` is http(s) and its host has only public addresses.

    Raises UnresolvedError if its addresses cannot be looked up.
    """
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
    except OSError as error:
        raise UnresolvedError(
            f"{host[:200]!r} could not be looked up ({error}), so it may be an address of the own "
            "network; it is tried again next time"
        ) from None
    for address in addresses:
        if not _is_public(address):
            raise PrivateAddressError(
                f"{url[:200]!r} leads to {address}, which is not on the public network; "
                "articles are fetched only from there"
            )


def public_address(host: str, resolver: Resolver = resolve) -> str:
    """Return an IP address of `host` to connect to. All IP addresses of the host must be public.

    Raises PrivateAddressError or UnresolvedError.
    """
    name = f"[{host}]" if ":" in host else host
    found: list[str] = []

    def kept(host: str) -> list[str]:
        found.extend(resolver(host))
        return found

    refuse_private(f"http://{name}/", kept)
    if not found:
        raise UnresolvedError(f"{host[:200]!r} has no address; it is tried again next time")
    return found[0]


def _is_public(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if ip.version == 6 and ip in _NAT64_LOCAL:
        return False
    inner = _inner(ip)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


# RFC 6052; 64:ff9b:1::/48 belongs to the local network.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1


def _inner(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside an IPv6 address, in any of its forms."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64 or ip in _COMPATIBLE:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
