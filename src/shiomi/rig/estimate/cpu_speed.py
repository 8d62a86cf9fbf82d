"""Tokens per second of a model that lies in the system's memory and is run by the CPU.

A step reads its weights and caches from the memory; a CPU reaches 40 to 90 % of the bandwidth that
is printed on the modules. That share is assumed, not fitted, and so the interval is wide. How fast
a CPU reads a prompt depends on its instructions and is not known here.
"""

from __future__ import annotations

from shiomi.rig.errors import MachineError, RigError
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.traffic import cache_reads, weight_reads
from shiomi.rig.machine.machine import Machine
from shiomi.rig.model.assumption import assuming_of_speed
from shiomi.rig.model.model import Model
from shiomi.rig.report.wording import reason

__all__ = ["RAM_SHARES", "decode_on_cpu"]

RAM_SHARES = (0.4, 0.65, 0.9)  # of the memory's bandwidth: least, likely, most


def decode_on_cpu(
    model: Model,
    machine: Machine,
    *,
    quantisation: str,
    depth: int = 0,
    users: int = 1,
    kv_dtype: str = "f16",
) -> Estimate:
    """Return the tokens per second that all users together are written.

    Raises
    ------
    MachineError
        The memory's bandwidth is not known.
    RigError
        The model has no layers, or a number cannot be meant.
    """
    bandwidth = machine.memory_bandwidth_gb_s
    if not bandwidth:
        raise MachineError(reason("no_cpu_bandwidth", machine=machine.name))
    if depth < 0 or users < 1 or not model.layers:
        raise RigError(f"{model.name}, {users} users at a depth of {depth} cannot be meant")
    weights = weight_reads(model, quantisation, users)
    caches = sum(cache_reads(model, depth, users, kv_dtype=kv_dtype))
    read = weights + caches
    low, likely, high = (share * bandwidth / read * users for share in RAM_SHARES)
    found = Estimate(
        likely,
        low,
        high,
        "tok/s",
        f"{read:.3g} GB a step from RAM of {bandwidth:g} GB/s, of which 40 to 90 % are assumed "
        "to be reached; not fitted",
        ("bytes counted from the model's shape",),
    )
    return assuming_of_speed(found, model.assumed, weights, caches)
