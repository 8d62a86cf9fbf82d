"""Choosing among runs without labels: the paper's criterion, RankMe and the raw loss.

    nice -n 15 python -m benchmarks.lejepa.selection            24 trainings, 50 minutes of one core
    nice -n 15 python -m benchmarks.lejepa.selection --quick    24 trainings of 11 seconds

The runs differ in lambda (.005 to .5), learning rate (5e-5 to 1e-2), number of views (2 to 4), and
layers and width of the projector. Prints the Spearman correlation of each label-free number with
the accuracy of a linear probe: the criterion loss / lambda^0.4 (arXiv 2511.08544, equation 8; the
exponent is the paper's and is not fitted here), the loss itself, and RankMe of features and of
embeddings. Each training is a line of `--out` as soon as it ends; started again, the script goes
on with what is missing.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.lejepa.cifar10 import Recipe, cifar10, settings, trained

from shiomi.lejepa.selection import criterion, spearman

RUNS = 24
FULL, QUICK = 600, 60  # steps


def recipes(steps: int) -> list[Recipe]:
    """Return RUNS recipes, always the same: each range walked in equal steps, each in disorder."""
    draw = random.Random(0)

    def disordered(values: Sequence[float]) -> list[float]:
        return draw.sample(values, len(values))

    def between(low: float, high: float) -> list[float]:
        values = [low * (high / low) ** (i / (RUNS - 1)) for i in range(RUNS)]
        return disordered([float(f"{value:.2g}") for value in values])

    def each_of(*values: int) -> list[int]:
        return [int(v) for v in disordered([values[i % len(values)] for i in range(RUNS)])]

    return [
        Recipe(steps=steps, lam=lam, lr=lr, global_views=views, layers=layers, out=out)
        for lam, lr, views, layers, out in zip(
            between(0.005, 0.5),
            between(5e-5, 1e-2),
            each_of(2, 3, 4),
            each_of(1, 2, 3),
            each_of(16, 64),
            strict=True,
        )
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    given = settings(__doc__, "lejepa_selection", arguments, quick=f"{QUICK} steps, not {FULL}")
    data = cifar10()
    wanted = recipes(QUICK if given.quick else FULL)
    report([trained(given.out, recipe, data) for recipe in wanted])


def report(results: list[dict[str, Any]]) -> None:
    """Print the runs, best probe first, and the correlations, higher meaning better chosen."""
    print("probe   kNN   loss  criterion  RankMe  lam    lr      views layers out")
    for r in sorted(results, key=lambda r: -r["probe"]):
        print(
            f"{100 * r['probe']:5.1f} {100 * r['knn']:5.1f} {r['loss']:6.3f}"
            f" {criterion(r['loss'], r['lam']):10.3f} {r['rankme']:7.1f}"
            f"  {r['lam']:<6g} {r['lr']:<7g}"
            f" {r['global_views']:5d} {r['layers']:6d} {r['out']:3d}"
        )
    probe = [r["probe"] for r in results]
    told_by = {
        "criterion, loss / lam^0.4": [-criterion(r["loss"], r["lam"]) for r in results],
        "loss": [-r["loss"] for r in results],
        "RankMe of features": [r["rankme"] for r in results],
        "RankMe of embeddings": [r["rankme_embedding"] for r in results],
    }
    best = max(probe)
    print(
        f"\n{len(results)} runs; Spearman with the probe, and what the run chosen is below the best"
    )
    for name, values in told_by.items():
        chosen = max(range(len(values)), key=values.__getitem__)
        print(
            f"{name:28s} {spearman(values, probe):6.2f} {100 * (best - probe[chosen]):6.1f} points"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
