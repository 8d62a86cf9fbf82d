"""One lambda over batches of 64 to 1024: the biased statistic, the unbiased one, and tuned.

    nice -n 15 python -m benchmarks.lejepa.batch_lambda  20 trainings, half an hour of a core
    nice -n 15 python -m benchmarks.lejepa.batch_lambda --quick    12 trainings, 3 minutes

N times the biased statistic pulls harder the larger the batch is; the unbiased one does not. Every
batch sees the same number of images; the learning rate goes with the square root of the batch.
Prints the accuracy of 20 nearest neighbours by batch with the one lambda (0.05) under both, and
with the best lambda of a grid, and how far the one is from it. The grid is the unbiased
statistic's: at each batch the biased one with another lambda weighs the same but for its floor.
Each training is a line of `--out` as soon as it ends; started again, the script goes on with what
is missing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lejepa.cifar10 import Recipe, cifar10, result_of, settings, trained

LAM = 0.05
GRID = (0.015, LAM, 0.15)
TRIED = (("default", LAM), ("unbiased", LAM), *(("unbiased", lam) for lam in GRID if lam != LAM))
FULL = ((64, 128, 256, 512, 1024), 102_400)  # batches, images seen
QUICK = ((64, 256, 512), 12_800)


def recipe(batch: int, images: int, variant: str, lam: float) -> Recipe:
    return Recipe(
        batch_size=batch,
        steps=images // batch,
        lr=2e-3 * math.sqrt(batch / 256),
        variant=variant,
        lam=lam,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    given = settings(__doc__, "lejepa_batch_lambda", arguments, quick="fewer batches and images")
    batches, images = QUICK if given.quick else FULL
    data = cifar10()
    for variant, lam in TRIED:
        for batch in batches:
            trained(given.out, recipe(batch, images, variant, lam), data)
        report(given.out, batches, images)


def report(out: Path, batches: Sequence[int], images: int) -> None:
    """Print what there is so far."""

    def knn(batch: int, variant: str, lam: float) -> float:
        result = result_of(out, recipe(batch, images, variant, lam))
        return math.nan if result is None else 100 * result["knn"]

    print(f"\nkNN in %, {images:,} images seen; one lambda is {LAM}")
    print("batch   biased   unbiased   tuned (variant, lambda)   biased, unbiased below tuned")
    for batch in batches:
        every = {which: knn(batch, *which) for which in TRIED}
        known = {which: value for which, value in every.items() if not math.isnan(value)}
        if not known:
            continue
        best = max(known, key=known.__getitem__)
        one = [every[which] for which in TRIED[:2]]
        print(
            f"{batch:5d} {one[0]:8.1f} {one[1]:10.1f} {known[best]:7.1f} ({best[0]}, {best[1]:g})"
            f" {known[best] - one[0]:14.1f} {known[best] - one[1]:8.1f}"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
