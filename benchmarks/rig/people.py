"""Compare estimates with rows of other people; write estimate/data/people.json.

    python -m benchmarks.rig.people            prints; with --write, keeps

The coefficients are fitted on tables that one person measured with one version of llama.cpp each.
The rows here are of other people, engines of 2026, other models, drivers, backends and contexts,
and none of them had a part in any fit (localmaxxing.com, as AlexsJones/llmfit keeps it; test data,
of which only the bounds ship). One configuration is a GPU, a model and a format; of repeats the
median counts. What is left out: several users, speculative decoding, several GPUs, models that the
catalogue does not know, and what does not fit and so must lie in RAM in part.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.people import is_plain
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import decode_speed, prefill_speed
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.known_models import KnownModel, find_model, known_models
from shiomi.rig.model.quantisation import find_quantisation

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "rig"
OUT = ROOT / "src" / "shiomi" / "rig" / "data" / "people.json"
ENGINES = ("llama.cpp", "ollama", "lmstudio")
MEMORY = {"RTX 3060": " 12 GB", "RTX 3080": " 10 GB", "RTX 4060 Ti": ""}  # as the preset says
TAIL = 0.07  # beyond each bound; a tenth if configurations of one GPU were independent
LEAST_PROMPT = 256  # tokens; a shorter one is timed with its overheads


@dataclass(frozen=True)
class Case:
    """One configuration: what was measured, and what is estimated."""

    gpu: str
    model: str
    quantisation: str
    measured: float
    estimated: float
    low: float
    high: float

    @property
    def share(self) -> float:
        """Measured over estimated."""
        return self.measured / self.estimated


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
    groups: dict[tuple[str, str, str], list[tuple[float, float, float, float]]] = defaultdict(list)
    for row, gpu, known, quantisation in rows():
        prompt = int(float(row["prompt_tokens"] or 0))
        written = int(float(row["output_tokens"] or 0))
        text = row["decode_tps" if phase == "decode" else "prefill_tps"]
        if not text or float(text) <= 0 or (phase == "prefill" and prompt < LEAST_PROMPT):
            continue
        machine = Machine("theirs", (gpu,))
        try:
            if phase == "decode":
                depth = prompt + written // 2
                estimate = decode_speed(
                    known.model, machine, Setting(quantisation=quantisation, context=depth)
                )
            else:
                estimate = prefill_speed(
                    known.model, machine, Setting(quantisation=quantisation, prompt=prompt)
                )
        except RigError:
            continue
        groups[gpu.name, known.name, quantisation].append(
            (float(text), estimate.value, estimate.low, estimate.high)
        )
    found = []
    for (gpu_name, model, quantisation), values in sorted(groups.items()):
        measured, estimated, low, high = (statistics.median(x) for x in zip(*values, strict=True))
        found.append(Case(gpu_name, model, quantisation, measured, estimated, low, high))
    return found


def bounds(found: Sequence[Case], tail: float) -> tuple[float, float]:
    """Shares of the estimate with `tail` of the configurations beyond each."""
    shares = sorted(x.share for x in found)
    cuts = statistics.quantiles(shares, n=200, method="inclusive")
    index = max(1, round(tail * 200))
    return min(cuts[index - 1], 1.0), max(cuts[-index], 1.0)


def left_out(found: Sequence[Case], tail: float) -> float:
    """Share of configurations within the bounds of all other GPUs' ones."""
    inside = 0
    for case in found:
        low, high = bounds([x for x in found if x.gpu != case.gpu], tail)
        inside += low <= case.share <= high
    return inside / len(found)


def report(name: str, found: Sequence[Case]) -> dict[str, object]:
    """Print one kind of configurations, and return what is kept of it."""
    low, high = bounds(found, TAIL)
    errors = sorted(abs(1 / x.share - 1) for x in found)
    inside = sum(x.low <= x.measured <= x.high for x in found)
    held = sum(low <= x.share <= high for x in found)
    gpus = len({x.gpu for x in found})
    print(f"\n{name}: {len(found)} configurations on {gpus} GPU types")
    print(
        f"  error: median {statistics.median(errors):.1%}, p90 {errors[len(errors) * 9 // 10]:.0%}"
    )
    print(f"  within the interval of the tables the fit is from: {inside / len(found):.0%}")
    print(f"  bounds: {low:.2f} to {high:.2f} of the estimate; within: {held / len(found):.0%}")
    print(f"  of a GPU type that was left out, within: {left_out(found, TAIL):.0%}")
    return {"low": round(low, 2), "high": round(high, 2), "rows": len(found), "gpus": gpus}


def table() -> dict[str, object]:
    """All that is kept. Reading has too few rows to be divided."""
    models = {known.name: known.model for known in known_models()}
    writing, reading = cases("decode"), cases("prefill")
    plain = [x for x in writing if is_plain(models[x.model])]
    other = [x for x in writing if not is_plain(models[x.model])]
    return {
        "source": "localmaxxing.com by llmfit benchmark_cache.json at 3f44fd3, bounds only",
        "decode": {
            "plain": report("writing, full attention and no experts", plain),
            "other": report("writing, all other models", other),
        },
        "prefill": report("reading", reading),
    }


def main() -> None:
    """Print both phases; with --write keep the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rows", action="store_true", help="print each configuration")
    asked = parser.parse_args()
    kept = table()
    if asked.rows:
        for case in cases("decode"):
            print(
                f"{case.gpu:22s}{case.model:38s}{case.quantisation:9s}"
                f"{case.measured:8.1f} measured {case.estimated:8.1f} estimated {case.share:6.2f}"
            )
    if asked.write:
        OUT.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
