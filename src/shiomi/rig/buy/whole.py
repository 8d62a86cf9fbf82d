"""Complete machines for sale: Macs, Strix Halo and GB10 machines.

`data/machines.csv` has round example prices in JPY and USD, each with its date and source. Your own
file must have the same columns.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shiomi.rig.buy.prices import MOST_YEN, Condition, priced_rows
from shiomi.rig.errors import PriceError, RigError
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Machine, lending

__all__ = ["WholeMachine", "example_machines", "lent", "read_machines"]

_COLUMNS = (
    "name", "gpu", "memory_gb", "storage_gb", "condition", "date", "idle_w", "load_w", "source",

)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WholeMachine:
    """A machine with its price in the currency of the plan."""

    machine: Machine
    price: int
    storage_gb: float
    condition: Condition
    date: datetime.date
    idle_w: float
    load_w: float
    source: str

    @property
    def name(self) -> str:
        """Return the name under which the machine is sold."""
        return str(self.machine.name)


def example_machines(currency: str = "JPY") -> list[WholeMachine]:
    """Return the example machines, as shipped or updated."""
    return read_machines(None, currency)


def read_machines(path: Path | None, currency: str = "JPY") -> list[WholeMachine]:
    """Return the machines of a file, or the examples. Raises PriceError for an invalid row."""
    column = f"price_{currency.lower()}"
    rows = priced_rows(path, "machines.csv", (*_COLUMNS, column))
    return [_machine(row, column, where) for where, row in rows]


def _machine(row: Mapping[str, Any], column: str, where: str) -> WholeMachine:
    try:
        gpu = find_gpu(row["gpu"])
        memory, storage = float(row["memory_gb"]), float(row["storage_gb"])
        price = int(row[column])
        idle, load = float(row["idle_w"]), float(row["load_w"])
        date, condition = datetime.date.fromisoformat(row["date"]), Condition(row["condition"])
    except (TypeError, ValueError, RigError) as error:
        raise PriceError(f"{where}: {error}") from error
    sizes = 1 <= memory <= 65_536 and 1 <= storage <= 1e6
    if not (0 < price <= MOST_YEN and sizes and 0 <= idle <= load <= 5000):
        raise PriceError(f"{where}: price, memory, storage or watts are out of range")
    machine = Machine(row["name"], (gpu,), memory, gpu.bandwidth_gb_s)
    return WholeMachine(machine, price, storage, condition, date, idle, load, row["source"])


def lent(whole: WholeMachine, share: float) -> WholeMachine:
    """Return the machine with this share of its memory reserved for the GPU."""
    return replace(whole, machine=lending(whole.machine, share))
