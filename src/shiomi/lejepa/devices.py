"""Choose the device of a process, and join the processes that train together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from shiomi.lejepa.errors import InputError

__all__ = ["Place", "joined_ranks", "pick_device", "undisturbed", "uses_bf16"]


@dataclass(frozen=True, slots=True)
class Place:
    """The device and rank of this process."""

    device: torch.device
    rank: int = 0
    ranks: int = 1

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes files and prints messages."""
        return self.rank == 0


def pick_device(name: str = "auto") -> torch.device:
    """Return the device with this name. "auto" means CUDA, else MPS, else the CPU.

    Raises InputError if the name is unknown or the device is missing.
    """
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        else:
            name = "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"no device {name!r}; give auto, cpu, cuda, cuda:N or mps") from None
    there = {"cpu": True, "cuda": torch.cuda.is_available()}
    there["mps"] = torch.backends.mps.is_available()
    if not there.get(device.type, False):
        raise InputError(f"device {name!r} is not available; give auto, cpu, cuda, cuda:N or mps")
    return device


@contextmanager
def joined_ranks(device: str = "auto") -> Iterator[Place]:
    """Join the processes that `torchrun` started. Without torchrun there is one process.

    An existing process group is used and not destroyed.
    """
    chosen = pick_device(device)
    if dist.is_available() and dist.is_initialized():
        yield Place(_own(chosen), dist.get_rank(), dist.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        yield Place(chosen)
        return
    chosen = _own(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(hours=2))
    try:
        yield Place(chosen, dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _own(device: torch.device) -> torch.device:
    """Return the GPU of this process on its host."""
    if device.type != "cuda" or device.index is not None:
        return device
    own = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(own)
    return own


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Return whether to compute in bf16 on that device; `precision` is auto, fp32 or bf16."""
    if precision == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return precision == "bf16"


@contextmanager
def undisturbed(device: torch.device, *, benchmark: bool = False) -> Iterator[None]:
    """Use repeatable kernels inside this context, then restore the caller's random state and
    settings.

    `benchmark`: cuDNN times its algorithms and takes the fastest one. A restart may choose another.
    """
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, benchmark
        try:
            yield
        finally:
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before
