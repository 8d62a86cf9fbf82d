"""State: the token buckets and bans that the gate keeps between requests.

All entries are stored under 64-bit keys, which the gate makes with the state's `secret`
(`keys.py`). So no address or User-Agent is ever stored, and the keys cannot be predicted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Charge", "State"]

Charge = tuple[int, float, float]
"""One token of a bucket: (key, interval, ahead). One token is added per `interval` seconds. The
bucket may be `ahead` seconds ahead of this rate: `interval` times the burst minus one."""


class State(Protocol):
    """The budgets and bans of the gate. Times are Unix seconds of the caller's clock.

    Every method raises StateError if the state cannot be reached.
    """

    @property
    def blocking(self) -> bool:
        """Return whether calls wait for a network, so that an event loop must use a thread."""
        ...

    @property
    def secret(self) -> bytes:
        """Return 32 random bytes, created with the state and shared by all its users."""
        ...

    def take(self, charges: Sequence[Charge], now: float) -> float:
        """Take one token from every bucket, or from none.

        Returns 0.0 if the tokens were taken, else the seconds until all will be available.
        """
        ...

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        """Ban the keys until the time `until`."""
        ...

    def revoked(self, keys: Sequence[int], now: float) -> float:
        """Return the latest time until which one of the keys is revoked; 0.0 if none is."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
