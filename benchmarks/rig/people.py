"""Compare estimates with rows of other people; write estimate/data/people.json.

    python -m benchmarks.rig.people            prints; with --write, keeps

The coefficients are fitted on tables of one person and one version of llama.cpp each. The rows here
are of other people, engines of 2026, other models, drivers and backends: localmaxxing.com, as
AlexsJones/llmfit keeps it, and speeds published from December 2025 to September 2026
(measured_2026.csv). None had a part in the coefficients. From them come, per kind of model and age
of the coefficients: the usual ratio of measured to estimated, a factor per GPU type, the bounds.
A whole GPU type is left out for the bounds of GPU types without rows. One configuration is a GPU, a
model and a format; of repeats the median counts. Rows of localmaxxing below 0.5 or above 1.7 times
the estimate, or of models below 1 B, are taken as misconfigured and left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.people import KINDS, age_of, kind_of
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed, prefill_speed
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.known_models import KnownModel, find_model, known_models
from shiomi.rig.model.quantisation import find_quantisation

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "rig"
OUT = ROOT / "src" / "shiomi" / "rig" / "estimate" / "data" / "people.json"
SIZES = {  # the memory that a row does not give, and no speed depends on
    "Radeon 8060S": "Radeon 8060S 128 GB",
    "M1 Ultra 48-core": "M1 Ultra 48-core 64 GB",
    "M4 10-core": "M4 10-core 16 GB",
    "M1 Max 32-core": "M1 Max 32-core 64 GB",
}
ENGINES = ("llama.cpp", "ollama", "lmstudio")
MEMORY = {"RTX 3060": " 12 GB", "RTX 3080": " 10 GB", "RTX 4060 Ti": ""}  # as the preset says
TAIL = 10  # per cent of the configurations beyond each bound
LEAST_PROMPT = 256  # tokens; a shorter one is timed with its overheads


@dataclass(frozen=True)
class Case:
    """One configuration, and how much faster it was measured than estimated."""

    gpu: str
    model: str
    kind: str
    age: str
    share: float


def rows() -> Iterator[tuple[dict[str, str], Gpu, KnownModel, str]]:
    """Rows that can be compared."""
    models = known_models()
    with (DATA / "localmaxxing_rows.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["engine"] not in ENGINES or "True" in (row["spec"], row["mtp"]):
                continue
            if row["gpu_count"] != "1" or row["batch"] not in ("", "1"):
                continue
            try:
                quantisation = find_quantisation(
                    row["quant"].removeprefix("UD-").replace("_XL", "_M")
                ).name
                gpu = find_gpu(_gpu(row["gpu"]))
                known = _model(row["model"], models)
            except RigError:
                continue
            context = int(float(row["context"] or 2048))
            needed = memory(
                known.model, Setting(quantisation=quantisation, context=max(1, context))
            )
            if fits(needed.total, [gpu]).fits:
                yield row, gpu, known, quantisation


def _gpu(name: str) -> str:
    name = re.sub(r"^Apple (M\d) (?=M\d)", "", name)
    return name + MEMORY.get(name, "")


def _model(name: str, models: list[KnownModel]) -> KnownModel:
    bare = re.sub(r"[-_.]gguf$", "", name.rpartition("/")[2], flags=re.IGNORECASE)
    bare = re.sub(r"[-.](UD-)?(I?Q\d.*|MXFP4.*|B?F16)$", "", bare)
    try:
        return find_model(bare, models)
    except RigError:
        for ending in ("-Instruct", "-it"):
            exact = [x for x in models if x.name.casefold() == f"{bare}{ending}".casefold()]
            if exact:
                return exact[0]
        raise


def cases(phase: str) -> list[Case]:
    """All configurations of a phase, "decode" or "prefill"."""
    groups: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for gpu, known, quantisation, setting, measured, careful in _measured(phase):
        machine = Machine("theirs", (gpu,))
        try:
            estimate = (decode_speed if phase == "decode" else prefill_speed)(
                known.model, machine, setting
            )
        except RigError:
            continue
        share = measured / estimate.value
        if careful or (0.5 <= share <= 1.7 and known.model.parameters >= 1e9):
            groups[gpu.name, known.name, quantisation].append(share)
    models = {known.name: known.model for known in known_models()}
    return [
        Case(gpu, name, kind_of(models[name]), age_of(find_gpu(gpu), phase), statistics.median(x))
        for (gpu, name, _), x in sorted(groups.items())
    ]


Row = tuple[Gpu, KnownModel, str, Setting, float, bool]


def _measured(phase: str) -> Iterator[Row]:
    for row, gpu, known, quantisation in rows():
        prompt = int(float(row["prompt_tokens"] or 0))
        written = int(float(row["output_tokens"] or 0))
        text = row["decode_tps" if phase == "decode" else "prefill_tps"]
        if not text or float(text) <= 0 or (phase == "prefill" and prompt < LEAST_PROMPT):
            continue
        setting = Setting(quantisation=quantisation, context=prompt + written // 2)
        if phase == "prefill":
            setting = Setting(quantisation=quantisation, prompt=prompt)
        yield gpu, known, quantisation, setting, float(text), False
    models = known_models()
    with (DATA / "measured_2026.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["phase"] != phase or row["gpus"] != "1":
                continue
            tokens, depth = int(row["tokens"]), int(row["depth"])
            setting = Setting(
                quantisation=row["quantisation"],
                context=depth + tokens // 2 if phase == "decode" else 8192,
                prompt=tokens,
                micro_batch=2048 if "dgx-spark.md" in row["source"] else 512,
            )
            gpu = find_gpu(SIZES.get(row["gpu"], row["gpu"]))
            known = find_model(row["model"], models)
            speed = float(row["tokens_per_second"])
            yield gpu, known, row["quantisation"], setting, speed, True


def centre(found: Sequence[Case], kind: str, age: str) -> float:
    """The usual share of a kind and age; fewer rows are drawn towards one."""
    shares = [x.share for x in found if (x.kind, x.age) == (kind, age)]
    shares = shares or [x.share for x in found if x.kind == kind]
    return math.exp(sum(map(math.log, shares)) / (len(shares) + 1))


def factor(found: Sequence[Case], gpu: str) -> float:
    """Return the residual factor of a GPU type after the centres, shrunk towards 1."""
    left = [math.log(x.share / centre(found, x.kind, x.age)) for x in found if x.gpu == gpu]
    return math.exp(sum(left) / (len(left) + 2))


def bounds(shares: Sequence[float]) -> tuple[float, float]:
    """Shares of the corrected estimate with TAIL beyond each."""
    cuts = statistics.quantiles(sorted(shares), n=100, method="inclusive")
    return min(cuts[TAIL - 1], 1.0), max(cuts[-TAIL], 1.0)


def residuals(found: Sequence[Case], *, unseen: bool) -> list[tuple[Case, float]]:
    """Measured over corrected, with the row or the whole GPU type left out."""
    left = []
    for case in found:
        others = [x for x in found if (x.gpu != case.gpu if unseen else x is not case)]
        value = centre(others, case.kind, case.age)
        if not unseen:
            value *= factor(others, case.gpu)
        left.append((case, case.share / value))
    return left


def after_measuring(found: Sequence[Case]) -> dict[str, object]:
    """How much of one measurement's factor other models of the same GPU share, and the bounds."""
    kept: dict[str, object] = {}
    for same in (True, False):
        pairs = []
        for first in found:
            others = [x for x in found if x.gpu != first.gpu]
            for second in found:
                alike = (first.kind == second.kind) is same
                if second.gpu == first.gpu and second.model != first.model and alike:
                    a, b = (
                        math.log(x.share / centre(others, x.kind, x.age)) for x in (first, second)
                    )
                    pairs.append((a, b))
        weight = sum(a * b for a, b in pairs) / (sum(a * a for a, _ in pairs) or 1.0)
        weight = min(1.0, max(0.0, weight))
        left = [math.exp(b - weight * a) for a, b in pairs]
        low, high = bounds(left)
        error = statistics.median(abs(1 / x - 1) for x in left)
        before = statistics.median(abs(math.exp(-b) - 1) for _, b in pairs)
        inside = sum(low <= x <= high for x in left) / len(left)
        name = "same" if same else "other"
        print(
            f"  after one measurement, {name} kind: {len(pairs)} pairs, error {before:.1%} ->"
            f" {error:.1%}, bounds {low:.2f} to {high:.2f}, within {inside:.0%}"
        )
        kept[name] = {"weight": round(weight, 2), "low": round(low, 3), "high": round(high, 3)}
    return kept


