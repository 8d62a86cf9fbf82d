"""Write a file completely or not at all, even if the process is killed or the power fails.

The new content goes to `.NAME.part` in the same folder, is flushed to the disk, and then replaces
the file in one step. A part file that a killed process left behind is overwritten by the next
write. If two processes write the same file, one waits for the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

__all__ = ["atomic_file", "write_atomically"]

_ATTEMPTS = 100  # an attempt fails only if another process has just replaced the file


@contextmanager
def atomic_file(path: Path, *, mode: int | None = None) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` when the block ends without an error.

    Parameters
    ----------
    path
        The file to write. Missing parent folders are created.
    mode
        Permission bits of the file. By default, the file gets the usual bits of a new file.

    Raises OSError if the file cannot be written. After any error the old content is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with _open_alone(part) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":
                file.close()  # Windows cannot rename an open file
            if mode is not None:
                part.chmod(mode)
            part.replace(path)
        except BaseException:
            if sys.platform == "win32":
                file.close()
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes | str, *, mode: int | None = None) -> None:
    """Write `content` to `path` in the same way as `atomic_file`. Text is written as UTF-8."""
    with atomic_file(path, mode=mode) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def _open_alone(part: Path) -> IO[bytes]:
    """Open and lock an empty file at the path `part`. A symbolic link at this path is removed.

    Another process may have renamed the file between the opening and the lock. Then the lock is on
    the finished file, so the part file is opened again.
    """
    if part.is_symlink():
        part.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    for _ in range(_ATTEMPTS):
        file = os.fdopen(os.open(part, flags, 0o666), "w+b")
        try:
            if sys.platform != "win32":
                with suppress(OSError):  # some network file systems have no locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            if sys.platform == "win32" or _same_file(file, part):
                file.truncate()
                return file
        except BaseException:
            file.close()
            raise
        file.close()
    raise OSError(f"{part} is replaced again and again by other processes")


def _same_file(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Flush the folder, so that the replaced file is still there after a power failure."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse to flush a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
