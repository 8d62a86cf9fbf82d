"""DeadlineTable: a bounded map from 64-bit hashes to times, in one fixed piece of memory.

Everything the gate stores about a client is a time at which the entry expires: a ban ends, and a
token bucket, stored as its theoretical arrival time (GCRA: ITU-T I.371, appendix; used
for packets as "virtual scheduling") is full again. So an expired entry is an empty place, and no
clean-up is needed.

An entry takes 16 bytes, a hash and a time, in memory that is given once and never grows: an
anonymous mapping (`state.memory`) or a file shared by several processes (`state.file`). It lies in
one of WAYS neighbouring places. If all of them hold valid entries, the entry that ends first is
dropped: of clients with one budget, the one that came longest ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from mmap import mmap

__all__ = ["ENTRY_BYTES", "WAYS", "DeadlineTable"]

ENTRY_BYTES = 16
WAYS = 16  # places in which a hash may lie; with 60 % of all places taken 1 in 500 finds none


class DeadlineTable:
    """A table over a zeroed or formerly used buffer; its size is what the buffer gives.

    Hashes are signed 64-bit integers, any but 0, and must be such that nobody outside can foresee
    them. Times are seconds of the caller's clock. Not locked: the caller's part.
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
        # Read again, because without a lock the place may belong to another hash by now.
        return time if time > now and self._hashes[at - 1] == hash64 else 0.0

    def put(self, hash64: int, time: float, now: float) -> None:
        """Keep a time for a hash, in place of any earlier one."""
        self._store(self._find(hash64, now), hash64, time)

    def take(self, charges: Iterable[tuple[int, float, float]], now: float) -> float:
        """Take one token from every bucket, or from none; the seconds to wait, 0.0 if taken.

        A charge is (hash, seconds in which one token comes back, seconds the bucket may be ahead
        of its refilling: one token's seconds times all tokens but one).
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
                # More than full: the clock was set back since, or the bucket was larger.
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

    def add(self, charges: Iterable[tuple[int, float, float]], count: int, now: float) -> None:
        """Count tokens that were given before, whatever the buckets hold."""
        for hash64, interval, _ in charges:
            self.put(hash64, max(self.get(hash64, now), now) + count * interval, now)

    def entries(self, now: float) -> int:
        """How many entries are valid, estimated from up to 4,096 places."""
        step = max(1, self.places // 4096)
        times = self._times[1 :: 2 * step].tolist()
        alive = sum(time > now for time in times)
        return alive * self.places // max(1, len(times))

    def release(self) -> None:
        """Release the buffer, so that it can be closed."""
        self._hashes.release()
        self._times.release()

    def _find(self, hash64: int, now: float) -> int:
        """Return the place of the hash's time, or minus the place it should take if it has none."""
        hashes = self._hashes
        at = hash64 % self._span & -2
        there = hashes[at]
        if there == hash64:
            return at + 1
        if not there:  # never used, so this hash is in no later place
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
            # A process killed between the two leaves a hash whose time has passed: no entry.
            self._times[at] = 0.0
            self._hashes[at - 1] = hash64
        self._times[at] = time
