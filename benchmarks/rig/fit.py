"""Measure the time of `shiomi rig fit`, next to llmfit.

    python -m benchmarks.rig.fit [--llmfit PROGRAM]

llmfit is the program that people would use instead (the package `llmfit`). Its binary is searched
on the PATH unless --llmfit names it. If llmfit is not found, only this project's figures are
printed. The function `asked` gets the speeds that `benchmarks.rig.people` needs. It runs `llmfit
plan` with a hardware profile that states the GPU's true bandwidth and peak compute.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from shiomi.rig.estimate.fit import fit_models
from shiomi.rig.estimate.setting import Place, Setting
from shiomi.rig.estimate.use import USES, best_per_use, in_order
from shiomi.rig.machine.machine import Gpu
from shiomi.rig.machine.simulate import simulated
from shiomi.rig.model.known_models import known_models

RUNS = 5
MACHINES = ("RTX 3090 x2, 64 GB", "RTX 4060 laptop, 32 GB DDR5-5600 2ch", "64 GB DDR5-6000 2ch")
FIT_MACHINES = (
    "RTX PRO 6000, 128 GB", "H200", "M4 Pro, 48 GB", "Mac Studio M3 Ultra 256GB", "DGX Spark x2",
    "RTX 3090, 64 GB DDR4-3200 2ch", "RTX 3090 x2, 64 GB", "RTX 5060 Ti 16 GB, 32 GB",
    "RX 7900 XTX, 64 GB", "Radeon AI PRO R9700, 64 GB", "Strix Halo, 128 GB", "GB10",
    "RTX 4060 laptop, 32 GB DDR5-5600 2ch", "16 GB DDR4-3200 2ch", "RTX 3060 12 GB, 32 GB",
    "M1 8-core, 16 GB", "M5 Max 40-core, 128 GB", "Arc B580, 32 GB", "RTX 5090, 128 GB",
    "MI50 32 GB, 64 GB",
)  # fmt: skip
SHOWN = 10
SLOW = 5.0  # tok/s


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of wall seconds and of CPU seconds, including child processes."""
    walls, cpus = [], []
    for _ in range(RUNS):
        before = os.times()
        call()
        after = os.times()
        walls.append(after.elapsed - before.elapsed)
        cpus.append(sum(after[:4]) - sum(before[:4]))
    return statistics.median(walls), statistics.median(cpus)


def run(command: Sequence[str]) -> None:
    """Run a program to its end and discard its output."""
    subprocess.run(command, check=False, capture_output=True, timeout=120)


def times(llmfit: str | None) -> None:
    """Print how long it takes to make a table of models."""
    models = known_models()
    print(f"{'':58s}{'wall':>9s}{'CPU':>9s}")
    for text in MACHINES:
        machine = simulated(text)
        wall, cpu = timed(lambda m=machine: fit_models(models, m, Setting()))  # type: ignore[misc]
        print(f"  fit_models, {len(models)} models, {text:34.34s}{wall:8.2f}s{cpu:8.2f}s")
    command = [sys.executable, "-m", "shiomi.cli", "rig", "fit", "--simulate", MACHINES[0]]
    wall, cpu = timed(lambda: run(command))
    print(f"  {'shiomi rig fit, the whole program':56s}{wall:8.2f}s{cpu:8.2f}s")
    if llmfit:
        theirs = [llmfit, "--profile", "nvidia-rtx-4090", "--no-dashboard", "--json", "fit"]
        wall, cpu = timed(lambda: run(theirs))
        print(f"  {'llmfit fit, the whole program':56s}{wall:8.2f}s{cpu:8.2f}s")


def beaten(parts: str) -> list[str]:
    """Return the faults of a machine's first rows and of its best model for chat."""
    models, machine, use = known_models(), simulated(parts), USES["chat"]
    found = in_order(fit_models(models, machine, use.setting, floor=use.floor), use)
    able = [x for x in found if x.usable_here and x.decode is not None]
    wrong = [
        f"{x.known.name} by the CPU at {x.decode.value:.1f} tok/s"
        for x in able[:SHOWN]
        if x.place is Place.RAM and x.decode and x.decode.value < SLOW
    ]
    for best in best_per_use(models, machine, {"chat": use}).values():
        wrong += [
            f"{best.known.name} is older, slower and smaller than {x.known.name}"
            for x in able
            if (best.known.released or "") < (x.known.released or "")
            and best.decode
            and x.decode
            and best.decode.value < x.decode.value
            and best.model.parameters < x.model.parameters
            and best.model.active_parameters < x.model.active_parameters
        ]
    return wrong


def asked(llmfit: str, gpu: Gpu, model: str, quantisation: str, tokens: int) -> float | None:
    """Return the tokens per second that `llmfit plan` gives; None if it has no answer."""
    hardware = {
        "total_ram_gb": 128.0,
        "unified_memory": gpu.unified,
        "gpu_memory_bandwidth_gbps": gpu.bandwidth_gb_s,
    }
    if gpu.fp16_tflops:
        hardware["gpu_compute_tflops_fp16"] = gpu.fp16_tflops
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / f"{gpu.name.lower().replace(' ', '-')}.json"
        said = {"schema_version": 1, "name": profile.stem, "hardware": hardware}
        profile.write_text(json.dumps(said), encoding="utf-8")
        command = [llmfit, "--profile", str(profile), "--no-dashboard", "plan", model]
        command += ["--context", str(tokens), "--quant", quantisation, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    try:
        paths = json.loads(done.stdout)["run_paths"]
        return next(float(x["estimated_tps"]) for x in paths if x["path"] == "gpu")
    except (ValueError, KeyError, StopIteration, TypeError):
        return None


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--llmfit", default=shutil.which("llmfit"), help="the llmfit binary")
    program = parser.parse_args().llmfit
    print(f"load {os.getloadavg()[0]:.1f}")
    times(program)


if __name__ == "__main__":
    main()
