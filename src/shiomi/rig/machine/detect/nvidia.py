"""NVIDIA GPUs, from NVML or nvidia-smi."""

from __future__ import annotations

import csv

from shiomi.rig.machine.detect.dump import Dump, NvidiaFacts, number
from shiomi.rig.machine.detect.recognise import Recognised, recognise
from shiomi.rig.machine.machine import GIB, Vendor
from shiomi.rig.message import reason

__all__ = ["SMI", "nvidia_gpus"]

SMI_FIELDS = (
    "name", "memory.total", "power.limit", "clocks.max.memory", "compute_cap", "mig.mode.current",
)  # fmt: skip
SMI = f"nvidia-smi --query-gpu={','.join(SMI_FIELDS)} --format=csv,noheader,nounits"
# The driver shortens these names.
_DRIVER_NAMES = {"NVIDIA H200": "H200 SXM", "NVIDIA H100 80GB HBM3": "H100 SXM5"}
_ARCHITECTURES = {
    "6.0": "pascal-dc", "6.1": "pascal", "7.0": "volta", "7.5": "turing", "8.0": "ampere-dc",
    "8.6": "ampere", "8.9": "ada", "9.0": "hopper", "12.0": "blackwell",
    "12.1": "blackwell-unified",
}  # fmt: skip
_PER_CLOCK = 2  # both edges


def nvidia_gpus(dump: Dump) -> list[Recognised]:
    """Return every NVIDIA GPU the driver lists, in its order."""
    facts = dump.nvidia
    if facts is None and SMI in dump.commands:
        facts = tuple(_smi(dump.commands[SMI]))
    return [_gpu(gpu) for gpu in facts or ()]


def _gpu(facts: NvidiaFacts) -> Recognised:
    if facts.mig:
        return Recognised(
            None,
            (reason("divided_by_mig", gpu=facts.name),),
        )
    memory = None if facts.memory_bytes is None else facts.memory_bytes / GIB
    bandwidth = None
    if facts.memory_clock_mhz and facts.bus_width_bits:
        bandwidth = _PER_CLOCK * facts.memory_clock_mhz * facts.bus_width_bits / 8 / 1000
    return recognise(
        _DRIVER_NAMES.get(facts.name, facts.name),
        Vendor.NVIDIA,
        memory_gib=memory,
        bandwidth_gb_s=bandwidth,
        architecture=_ARCHITECTURES.get(facts.compute_capability or ""),
        tdp_w=facts.power_limit_w,
    )


def _smi(text: str) -> list[NvidiaFacts]:
    """Parse the lines of `SMI`. Unknown fields read "[N/A]" or similar."""
    found = []
    for row in csv.reader(text.splitlines(), skipinitialspace=True):
        if len(row) != len(SMI_FIELDS) or not row[0].strip():
            continue
        name, memory, power, clock, capability, mig = (x.strip() for x in row)
        mib = number(memory, 1, 2**25)
        found.append(
            NvidiaFacts(
                name=name[:300],
                memory_bytes=None if mib is None else int(mib * 2**20),
                power_limit_w=number(power, 1, 5000),
                memory_clock_mhz=number(clock, 100, 50_000),
                compute_capability=capability if number(capability, 1, 100) else None,
                mig={"Enabled": True, "Disabled": False}.get(mig),
            )
        )
    return found
