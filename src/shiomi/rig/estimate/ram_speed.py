"""Estimate speeds with weights in the system's memory: the whole model or its routed experts.

To write a token, all weights and caches are read from the memory. A CPU reaches 40 to 90 % of the
bandwidth that is printed on the modules. The speed of reading a prompt is limited by the CPU's
arithmetic. With experts in RAM, it is limited by copying them to the GPU once per micro-batch.
These shares are assumed, not fitted, so the bounds are wide.
"""

from __future__ import annotations

import math

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.assumed import assuming_of_speed
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.setting import Setting, quantisation_of
from shiomi.rig.estimate.traffic import cache_reads, product_flops, weight_reads
from shiomi.rig.machine.machine import Machine
from shiomi.rig.message import basis, reason
from shiomi.rig.model.model import Model

__all__ = ["RAM_SHARES", "expert_read_seconds", "expert_seconds", "read_on_cpu", "write_on_cpu"]

# Share of the memory's bandwidth that is reached: least, likely, most.
RAM_SHARES = (0.4, 0.65, 0.9)
# GFLOP/s of products of quantised weights per core. An 8-core desktop read Qwen3.6-35B-A3B at
# 46 tok/s (ollama issue 11772), which is 35 GFLOP/s per core.
_CORE_GFLOPS = (15.0, 35.0, 90.0)
_USUAL_CORES = 8
# GB/s from the system's memory to a GPU: PCIe 3.0 x8, 4.0 x16, 5.0 x16.
_COPY = (6.0, 18.0, 45.0)


def write_on_cpu(model: Model, machine: Machine, setting: Setting) -> Estimate:
    """Return the tokens per second that the CPU writes, summed over all users.

    Raises MachineError if the memory's bandwidth is not known.
    """
    bandwidth = machine.memory_bandwidth_gb_s
    if not bandwidth:
        raise MachineError(reason("no_cpu_bandwidth", machine=machine.name))
    users = setting.users
    weights = weight_reads(model, quantisation_of(model, setting), users)
    caches = sum(cache_reads(model, setting.context, users, kv_dtype=setting.kv_dtype))
    read = weights + caches
    low, likely, high = (share * bandwidth / read * users for share in RAM_SHARES)
    rests = (basis("from_ram", size=f"{read:.3g}", rate=f"{bandwidth:g}"), basis("not_fitted"))
    found = Estimate(likely, low, high, "tok/s", rests, ("bytes counted from the model's shape",))
    return assuming_of_speed(found, model.assumed, weights, caches)


def read_on_cpu(model: Model, machine: Machine, setting: Setting) -> Estimate:
    """Return the prompt tokens per second of the CPU; at least the speed of writing."""
    cores = machine.cores or _USUAL_CORES
    writes = write_on_cpu(model, machine, setting)
    work = product_flops(model, 1)
    low, likely, high = (1e9 * cores * x / work for x in _CORE_GFLOPS)
    return Estimate(
        max(likely, writes.value),
        max(low, writes.low),
        max(high, writes.high),
        "tok/s",
        (basis("cpu_products", cores=cores, rate=f"{_CORE_GFLOPS[1]:g}"), basis("not_fitted")),
        ("ollama issue 11772",),
    )


def expert_seconds(model: Model, machine: Machine, setting: Setting) -> tuple[float, float, float]:
    """Return the seconds for reading a step's experts from RAM: least, likely, most."""
    bandwidth = _check(model, machine)
    quantisation = quantisation_of(model, setting)
    everything = weight_reads(model, quantisation, setting.users)
    on_gpu = setting.experts_on_gpu
    experts = everything - weight_reads(model, quantisation, setting.users, experts=on_gpu)
    low, likely, high = RAM_SHARES
    seconds = experts / bandwidth
    return seconds / high, seconds / likely, seconds / low


def expert_read_seconds(
    model: Model, machine: Machine, setting: Setting
) -> tuple[float, float, float]:
    """Return the seconds of copying experts to the GPU while a prompt is read.

    Each micro-batch copies the experts that its tokens choose, which are nearly all experts.
    """
    _check(model, machine)
    quantisation = quantisation_of(model, setting)
    tokens = min(setting.prompt, setting.micro_batch)
    experts = weight_reads(model, quantisation, tokens) - weight_reads(
        model, quantisation, tokens, experts=setting.experts_on_gpu
    )
    copied = experts * math.ceil(setting.prompt / setting.micro_batch)
    slow, likely, fast = _COPY
    return copied / fast, copied / likely, copied / slow


def _check(model: Model, machine: Machine) -> float:
    """Return the bandwidth of the system's memory."""
    if not any(layer.experts for layer in model.layers):
        raise RigError(f"{model.name} has no experts that could be in RAM")
    if not machine.memory_bandwidth_gb_s:
        raise MachineError(reason("no_bandwidth", machine=machine.name))
    return machine.memory_bandwidth_gb_s
