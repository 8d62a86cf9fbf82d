"""Keys: the 64-bit numbers under which a state stores buckets and bans.

A key is a keyed BLAKE2b hash (RFC 7693, 2.5) under the state's secret. So an attacker cannot make
two clients share a bucket, and a stolen state reveals no addresses.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["key"]


def key(secret: bytes, kind: str, *parts: bytes) -> int:
    """Return the signed 64-bit key for `kind` and `parts`; it is never 0.

    The length of each part is hashed before it, so ("ab", "c") and ("a", "bc") have different keys.
    """
    digest = blake2b(kind.encode(), digest_size=8, key=secret)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return int.from_bytes(digest.digest(), "big", signed=True) or 1
