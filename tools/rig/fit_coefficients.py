"""Fit the coefficients of the speed and power estimates from measured tables.

    python -m tools.rig.fit_coefficients    writes rig/estimate/data/coefficients.json

This reads the tables under $SHIOMI_DATA/rig; the README there names the source of each. Only the
fitted coefficients are shipped, not the tables. Every interval comes from the residuals of rows
whose GPU type was left out of the fit. If only one GPU was measured, the model of the rows was left
out instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tools.rig.power import power_table
from tools.rig.regression import (
    DECODE_SHRINK,
    PREFILL_SHRINK,
    Vector,
    after_one_measurement,
    corrections,
    fit_phase,
    gpu_name,
    group_interval,
    interval,
    left_out,
    model_name,
)
from tools.rig.rows import ROOT, Row, read_community, read_llama3, read_spark, read_strix

from shiomi.rig.estimate.speed import DECODE_TERMS, PREFILL_TERMS

FAMILIES = {  # the most similar family first
    "m1": ("apple",), "m2": ("apple",), "m3": ("apple",), "m4": ("apple",), "m5": ("m4", "apple"),
    "hopper": ("ampere-dc",), "volta": ("ampere-dc",),
    "pascal": ("ampere",), "turing": ("ampere",), "turing-gtx": ("turing", "ampere"),
    "blackwell": ("ada",), "blackwell-unified": ("ada",),
    "rdna1": ("rdna3", "rdna3.5"), "rdna2": ("rdna3", "rdna3.5"), "rdna3": ("rdna3.5",),
    "rdna4": ("rdna3", "rdna3.5"),
}  # fmt: skip


def phase_table(
    rows: Sequence[Row],
    shrink: float,
    key: Callable[[Row], str],
    unseen: Sequence[float],
    machine: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return the entry of coefficients.json for one phase of one engine version.

    `key` returns the name of the group to which a row belongs; one group at a time is left out to
    compute the intervals. `unseen` are the log errors of groups that were left out as a whole.
    `machine` are the log errors after one measurement; None: compute them from these rows.
    """
    pooled, groups = fit_phase(rows, shrink)
    errors = left_out(rows, shrink, key)
    several = key is gpu_name
    # If only one GPU type was measured, the spread within its kind is unknown.
    factors, rest = corrections(errors) if several else ({gpu_name(r): 1.0 for r in rows}, errors)
    after = after_one_measurement(errors) if machine is None else list(machine)
    names = DECODE_TERMS if rows[0].phase == "decode" else (*PREFILL_TERMS, "serial")
    counted = np.array([row.terms for row in rows])

    def terms(x: Vector) -> dict[str, float]:
        values = np.exp(x)
        if rows[0].phase == "prefill":
            values[-1] = 1 / (1 + np.exp(-x[-1]))
        return {name: float(f"{v:.4g}") for name, v in zip(names, values, strict=True)}

    return {
        "terms_without_a_row": [
            name for name, column in zip(names, counted.T, strict=False) if not column.any()
        ],
        "pooled": {"terms": terms(pooled), "rows": len(rows)},
        "architectures": {
            name: {
                "terms": terms(x),
                "rows": sum(row.group == name for row in rows),
                "architecture": group_interval(errors, name) if several else interval(unseen),
                "gpu": group_interval(rest, name)
                if several
                else interval(e for row, e in errors if row.group == name),
            }
            for name, x in groups.items()
        },
        "gpus": factors,
        "intervals": {
            "machine": interval(after),
            "family": interval(unseen),
            "pooled": interval(unseen),
        },
    }


def engine_tables() -> list[dict[str, Any]]:
    """Return the engine versions, newest first."""
    rows = read_llama3()
    phases = {"decode": DECODE_SHRINK, "prefill": PREFILL_SHRINK}
    own = {phase: [row for row in rows if row.phase == phase] for phase in phases}
    unseen = {
        phase: [e for _, e in left_out(some, 0, lambda r: r.group, known_group=False)]
        for phase, some in own.items()
    }
    after = {
        phase: after_one_measurement(left_out(some, phases[phase], gpu_name))
        for phase, some in own.items()
    }

    def other(rows: Sequence[Row], phase: str) -> dict[str, Any]:
        return phase_table(rows, phases[phase], model_name, unseen[phase], after[phase])

    strix = read_strix()
    return [
        {
            "version": "2026-08-rocm",
            "about": "flash attention, ROCm 7.2.3; one GPU type, unseen models left out",
            "sources": ["kyuz0/amd-strix-halo-toolboxes docs/results.json at d1a34be, fitted"],
            **{x: other([row for row in strix if row.phase == x], x) for x in phases},
        },
        {
            "version": "4c7e989-cuda",
            "about": "flash attention; one GPU type, unseen models left out",
            "sources": ["ggml-org/llama.cpp benches/dgx-spark.md at 4c7e989 (MIT), fitted"],
            "decode": other(read_spark(), "decode"),
        },
        {
            "version": "2026-07-community",
            "about": "crowd-sourced; one GPU type per architecture, unseen models left out",
            "sources": ["AlexsJones/llmfit llmfit-core/data/community (MIT), fitted"],
            "decode": other(read_community(), "decode"),
        },
        {
            "version": "2024-05",
            "about": "without flash attention; whole GPU types left out",
            "sources": ["XiongjieDai/GPU-Benchmarks-on-LLM-Inference README.md at aa72e0e, fitted"],
            **{x: phase_table(own[x], phases[x], gpu_name, unseen[x]) for x in phases},
        },
    ]


def main() -> None:
    """Write the coefficients."""
    table: Mapping[str, Any] = {
        "about": "by `python -m tools.rig.fit_coefficients`; factors on seconds, 80 % intervals",
        "families": FAMILIES,
        "engines": {"llama.cpp": engine_tables()},
        "power": power_table(),
    }
    path = ROOT / "src/shiomi/rig/estimate/data/coefficients.json"
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
