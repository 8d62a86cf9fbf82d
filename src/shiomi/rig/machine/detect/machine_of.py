"""Turn a dump of any machine into a `Machine`, by a pure function."""

from __future__ import annotations

from shiomi.rig.machine.detect.apple import apple_gpus
from shiomi.rig.machine.detect.drm import drm_gpus, set_aside_gib
from shiomi.rig.machine.detect.dump import Dump
from shiomi.rig.machine.detect.nvidia import nvidia_gpus
from shiomi.rig.machine.detect.system import (
    cores,
    cpu_name,
    is_virtual,
    is_wsl,
    memory_bandwidth,
    memory_gib,
    product,
)
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.message import Text, reason

__all__ = ["machine_of"]


def machine_of(dump: Dump) -> Machine:
    """Return the machine of a dump. Missing facts are None and listed in `unknown`.

    GPUs are ordered as an engine would use them: the largest first, and equal ones in the order of
    the driver. Each GPU is listed once, with its own memory.
    """
    found = [*nvidia_gpus(dump), *drm_gpus(dump), *apple_gpus(dump)]
    gpus = tuple(sorted((x.gpu for x in found if x.gpu), key=lambda gpu: -gpu.memory_gib))
    unknown = [note for x in found for note in x.notes]
    memory, limited = memory_gib(dump)
    if limited:
        unknown.append(limited)
    shared = next((gpu for gpu in gpus if gpu.unified), None)
    memory, bandwidth = _memory(dump, memory, shared, unknown)
    if not gpus:
        unknown.append(_no_gpu(dump))
    elif is_wsl(dump):
        unknown.append(reason("memory_in_wsl"))
    name = cpu_name(dump)
    if name is None:
        unknown.append(reason("processor_not_told"))
    if dump.disk_read_bytes_s is None:
        unknown.append(reason("disk_not_timed"))
    return Machine(
        name=product(dump),
        gpus=gpus,
        memory_gib=memory,
        memory_bandwidth_gb_s=bandwidth,
        cpu=name,
        cores=cores(dump),
        disk_read_gb_s=None if dump.disk_read_bytes_s is None else dump.disk_read_bytes_s / 1e9,
        disk_free_gb=None if dump.disk_free_bytes is None else dump.disk_free_bytes / 1e9,
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _memory(
    dump: Dump, memory: float | None, shared: Gpu | None, unknown: list[Text]
) -> tuple[float | None, float | None]:
    """Return size and bandwidth of the system's memory, or of a chip's shared memory."""
    if memory is None:
        unknown.append(reason("memory_not_told"))
    if shared is not None:
        # The system's total does not include the memory that firmware reserves for the GPU.
        whole = None if memory is None else memory + set_aside_gib(dump)
        return whole, shared.bandwidth_gb_s
    if is_virtual(dump) and not is_wsl(dump):
        unknown.append(reason("virtual_machine"))
        return memory, None
    if dump.system != "Linux" or is_wsl(dump):
        system = "WSL" if is_wsl(dump) else dump.system
        unknown.append(reason("bandwidth_not_read", system=system))
        return memory, None
    bandwidth, note = memory_bandwidth(dump)
    if note:
        unknown.append(note)
    return memory, bandwidth


def _no_gpu(dump: Dump) -> Text:
    if dump.system == "Windows":
        return reason("no_gpu_on_windows")
    if is_wsl(dump):
        return reason("no_gpu_in_wsl")
    return reason("no_gpu_found")
