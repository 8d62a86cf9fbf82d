"""Print the errors of the fitted coefficients on rows that were left out of the fit.

    python -m benchmarks.rig.speed

Every figure is for rows whose GPU type was not used in the fit. If only one GPU was measured, the
figure is for rows whose model was not used in the fit. `benchmarks.rig.people` tests the
coefficients on rows of other people, and llmfit on the same rows.
The tables must be under $SHIOMI_DATA/rig.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from tools.rig.power import power_left_out, read_power
from tools.rig.regression import (
    DECODE_SHRINK,
    PREFILL_SHRINK,
    fit,
    gpu_name,
    interval,
    left_out,
    model_name,
    normalised,
    predict,
)
from tools.rig.rows import Row, read_depths, read_llama3, read_spark, read_strix

from shiomi.rig.estimate.traffic import cache_reads
from shiomi.rig.model.model import Layer, LayerKind


def line(name: str, ratios: Iterable[float]) -> None:
    """Print the errors of estimated relative to measured speeds."""
    off = np.abs(np.array(list(ratios)) - 1)
    middle, ninth = np.quantile(off, (0.5, 0.9))
    print(f"  {name:52s}{len(off):5d}{middle:9.1%}{ninth:9.1%}{off.max():9.0%}")


def head(text: str) -> None:
    """Print a table's head."""
    print(f"\n{text}\n  {'':52s}{'rows':>5s}{'median':>9s}{'p90':>9s}{'most':>9s}")


Only = Callable[[Row], bool]


def ours(errors: Sequence[tuple[Row, float]], only: Only = lambda _: True) -> list[float]:
    """Return estimated over measured speeds of the rows that `only` accepts."""
    return [float(np.exp(-e)) for row, e in errors if only(row)]


def single(row: Row) -> bool:
    """Return whether the row is of one GPU."""
    return row.gpus == 1


def decode(rows: list[Row]) -> list[tuple[Row, float]]:
    """Print the errors of writing by one user, and return the error of each row."""
    errors = left_out(rows, DECODE_SHRINK, gpu_name)
    head("Decode, Llama 3 on 15 GPU types, each left out")
    line("shiomi.rig, architecture", ours(errors))
    line("bandwidth / bytes", (1 / (r.terms[0] + r.terms[1]) / r.speed for r in rows))
    line("  one GPU: shiomi.rig", ours(errors, single))
    unknown = left_out(rows, DECODE_SHRINK, lambda r: r.group, known_group=False)
    line("shiomi.rig, whole architecture left out", ours(unknown))
    return errors


def prefill(rows: list[Row]) -> list[tuple[Row, float]]:
    """Print the errors of reading a prompt, and return the error of each row."""
    errors = left_out(rows, PREFILL_SHRINK, gpu_name)
    head("Prefill, the same")
    line("shiomi.rig, one GPU", ours(errors, single))
    line(
        "half the peak, one GPU",
        (0.5 / sum(r.terms[:2]) * r.tokens / r.speed for r in rows if single(r)),
    )
    line("shiomi.rig, all", ours(errors))
    return errors


def depth() -> None:
    """Compare estimated and measured decode speeds at depths of 32k to 64k tokens.

    The measured speed at depth 0 is given to the estimate.
    """
    fitted = [row for row in read_strix() if row.phase == "decode"]
    rows = read_depths()
    good, ignored, textbook = [], [], []
    for group in dict.fromkeys((row.group, row.model.name, row.quantisation) for row in rows):
        curve = [row for row in rows if (row.group, row.model.name, row.quantisation) == group]
        kept = [row for row in fitted if row.model.name != group[1]]
        seconds = predict(fit(kept), curve)
        for row, estimate in zip(curve, seconds, strict=True):
            if row.depth >= 32_768:
                good.append(curve[0].seconds * estimate / seconds[0])
                ignored.append(curve[0].seconds)
                widest = max(row.model.layers, key=_values)
                full = replace(widest, kind=LayerKind.FULL, window=None)
                every = replace(row.model, layers=(full,) * len(row.model.layers))
                more = sum(cache_reads(every, row.depth)) / row.gpu.bandwidth_gb_s / 0.85
                textbook.append(curve[0].seconds + more)
    measured = [row.seconds for row in rows if row.depth >= 32_768]
    head("Decode at depth 32k to 64k, Strix Halo, 4 models, each left out, one run at depth 0")
    for name, some in (
        ("shiomi.rig: caches by layer", good),
        ("context ignored", ignored),
        ("full attention in every layer", textbook),
    ):
        line(name, (m / e for m, e in zip(measured, some, strict=True)))
    unseen = ours(left_out(fitted, DECODE_SHRINK, model_name), lambda row: row.depth >= 32_768)
    line("shiomi.rig, no run of the model (llama-bench rows)", unseen)


