"""The lease of `shiomi run`. With it, only one instance runs per archive, even on several
machines."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator

from shiomi.digest.archive import Archive
from shiomi.digest.archive.leases import LeaseStore
from shiomi.digest.config import Config
from shiomi.digest.errors import ArchiveBusyError, DigestError
from shiomi.service.log import LOG

__all__ = ["LeaseHeldError", "holding", "is_gone"]

_NAME = "run"
_SECONDS = 120  # duration in seconds; after a crash, another machine must wait this long
_RENEWED = 20.0  # seconds between renewals
_RETRIED = 5.0  # seconds between two attempts to take the lease at the start


class LeaseHeldError(DigestError):
    """Another instance holds the lease of this archive."""


@contextlib.contextmanager
def holding(
    config: Config,
    clock: Callable[[], float],
    lost: Callable[[], None],
    wait: Callable[[float], bool] | None = None,
) -> Iterator[None]:
    """Hold the lease until the block ends. A thread renews the lease, and calls `lost` if it cannot
    be renewed.

    If the archive is busy or its server does not answer, `wait` is called before the next attempt
    to take the lease. If `wait` returns True, the program is stopping: the block is entered without
    a lease, and must end at once. Raises LeaseHeldError, which names the holder.
    """
    holder = f"{socket.gethostname()} {os.getpid()} {secrets.token_hex(4)}"
    while True:
        try:
            with Archive.open(config.archive) as archive:
                other = _take(archive, holder, clock)
            break
        except ArchiveBusyError as error:
            if wait is None:
                raise
            LOG.warning("the archive is not ready; it is tried again", extra={"error": str(error)})
            if wait(_RETRIED):
                yield
                return
    if other is not None:
        host, pid, _ = other.split(" ", 2)
        raise LeaseHeldError(
            f"`shiomi run` works on {config.archive} already: process {pid} on {host}; stop it "
            f"first. If it has ended, its lease ends within {_SECONDS} s"
        )
    ended = threading.Event()
    thread = threading.Thread(
        target=_renew, args=(config, holder, clock, ended, lost), name="lease", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)
        with contextlib.suppress(DigestError), Archive.open(config.archive) as archive:
            LeaseStore(archive).release(_NAME, holder)


def _take(archive: Archive, holder: str, clock: Callable[[], float]) -> str | None:
    return LeaseStore(archive).take(
        _NAME, holder, now=archive.time(clock()), seconds=_SECONDS, is_gone=is_gone
    )


def _renew(
    config: Config,
    holder: str,
    clock: Callable[[], float],
    ended: threading.Event,
    lost: Callable[[], None],
) -> None:
    good = time.monotonic()
    while not ended.wait(_RENEWED):
        try:
            with Archive.open(config.archive) as archive:
                other = _take(archive, holder, clock)
        # for example, a backup holds a lock or the disk is full; try again
        except DigestError as error:
            LOG.warning("the lease was not renewed", extra={"error": str(error)})
            # while the archive does not answer, nobody else can take the lease
            busy = isinstance(error, ArchiveBusyError)
            if not busy and time.monotonic() - good > _SECONDS:
                lost()
                return
            continue
        if other is not None:
            LOG.error("the lease was lost", extra={"holder": other})
            lost()
            return
        good = time.monotonic()


def is_gone(holder: str) -> bool:
    """Return whether the process of `holder` has certainly ended.

    That is known only for a process of this machine.
    """
    host, pid, _ = holder.split(" ", 2)
    if host != socket.gethostname() or not pid.isdigit():
        return False
    # an earlier process had the same number, which is usual in a container
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
