"""Fit the coefficients of `shiomi.rig.speed` and `shiomi.rig.power` from measured tables.

    python -m runs.rig_fit            writes src/shiomi/rig/data/coefficients.json

Reads the tables under $SHIOMI_DATA/rig (see its README for where each is from). Only the fitted
coefficients ship. Every interval is made of residuals of rows whose GPU type, or model where one
GPU alone was measured, had no part in the fit.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from runs.rig_models import MEASURED
from scipy.optimize import least_squares

from shiomi.rig.gpus import find_gpu
from shiomi.rig.machine import Gpu
from shiomi.rig.model import Model
from shiomi.rig.speed import (
    DECODE_TERMS,
    PREFILL_TERMS,
    decode_terms,
    pipeline_share,
    prefill_terms,
)

__all__ = ["Row", "fit_phase", "left_out", "read_depths", "read_llama3", "read_spark", "read_strix"]

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "rig"
FAMILIES = {  # the nearest first
    "m1": ("apple",), "m2": ("apple",), "m3": ("apple",), "m4": ("apple",), "m5": ("m4", "apple"),
    "hopper": ("ampere-dc",), "volta": ("ampere-dc",),
    "pascal": ("ampere",), "turing": ("ampere",), "turing-gtx": ("turing", "ampere"),
    "blackwell": ("ada",), "blackwell-unified": ("ada",),
    "rdna1": ("rdna3", "rdna3.5"), "rdna2": ("rdna3", "rdna3.5"), "rdna3": ("rdna3.5",),
    "rdna4": ("rdna3", "rdna3.5"),
}  # fmt: skip
DECODE_SHRINK = 0.3  # how strongly an architecture is drawn to the pooled coefficients
PREFILL_SHRINK = 3.0
# Where the pooled fit starts; the unit of every term is such that about 1 is plausible.
START = {"decode": (1.2, 1.2, 2.5, 2.5, 1.0, 1.0, 3.0), "prefill": (1.5, 2.0, 2.0, 1.0)}
Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    gpu: Gpu
    group: str  # architecture, or family where GPUs are pooled
    gpus: int
    model: Model
    quantisation: str
    phase: str  # "decode" or "prefill"
    tokens: int  # generated, or in the prompt
    depth: int  # tokens already in the context
    users: int
    speed: float  # tokens per second, of all users

    @property
    def seconds(self) -> float:
        """Measured: of a step, or of the whole prompt."""
        return (self.users if self.phase == "decode" else self.tokens) / self.speed

    @property
    def terms(self) -> tuple[float, ...]:
        """Counted: what the coefficients are multiplied with."""
        if self.phase == "decode":
            return decode_terms(
                self.model,
                self.gpu,
                quantisation=self.quantisation,
                depth=self.depth + self.tokens / 2,
                users=self.users,
                gpus=self.gpus,
            )
        return prefill_terms(
            self.model,
            self.gpu,
            quantisation=self.quantisation,
            prompt=self.tokens,
            depth=self.depth,
        )


def _read(name: str) -> Iterable[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def read_llama3() -> list[Row]:
    """XiongjieDai's table: Llama 3 8B and 70B on 15 GPU types, one to eight of each."""
    models = {"8B": MEASURED["Llama-3-8B"], "70B": MEASURED["Llama-3-70B"]}
    rows = []
    for line in _read("xiongjiedai_llama3.csv"):
        if not re.fullmatch(r"[\d.]+", line["tps"]):
            continue  # out of memory
        name, _, count = line["gpu"].partition(" * ")
        gpu = find_gpu(name)
        size, quantisation = line["model"].split()
        rows.append(
            Row(
                gpu,
                "apple" if gpu.unified else gpu.architecture,
                int(count or 1),
                models[size],
                quantisation,
                "decode" if line["test"] == "tg" else "prefill",
                int(line["n"]),
                0,
                1,
                float(line["tps"]),
            )
        )
    return rows


def read_spark() -> list[Row]:
    """llama.cpp's table of the DGX Spark: one, two and four users."""
    names = {
        "gpt-oss-20b": ("gpt-oss-20b", "MXFP4_MOE"),
        "gpt-oss-120b": ("gpt-oss-120b", "MXFP4_MOE"),
        "qwen3-30b-a3b-q8": ("Qwen3-30B-A3B", "Q8_0"),
        "qwen2.5-7b-q8": ("Qwen2.5-7B", "Q8_0"),
        "gemma3-4b-q4_0": ("gemma-3-4b", "Q4_0"),
    }
    gpu = find_gpu("GB10")
    return [
        Row(
            gpu,
            gpu.architecture,
            1,
            MEASURED[names[line["model"]][0]],
            names[line["model"]][1],
            "decode",
            32,
            int(line["prompt"]),
            int(line["batch"]),
            float(line["decode_tps_total"]),
        )
        for line in _read("dgx_spark_batched_decode.csv")
    ]


