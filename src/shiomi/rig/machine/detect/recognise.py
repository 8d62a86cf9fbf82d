"""Find the GPU of the table that a driver describes, or build a GPU from the driver's facts.

Several cards may have the same name (RTX 3060 with 8 GB and with 12 GB). The memory size that the
driver reports then identifies the card. If the table has another size (for a slice of a card, or
a faulty reading), the driver's figure is used and a note states the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shiomi.rig.machine.gpus import gpus_called
from shiomi.rig.machine.machine import Gpu, Vendor
from shiomi.rig.message import Text, reason

__all__ = ["Recognised", "recognise"]

# Share of a card's nominal memory that the driver reports. ECC takes a sixteenth of the memory, and
# firmware takes a little more.
_LEAST_SHARE, _MOST_SHARE = 0.85, 1.03


@dataclass(frozen=True, slots=True)
class Recognised:
    """A GPU (None if too little is known about it), and notes."""

    gpu: Gpu | None
    notes: tuple[Text, ...] = ()


def recognise(
    name: str,
    vendor: Vendor,
    *,
    memory_gib: float | None,
    bandwidth_gb_s: float | None = None,
    architecture: str | None = None,
    tdp_w: float | None = None,
) -> Recognised:
    """Return the GPU that a driver calls `name`.

    `bandwidth_gb_s`, `architecture` and `tdp_w` come from the driver and are used if the table
    lacks the GPU. A similar name never matches: a GPU that is not in the table is built from the
    driver's facts, or left out.
    """
    called = [gpu for gpu in gpus_called(name) if gpu.vendor is vendor]
    if not called:
        return _unlisted(name, vendor, memory_gib, bandwidth_gb_s, architecture, tdp_w)
    if memory_gib is None:
        if len(called) == 1:
            note = reason("memory_as_listed", gpu=name, gib=f"{called[0].memory_gib:g}")
            return Recognised(_measured(called[0], called[0].memory_gib, tdp_w), (note,))
        sizes = ", ".join(f"{gpu.memory_gib:g}" for gpu in called)
        return Recognised(None, (reason("memory_may_be", gpu=name, sizes=sizes),))
    nearest = min(called, key=lambda gpu: abs(gpu.memory_gib - memory_gib))
    share = memory_gib / nearest.memory_gib
    if _LEAST_SHARE <= share <= _MOST_SHARE:
        return Recognised(_measured(nearest, nearest.memory_gib, tdp_w))
    if len({(gpu.bandwidth_gb_s, gpu.architecture) for gpu in called}) > 1:
        note = reason("none_of_those", gpu=name, gib=f"{memory_gib:.1f}")
        return Recognised(None, (note,))
    note = reason(
        "driver_shows", gpu=name, gib=f"{memory_gib:.1f}", listed=f"{nearest.memory_gib:g}"
    )
    return Recognised(_measured(nearest, memory_gib, tdp_w), (note,))


def _measured(gpu: Gpu, memory_gib: float, tdp_w: float | None) -> Gpu:
    """Return the GPU with this machine's power limit, unless the limit is invalid."""
    if tdp_w is None or (gpu.tdp_w is not None and not gpu.tdp_w / 4 <= tdp_w <= 2 * gpu.tdp_w):
        tdp_w = gpu.tdp_w
    return replace(gpu, memory_gib=memory_gib, tdp_w=tdp_w)


def _unlisted(
    name: str,
    vendor: Vendor,
    memory_gib: float | None,
    bandwidth_gb_s: float | None,
    architecture: str | None,
    tdp_w: float | None,
) -> Recognised:
    if memory_gib is None or bandwidth_gb_s is None or architecture is None:
        return Recognised(None, (reason("gpu_not_listed", gpu=name),))
    gpu = Gpu(
        name=name,
        vendor=vendor,
        architecture=architecture,
        memory_gib=memory_gib,
        bandwidth_gb_s=bandwidth_gb_s,
        fp16_tflops=None,
        tdp_w=tdp_w,
        source="its driver: memory clock x bus width",
    )
    note = reason("by_its_driver", gpu=name, rate=f"{bandwidth_gb_s:.0f}")
    return Recognised(gpu, (note,))
