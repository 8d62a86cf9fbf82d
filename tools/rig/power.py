"""Fit the watts at the wall to the rows of one desktop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from tools.rig.regression import Vector, interval
from tools.rig.rows import read_table

from shiomi.rig.machine.gpus import find_gpu


@dataclass(frozen=True, slots=True)
class Power:
    """The measured watts at the wall while a desktop generates text."""

    gpu: str
    tdp: float
    watts: float


def read_power() -> list[Power]:
    """Return Geerling's rows of one desktop (Core Ultra 265K) with different discrete GPUs."""
    rows = []
    for line in read_table("geerling_tg_watts.csv"):
        name = re.fullmatch(r"Intel 265K Custom PC \((.+)\)", line["system"])
        if name is None or not line["watts"]:
            continue
        gpu = find_gpu(name[1].replace("RTX 3060", "RTX 3060 12 GB"))
        if gpu.tdp_w is not None:
            rows.append(Power(gpu.name, gpu.tdp_w, float(line["watts"])))
    return rows


def fit_power(rows: Sequence[Power]) -> tuple[float, float]:
    """Return the watts of the host, and the watts at the wall per watt of TDP.

    They are fitted by least absolute relative deviations.
    """
    tdp = np.array([row.tdp for row in rows])
    watts = np.array([row.watts for row in rows])

    def residuals(x: Vector) -> Vector:
        return np.asarray((x[0] + x[1] * tdp) / watts - 1)

    solved = least_squares(residuals, (100.0, 0.7), loss="soft_l1", f_scale=0.05).x
    return float(solved[0]), float(solved[1])


def power_left_out(rows: Sequence[Power]) -> list[float]:
    """Return the log errors of each GPU's rows, fitted without that GPU."""
    errors = []
    for name in dict.fromkeys(row.gpu for row in rows):
        host, per_tdp = fit_power([row for row in rows if row.gpu != name])
        own = [row for row in rows if row.gpu == name]
        errors += [float(np.log((host + per_tdp * row.tdp) / row.watts)) for row in own]
    return errors


def power_table() -> dict[str, Any]:
    """Return the entry of coefficients.json for watts."""
    rows = read_power()
    host, per_tdp = fit_power(rows)
    return {
        "host_w": round(host, 1),
        "per_tdp": round(per_tdp, 3),
        "interval": interval(power_left_out(rows)),
        "rows": len(rows),
        "types": len({r.gpu for r in rows}),
        "sources": ["geerlingguy/ai-benchmarks README.md at bdf9441 (MIT), fitted"],
    }
