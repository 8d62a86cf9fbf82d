"""The lock file of an installed model: its source, its size and its SHA-256."""

from __future__ import annotations

from pathlib import Path

import msgspec

__all__ = ["Lock", "lock_of", "newest", "write_lock"]


class Lock(msgspec.Struct, frozen=True):
    """The installed file. A later download of the same model must give the same file."""

    model: str
    repository: str
    revision: str  # a commit
    file: str
    bytes: int
    sha256: str
    installed: int  # Unix seconds


def lock_of(file: Path) -> Lock | None:
    """Return the lock of an installed file; None if its lock file is missing or unreadable."""
    try:
        return msgspec.json.decode(_path(file).read_bytes(), type=Lock)
    except (OSError, msgspec.MsgspecError):
        return None


def write_lock(file: Path, lock: Lock) -> None:
    """Write the lock file of `file`."""
    _path(file).write_bytes(msgspec.json.format(msgspec.json.encode(lock)) + b"\n")


def newest(folder: Path) -> Path | None:
    """Return the model that was installed last into `folder`; None if there is none."""
    locks = [(lock.installed, file) for file in folder.glob("*.gguf") if (lock := lock_of(file))]
    return max(locks)[1] if locks else None


def _path(file: Path) -> Path:
    return file.with_name(f"{file.name}.lock.json")
