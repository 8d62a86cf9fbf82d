"""LeJEPA beside VICReg and SimCLR on CIFAR-10: same encoder, views and steps, three seeds.

    nice -n 15 python -m runs.lejepa_cifar10             nine trainings of 15 minutes of a core
    nice -n 15 python -m runs.lejepa_cifar10 --quick     nine of a minute

Prints the accuracy of 20 nearest neighbours and of a linear probe on frozen features, and what they
are above those of the untrained encoder. Each training is a line of `--out` as soon as it ends;
started again, the script goes on with what is missing. The losses of VICReg and SimCLR are
lightly's, on all pairs of views with a global one; their projectors are as wide as their papers'
scaled down to this encoder (256 and 128), LeJEPA's as wide as its own advises (64).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from runs.cifar10 import Recipe, append, cifar10, finished, settings, train

METHODS = (
    Recipe(method="lejepa", out=64),
    Recipe(method="vicreg", out=256),
    Recipe(method="simclr", out=128),
)
SEEDS = (0, 1, 2)
FULL, QUICK = 4000, 200  # steps


def main(arguments: Sequence[str] | None = None) -> None:
    given = settings(__doc__, "lejepa_cifar10", arguments, quick=f"{QUICK} steps, not {FULL}")
    steps = QUICK if given.quick else FULL
    data = cifar10()
    for seed in SEEDS:
        # The untrained encoder of a seed is the same for every method.
        for recipe in (replace(METHODS[0], steps=0), *METHODS):
            wanted = replace(recipe, seed=seed, steps=recipe.steps and steps)
            if _result(finished(given.out), wanted) is None:
                append(given.out, train(wanted, data))
                report(finished(given.out), steps)


def report(results: list[dict[str, Any]], steps: int) -> None:
    """Print what there is so far."""
    print(f"\n{steps} steps of {METHODS[0].batch_size} images; kNN and probe in %, mean of seeds")
    print("method      seeds     kNN   above untrained   worst seed   probe   CPU minutes")
    for recipe in (replace(METHODS[0], steps=0), *METHODS):
        found = [
            (r, u)
            for seed in SEEDS
            if (r := _result(results, replace(recipe, seed=seed, steps=recipe.steps and steps)))
            and (u := _result(results, replace(METHODS[0], seed=seed, steps=0)))
        ]
        if not found:
            continue
        gains = [100 * (r["knn"] - u["knn"]) for r, u in found]
        print(
            f"{recipe.method if recipe.steps else 'untrained':10s} {len(found):6d}"
            f" {100 * statistics.fmean(r['knn'] for r, _ in found):8.1f}"
            f" {statistics.fmean(gains):16.1f} {min(gains):12.1f}"
            f" {100 * statistics.fmean(r['probe'] for r, _ in found):8.1f}"
            f" {statistics.fmean(r['cpu_seconds'] for r, _ in found) / 60:12.1f}"
        )
    sys.stdout.flush()


def _result(results: list[dict[str, Any]], recipe: Recipe) -> dict[str, Any] | None:
    return next((r for r in results if recipe.made(r)), None)


if __name__ == "__main__":
    main()
