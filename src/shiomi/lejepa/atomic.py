"""Write files completely or not at all, even if the power fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shiomi import atomic
from shiomi.lejepa.errors import RunError

__all__ = ["atomic_file", "unwritable", "write_atomically"]


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces the target on disk only once it is complete.

    Raises RunError if it cannot be written; the previous file is then unchanged.
    """
    try:
        with atomic.atomic_file(path) as file:
            yield file
    except OSError as error:
        raise RunError(unwritable(path, error)) from None


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically. Raises RunError if it cannot be written."""
    with atomic_file(path) as file:
        file.write(data)


def unwritable(path: Path, error: Exception) -> str:
    """Return an error for a `path` that cannot be written, with the reason, free space and
    remedy."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    try:
        left = f"; {shutil.disk_usage(path.parent).free / 2**20:.0f} MiB are free there"
    except OSError:
        left = ""
    return (
        f"{path} cannot be written: {reason}{left}. What was saved before is complete; free some"
        " space and run the same command to continue"
    )
