"""DeadlineTable: a bounded map from 64-bit hashes to times, in one block of memory of fixed size.

Everything that the gate stores about a client is the time at which the entry expires. A ban expires
when it ends. A token bucket is stored as its theoretical arrival time (GCRA: ITU-T I.371, appendix;
used for packets as "virtual scheduling"), and expires when it is full again. So the place of an
expired entry counts as empty, and no clean-up is needed.

An entry takes 16 bytes: a hash and a time. The memory is allocated once and never grows. It is
either an anonymous mapping (`state.memory`) or a file that several processes map (`state.file`). A
hash selects WAYS neighbouring places for its entry. If all of them hold valid entries, the entry
that expires first is dropped; usually this is the client that was seen least recently.
"""

from __future__ import annotations

from collections.abc import Iterable
from mmap import mmap

from shiomi.gate.errors import StateError
from shiomi.gate.state import Charge

__all__ = ["ENTRY_BYTES", "WAYS", "DeadlineTable", "table_bytes"]

ENTRY_BYTES = 16
WAYS = 16  # if 60 % of all places are taken, a new entry finds a free place 499 times in 500

# A client has two entries: one for its address and one for its network. The table has more places
# than entries, because in a nearly full table a new entry would displace another entry too early.
_PLACES_PER_CLIENT = 3.3
_BANS_PER_CLIENT = 1 / 16


def table_bytes(clients: int) -> tuple[int, int]:
    """Return the sizes in bytes of the tables of buckets and bans for this number of clients.

    Raises
    ------
    StateError
        `clients` is less than 1.
    """
    if clients < 1:
        raise StateError(f"a state must have room for at least 1 client, got {clients}")
    buckets, bans = int(clients * _PLACES_PER_CLIENT), int(clients * _BANS_PER_CLIENT)
    return (buckets + WAYS) * ENTRY_BYTES, (bans + WAYS) * ENTRY_BYTES


class DeadlineTable:
    """A table that fills a buffer; the buffer contains zeros or an earlier table.

    Hashes are signed 64-bit integers other than 0, and must not be predictable by an attacker.
    Times are seconds of the caller's clock. The table has no lock; the caller must lock it.
    """

    def __init__(self, buffer: mmap | memoryview | bytearray) -> None:
        view = memoryview(buffer)
        self._hashes = view.cast("q")  # even places
        self._times = view.cast("d")  # odd places
        self.places = len(view) // ENTRY_BYTES
        self._span = 2 * (self.places - WAYS + 1)

    def get(self, hash64: int, now: float) -> float:
        """Return the time kept for a hash, or 0.0 if there is none or it has passed."""
        at = self._find(hash64, now)
        time = self._times[at] if at > 0 else 0.0
        # Read the hash again, because without a lock the place may now belong to another hash.
        return time if time > now and self._hashes[at - 1] == hash64 else 0.0

    def put(self, hash64: int, time: float, now: float) -> None:
        """Store a time for a hash, replacing any earlier one."""
        self._store(self._find(hash64, now), hash64, time)

    def take(self, charges: Iterable[Charge], now: float) -> float:
        """Take one token from every bucket, or from none; return the seconds to wait, 0.0 if taken.

        See `shiomi.gate.state.Charge` for the three numbers.
        """
        hashes, times, span = self._hashes, self._times, self._span
        wait = 0.0
        found = []
        for hash64, interval, ahead in charges:
            at = hash64 % span & -2
            if hashes[at] == hash64:  # the usual case, without a function call
                at += 1
                time = times[at]
            else:
                at = self._find(hash64, now)
                time = times[at] if at > 0 else now
            if time <= now:
                time = now
            elif time - now > ahead:
                # If the time is more than one token above the limit, the clock was set back or the
                # budget was reduced.
                time = min(time, now + ahead + interval)
                wait = max(wait, time - now - ahead)
            found.append((at, hash64, time + interval))
        if wait:
            return wait
        for at, hash64, time in found:
            if at > 0:
                times[at] = time
            else:
                self._store(at, hash64, time)
        return 0.0

    def add(self, charges: Iterable[Charge], count: int, now: float) -> None:
        """Count tokens that were already given, even if the buckets are empty."""
        for hash64, interval, _ in charges:
            self.put(hash64, max(self.get(hash64, now), now) + count * interval, now)

    def entries(self, now: float) -> int:
        """Return the number of valid entries, estimated from up to 4,096 places."""
        step = max(1, self.places // 4096)
        times = self._times[1 :: 2 * step].tolist()
        alive = sum(time > now for time in times)
        return alive * self.places // max(1, len(times))

    def release(self) -> None:
        """Release the buffer, so that it can be closed."""
        self._hashes.release()
        self._times.release()

    def _find(self, hash64: int, now: float) -> int:
        """Return the index of the hash's time. If the table does not have the hash, return minus
        the index at which to store its time."""
        hashes = self._hashes
        at = hash64 % self._span & -2
        there = hashes[at]
        if there == hash64:
            return at + 1
        if not there:  # this place was never used, so no later place has this hash
            return -at - 1
        times = self._times
        earliest, best = times[at + 1], at
        for further in range(at + 2, at + 2 * WAYS, 2):
            there = hashes[further]
            if there == hash64:
                return further + 1
            if not there:
                return -best - 1 if earliest <= now else -further - 1
            if times[further + 1] < earliest:
                earliest, best = times[further + 1], further
        return -best - 1

    def _store(self, at: int, hash64: int, time: float) -> None:
        if at < 0:
            at = -at
            # If the process is killed between these two writes, the stored time is in the past, so
            # the place counts as empty.
            self._times[at] = 0.0
            self._hashes[at - 1] = hash64
        self._times[at] = time
