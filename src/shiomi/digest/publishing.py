"""Write digests to disk. Only changed files are written, each completely or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from shiomi.atomic import write_atomically
from shiomi.digest.errors import DigestError

__all__ = ["publish"]


def publish(files: Mapping[str, str], folder: Path) -> list[Path]:
    """Write rendered `files` (relative name to text) below `folder`; return the files that changed.

    Each file is replaced in one step, so a reader or a web server never sees half a page, even
    after `kill -9`. While a file is being written, its name is `.NAME.part`. If a killed run left
    such a file, the next run overwrites it, or removes it if its page has not changed. If two runs
    start at once, one waits for the other. Raises DigestError if a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _published(files, folder)
    except OSError as error:
        raise DigestError(f"{folder} cannot be written: {error.strerror}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock the folder against other runs. The system releases the lock if a run is killed."""
    if sys.platform == "win32":  # Windows cannot lock a folder
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        # a network file system may have no folder locks; then go on without
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _published(files: Mapping[str, str], folder: Path) -> list[Path]:
    changed = []
    for name, text in sorted(files.items()):
        path = folder / name
        part = path.with_name(f".{path.name}.part")
        content = text.encode("utf-8")
        try:
            if path.is_file() and path.read_bytes() == content:
                part.unlink(missing_ok=True)
                continue
            write_atomically(path, content, mode=0o644)
        except OSError as error:
            raise DigestError(f"{path} cannot be written: {error.strerror}") from error
        changed.append(path)
    return changed
