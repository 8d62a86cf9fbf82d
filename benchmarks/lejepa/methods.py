"""LeJEPA, VICReg and SimCLR on CIFAR-10 at 8 pixels: five seeds, all methods tuned the same way.

    nice -n 15 python -m benchmarks.lejepa.methods              52 trainings, 15 CPU minutes
    python -m benchmarks.lejepa.methods --report

For each method, a learning rate and one more setting are chosen by kNN accuracy. That setting is
LeJEPA's lambda, VICReg's weight of invariance and variance, or SimCLR's temperature. The choice is
made from nine trainings of 1,200 steps of 128 images, with a seed that is used only for them. Then
each method is trained with five other seeds for the same number of steps. `small.py` has the
encoder and the views. The projectors are as wide as in the papers, scaled down to this encoder.
"whitened" is LeJEPA with the same settings and a frozen first layer that whitens the pixels.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from itertools import product
from pathlib import Path

from benchmarks.lejepa.small import Small, trained
from benchmarks.lejepa.study import results, study

RAW = Path(__file__).parent / "methods.jsonl"
SEEDS, TUNING_SEED, STEPS = range(5), 100, 1_200
RATES = (1e-3, 2e-3, 5e-3)
T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # 97.5 % quantile of Student's t, by seeds
UNTRAINED = Small(steps=0, batch_size=128)
METHODS = {
    "lejepa": (Small(out=32), (0.05, 0.1, 0.2)),
    "vicreg": (Small(variant="vicreg", out=256), (5.0, 10.0, 25.0)),
    "simclr": (Small(variant="simclr", out=128), (0.1, 0.2, 0.5)),
}


def tuning(name: str) -> list[Small]:
    method, weights = METHODS[name]
    return [
        replace(method, seed=TUNING_SEED, steps=STEPS, batch_size=128, lr=lr, lam=weight)
        for lr, weight in product(RATES, weights)
    ]


def chosen() -> dict[str, Small]:
    """Return, for each method whose tuning is complete, the settings with the best kNN accuracy."""
    done, found = results(RAW, Small), {}
    for name in METHODS:
        tried = tuning(name)
        if all(one in done for one in tried):
            best = max(tried, key=lambda one: float(done[one]["knn"]))
            found[name] = replace(best, steps=STEPS)
    if "lejepa" in found:
        found["whitened"] = replace(found["lejepa"], whitened=True)
    return {"untrained": UNTRAINED, **found}


def settings() -> list[Small]:
    trials = [one for name in METHODS for one in tuning(name)]
    methods = chosen()
    order = [methods[name] for name in (*METHODS, "whitened", "untrained") if name in methods]
    runs = [replace(method, seed=seed) for seed, method in product(SEEDS, order[:3])]
    return trials + runs + [replace(m, seed=seed) for m, seed in product(order[3:], SEEDS)]


def report() -> None:
    """Print accuracies, and LeJEPA's lead at equal seeds with a 95 % interval."""
    rows = results(RAW, Small)
    print("method        lr  weight  seeds   kNN  probe  CPU s   LeJEPA ahead: kNN, probe")
    methods = chosen()
    for name, method in methods.items():
        pairs = [
            (rows[one], rows[other])
            for seed in SEEDS
            if (one := replace(methods.get("lejepa", method), seed=seed)) in rows
            and (other := replace(method, seed=seed)) in rows
        ]
        if len(pairs) < 2:
            continue
        knn, probe, spent = (
            statistics.fmean(other[score] for _, other in pairs)
            for score in ("knn", "probe", "cpu_seconds")
        )
        ahead = [[100 * (a[s] - b[s]) for a, b in pairs] for s in ("knn", "probe")]
        print(
            f"{name:10s} {method.lr:5g} {method.lam:7g} {len(pairs):6d} {100 * knn:5.1f}"
            f" {100 * probe:6.1f} {spent:6.1f}   "
            + ("" if name == "lejepa" else "  ".join(map(interval, ahead)))
        )


def interval(values: list[float]) -> str:
    mean = statistics.fmean(values)
    half = T_975[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:+.1f} [{mean - half:+.1f}, {mean + half:+.1f}]"


if __name__ == "__main__":
    study(__doc__, RAW, settings, trained, report)
