"""Files that are written whole or not at all, even if the power fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from shiomi.lejepa.errors import RunError

__all__ = ["atomic_file", "unwritable", "write_atomically"]


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its place, on disk, only once it is complete.

    Raises RunError if it cannot be written; what was there before is then still there.
    """
    beside = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise RunError(unwritable(path, error)) from None


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`. Raises RunError as `atomic_file`."""
    with atomic_file(path) as file:
        file.write(data)


def _sync_folder(folder: Path) -> None:
    """Flush the folder, so that the new name survives a power failure."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: Exception) -> str:
    """Return the error for a `path` that cannot be written: the reason, the free space, and the
    remedy."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    try:
        left = f"; {shutil.disk_usage(path.parent).free / 2**20:.0f} MiB are free there"
    except OSError:
        left = ""
    return (
        f"{path} cannot be written: {reason}{left}. What was saved before is whole; make room and"
        " give the same command to go on"
    )
