"""Write checkpoints atomically, with everything that a run needs to resume exactly.

A checkpoint has no state of a random generator, because none is needed: the order of the data, the
views, the directions and the dropout are functions of the seed and the step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shiomi.lejepa.atomic import atomic_file, unwritable
from shiomi.lejepa.errors import RunError

__all__ = ["load_checkpoint", "save_checkpoint", "weights_of"]


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, a dictionary of tensors and plain values, atomically.

    Raises RunError if the disk is full or the folder cannot be written.
    """
    try:
        with atomic_file(path) as file:
            torch.save(state, file)
    except RuntimeError as error:  # torch's writer raises this if the disk is full
        cause = error.__context__
        raise RunError(unwritable(path, cause if isinstance(cause, OSError) else error)) from None


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the state that `save_checkpoint` wrote, or None if the file is missing.

    The tensors are on the CPU. Raises RunError if the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive raises many kinds of errors
        reason = str(error).split("\n", 1)[0]
        raise RunError(
            f"the checkpoint {path} is damaged ({reason}); delete it to start again"
        ) from None
    return state


def weights_of(state: dict[str, Any], part: str) -> dict[str, Tensor]:
    """Return the weights of the network's "encoder" or "projector" in a checkpoint."""
    start = f"{part}."
    network: dict[str, Tensor] = state["network"]
    return {k.removeprefix(start): v for k, v in network.items() if k.startswith(start)}
