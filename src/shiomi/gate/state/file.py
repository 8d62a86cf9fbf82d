"""FileState: budgets and bans in one file that the workers of a machine share.

The file is mapped into every worker's memory: a `DeadlineTable` of buckets, one of bans, and a page
before them. Tokens are taken under the file's lock (flock); bans are looked up without a lock. A
worker's writes are visible to the other workers at once. They survive a SIGKILL of the worker,
because the kernel owns the pages. After a power failure, the last half minute may be lost. Locks do
not work across machines: for several machines use `state.valkey`, not a network file system.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from hashlib import blake2b
from mmap import mmap
from pathlib import Path
from time import monotonic
from typing import Literal

from shiomi.gate.errors import StateError
from shiomi.gate.state import Charge
from shiomi.gate.state.deadlines import ENTRY_BYTES, DeadlineTable, table_bytes

__all__ = ["FileState"]

_log = logging.getLogger(__name__)

# The header has these fields: the magic bytes, the byte order (a float, as in the tables), the
# number of places in both tables, the secret, and the BLAKE2b hash of all these fields. After them
# comes the time at which the last ban ends. Only this field changes.
_MAGIC = b"shiomi gate state 1\n"
_HEADER = struct.Struct("=20s4x d QQ 32s")
_DIGEST_BYTES = 16
_LAST_BAN = 128
_PAGE = 4096

_LOCK_SECONDS = 0.25  # a lock is held for microseconds; a longer wait means a stopped worker
# A worker may give 1/256 of a large bucket's burst before it writes these tokens to the file, and
# must write them after a quarter of a second.
_OWED_PART = 256
_OWED_SECONDS = 0.25
_MOST_DEBTS = 4096
_TRY = LOCK_EX | LOCK_NB
_LOOK_SECONDS = 1.0  # seconds between checks whether the mapped file is still in place


class _Debt:
    """Tokens that a worker has given but not yet written to the file."""

    __slots__ = ("charges", "count", "most", "until")

    def __init__(self, charges: Sequence[Charge], most: int) -> None:
        self.charges = charges  # kept alive, so that their id stays unique
        self.most = most
        self.count = 0
        self.until = 0.0


class FileState:
    """State shared by the workers of one machine, through the file at `path`.

    If the file does not exist, it is created at its full size (64 MB for 1,000,000 clients). So the
    state still works if the disk becomes full later. An existing file keeps its size, and `clients`
    is ignored. The state may be used by several threads, and by processes that are forked later.

    Parameters
    ----------
    on_damage
        What happens if the file is truncated, damaged or not a state file. "refuse" raises an
        error. "rebuild" renames it to NAME.damaged, creates a new file and logs a warning.

    Raises
    ------
    StateError
        The file is damaged or cannot be created or opened, or the disk is full.
    """

    blocking = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        clients: int = 1_000_000,
        on_damage: Literal["refuse", "rebuild"] = "refuse",
    ) -> None:
        if on_damage not in ("refuse", "rebuild"):
            raise StateError(f'on_damage must be "refuse" or "rebuild", got {on_damage!r}')
        self._path = Path(path)
        self._clients = clients
        self._sizes = table_bytes(clients)
        self._on_damage = on_damage
        self._threads = threading.Lock()
        self._debts: dict[int, _Debt] = {}  # by the id of the charges
        self._settle_at = 0.0
        self._fd = -1
        self._open()
        os.register_at_fork(after_in_child=_forked(weakref.ref(self)))

    def take(self, charges: Sequence[Charge], now: float) -> float:
        """Take one token from every bucket, or from none; see `State.take`.

        A worker may give 1/256 of a large bucket's burst before it writes these tokens to the file.
        So the workers together may give more tokens than the budget allows: up to 1/256 of the
        burst more per worker.
        """
        debt = self._debts.get(id(charges))
        if debt is not None and debt.count < debt.most and now < debt.until:
            debt.count += 1
            return 0.0
        with self._threads:  # `_acquire` inlined: most requests run this
            if monotonic() > self._look_at:
                self._look()
            try:
                flock(self._fd, _TRY)
            except BlockingIOError:
                self._wait_for_lock()
            try:
                if debt is not None:
                    self._settle((debt,), now)
                wait = self._buckets.take(charges, now)
                if not wait:
                    self._may_owe(debt, charges, now)
                elif debt is not None:
                    debt.until = 0.0
                return wait
            finally:
                flock(self._fd, LOCK_UN)

    def _may_owe(self, debt: _Debt | None, charges: Sequence[Charge], now: float) -> None:
        """Allow the next few tokens of these buckets to be written later; needs the lock."""
        if now >= self._settle_at:
            self._settle(self._debts.values(), now)
            self._settle_at = now + _OWED_SECONDS
        if debt is None:
            most = int(min((ahead / interval for _, interval, ahead in charges), default=0.0))
            if most < _OWED_PART:
                return
            if len(self._debts) >= _MOST_DEBTS:
                self._settle(self._debts.values(), now)
                self._debts.clear()
            debt = self._debts[id(charges)] = _Debt(charges, most // _OWED_PART)
        debt.until = now + _OWED_SECONDS

    def _settle(self, debts: Iterable[_Debt], now: float) -> None:
        for debt in debts:
            if debt.count:
                count, debt.count = debt.count, 0
                self._buckets.add(debt.charges, count, now)

    def revoke(self, keys: Sequence[int], until: float, now: float) -> None:
        """Ban the keys; see `State.revoke`."""
        self._acquire()
        try:
            for key in keys:
                self._bans.put(key, until, now)
            self._last_ban[0] = max(self._last_ban[0], until)
        finally:
            self._release()

    def revoked(self, keys: Sequence[int], now: float) -> float:
        """Return until when one of the keys is banned; see `State.revoked`. Takes no lock."""
        if monotonic() > self._look_at:
            self._acquire()  # checks the file
            self._release()
        if self._last_ban[0] <= now:
            return 0.0
        return max((self._bans.get(key, now) for key in keys), default=0.0)

    def entries(self, now: float) -> tuple[int, int]:
        """Estimate how many buckets are not full and how many bans there are."""
        return self._buckets.entries(now), self._bans.entries(now)

    def close(self) -> None:
        """Unmap and close the file; its content stays."""
        with self._threads:
            if self._fd >= 0 and _lock(self._fd):
                self._settle(self._debts.values(), time.time())
            self._unmap()

    def _acquire(self) -> None:
        self._threads.acquire()
        try:
            if monotonic() > self._look_at:
                self._look()
            self._wait_for_lock()
        except BaseException:
            self._threads.release()
            raise

    def _wait_for_lock(self) -> None:
        if not _lock(self._fd):
            raise StateError(
                f"{self._path}: another process has held the lock for {_LOCK_SECONDS} s; "
                "look for a stopped worker"
            )

    def _release(self) -> None:
        flock(self._fd, LOCK_UN)
        self._threads.release()

    def _look(self) -> None:
        """Open the file again if it was replaced or truncated.

        Reading a page of a truncated file would kill the process.
        """
        if self._fd < 0:
            raise StateError(f"{self._path}: this state was closed")
        mine = os.fstat(self._fd)
        try:
            there = self._path.stat()
        except OSError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino):
            _log.warning("%s was removed or replaced while in use; opening it again", self._path)
        elif mine.st_size < self._size:
            _log.warning("%s was truncated while in use; opening it again", self._path)
        else:
            self._look_at = monotonic() + _LOOK_SECONDS
            return
        self._unmap()
        self._open()

    def _open(self) -> None:
        while True:
            fd = _opened(self._path)
            try:
                if not _lock(fd, seconds=5.0):  # another worker may be making the file
                    raise StateError(f"{self._path}: another process holds the lock")
                try:
                    same = os.path.samestat(os.fstat(fd), self._path.stat())
                except FileNotFoundError:
                    same = False
                if same and self._ready(fd):
                    self._map(fd)
                    flock(fd, LOCK_UN)
                    return
            except OSError as error:
                os.close(fd)
                raise StateError(f"{self._path}: {error.strerror or error}") from error
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # this or another worker renamed the file: start again

    def _ready(self, fd: int) -> bool:
        """Create or check the file; return False if it was renamed because it was damaged."""
        size = os.fstat(fd).st_size
        header = os.pread(fd, _PAGE, 0)
        if not any(header) and size in (0, sum(self._sizes) + _PAGE):
            self._make(fd)  # new, or the process that made it was killed
            return True
        damage = _damage(header, size)
        if damage is None:
            return True
        if self._on_damage == "refuse":
            raise StateError(
                f'{self._path} {damage}; move the file away, or use on_damage = "rebuild", '
                "which creates a new file without the old bans"
            )
        aside = self._path.with_name(self._path.name + ".damaged")
        self._path.replace(aside)
        _log.warning(
            "%s %s; it was moved to %s, and a new file has no bans", self._path, damage, aside
        )
        return False

    def _make(self, fd: int) -> None:
        buckets, bans = self._sizes
        size = _PAGE + buckets + bans
        try:
            # Allocate all blocks now. A missing block on a full disk would later cause the signal
            # SIGBUS, not an error that can be handled.
            os.posix_fallocate(fd, 0, size)
        except OSError as error:
            os.ftruncate(fd, 0)
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise StateError(
                    f"{self._path}: no room for {size / 1e6:,.1f} MB ({error.strerror}); free "
                    f"some space, or use fewer than {self._clients:,} clients"
                ) from error
            raise
        places = (buckets // ENTRY_BYTES, bans // ENTRY_BYTES)
        header = _HEADER.pack(_MAGIC, 1.5, *places, secrets.token_bytes(32))
        os.pwrite(fd, header + _digest(header), 0)
        os.fsync(fd)

    def _map(self, fd: int) -> None:
        header = os.pread(fd, _HEADER.size, 0)
        _, _, buckets, bans, self.secret = _HEADER.unpack(header)
        self._size = _PAGE + (buckets + bans) * ENTRY_BYTES
        self._mapping = mmap(fd, self._size)
        view = memoryview(self._mapping)
        middle = _PAGE + buckets * ENTRY_BYTES
        self._views = [view, view[:_PAGE], view[_PAGE:middle], view[middle:]]
        self._last_ban = self._views[1][_LAST_BAN : _LAST_BAN + 8].cast("d")
        self._buckets = DeadlineTable(self._views[2])
        self._bans = DeadlineTable(self._views[3])
        self._fd = fd
        self._look_at = monotonic() + _LOOK_SECONDS

    def _unmap(self) -> None:
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd, self._look_at = -1, 0.0
        self._buckets.release()
        self._bans.release()
        self._last_ban.release()
        for view in reversed(self._views):
            view.release()
        self._mapping.close()

    def _reopen(self) -> None:
        self._debts.clear()  # the parent process will write these
        # A fork shares the opened file and its lock, so the child opens the file again.
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = _opened(self._path)
            self._look_at = 0.0
        self._threads = threading.Lock()


def _forked(state: weakref.ref[FileState]) -> Callable[[], None]:
    def after() -> None:
        alive = state()
        if alive is not None:
            alive._reopen()

    return after


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(
            f"{path} cannot be opened or created ({error.strerror}); the folder must exist, and "
            "the server's user must be able to write there"
        ) from error


def _lock(fd: int, seconds: float = _LOCK_SECONDS) -> bool:
    """Take the file's lock; return False if another process held it all the time."""
    try:
        flock(fd, _TRY)
        return True
    except BlockingIOError:
        end = monotonic() + seconds
    while monotonic() < end:
        time.sleep(0.00002)
        try:
            flock(fd, _TRY)
            return True
        except BlockingIOError:
            continue
    return False


def _digest(header: bytes) -> bytes:
    return blake2b(header, digest_size=_DIGEST_BYTES).digest()


def _damage(header: bytes, size: int) -> str | None:
    """Return what is wrong with a file that has this header and size; None if nothing is wrong.

    The text is written after the file's name in a message.
    """
    fixed, digest = header[: _HEADER.size], header[_HEADER.size : _HEADER.size + _DIGEST_BYTES]
    if not fixed.startswith(_MAGIC):
        return "is not a state of the gate, or is one of another version"
    if digest != _digest(fixed):
        return "is damaged at its beginning"
    _, order, buckets, bans, _ = _HEADER.unpack(fixed)
    if order != 1.5:
        return "was made on a machine of the other byte order"
    expected = _PAGE + (buckets + bans) * ENTRY_BYTES
    if size != expected:
        return f"has {size:,} bytes instead of {expected:,}"
    return None
