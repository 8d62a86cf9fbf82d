"""LeJEPA, VICReg and SimCLR on CIFAR-10: same encoder, views and steps, three seeds.

    nice -n 15 python -m benchmarks.lejepa.methods_on_cifar10  18 trainings, 50 minutes of a core
    nice -n 15 python -m benchmarks.lejepa.methods_on_cifar10 --quick     18 trainings, 5 minutes

Each method first chooses among three learning rates, by one training of 800 steps with a seed of
its own; then it is trained with three others. Prints the accuracy of 20 nearest neighbours and of a
linear probe on frozen features, and their difference from the untrained encoder. Each
training is a line of `--out` as soon as it ends; started again, the script goes on with what is
missing. The losses of VICReg and SimCLR are lightly's; their projectors are as wide as their
papers' scaled down to this encoder (256 and 128), LeJEPA's as wide as its own advises (64).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.lejepa.cifar10 import Cifar10, Recipe, cifar10, settings, trained

METHODS = (
    Recipe(method="lejepa", out=64),
    Recipe(method="vicreg", out=256),
    Recipe(method="simclr", out=128),
)
UNTRAINED = replace(METHODS[0], steps=0)
SEEDS = (0, 1, 2)
RATES, RATE_SEED = (1e-3, 2e-3, 5e-3), 100
FULL, QUICK = (2000, 800), (200, 80)  # steps: of the trainings, of those that choose the rate


def main(arguments: Sequence[str] | None = None) -> None:
    quick = f"{QUICK[0]} steps, not {FULL[0]}"
    given = settings(__doc__, "lejepa_cifar10", arguments, quick=quick)
    steps, rate_steps = QUICK if given.quick else FULL
    data = cifar10()
    chosen = [_best_rate(method, rate_steps, given.out, data) for method in METHODS]
    for seed in SEEDS:
        # The untrained encoder of a seed is the same for every method.
        for recipe in (UNTRAINED, *(replace(method, steps=steps) for method in chosen)):
            trained(given.out, replace(recipe, seed=seed), data)
    report(given.out, [UNTRAINED, *(replace(method, steps=steps) for method in chosen)], data)


def _best_rate(method: Recipe, steps: int, out: Path, data: Cifar10) -> Recipe:
    tried = [replace(method, lr=lr, seed=RATE_SEED, steps=steps) for lr in RATES]
    accuracies = [100 * trained(out, recipe, data)["knn"] for recipe in tried]
    print(
        f"{method.method}, kNN after {steps} steps: "
        + ", ".join(f"lr {lr:g} {knn:.1f} %" for lr, knn in zip(RATES, accuracies, strict=True)),
        flush=True,
    )
    return replace(method, lr=RATES[accuracies.index(max(accuracies))])


def report(out: Path, recipes: Sequence[Recipe], data: Cifar10) -> None:
    print(f"\n{recipes[-1].steps} steps of {recipes[0].batch_size} images; kNN and probe in %")
    print("method        lr     kNN   above untrained   worst seed   probe   CPU minutes")
    untrained = [trained(out, replace(UNTRAINED, seed=seed), data) for seed in SEEDS]
    for recipe in recipes:
        found = [trained(out, replace(recipe, seed=seed), data) for seed in SEEDS]
        gains = [100 * (r["knn"] - u["knn"]) for r, u in zip(found, untrained, strict=True)]
        print(
            f"{recipe.method if recipe.steps else 'untrained':10s} {recipe.lr:5g}"
            f" {100 * statistics.fmean(r['knn'] for r in found):7.1f}"
            f" {statistics.fmean(gains):16.1f} {min(gains):12.1f}"
            f" {100 * statistics.fmean(r['probe'] for r in found):8.1f}"
            f" {statistics.fmean(r['cpu_seconds'] for r in found) / 60:12.1f}"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
