"""A computer as the estimator sees it. Unknown values are None, never guessed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from shiomi.rig.message import Text

__all__ = ["GIB", "Gpu", "Machine", "Vendor", "lending"]


GIB = 2**30  # bytes


class Vendor(StrEnum):
    """The maker of a GPU."""

    NVIDIA = "nvidia"
    AMD = "amd"
    INTEL = "intel"
    APPLE = "apple"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as specified by its maker. GB and GB/s are decimal; GiB is binary."""

    name: str  # exactly: "GeForce RTX 4090 Laptop GPU" is not "GeForce RTX 4090"
    vendor: Vendor
    architecture: str  # "ada", "ampere", "rdna3", "m2"
    memory_gib: float
    bandwidth_gb_s: float
    fp16_tflops: float | None  # dense, no sparsity
    tdp_w: float | None
    unified: bool = False  # it shares the system's memory
    lent_gib: float | None = None  # of shared memory, by the driver; None: usual of the platform
    source: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """A whole computer."""

    name: Text
    gpus: tuple[Gpu, ...] = ()
    memory_gib: float | None = None  # the system's
    memory_bandwidth_gb_s: float | None = None
    cpu: str | None = None
    cores: int | None = None
    disk_read_gb_s: float | None = None
    disk_free_gb: float | None = None
    unknown: tuple[Text, ...] = ()  # facts that could not be detected


def lending(machine: Machine, share: float) -> Machine:
    """Return the machine with this share of its shared memory given to the GPU."""
    gpus = tuple(
        replace(gpu, lent_gib=share * gpu.memory_gib) if gpu.unified else gpu
        for gpu in machine.gpus
    )
    return replace(machine, gpus=gpus)
