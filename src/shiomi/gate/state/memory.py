"""MemoryState: budgets and bans in this process's memory, bounded.

The buckets in use are in a dict, because that is fastest in Python. When the dict is full, the
buckets that have not refilled move to a `DeadlineTable`, which takes a sixth of a dict's memory.
Bans have a separate table, so that a flood of new clients cannot displace a ban.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from mmap import mmap

from shiomi.gate.errors import StateError
from shiomi.gate.state import Charge
from shiomi.gate.state.deadlines import DeadlineTable, table_bytes

__all__ = ["MemoryState"]

_IN_USE = 8192  # buckets in the dict, about 1 MB


class MemoryState:
    """State for a server of one process; it is lost when the process ends.

    1,000,000 clients take less than 64 MB, which is allocated as clients come. If there are more
    clients, the clients whose buckets are nearest to full are forgotten first. There is room for
    one ban per 16 clients. If there are more bans, the bans that end first are forgotten first. The
    state may be used from several threads.

    Raises
    ------
    StateError
        `clients` is less than 1, or needs more memory than the machine has.
    """

    blocking = False

    def __init__(self, *, clients: int = 1_000_000, secret: bytes | None = None) -> None:
        self.secret = secrets.token_bytes(32) if secret is None else secret
        self._buckets, self._bans = map(_table, table_bytes(clients))
        self._in_use: dict[int, float] = {}
        self._spilled = False
        self._banned = False
        self._lock = threading.Lock()

    def take(self, charges: Sequence[Charge], now: float) -> float:
        """Take one token from every bucket, or from none; see `State.take`."""
        in_use = self._in_use
        wait = 0.0
        after = []
        with self._lock:
            for key, interval, ahead in charges:
                time = in_use.get(key, 0.0)
                if not time and self._spilled:
                    time = self._buckets.get(key, now)
                if time <= now:
                    time = now
                elif time - now > ahead:
                    # If the time is more than one token above the limit, the clock was set back or
                    # the budget was reduced.
                    time = min(time, now + ahead + interval)
                    wait = max(wait, time - now - ahead)
                after.append((key, time + interval))
            if wait:
                return wait
            for key, time in after:
                in_use[key] = time
            if len(in_use) > _IN_USE:
                self._spill(now)
        return 0.0

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        """Ban the keys; see `State.revoke`."""
        with self._lock:
            self._banned = True
            for key in keys:
                self._bans.put(key, until, now)

    def revoked(self, keys: Sequence[int], now: float) -> float:
        """Return until when one of the keys is banned; see `State.revoked`."""
        if not self._banned:
            return 0.0
        with self._lock:
            return max((self._bans.get(key, now) for key in keys), default=0.0)

    def entries(self, now: float) -> tuple[int, int]:
        """Return the estimated numbers of buckets that are not full, and of bans."""
        with self._lock:
            in_use = sum(time > now for time in self._in_use.values())
            return in_use + self._buckets.entries(now), self._bans.entries(now)

    def close(self) -> None:
        """Do nothing: the memory is freed with the object."""

    def _spill(self, now: float) -> None:
        for key, time in self._in_use.items():
            if time > now:
                self._buckets.put(key, time, now)
                self._spilled = True
        self._in_use.clear()


def _table(size: int) -> DeadlineTable:
    try:
        return DeadlineTable(mmap(-1, size))  # takes memory page by page, when written to
    except (OSError, OverflowError) as error:
        raise StateError(
            f"no memory for a state of {size / 1e6:,.0f} MB; use a smaller number of clients"
        ) from error
