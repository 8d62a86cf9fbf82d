"""IP addresses: their normal form, their network, and the named ranges that contain them.

An address is its packed bytes: 4 for IPv4, 16 for IPv6. An IPv6 address that contains an IPv4
address is converted to that IPv4 address, so that no client has two identities. These forms are
`::ffff:0:0/96` (RFC 4291), NAT64 `64:ff9b::/96` (RFC 6052) and 6to4 `2002::/16` (RFC 3056).

A `RangeTable` finds the ranges that contain an address with one bisection. Ranges nest and overlap:
for example, a crawler operator's range may lie inside the range of a cloud provider. So the ranges
are first cut into pieces that do not overlap. Each piece stores the names of all ranges that
contain it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from shiomi.gate.errors import DataError

__all__ = [
    "Prefix",
    "RangeTable",
    "group",
    "parse_address",
    "parse_prefix",
    "parse_prefixes",
    "prefix_text",
    "text_of",
]

Prefix = tuple[bytes, int]
"""A packed network address and the length of its prefix in bits."""

# The first address of each piece, and the names of its ranges.
_Bucket = tuple[list[bytes], list[frozenset[str]]]

_MAPPED = bytes(10) + b"\xff\xff"
_NAT64 = b"\x00\x64\xff\x9b" + bytes(8)
_SIX_TO_FOUR = b"\x20\x02"
_NOWHERE: frozenset[str] = frozenset()
_LONGEST = 64  # characters; an IPv6 address with an IPv4 tail and a zone takes fewer


def parse_address(text: str) -> bytes | None:
    """Return the packed address written in `text`, or None if it is not an address.

    A zone (`fe80::1%eth0`) is dropped. Ports, brackets, blanks and `127.1` are not accepted.
    """
    try:
        if ":" not in text:
            return inet_pton(AF_INET, text)
        if len(text) > _LONGEST:
            return None
        return _plain(inet_pton(AF_INET6, text.partition("%")[0]))
    except (OSError, ValueError):  # ValueError: a NUL, a character outside ASCII
        return None


def _plain(packed: bytes) -> bytes:
    """Return the IPv4 address that a 16-byte address contains, or else the address itself."""
    if packed[:12] == _MAPPED or packed[:12] == _NAT64:
        return packed[12:]
    if packed[:2] == _SIX_TO_FOUR:
        return packed[2:6]
    return packed


def text_of(packed: bytes) -> str:
    """Return the usual way to write a packed address (RFC 5952 for IPv6)."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def group(packed: bytes) -> bytes:
    """Return the network that is treated as one client group: the /24, or the /48 of IPv6, packed.

    The result has 3 bytes for IPv4 and 6 bytes for IPv6, so the two families never collide. A
    customer of an IPv6 provider usually gets a /48 (RFC 6177). A /24 is the smallest IPv4 network
    that is announced.
    """
    return packed[:3] if len(packed) == 4 else packed[:6]


def parse_prefix(text: str) -> Prefix:
    """Return the network of `192.0.2.0/24`, `2001:db8::/32` or a single address.

    Raises
    ------
    ValueError
        The text is not a network, the prefix length is too large, or bits after the prefix are set.
    """
    address, slash, length_text = text.partition("/")
    packed = _packed(address)
    bits = len(packed) * 8
    if not slash:
        return packed, bits
    if not (length_text.isascii() and length_text.isdigit()) or int(length_text[:4]) > bits:
        raise ValueError(f"{text[:80]!r}: the part after / must be a number from 0 to {bits}")
    length = int(length_text)
    if int.from_bytes(packed, "big") & ((1 << (bits - length)) - 1):
        raise ValueError(f"{text[:80]!r}: all bits after the first {length} must be 0")
    if packed[:12] in (_MAPPED, _NAT64) and length >= 96:
        return packed[12:], length - 96
    if bits == 128 and packed[:2] == _SIX_TO_FOUR and length >= 16:
        return packed[2:6], min(length - 16, 32)
    return packed, length