def read_strix(environment: str = "rocm-7_2_3") -> list[Row]:
    """kyuz0's tables of the Strix Halo, at depths of 0, 32k and 64k, with flash attention."""
    gpu = find_gpu("Radeon 8060S 128 GB")
    rows = []
    for line in _read("strix_halo_llamabench.csv"):
        name = next((n for n in MEASURED if line["model_clean"].startswith(n)), None)
        test = re.fullmatch(r"(tg|pp)(\d+)(?: @ d(\d+))?", line["test"])
        if line["env"] != environment or not line["tps_mean"] or name is None or test is None:
            continue
        model, quantisation = _from_file(name, line["quant"], float(line["file_size_gib"]))
        rows.append(
            Row(
                gpu,
                gpu.architecture,
                1,
                model,
                quantisation,
                "decode" if test[1] == "tg" else "prefill",
                int(test[2]),
                int(test[3] or 0),
                1,
                float(line["tps_mean"]),
            )
        )
    return rows


def _from_file(name: str, quantisation: str, size_gib: float) -> tuple[Model, str]:
    """Return the model with the file's true size, and the nearest quantisation with known bits."""
    usual = {"Q8_K_XL": "Q8_0", "Q4_K_XL": "Q4_K_M", "Q5_K_XL": "Q5_K_M", "MXFP4": "MXFP4_MOE"}
    quantisation = usual.get(quantisation, quantisation)
    model = replace(MEASURED[name], file_bytes=round(size_gib * 2**30), quantisation=quantisation)
    return model, quantisation


def read_community() -> list[Row]:
    """llmfit's community files: dense models of known shape, wholly in one GPU, Q4_K_M."""
    known = {
        "Llama-3.2-1B-Instruct": "Llama-3.2-1B",
        "Llama-3.2-3B-Instruct": "Llama-3.2-3B",
        "Meta-Llama-3.1-8B-Instruct": "Llama-3-8B",
        "Qwen2.5-7B-Instruct": "Qwen2.5-7B",
        "Qwen2.5-14B-Instruct": "Qwen2.5-14B",
        "Qwen2.5-Coder-14B-Instruct": "Qwen2.5-14B",
        "Qwen3-1.7B": "Qwen3-1.7B",
        "Qwen3-4B": "Qwen3-4B",
        "Qwen3-8B": "Qwen3-8B",
        "Qwen3-14B": "Qwen3-14B",
    }
    gpus = {
        "AMD Radeon RX 7900 XT": "RX 7900 XT",
        "NVIDIA GeForce RTX 5070": "RTX 5070",
        "NVIDIA GeForce RTX 2080": "RTX 2080",
        "NVIDIA GeForce GTX 1050 Ti": "GTX 1050 Ti",
        "Apple M4 Pro": "M4 Pro 16-core GPU 24 GB",  # the file does not tell the cores
    }
    rows = []
    for line in _read("llmfit_community.csv"):
        name = known.get(line["model"].removesuffix("-Q4_K_M.gguf"))
        if name is None or line["provider"] != "llamacpp" or line["hardwareName"] not in gpus:
            continue
        gpu, model = find_gpu(gpus[line["hardwareName"]]), MEASURED[name]
        if model.parameters * 4.9 / 8 > 0.85 * gpu.memory_gib * 2**30:
            continue  # a part was in the system's memory
        tokens = int(float(line["avgOutputTokens"] or 200))
        speed = float(line["avgTps"])
        rows.append(Row(gpu, gpu.architecture, 1, model, "Q4_K_M", "decode", tokens, 50, 1, speed))
    return rows


