"""The requirements of a build."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from shiomi.rig.buy.wattage import Circuit
from shiomi.rig.errors import PlanError

__all__ = ["LEAST_CORES", "Wish"]

LEAST_CORES = 6  # of the processor of a build
_RANGES = {
    "memory_gb": (1.0, 8192.0),
    "storage_gb": (1.0, 1_000_000.0),
    "most_gpus": (1, 8),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """The minimum requirements for a build. Speed is the objective, not a constraint.

    Raises PlanError if a figure is outside the range of any real computer.
    """

    memory_gb: float = 32.0
    storage_gb: float = 1000.0
    most_gpus: int = 2
    shared_layers: bool = False  # cards compute each layer together and need PCIe lanes
    used: bool = True  # used parts may be taken
    memory_by_cards: bool = False  # require 32 GB if the cards have more than 16 GiB together
    allow_unknown: bool = False  # parts with incomplete catalogue rows may be taken
    circuit: Circuit = field(default_factory=Circuit)

    def memory_beside(self, vram_gib: float) -> float:
        """Return the fewest GB of memory for a build whose cards have `vram_gib` together.

        Guides recommend 32 GB with a 24 GB card. A model's file passes through the memory while it
        loads, and the system and a browser need memory too.
        """
        return max(self.memory_gb, 32.0 if self.memory_by_cards and vram_gib > 16 else 0.0)

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise PlanError(f"{name} must be {low:g} to {high:g}, got {value!r}")
        volts, amps = self.circuit.volts, self.circuit.amps
        if not (0 < volts <= 500 and 0 < amps <= 200):
            raise PlanError(
                f"a circuit must have at most 500 V and 200 A, got {volts:g} V and {amps:g} A"
            )
