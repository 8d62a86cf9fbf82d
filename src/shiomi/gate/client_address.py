"""Find the client's address behind trusted proxies.

The gate believes only what a trusted proxy wrote. It reads the chain of addresses (X-Forwarded-For,
or Forwarded of RFC 7239, section 4) from the end, because the nearest proxy wrote the last entry.
The first address that does not belong to a trusted proxy is the client's. The client itself could
have written everything before that address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from shiomi.gate.addresses import RangeTable, parse_address, parse_prefix
from shiomi.gate.errors import PolicyError

__all__ = ["HEADERS", "UNKNOWN", "TrustedProxies"]

HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip")
UNKNOWN = b""  # the address of a client whose address is unknown; no address rule matches it

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_CHAINS = ("x-forwarded-for", "forwarded")
_REMEMBERED = 4096  # the most peers that are cached
_LONGEST_KEPT = 200  # bytes of a chain that is remembered
_LONGEST_CHAIN = 32  # the most proxies read from the end of the chain


class TrustedProxies:
    """The trusted proxies, and the header in which they give the client's address.

    Parameters
    ----------
    trusted
        Addresses and networks; "unix" trusts connections through a Unix socket.
    header
        One of HEADERS. The proxy must set it or append to it on every request.

    Raises
    ------
    PolicyError
        A network cannot be parsed or contains all addresses, or the header is not one of HEADERS.
    """

    def __init__(self, trusted: tuple[str, ...] = (), header: str = "x-forwarded-for") -> None:
        if header not in HEADERS:
            raise PolicyError(f"header must be one of {', '.join(HEADERS)}, got {header!r}")
        prefixes = []
        for text in trusted:
            if text == "unix":
                continue
            try:
                prefix = parse_prefix(text)
            except ValueError as error:
                raise PolicyError(f"trusted: {error}") from None
            if prefix[1] == 0:
                raise PolicyError(f"trusted: {text} would trust the headers of every client")
            prefixes.append(prefix)
        self.any = bool(trusted)
        self.header = header
        self._name = header.encode()
        self._unix = "unix" in trusted
        self._table = RangeTable({"trusted": prefixes})
        self.known: dict[str, bytes] = {}  # packed addresses of recent peers
        self._trusted: dict[str | None, bool] = {}  # whether recent peers are trusted
        self._clients: dict[tuple[str | None, bytes], bytes] = {}  # clients of recent peers

    def trusts(self, peer: str | None) -> bool:
        """Return whether this end of a connection is a trusted proxy; None is a Unix socket."""
        if not self.any:
            return False
        trusted = self._trusted.get(peer)
        if trusted is None:
            trusted = self._unix if not peer else bool(self._table.lookup(peer))
            _keep(self._trusted, peer, trusted)
        return trusted

    def client(self, peer: str | None, headers: Mapping[bytes, bytes]) -> bytes:
        """Return the client's packed address, or UNKNOWN if it cannot be determined.

        `peer` is the other end of the connection. If the header is missing, `peer` is the client.
        """
        address = UNKNOWN
        if peer:
            known = self.known.get(peer)
            if known is None:
                known = parse_address(peer) or UNKNOWN
                _keep(self.known, peer, known)
            address = known
        if not self.trusts(peer):
            return address
        value = headers.get(self._name)
        if value is None:
            return address
        chain = (peer, value)
        known = self._clients.get(chain)
        if known is None:
            known = self._last_hop(address, value.decode("latin-1"))
            if len(value) <= _LONGEST_KEPT:
                _keep(self._clients, chain, known)
        return known

    def _last_hop(self, address: bytes, text: str) -> bytes:
        """Return the client's address from the text that the trusted proxy at `address` sent."""
        if self.header not in _CHAINS:
            return parse_address(text.strip()) or UNKNOWN
        client = address
        for hop in reversed(text.rsplit(",", _LONGEST_CHAIN)[-_LONGEST_CHAIN:]):
            found = _forwarded(hop) if self.header == "forwarded" else _address(hop)
            client = found or UNKNOWN
            if found is None or not self._table.names_of(found):
                break
        return client


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    if len(kept) >= _REMEMBERED:
        kept.clear()
    kept[key] = value


def _forwarded(hop: str) -> bytes | None:
    """Return the address in the `for=` of one element of a Forwarded header (RFC 7239, 6)."""
    for pair in hop.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return _address(value.strip().removeprefix('"').removesuffix('"'))
    return None


def _address(text: str) -> bytes | None:
    """The address of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; else None."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_address(text)