def _values(layer: Layer) -> int:
    return layer.kv_heads * layer.key_dim


def batched() -> list[tuple[Row, float]]:
    """Print the errors for several users at once, and return the error of each row."""
    rows = read_spark()
    errors = left_out(rows, DECODE_SHRINK, model_name)
    one_run, naive = [], []
    for name in dict.fromkeys(model_name(row) for row in rows):
        own = [(row, e) for row, e in errors if row.model.name == name]
        first = next(e for row, e in own if row.users == 1 and row.depth == 512)
        one_run += [float(np.exp(first - e)) for row, e in own if row.users > 1]
        base = next(row for row, _ in own if row.users == 1 and row.depth == 512)
        for row, _ in own:
            if row.users > 1:
                read = base.terms[0] + len(row.model.layers) * _whole(row) * row.users
                usual = base.terms[0] + len(row.model.layers) * _whole(base)
                naive.append(base.speed * usual / read * row.users / row.speed)
    head("Two and four users, DGX Spark, 5 models, each left out")
    line("shiomi.rig, no run of the model", ours(errors, lambda row: row.users > 1))
    line("shiomi.rig, one run of the model", one_run)
    line("active parameters, full attention, one run", naive)
    return errors


def _whole(row: Row) -> float:
    """Return the seconds for reading a layer's cache, computed as if it had full attention."""
    layer = max(row.model.layers, key=_values)
    values = layer.kv_heads * (layer.key_dim + layer.value_dim) * 2 * row.depth
    return values / 1e9 / row.gpu.bandwidth_gb_s


def coverage_by_group(name: str, errors: Sequence[tuple[Row, float]]) -> None:
    """Print how many rows lie within the interval of their architecture.

    The error of a row is measured in units of the spread of its architecture. The width of the
    interval, in these units, comes from the other GPU types.
    """
    sizes = normalised(errors)
    hits = {}
    for gpu in dict.fromkeys(gpu_name(row) for row, _ in sizes):
        most = np.quantile([z for row, z in sizes if row.gpu.name != gpu], 0.8)
        hits[gpu] = [bool(z <= most) for row, z in sizes if row.gpu.name == gpu]
    covered(name, hits)


def coverage(name: str, errors: Sequence[tuple[Row, float]]) -> None:
    """Print how many rows of each model lie in the 80 % interval of the other models."""
    hits = {}
    for model in dict.fromkeys(model_name(row) for row, _ in errors):
        low, high = interval(e for row, e in errors if model_name(row) != model)
        hits[model] = [low <= np.exp(-e) <= high for row, e in errors if model_name(row) == model]
    covered(name, hits)


def covered(name: str, hits: dict[str, list[bool]]) -> None:
    """Print the share of rows inside their interval: of all rows, and of each group left out."""
    inside = [hit for own in hits.values() for hit in own]
    shares = [float(np.mean(own)) for own in hits.values()]
    print(
        f"  {name:52s}{len(inside):5d}{np.mean(inside):9.1%}"
        f"   by what is left out: {min(shares):.0%} to {max(shares):.0%}"
    )


def main() -> None:
    """Print every table."""
    rows = read_llama3()
    writing = decode([row for row in rows if row.phase == "decode"])
    reading = prefill([row for row in rows if row.phase == "prefill"])
    depth()
    users = batched()
    print("\nShare of unseen rows within the 80 % interval")
    coverage_by_group("decode", writing)
    coverage_by_group("prefill", reading)
    strix = [row for row in read_strix() if row.phase == "decode"]
    coverage("decode, Strix Halo", left_out(strix, DECODE_SHRINK, model_name))
    coverage("decode, DGX Spark, 1 to 4 users", users)
    head("Watts at the wall, one desktop, 7 GPU types, each left out")
    line("host + share of TDP", np.exp(power_left_out(read_power())))


if __name__ == "__main__":
    main()
