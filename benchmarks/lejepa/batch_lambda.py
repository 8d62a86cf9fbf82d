"""Train with batches of 64, 256 and 1,024: is the same lambda the best for all of them?

    nice -n 15 python -m benchmarks.lejepa.batch_lambda --minutes 15     126 trainings
    python -m benchmarks.lejepa.batch_lambda --report

The data are CIFAR-10 at 8 px (`small.py`). Each training has 400 steps, whatever the batch size,
and the learning rate 1e-3 sqrt(batch / 64). There are seven lambdas, three seeds, and the unbiased
and the biased statistic. The best lambda is the lambda with the best mean probe accuracy over
seeds. This claim was written down before the first run: from the smallest batch to the largest, the
best lambda of the unbiased statistic moves by at most one position in the list of lambdas.
"""

from __future__ import annotations

import math
import statistics
from itertools import product
from pathlib import Path

from benchmarks.lejepa.small import Small, trained
from benchmarks.lejepa.study import results, study

RAW = Path(__file__).parent / "batch_lambda.jsonl"
BATCHES = (64, 256, 1024)
LAMBDAS = (0.0005, 0.0015, 0.005, 0.015, 0.05, 0.15, 0.5)
SEEDS = range(3)
VARIANTS = ("unbiased", "default")


def setting(variant: str, batch: int, lam: float, seed: int) -> Small:
    lr = 1e-3 * math.sqrt(batch / 64)
    return Small(seed=seed, steps=400, batch_size=batch, lr=lr, lam=lam, variant=variant)


def settings() -> list[Small]:
    return [
        setting(variant, batch, lam, seed)
        for variant, seed, batch, lam in product(VARIANTS, SEEDS, BATCHES, LAMBDAS)
    ]


def report() -> None:
    """Print the mean probe accuracy over seeds, and the position of the best lambda."""
    found = results(RAW, Small).values()
    for variant in VARIANTS:
        print(f"\n{variant}: probe in %, mean of seeds (standard deviation)")
        print("batch  " + "".join(f"{lam:>14g}" for lam in LAMBDAS) + "   best")
        for batch in BATCHES:
            cells, means = [], []
            for lam in LAMBDAS:
                probes = [
                    100 * run["probe"]
                    for run in found
                    if (run["variant"], run["batch_size"], run["lam"]) == (variant, batch, lam)
                ]
                means.append(statistics.fmean(probes) if probes else math.nan)
                spread = f" ({statistics.stdev(probes):.1f})" if len(probes) > 1 else ""
                cells.append(f"{means[-1]:.1f}{spread}")
            best = max(range(len(means)), key=lambda i: -1.0 if math.isnan(means[i]) else means[i])
            print(f"{batch:5d}  " + "".join(f"{c:>14s}" for c in cells) + f"   {LAMBDAS[best]:g}")


if __name__ == "__main__":
    study(__doc__, RAW, settings, trained, report)