def table(phase: str) -> dict[str, object]:
    """Everything that is kept of a phase."""
    found = cases(phase)
    gpus = sorted({x.gpu for x in found})
    print(f"\n{phase}: {len(found)} configurations on {len(gpus)} GPU types")
    kept: dict[str, object] = {"rows": len(found), "gpu_types": len(gpus)}
    kept["centres"] = {
        age: {kind: round(centre(found, kind, age), 3) for kind in KINDS}
        for age in ("2024", "2026")
    }
    for name, unseen in (("unseen", True), ("measured", False)):
        left = residuals(found, unseen=unseen)
        pooled = phase == "prefill"  # it has too few rows of each kind
        limits = {kind: bounds([x for c, x in left if pooled or c.kind == kind]) for kind in KINDS}
        errors = sorted(abs(1 / x - 1) for _, x in left)
        inside = sum(limits[c.kind][0] <= x <= limits[c.kind][1] for c, x in left) / len(left)
        below = sum(x < limits[c.kind][0] for c, x in left)
        above = sum(x > limits[c.kind][1] for c, x in left)
        print(
            f"  GPU type {name}: error median {statistics.median(errors):.1%}, p90"
            f" {errors[len(errors) * 9 // 10]:.0%}; within {inside:.0%},"
            f" {below} below and {above} above"
        )
        for kind in KINDS:
            low, high = limits[kind]
            print(f"    {kind:8s} {low:.2f} to {high:.2f}, high/low {high / low:.2f}")
        kept[name] = {kind: [round(x, 3) for x in limits[kind]] for kind in KINDS}
    kept["gpus"] = {gpu: round(factor(found, gpu), 3) for gpu in gpus}
    kept["after"] = after_measuring(found)
    return kept


def main() -> None:
    """Print both phases; with --write keep the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rows", action="store_true", help="print each configuration")
    asked = parser.parse_args()
    kept = {
        "source": "localmaxxing.com by llmfit benchmark_cache.json at 3f44fd3, and speeds published"
        " from 2025-12 to 2026-09 (geerlingguy/ai-benchmarks, llama.cpp, normiebench, sudoingX)",
        "decode": table("decode"),
        "prefill": table("prefill"),
    }
    if asked.rows:
        for case in cases("decode"):
            print(f"{case.gpu:28s}{case.model:38s}{case.kind:9s}{case.age} {case.share:6.2f}")
    if asked.write:
        OUT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