def read_depths() -> list[Row]:
    """kyuz0's curve of decoding speed at nine depths, four models, two settings of the machine."""
    gpu = find_gpu("Radeon 8060S 128 GB")
    sizes = {
        "Qwen3.6-27B-Q8_0": 26.62, "Qwen3.6-35B-A3B-UD-Q4_K_XL": 21.27,
        "Qwen3.6-35B-A3B-UD-Q8_K_XL": 35.8, "gemma-4-26B-A4B-it-UD-Q8_K_XL": 25.94,
    }  # fmt: skip
    rows = []
    for line in _read("strix_halo_depth_curve.csv"):
        if line["series"] != "generation":
            continue
        name = next(n for n in MEASURED if line["model"].startswith(n))
        model, quantisation = _from_file(name, line["quant"], sizes[line["model"]])
        rows.append(
            Row(
                gpu,
                line["profile"],
                1,
                model,
                quantisation,
                "decode",
                128,
                int(line["starting_depth"]),
                1,
                float(line["mean"]),
            )
        )
    return rows


def predict(x: Vector, rows: Sequence[Row]) -> Vector:
    """Return the seconds of each row; `x` holds logarithms, and for prefill the serial share."""
    return _predictor(rows)(x)


def _predictor(rows: Sequence[Row]) -> Callable[[Vector], Vector]:
    """Return a function of the coefficients' logarithms; the terms are counted once."""
    terms = np.array([row.terms for row in rows])
    if rows[0].phase == "decode":
        return lambda x: np.asarray(terms @ np.exp(x))
    whole = np.array([pipeline_share(row.tokens, row.gpus, 0.0) for row in rows])

    def seconds(x: Vector) -> Vector:
        serial = 1 / (1 + np.exp(-x[-1]))
        return np.asarray(terms @ np.exp(x[:-1]) * (serial + (1 - serial) * whole))

    return seconds


def fit(rows: Sequence[Row], prior: Vector | None = None, shrink: float = 0.0) -> Vector:
    """Fit the coefficients' logarithms by robust least squares on the logarithm of the seconds.

    A term that no row has stays at the prior. `shrink` is the weight of the prior, in units of a
    row that is 5 % (decode) or 10 % (prefill) off for every e-fold of a coefficient.
    """
    phase = rows[0].phase
    scale, weight = (0.03, 0.05) if phase == "decode" else (0.1, 0.1)
    start = np.log(np.array(START[phase]))
    if phase == "prefill":
        start = np.append(start, 0.0)
    target = np.log(np.array([row.seconds for row in rows]))
    centre = start if prior is None else prior
    seconds = _predictor(rows)
    pull = weight * (shrink if prior is not None else 0.02)

    def residuals(x: Vector) -> Vector:
        return np.concatenate([np.log(seconds(x)) - target, pull * (x - centre)])

    return np.asarray(
        least_squares(residuals, centre, loss="soft_l1", f_scale=scale, max_nfev=300).x
    )


def fit_phase(rows: Sequence[Row], shrink: float) -> tuple[Vector, dict[str, Vector]]:
    """Return the pooled coefficients' logarithms, and each group's."""
    rows = sound(rows)
    pooled = fit(rows)
    groups = dict.fromkeys(row.group for row in rows)
    return pooled, {g: fit([r for r in rows if r.group == g], pooled, shrink) for g in groups}


def left_out(
    rows: Sequence[Row], shrink: float, key: Callable[[Row], str], *, known_group: bool = True
) -> list[tuple[Row, float]]:
    """Return each row with its log error in seconds, fitted without the rows that share its key.

    `known_group` False leaves its whole group out too: the pooled coefficients judge it.
    """
    errors: list[tuple[Row, float]] = []
    for value in dict.fromkeys(key(row) for row in rows):
        tested = [row for row in rows if key(row) == value]
        kept = sound([row for row in rows if key(row) != value])
        pooled = fit(kept)
        for group in dict.fromkeys(row.group for row in tested):
            own = [row for row in kept if row.group == group]
            x = fit(own, pooled, shrink) if own and known_group else pooled
            some = [row for row in tested if row.group == group]
            off = np.log(predict(x, some)) - np.log([row.seconds for row in some])
            errors += zip(some, map(float, off), strict=True)
    return errors


def interval(errors: Iterable[float]) -> list[float]:
    """Return the conformal 80 % interval of log errors as factors on the estimated seconds."""
    ordered = np.sort([-e for e in errors])
    count = len(ordered)
    low = max(0, int(np.floor(0.1 * (count + 1))) - 1)
    high = min(count - 1, int(np.ceil(0.9 * (count + 1))) - 1)
    return [round(float(np.exp(ordered[low])), 4), round(float(np.exp(ordered[high])), 4)]


