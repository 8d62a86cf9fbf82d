"""Compare estimates with speeds that other people measured; write estimate/data/people.json.

    python -m benchmarks.rig.people            prints; with --write, keeps

The coefficients are fitted on a few tables. Each table is from one person and one version of
llama.cpp. The rows here are from other people, with engines of 2026 and other models, drivers and
backends. They are from localmaxxing.com, as AlexsJones/llmfit stores it, and from speeds published
between December 2025 and September 2026 (measured_2026.csv). None of these rows was used for the
coefficients.

The rows are used to compute three results for each kind of model and age of the coefficients: the
usual ratio of measured to estimated speed, a factor per GPU type, and the bounds. To find the
bounds for GPU types that nobody measured, all rows of one GPU type are left out, one type after the
other.

A configuration is a GPU, a model and a format. If a configuration was measured several times, the
median is used. Rows with a context above 32,768 tokens that the prompt does not fill are left out,
because the context may have been full when they were measured. Three kinds of rows of localmaxxing
are left out as misconfigured or partly in RAM: speeds below 0.5 or above 1.7 times the estimate,
models below 1 B parameters, and models that need more than 85 % of the GPU's memory.

For the speed of writing, the changes of newer engines are fitted first (`estimate/newer.py`). The
GPU type that is left out is not used in this fit either.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.rig.fit import asked
from tools.rig.rows import ROOT, read_table

from shiomi.rig.errors import RigError
from shiomi.rig.estimate.coefficients import choose
from shiomi.rig.estimate.memory import fits, memory
from shiomi.rig.estimate.newer import COVERED, Changes, added_seconds
from shiomi.rig.estimate.people import KINDS, age_of, kind_of
from shiomi.rig.estimate.setting import Setting
from shiomi.rig.estimate.speed import DECODE_TERMS, decode_terms, prefill_speed
from shiomi.rig.machine.gpus import find_gpu
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.model.known_models import KnownModel, find_model, known_models
from shiomi.rig.model.model import LayerKind, Model
from shiomi.rig.model.quantisation import find_quantisation

OUT = ROOT / "src" / "shiomi" / "rig" / "estimate" / "data" / "people.json"
SIZES = {  # memory sizes for rows that do not state a size; no speed depends on them
    "Radeon 8060S": "Radeon 8060S 128 GB",
    "M1 Ultra 48-core": "M1 Ultra 48-core 64 GB",
    "M4 10-core": "M4 10-core 16 GB",
    "M1 Max 32-core": "M1 Max 32-core 64 GB",
}
ENGINES = ("llama.cpp", "ollama", "lmstudio")
MEMORY = {"RTX 3060": " 12 GB", "RTX 3080": " 10 GB", "RTX 4060 Ti": ""}  # as the preset says
BATCHES = ("", "1", "256", "512", "1024", "2048", "4096")  # users, or llama.cpp's -b
MOST_CONTEXT = 32_768
FULL = 0.85  # share of the GPU's memory; a model that needs more is left out
TAIL = 8  # per cent of configurations beyond each bound
LEAST_PROMPT = 256  # tokens; the time for a shorter prompt is mostly overhead


NAMES = ("old_layers", "old_unpacking", "experts", "linear", "discrete_amd")
START = np.array([0.7, 0.8, 30.0, 15.0, 1.0])  # the fit is shrunk towards these values
SPREAD = np.array([0.3, 0.3, 40.0, 20.0, 2.0])
PRIOR = 0.2


@dataclass(frozen=True)
class Case:
    """One configuration: what was measured, and the terms of its estimate in seconds."""

    gpu: str
    model: str
    kind: str
    age: str
    share: float  # measured / estimated tokens per second
    terms: tuple[float, ...] = ()  # for writing: seconds for reading, for layers, for unpacking
    measured: float = 0.0  # seconds
    layers: tuple[int, int] = (0, 0)  # the number of layers with experts, and with states
    vendor: str = ""
    quantisation: str = ""
    covered: bool = False  # whether the fitted rows included models with such layers


def seconds(case: Case, changes: Changes) -> float:
    """Return the estimated seconds of a step, including the changes of newer engines."""
    _, layers, unpacking = case.terms
    old = case.age == "2024"
    return sum(case.terms) + added_seconds(
        changes,
        case.vendor,
        old=old,
        covered=case.covered,
        layers=(layers, *case.layers),
        unpacking=unpacking,
    )


def changes_of(found: Sequence[Case]) -> Changes:
    """Fit the changes of newer engines. The weight of a GPU type is the square root of its rows."""
    from scipy.optimize import minimize

    weights = {gpu: sum(x.gpu == gpu for x in found) ** -0.5 for gpu in {x.gpu for x in found}}

    def loss(values: np.ndarray) -> float:
        if min(values) < 0:
            return 1e9
        changes = dict(zip(NAMES, values, strict=True))
        errors = (math.log(seconds(x, changes) / x.measured) for x in found)
        off = sum(weights[x.gpu] * math.hypot(e, 0.01) for x, e in zip(found, errors, strict=True))
        return float(off + PRIOR * (((values - START) / SPREAD) ** 2).sum())

    best = minimize(loss, START, method="Nelder-Mead", options={"xatol": 0.05, "fatol": 1e-3})
    return dict(zip(NAMES, (round(float(x), 3) for x in best.x), strict=True))


def rows() -> Iterator[tuple[dict[str, str], Gpu, KnownModel, str]]:
    """Yield the rows that can be compared with estimates."""
    models = known_models()
    for row in read_table("localmaxxing_rows.csv"):
        if row["engine"] not in ENGINES or "True" in (row["spec"], row["mtp"]):
            continue
        if row["gpu_count"] != "1" or row["batch"] not in BATCHES or _deep(row):
            continue
        try:
            quantisation = find_quantisation(
                row["quant"].removeprefix("UD-").replace("_XL", "_M")
            ).name
            gpu = find_gpu(_gpu(row["gpu"]))
            known = _model(row["model"], models)
        except RigError:
            continue
        context = max(1, int(float(row["context"] or 2048)))
        needed = memory(known.model, Setting(quantisation=quantisation, context=context))
        if fits(needed.total, [gpu]).fits:
            yield row, gpu, known, quantisation


def _deep(row: dict[str, str]) -> bool:
    """Return whether the context may have been full; the row does not state it."""
    return float(row["context"] or 0) > MOST_CONTEXT and float(row["prompt_tokens"] or 0) < 0.5 * (
        float(row["context"])
    )


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
    """Return all configurations of a phase ("decode" or "prefill") by the rules at the top."""
    groups: dict[tuple[str, str, str], list[tuple[float, Row]]] = defaultdict(list)
    for row in _measured(phase):
        gpu, known, quantisation, setting, measured, careful = row
        machine = Machine("theirs", (gpu,))
        if phase == "decode":
            estimate = 1 / sum(_terms(known.model, gpu, setting))
        else:
            try:
                estimate = prefill_speed(known.model, machine, setting).value
            except RigError:
                continue
        share = measured / estimate
        usual = 0.5 <= share <= 1.7 and known.model.parameters >= 1e9
        if careful or (usual and _whole(known, gpu, setting)):
            groups[gpu.name, known.name, quantisation].append((share, row))
    return [_case(gpu, name, phase, found) for (gpu, name, _), found in sorted(groups.items())]


def _whole(known: KnownModel, gpu: Gpu, setting: Setting) -> bool:
    """Return whether the GPU has spare room for the model, so that no layer was in RAM."""
    needed = memory(known.model, replace(setting, context=max(1, setting.context)))
    return needed.total.value <= FULL * gpu.memory_gib


def _terms(model: Model, gpu: Gpu, setting: Setting) -> tuple[float, float, float]:
    """Return the seconds for reading, layers and unpacking by the coefficients."""
    chosen = choose("llama.cpp", "decode", gpu)
    terms = dict(zip(DECODE_TERMS, decode_terms(model, gpu, setting), strict=True))
    worth = {x: chosen.factor * chosen.terms[x] * terms[x] for x in DECODE_TERMS}
    reading = worth["weights"] + worth["cache"] + worth["ungrouped"] + worth["latent"]
    return reading, worth["layers"], worth["unpacking"]


def _case(name: str, model: str, phase: str, found: Sequence[tuple[float, Row]]) -> Case:
    share = statistics.median(x for x, _ in found)
    gpu, known, _, setting, _, _ = min(found, key=lambda x: abs(x[0] - share))[1]
    shape, chosen = known.model, choose("llama.cpp", phase, gpu)
    case = Case(name, model, kind_of(shape), age_of(gpu, phase), share)
    if phase == "prefill":
        return case
    terms = _terms(shape, gpu, setting)
    layers = (
        sum(bool(x.experts) for x in shape.layers),
        sum(x.kind is LayerKind.LINEAR for x in shape.layers),
    )
    return replace(
        case,
        terms=terms,
        measured=sum(terms) / share,
        layers=layers,
        vendor=str(gpu.vendor),
        quantisation=str(setting.quantisation),
        covered=chosen.version in COVERED,
    )


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
    for row in read_table("measured_2026.csv"):
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
    """Return the usual ratio of measured to estimated speed for a kind of model. For prompts, the
    ratio is for an age of the coefficients. The ratio of a group with few rows is shrunk towards 1.
    """
    if found[0].terms:
        shares = [x.share for x in found if x.kind == kind]
        return math.exp(sum(map(math.log, shares)) / (len(shares) + 3))
    shares = [x.share for x in found if (x.kind, x.age) == (kind, age)]
    shares = shares or [x.share for x in found if x.kind == kind]
    return math.exp(sum(map(math.log, shares)) / (len(shares) + 1))


def factor(found: Sequence[Case], gpu: str) -> float:
    """Return the factor of a GPU type after the usual ratios are applied, shrunk towards 1."""
    left = [math.log(x.share / centre(found, x.kind, x.age)) for x in found if x.gpu == gpu]
    return math.exp(sum(left) / (len(left) + 2))


def bounds(shares: Sequence[float]) -> tuple[float, float]:
    """Return the lower and the upper bound as factors on the corrected estimate.

    TAIL per cent of the rows lie beyond each bound.
    """
    cuts = statistics.quantiles(sorted(shares), n=100, method="inclusive")
    return min(cuts[TAIL - 1], 1.0), max(cuts[-TAIL], 1.0)


def changed(found: Sequence[Case], changes: Changes) -> list[Case]:
    """Return the cases with new estimates, which include what newer engines changed."""
    return [replace(x, share=seconds(x, changes) / x.measured) if x.terms else x for x in found]


def residuals(found: Sequence[Case], *, unseen: bool) -> list[tuple[Case, float]]:
    """Return each case with its ratio of measured to corrected speed.

    The corrections are fitted without the row itself or, if `unseen`, without its whole GPU type.
    """
    left = []
    fits: dict[str, Changes] = {}
    everything = changes_of(found) if found[0].terms else {}
    for case in found:
        changes = everything
        if unseen and case.terms:
            others = [x for x in found if x.gpu != case.gpu]
            changes = fits.setdefault(case.gpu, {}) or changes_of(others)
            fits[case.gpu] = changes
        rest = changed(
            [x for x in found if (x.gpu != case.gpu if unseen else x is not case)], changes
        )
        value = centre(rest, case.kind, case.age)
        if not unseen:
            value *= factor(rest, case.gpu)
        left.append((case, changed([case], changes)[0].share / value))
    return left


# The GPU type, and the logarithms of two shares: of the measured model, and of another model.
Pair = tuple[str, float, float]


def beside(llmfit: str) -> None:
    """Print the errors of llmfit and ours (GPU type left out) on the same configurations."""
    known = {x.name: x for x in known_models()}
    found = cases("decode")
    both = []
    for case, left in residuals(found, unseen=True):
        model = known[case.model]
        for name in (*model.aliases, model.name):
            if theirs := asked(llmfit, find_gpu(case.gpu), name, case.quantisation, 2048):
                both.append((case.age, abs(1 / left - 1), abs(theirs * case.measured - 1)))
                break
    print(f"  next to llmfit, {len(both)} of {len(found)} configurations that it knows")
    for name, column in (("shiomi.rig, GPU type unseen", 1), ("llmfit itself", 2)):
        middle, ninth = np.quantile([x[column] for x in both], (0.5, 0.9))
        print(f"    {name:30s}{middle:7.1%} median{ninth:7.1%} p90")


def after_measuring(found: Sequence[Case]) -> dict[str, object]:
    """Return how much of the factor of one measurement applies to other models on the same GPU, and
    the bounds after this measurement.

    For each GPU type, the weight and the bounds were fitted to pairs of other GPU types.
    """
    kept: dict[str, object] = {}
    for same in (True, False):
        pairs: list[Pair] = []
        for first in found:
            others = [x for x in found if x.gpu != first.gpu]
            for second in found:
                alike = (first.kind == second.kind) is same
                if second.gpu == first.gpu and second.model != first.model and alike:
                    a, b = (
                        math.log(x.share / centre(others, x.kind, x.age)) for x in (first, second)
                    )
                    pairs.append((first.gpu, a, b))
        left, inside = [], 0
        for gpu in {x[0] for x in pairs}:
            weight, low, high = _shared([x for x in pairs if x[0] != gpu])
            for _, a, b in (x for x in pairs if x[0] == gpu):
                left.append(math.exp(b - weight * a))
                inside += low <= left[-1] <= high
        error = statistics.median(abs(1 / x - 1) for x in left)
        before = statistics.median(abs(math.exp(-b) - 1) for _, _, b in pairs)
        weight, low, high = _shared(pairs)
        name = "same" if same else "other"
        print(
            f"  after one measurement, {name} kind: {len(pairs)} pairs, error {before:.1%} ->"
            f" {error:.1%}, bounds {low:.2f} to {high:.2f}, within {inside / len(left):.0%}"
        )
        kept[name] = {"weight": round(weight, 2), "low": round(low, 3), "high": round(high, 3)}
    return kept


def _shared(pairs: Sequence[Pair]) -> tuple[float, float, float]:
    """Return the weight, and the bounds of the remaining errors."""
    weight = sum(a * b for _, a, b in pairs) / (sum(a * a for _, a, _ in pairs) or 1.0)
    weight = min(1.0, max(0.0, weight))
    return weight, *bounds([math.exp(b - weight * a) for _, a, b in pairs])


def table(phase: str) -> dict[str, object]:
    """Return everything that the table stores for a phase."""
    found = raw = cases(phase)
    gpus = sorted({x.gpu for x in found})
    kept: dict[str, object] = {"rows": len(found), "gpu_types": len(gpus)}
    if phase == "decode":
        changes = changes_of(raw)
        kept["changes"] = changes
        print(f"  changes of engines: {changes}")
        found = changed(raw, changes)
    print(f"\n{phase}: {len(found)} configurations on {len(gpus)} GPU types")
    kept["centres"] = {
        age: {kind: round(centre(found, kind, age), 3) for kind in KINDS}
        for age in ("2024", "2026")
    }
    for name, unseen in (("unseen", True), ("measured", False)):
        left = residuals(raw, unseen=unseen)
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
    """Print both phases. With --write, save the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rows", action="store_true", help="print each configuration")
    parser.add_argument("--llmfit", help="the llmfit program, to be asked the same")
    options = parser.parse_args()
    kept = {
        "source": "localmaxxing.com by llmfit benchmark_cache.json at 3f44fd3, and speeds published"
        " from 2025-12 to 2026-09 (geerlingguy/ai-benchmarks, llama.cpp, normiebench, sudoingX)",
        "decode": table("decode"),
        "prefill": table("prefill"),
    }
    if options.llmfit:
        beside(options.llmfit)
    if options.rows:
        for case in cases("decode"):
            print(f"{case.gpu:28s}{case.model:38s}{case.kind:9s}{case.age} {case.share:6.2f}")
    if options.write:
        OUT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
