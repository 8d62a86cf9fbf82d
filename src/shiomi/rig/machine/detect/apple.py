"""Detect a Mac with Apple's own chip, using sysctl and system_profiler."""

from __future__ import annotations

from collections.abc import Mapping

from shiomi.rig.machine.detect.dump import Dump, loaded, number
from shiomi.rig.machine.detect.recognise import Recognised
from shiomi.rig.machine.gpus import gpus_called
from shiomi.rig.machine.machine import GIB, Vendor
from shiomi.rig.message import reason

__all__ = ["PROFILER", "SYSCTL", "apple_gpus", "sysctl"]

SYSCTL = "sysctl machdep.cpu.brand_string hw.memsize hw.physicalcpu hw.model iogpu.wired_limit_mb"
PROFILER = "system_profiler -json SPDisplaysDataType"  # only the keys of the chip are kept


def sysctl(dump: Dump) -> Mapping[str, str]:
    """Return the values of sysctl by name; empty on other systems."""
    pairs = (line.partition(":") for line in dump.commands.get(SYSCTL, "").splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def apple_gpus(dump: Dump) -> list[Recognised]:
    """Return the GPU of Apple's chip; nothing on other systems."""
    if dump.system != "Darwin":
        return []
    said = sysctl(dump)
    chip = said.get("machdep.cpu.brand_string", "")
    if not chip.startswith("Apple"):
        text = reason("mac_not_known", chip=chip or "?")
        return [Recognised(None, (text,))]
    memory = number(said.get("hw.memsize"), 1e9, 2**45)
    if memory is None:
        return [Recognised(None, (reason("chip_memory_not_told", chip=chip),))]
    return [_chip(chip, memory / GIB, _cores(dump), said)]


def _chip(chip: str, memory_gib: float, cores: int | None, said: Mapping[str, str]) -> Recognised:
    name = f"{chip} {cores}-core GPU" if cores else chip
    called = [gpu for gpu in gpus_called(name) if gpu.vendor is Vendor.APPLE]
    fitting = [gpu for gpu in called if abs(gpu.memory_gib - memory_gib) < 0.5]
    notes = []
    limit = number(said.get("iogpu.wired_limit_mb"), 1, 2**25)
    if limit is not None:
        notes.append(reason("wired_limit", limit=f"{limit:g}"))
    if len(fitting) == 1:
        return Recognised(fitting[0], tuple(notes))
    if fitting:
        names = ", ".join(gpu.name for gpu in fitting)
        return Recognised(None, (reason("cores_not_told", chip=chip, names=names),))
    sizes = ", ".join(f"{gpu.memory_gib:g}" for gpu in called)
    key = "chip_of_other_size" if sizes else "chip_not_listed"
    return Recognised(None, (reason(key, chip=name, gib=f"{memory_gib:g}", sizes=sizes),))


def _cores(dump: Dump) -> int | None:
    """Return the number of GPU cores that system_profiler states."""
    said = loaded(dump.commands.get(PROFILER, ""))
    displays = said.get("SPDisplaysDataType") if isinstance(said, dict) else None
    for entry in displays if isinstance(displays, list) else ():
        if isinstance(entry, dict) and str(entry.get("sppci_model", "")).startswith("Apple"):
            cores = number(entry.get("sppci_cores"), 1, 1024)
            if cores is not None:
                return int(cores)
    return None