def spread(errors: Sequence[tuple[Row, float]], group: str) -> float:
    """Return the mean size of a group's log errors, drawn to all groups' as if by one more GPU."""
    overall = float(np.mean([abs(e) for _, e in errors]))
    own = [abs(e) for row, e in errors if row.group == group]
    gpus = len({row.gpu.name for row, _ in errors if row.group == group})
    return (gpus * float(np.mean(own)) + overall) / (gpus + 1) if own else overall


def normalised(errors: Sequence[tuple[Row, float]]) -> list[tuple[Row, float]]:
    """Return each row's error in units of its group's spread, of which its own GPU is no part."""
    units: dict[str, float] = {}
    for row, _ in errors:
        if row.gpu.name not in units:
            others = [(r, e) for r, e in errors if r.gpu.name != row.gpu.name]
            units[row.gpu.name] = spread(others, row.group)
    return [(row, abs(e) / units[row.gpu.name]) for row, e in errors]


def group_interval(errors: Sequence[tuple[Row, float]], group: str) -> list[float]:
    """Return the 80 % interval of a group as factors on the seconds: conformal, normalised.

    The GPUs of some architectures resemble each other (Ada), of some they do not (Apple), and one
    interval for all would be too wide for the first and too narrow for the others.
    """
    far = float(np.quantile([z for _, z in normalised(errors)], 0.8)) * spread(errors, group)
    return [round(float(np.exp(-far)), 4), round(float(np.exp(far)), 4)]


def gpu_name(row: Row) -> str:
    """The GPU's type, whatever number of them."""
    return row.gpu.name


def model_name(row: Row) -> str:
    """The model's name."""
    return row.model.name


def corrections(
    errors: Sequence[tuple[Row, float]],
) -> tuple[dict[str, float], list[tuple[Row, float]]]:
    """Return each GPU's factor on the seconds, and the errors left in unseen configurations.

    The factor is drawn to 1 as if two more configurations had been right.
    """
    factors: dict[str, float] = {}
    rest: list[tuple[Row, float]] = []
    for name in dict.fromkeys(gpu_name(row) for row, _ in errors):
        own = [(row, e) for row, e in errors if row.gpu.name == name]
        configs = {(r.model.name, r.quantisation, r.gpus) for r, _ in own}

        def factor(kept: Sequence[float], count: int) -> float:
            return float(np.exp(-np.median(kept) * count / (count + 2))) if kept else 1.0

        factors[name] = round(factor([e for _, e in own], len(configs)), 4)
        for config in sorted(configs):
            kept = [e for r, e in own if (r.model.name, r.quantisation, r.gpus) != config]
            shift = np.log(factor(kept, len(configs) - 1))
            rest += [
                (r, e + shift) for r, e in own if (r.model.name, r.quantisation, r.gpus) == config
            ]
    return factors, rest


def after_one_measurement(errors: Sequence[tuple[Row, float]]) -> list[float]:
    """Return the errors left after the 8B Q4_K_M was measured once on each left-out GPU."""
    rest = []
    for name in dict.fromkeys(gpu_name(row) for row, _ in errors):
        own = [(r, e) for r, e in errors if r.gpu.name == name and r.gpus == 1]
        known = [
            e
            for r, e in own
            if r.tokens == 512 and r.quantisation == "Q4_K_M" and "8B" in r.model.name
        ]
        if known:
            rest += [e - known[0] for r, e in own if not (r.tokens == 512 and e == known[0])]
    return rest


def sound(rows: Sequence[Row]) -> list[Row]:
    """Return the rows to fit on: without prompts that F16 reads at under half Q4_K_M's speed.

    On the A100 SXM and the L40S some do, where F16 is the faster on all other GPUs; something was
    wrong there. They are left out of fits, never out of what is tested.
    """
    quantised = {
        (r.gpu.name, r.gpus, r.model.name, r.tokens): r.speed
        for r in rows
        if r.phase == "prefill" and r.quantisation == "Q4_K_M"
    }
    return [
        r
        for r in rows
        if (r.phase, r.quantisation) != ("prefill", "F16")
        or r.speed > 0.5 * quantised.get((r.gpu.name, r.gpus, r.model.name, r.tokens), 0.0)
    ]


