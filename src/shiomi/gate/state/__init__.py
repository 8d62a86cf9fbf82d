"""State: what the gate remembers between requests. Buckets, and who was revoked.

Everything is kept under 64-bit keys, which the gate makes with the state's own `secret`
(`keys.py`): no address and no User-Agent is ever stored, and nobody outside can foresee which keys
meet in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Charge", "State"]

Charge = tuple[int, float, float]
"""One token of a bucket: its key, the seconds in which one token comes back, and the seconds the
bucket may be ahead of that (one token's seconds times all tokens of a full bucket but one)."""


class State(Protocol):
    """The budgets and bans of the gate. Times are Unix seconds, as the caller's clock has them.

    Every method raises StateError if the state cannot be reached; `decide` then answers what
    the policy's `on_failure` says.
    """

    @property
    def blocking(self) -> bool:
        """Whether a call waits for a network: then it is made in a thread, not in an event loop."""
        ...

    @property
    def secret(self) -> bytes:
        """32 random bytes, made with the state and shared by all its users."""
        ...

    def take(self, charges: Sequence[Charge], now: float) -> float:
        """Take one token from every bucket, or from none.

        Returns the seconds to wait until all would be given; 0.0 when they were taken.
        """
        ...

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        """Ban the keys until the time `until`: they get no permissive verdict."""
        ...

    def revoked(self, keys: Sequence[int], now: float) -> float:
        """Return the latest time until which one of the keys is revoked; 0.0 if none is."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
