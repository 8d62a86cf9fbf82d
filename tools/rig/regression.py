"""Fit coefficients to rows of speeds, and measure their error on rows left out of the fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from tools.rig.rows import Row

from shiomi.rig.estimate.speed import pipeline_share

DECODE_SHRINK = 0.3  # weight of the pooled coefficients for an architecture
PREFILL_SHRINK = 3.0
# The start of the pooled fit. Every term has a unit for which a coefficient of about 1 is
# plausible.
START = {"decode": (1.2, 1.2, 2.5, 2.5, 1.0, 1.0, 3.0), "prefill": (1.5, 2.0, 2.0, 1.0)}
Vector = np.ndarray[Any, np.dtype[np.float64]]


def predict(x: Vector, rows: Sequence[Row]) -> Vector:
    """Return the seconds of each row; `x` holds logarithms, and for prefill the serial share."""
    return _predictor(rows)(x)


def _predictor(rows: Sequence[Row]) -> Callable[[Vector], Vector]:
    """Return a function of the coefficients' logarithms. The terms are computed only once."""
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

    If a term occurs in no row, its coefficient keeps the value of the prior. `shrink` is the weight
    of the prior. If `shrink` is 1, a change of a coefficient by a factor of e costs as much as an
    error of 5 % (decode) or 10 % (prefill) in one row.
    """
    from scipy.optimize import least_squares  # slow to import

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
    """Return the logarithms of the coefficients, pooled over all groups and for each group."""
    rows = sound(rows)
    pooled = fit(rows)
    groups = dict.fromkeys(row.group for row in rows)
    return pooled, {g: fit([r for r in rows if r.group == g], pooled, shrink) for g in groups}


def left_out(
    rows: Sequence[Row], shrink: float, key: Callable[[Row], str], *, known_group: bool = True
) -> list[tuple[Row, float]]:
    """Return each row with its log error in seconds, fitted without the rows that share its key.

    With `known_group` False, the whole group is left out too, and the pooled coefficients are used.
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
    """Return the ends of the conformal 80 % interval, as two factors on the estimated seconds."""
    ordered = np.sort([-e for e in errors])
    count = len(ordered)
    low = max(0, int(np.floor(0.1 * (count + 1))) - 1)
    high = min(count - 1, int(np.ceil(0.9 * (count + 1))) - 1)
    return [round(float(np.exp(ordered[low])), 4), round(float(np.exp(ordered[high])), 4)]


def spread(errors: Sequence[tuple[Row, float]], group: str) -> float:
    """Return the mean size of a group's log errors, shrunk towards the mean of all groups with the
    weight of one GPU."""
    overall = float(np.mean([abs(e) for _, e in errors]))
    own = [abs(e) for row, e in errors if row.group == group]
    gpus = len({row.gpu.name for row, _ in errors if row.group == group})
    return (gpus * float(np.mean(own)) + overall) / (gpus + 1) if own else overall


def normalised(errors: Sequence[tuple[Row, float]]) -> list[tuple[Row, float]]:
    """Return each row's error in units of its group's spread, computed without its own GPU."""
    units: dict[str, float] = {}
    for row, _ in errors:
        if row.gpu.name not in units:
            others = [(r, e) for r, e in errors if r.gpu.name != row.gpu.name]
            units[row.gpu.name] = spread(others, row.group)
    return [(row, abs(e) / units[row.gpu.name]) for row, e in errors]


def group_interval(errors: Sequence[tuple[Row, float]], group: str) -> list[float]:
    """Return the 80 % interval of a group as factors on the seconds: conformal, normalised.

    In some architectures the GPUs have similar errors (Ada), in others the errors differ (Apple). A
    common interval would be too wide for Ada and too narrow for Apple.
    """
    far = float(np.quantile([z for _, z in normalised(errors)], 0.8)) * spread(errors, group)
    return [round(float(np.exp(-far)), 4), round(float(np.exp(far)), 4)]


def gpu_name(row: Row) -> str:
    """Return the type of the GPU, without the number of GPUs."""
    return row.gpu.name


def model_name(row: Row) -> str:
    """Return the model's name."""
    return row.model.name


def corrections(
    errors: Sequence[tuple[Row, float]],
) -> tuple[dict[str, float], list[tuple[Row, float]]]:
    """Return each GPU's factor on the seconds, and the remaining errors in unseen configurations.

    The factor is shrunk towards 1 with the weight of two configurations.
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
    """Return the errors that remain for each held-out GPU after one measurement of an 8B model in
    Q4_K_M on this GPU."""
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
    """Return the rows to fit on. Rows of prompts in F16 are left out if their speed is less than
    half of the speed in Q4_K_M.

    Such rows exist for the A100 SXM and the L40S. On all other GPUs F16 is faster, so these
    measurements must be faulty. They are left out of the fits, but they stay in the test rows.
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
