"""Checkpoints that are whole or absent, and hold all that a run needs to go on exactly.

No state of a random generator is in them: order of the data, views, directions and dropout are
functions of the seed and the step.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import torch

from shiomi.lejepa.errors import RunError

__all__ = ["atomic_file", "load_checkpoint", "save_checkpoint"]


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its place, on disk, only once it is complete.

    Raises RunError where it cannot be written; what was there before is then still there.
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
        raise RunError(_unwritable(path, error)) from None


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, a dictionary of tensors and plain values, atomically.

    Raises RunError where the disk is full or the folder cannot be written.
    """
    try:
        with atomic_file(path) as file:
            torch.save(state, file)
    except RuntimeError as error:  # torch's writer says so of a full disk
        cause = error.__context__
        path.with_name(f".{path.name}").unlink(missing_ok=True)
        raise RunError(_unwritable(path, cause if isinstance(cause, OSError) else error)) from None


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return what `save_checkpoint` wrote, on the CPU, or None where nothing is there.

    Raises RunError where it is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive raises many things
        reason = str(error).split("\n", 1)[0]
        raise RunError(
            f"the checkpoint {path} is damaged ({reason}); delete it to begin again"
        ) from None
    return state


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself last."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: Exception) -> str:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    try:
        left = f"; {shutil.disk_usage(path.parent).free / 2**20:.0f} MiB are free there"
    except OSError:
        left = ""
    return (
        f"{path} cannot be written: {reason}{left}. What was saved before is whole; make room and"
        " give the same command to go on"
    )