def phase_table(
    rows: Sequence[Row],
    shrink: float,
    key: Callable[[Row], str],
    unseen: Sequence[float],
    machine: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Return what coefficients.json says of one phase of one engine version.

    `key` is what is left out to make the intervals. `unseen` are log errors of groups that were
    left out whole, `machine` those after one measurement (None: from these rows).
    """
    pooled, groups = fit_phase(rows, shrink)
    errors = left_out(rows, shrink, key)
    several = key is gpu_name
    # Where one GPU type alone was measured, nothing says how much others of its kind differ.
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
    decode = [row for row in rows if row.phase == "decode"]
    prefill = [row for row in rows if row.phase == "prefill"]
    unseen = {
        "decode": [e for _, e in left_out(decode, 0, lambda r: r.group, known_group=False)],
        "prefill": [e for _, e in left_out(prefill, 0, lambda r: r.group, known_group=False)],
    }
    after = {
        phase: after_one_measurement(left_out(some, shrink, gpu_name))
        for phase, some, shrink in (
            ("decode", decode, DECODE_SHRINK),
            ("prefill", prefill, PREFILL_SHRINK),
        )
    }
    strix = {
        phase: phase_table(
            [row for row in read_strix() if row.phase == phase],
            shrink,
            model_name,
            unseen[phase],
            after[phase],
        )
        for phase, shrink in (("decode", DECODE_SHRINK), ("prefill", PREFILL_SHRINK))
    }
    return [
        {
            "version": "2026-08-rocm",
            "about": "flash attention, ROCm 7.2.3; one GPU type, unseen models left out",
            "sources": ["kyuz0/amd-strix-halo-toolboxes docs/results.json at d1a34be, fitted"],
            **strix,
        },
        {
            "version": "4c7e989-cuda",
            "about": "flash attention; one GPU type, unseen models left out",
            "sources": ["ggml-org/llama.cpp benches/dgx-spark.md at 4c7e989 (MIT), fitted"],
            "decode": phase_table(
                read_spark(), DECODE_SHRINK, model_name, unseen["decode"], after["decode"]
            ),
        },
        {
            "version": "2026-07-community",
            "about": "crowd-sourced; one GPU type per architecture, unseen models left out",
            "sources": ["AlexsJones/llmfit llmfit-core/data/community (MIT), fitted"],
            "decode": phase_table(
                read_community(), DECODE_SHRINK, model_name, unseen["decode"], after["decode"]
            ),
        },
        {
            "version": "2024-05",
            "about": "without flash attention; whole GPU types left out",
            "sources": ["XiongjieDai/GPU-Benchmarks-on-LLM-Inference README.md at aa72e0e, fitted"],
            "decode": phase_table(decode, DECODE_SHRINK, gpu_name, unseen["decode"]),
            "prefill": phase_table(prefill, PREFILL_SHRINK, gpu_name, unseen["prefill"]),
        },
    ]


@dataclass(frozen=True, slots=True)
class Power:
    """Wall watts while a desktop writes, measured."""

    gpu: str
    tdp: float
    watts: float


def read_power() -> list[Power]:
    """Geerling's rows of one desktop (Core Ultra 265K) with one discrete GPU after another."""
    rows = []
    for line in _read("geerling_tg_watts.csv"):
        name = re.fullmatch(r"Intel 265K Custom PC \((.+)\)", line["system"])
        if name is None or not line["watts"]:
            continue
        gpu = find_gpu(name[1].replace("RTX 3060", "RTX 3060 12 GB"))
        if gpu.tdp_w is not None:
            rows.append(Power(gpu.name, gpu.tdp_w, float(line["watts"])))
    return rows


def fit_power(rows: Sequence[Power]) -> tuple[float, float]:
    """Return host watts and watts per watt of TDP, least relative absolute deviations."""
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
        errors += [
            float(np.log((host + per_tdp * row.tdp) / row.watts)) for row in rows if row.gpu == name
        ]
    return errors


def power_table() -> dict[str, Any]:
    """Return what coefficients.json says of watts."""
    rows = read_power()
    host, per_tdp = fit_power(rows)
    return {
        "host_w": round(host, 1),
        "per_tdp": round(per_tdp, 3),
        "interval": interval(power_left_out(rows)),
        "basis": f"{len(rows)} rows of one desktop with {len({r.gpu for r in rows})} GPU types",
        "sources": ["geerlingguy/ai-benchmarks README.md at bdf9441 (MIT), fitted"],
    }


def main() -> None:
    """Write the coefficients."""
    table: Mapping[str, Any] = {
        "about": "written by `python -m runs.rig_fit`; factors are on seconds, intervals hold 80 %",
        "families": FAMILIES,
        "engines": {"llama.cpp": engine_tables()},
        "power": power_table(),
    }
    path = ROOT / "src" / "shiomi" / "rig" / "data" / "coefficients.json"
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
