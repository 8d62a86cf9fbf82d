"""Keys: the 64-bit names under which a state keeps buckets and verdicts.

Keyed BLAKE2b (RFC 7693, 2.5) under the state's secret, so that nobody outside can make two clients
share a bucket, and a state that is stolen names no addresses.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["key"]


def key(secret: bytes, kind: str, *parts: bytes) -> int:
    """Return the signed 64-bit key, never 0, of what `kind` and `parts` name.

    Each part's length goes in before it: ("ab", "c") and ("a", "bc") are two keys.
    """
    digest = blake2b(kind.encode(), digest_size=8, key=secret)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return int.from_bytes(digest.digest(), "big", signed=True) or 1