def _packed(text: str) -> bytes:
    """Return the address as written. An IPv4-mapped address keeps its 16 bytes.

    The length of a prefix of such an address counts from the start of these 16 bytes.
    """
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        raise ValueError(f"{text[:80]!r} is not an IPv4 or IPv6 address") from None


def prefix_text(prefix: Prefix) -> str:
    """Return a network as `parse_prefix` reads it: "192.0.2.0/24"."""
    return f"{text_of(prefix[0])}/{prefix[1]}"


def parse_prefixes(text: str, *, where: str) -> list[Prefix]:
    """Return the networks listed in a text, one network per line; `#` begins a comment.

    Raises
    ------
    DataError
        A line is not a network; the message names `where` and the line's number.
    """
    prefixes = []
    for number, line in enumerate(text.splitlines(), 1):
        if content := line.partition("#")[0].strip():
            try:
                prefixes.append(parse_prefix(content))
            except ValueError as error:
                raise DataError(f"{where}, line {number}: {error}") from None
    return prefixes


class RangeTable:
    """Named sets of networks; finds the sets that contain an address.

    Parameters
    ----------
    ranges
        Networks by name ("googlebot", "openai"). They may nest and overlap, even under the same
        name.

    Attributes
    ----------
    names, sizes
        The names, and the number of networks of each name.
    """

    def __init__(self, ranges: Mapping[str, Iterable[Prefix]]) -> None:
        lists = {name: list(prefixes) for name, prefixes in ranges.items()}
        self.sizes = {name: len(prefixes) for name, prefixes in lists.items()}
        self.names = frozenset(lists)
        self._ipv4 = _buckets(*_pieces(lists, 4), 4)
        self._ipv6 = _buckets(*_pieces(lists, 16), 16)

    def names_of(self, packed: bytes) -> frozenset[str]:
        """Return the names of all ranges that contain the packed address."""
        starts, owners = (self._ipv4 if len(packed) == 4 else self._ipv6)[packed[0]]
        return owners[bisect_right(starts, packed) - 1]

    def lookup(self, text: str) -> frozenset[str]:
        """Return the names of all ranges that contain the address; none for an invalid address."""
        packed = parse_address(text)
        return _NOWHERE if packed is None else self.names_of(packed)


def _pieces(
    ranges: Mapping[str, list[Prefix]], width: int
) -> tuple[list[bytes], list[frozenset[str]]]:
    """Cut the networks of one family into pieces.

    Returns two lists: the first address of each piece, and the range names of each piece.
    """
    bits = width * 8
    changes: dict[int, list[tuple[str, int]]] = {}
    for name, prefixes in ranges.items():
        for packed, length in prefixes:
            if len(packed) == width:
                start = int.from_bytes(packed, "big")
                changes.setdefault(start, []).append((name, 1))
                changes.setdefault(start + (1 << (bits - length)), []).append((name, -1))
    starts, owners = [bytes(width)], [_NOWHERE]
    depth: Counter[str] = Counter()
    interned: dict[frozenset[str], frozenset[str]] = {}
    for start in sorted(changes):
        if start >> bits:
            break  # one past the last address
        for name, step in changes[start]:
            depth[name] += step
        owner = frozenset(name for name, count in depth.items() if count)
        owner = interned.setdefault(owner, owner)
        starts.append(start.to_bytes(width, "big"))
        owners.append(owner)
    return starts, owners


def _buckets(starts: list[bytes], owners: list[frozenset[str]], width: int) -> list[_Bucket]:
    """Group the pieces by their first byte, which halves the time of one long bisection."""
    buckets: list[_Bucket] = [([], []) for _ in range(256)]
    owner = _NOWHERE
    piece = 0
    for first, (bucket_starts, bucket_owners) in enumerate(buckets):
        bucket_starts.append(bytes([first]) + bytes(width - 1))
        bucket_owners.append(owner)
        while piece < len(starts) and starts[piece][0] == first:
            owner = owners[piece]
            bucket_starts.append(starts[piece])
            bucket_owners.append(owner)
            piece += 1
    return buckets
