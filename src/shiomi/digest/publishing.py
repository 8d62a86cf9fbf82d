"""Digests out of the archive onto the disk: whole files or none, and only those that changed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from shiomi.digest.errors import DigestError

__all__ = ["publish"]


def publish(files: Mapping[str, str], folder: Path) -> list[Path]:
    """Write rendered `files` (relative name to text) below `folder`; returns those that changed.

    Each file is replaced in one step, so a reader, a web server or a `kill -9` never sees half a
    page. Raises DigestError where the disk refuses.
    """
    changed = []
    for name, text in sorted(files.items()):
        path = folder / name
        content = text.encode("utf-8")
        try:
            if path.is_file() and path.read_bytes() == content:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
        except OSError as error:
            raise DigestError(f"{path} cannot be written: {error.strerror}") from error
        changed.append(path)
    return changed


def _replace(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
