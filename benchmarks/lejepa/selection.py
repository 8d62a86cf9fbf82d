"""Choosing among runs without labels: eight scores, fixed before the first result.

    nice -n 15 python -m benchmarks.lejepa.selection --minutes 20    174 trainings, 30 CPU minutes
    python -m benchmarks.lejepa.selection --report

Pre-registered on 2026-11-29, before any score was computed for any run. (Seven pilot trainings had
been run. They gave the time per step and the probe accuracies of four settings.)

Runs: CIFAR-10 at 8 px (`small.py`), 3 lengths x 18 settings x 3 seeds = 162. The settings are all
pairs of lambda and learning rate. Weight decay alternates between two values, so that each lambda
and each learning rate occurs with both values. The scores are compared with the accuracy of a
linear probe on frozen encoder features.

Scores; higher means better. None of them needs labels:

- loss/lam^.4: minus the total loss over lambda^0.4 (arXiv 2511.08544, equation 8)
- loss: minus the total loss of the last tenth of the steps
- RankMe: of encoder features of 1,000 held-out images, one view each
- LiDAR (arXiv 2312.04000): of encoder features of the same images, ten views each, delta 1e-4
- mutual information: of the features of two views, computed as for a joint Gaussian: minus half the
sum of log(1 - rho^2) over the canonical correlations of 16 principal components
- retrieval: how often the nearest of 1,000 held-out second views belongs to the same image, by the
cosine of centred encoder features; the mean of both directions
- learning rate alone, steps alone: the larger the better

Three figures are reported for each score. The first is Spearman's rank correlation with the probe
accuracy. The second is its 95 % interval from 1,000 bootstrap draws of settings, where a setting is
drawn with all its lengths and seeds. The third is the loss from choosing by the score: how many
points of probe accuracy the best-scored run of a seed is below the best run, as a mean over seeds.
The figures are given for each length, pooled over lengths, and pooled inside one decade of learning
rate (1e-3 to 1e-2). The claim about the paper's criterion holds if its pooled interval lies above
.80, and fails if the interval lies below .80. `select` uses the score with the best pooled
Spearman correlation among the scores that a run can compute by itself.

Twelve more trainings have a convolutional encoder at 32 px and one seed: 2 lengths x 3 learning
rates x 2 lambdas, with weight decay 1e-2. They are reported separately. They were fixed before any
of them was run, with lengths of 300 and 900 steps. The machine was busy. So after three trainings
of 300 steps, the length of 900 steps was replaced by 100 steps.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import torch
from benchmarks.lejepa.small import Cached, Small, accuracy, cached, fit
from benchmarks.lejepa.study import results, study
from torch import Tensor, nn

from shiomi.lejepa.rankme import rankme
from shiomi.lejepa.retrieval import retrieval
from shiomi.lejepa.selection import criterion, spearman

RAW = Path(__file__).parent / "selection.jsonl"
LENGTHS = (200, 600, 1800)
RATES = (1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 1e-2)
LAMBDAS = (0.01, 0.05, 0.2)
DECAYS = (1e-3, 1e-1)
DECADE = (1e-3, 1e-2)

SCORES: dict[str, Callable[[dict[str, Any]], float]] = {
    "loss/lam^.4": lambda run: -criterion(run["loss"], run["lam"]),
    "loss": lambda run: -float(run["loss"]),
    "RankMe": lambda run: float(run["rankme"]),
    "LiDAR": lambda run: float(run["lidar"]),
    "mutual information": lambda run: float(run["information"]),
    "retrieval": lambda run: float(run["retrieval"]),
    "learning rate alone": lambda run: float(run["lr"]),
    "steps alone": lambda run: float(run["steps"]),
}


def settings() -> list[Small]:
    """Return the 162 trainings at 8 px, seed by seed, and the 12 at 32 px."""
    grid = list(enumerate(product(RATES, LAMBDAS)))
    convolutional = [
        Small(pixels=32, steps=steps, batch_size=128, lr=lr, lam=lam)
        for steps, lr, lam in product((100, 300), (3e-4, 2e-3, 1e-2), (0.02, 0.1))
    ]
    return convolutional + [
        Small(
            seed=seed,
            steps=steps,
            batch_size=128,
            lr=lr,
            lam=lam,
            weight_decay=DECAYS[(i + i // len(LAMBDAS)) % 2],
        )
        for seed, steps, (i, (lr, lam)) in product(range(3), LENGTHS, grid)
    ]


def scored(setting: Small) -> dict[str, Any]:
    """Train, and return the losses, the accuracies and the scores."""
    data = cached(setting.pixels)
    body, _, found = fit(setting, data)
    return found | accuracy(body, data) | label_free(body, data)


@torch.no_grad()
def label_free(body: nn.Module, data: Cached) -> dict[str, float]:
    """Return the scores that are computed from features of held-out images."""
    views = [body(data.held_out[:, view]) for view in range(10)]
    return {
        "rankme": rankme(views[0]),
        "lidar": lidar(torch.stack(views, 1)),
        "information": information(views[0], views[1]),
        "retrieval": retrieval(views[0], views[1]),
    }


def lidar(features: Tensor, delta: float = 1e-4) -> float:
    """Return LiDAR (arXiv 2312.04000) of features (images, views, D)."""
    x = features.double()
    centres = x.mean(1)
    within = (x - centres[:, None]).flatten(0, 1)
    spread = within.T @ within / (x.shape[0] * (x.shape[1] - 1))
    values, axes = torch.linalg.eigh(spread + delta * torch.eye(x.shape[2]))
    whiten = axes * values.rsqrt() @ axes.T
    between = (centres - centres.mean(0)) @ whiten
    p = torch.linalg.eigvalsh(between.T @ between / (x.shape[0] - 1)).clamp(min=0)
    p = p / p.sum() + 1e-7
    return math.exp(-(p * p.log()).sum().item())


def information(a: Tensor, b: Tensor, kept: int = 16) -> float:
    """Return the Gaussian mutual information in nats of `kept` principal components."""
    both = torch.cat([a, b]).double()
    both = both - both.mean(0)
    axes = torch.linalg.eigh(both.T @ both).eigenvectors[:, -kept:]
    x, y = (both @ axes).split(len(a))
    whitened = [torch.linalg.qr(side - side.mean(0)).Q for side in (x, y)]
    rho = torch.linalg.svdvals(whitened[0].T @ whitened[1]).clamp(max=1 - 1e-9)
    return float(-0.5 * (1 - rho.square()).log().sum())


def report() -> None:
    """Print the figures of each score for each set of runs."""
    everything = list(results(RAW, Small).values())
    runs = [run for run in everything if run.get("pixels", 8) == 8]
    decade = [run for run in runs if DECADE[0] <= run["lr"] <= DECADE[1]]
    sets = {f"{steps} steps": [r for r in runs if r["steps"] == steps] for steps in LENGTHS}
    sets |= {"pooled": runs, "one decade": decade}
    sets["32 px"] = [run for run in everything if run not in runs]
    probes = [100 * run["probe"] for run in runs]
    print(f"{len(runs)} runs, probe {min(probes):.1f} to {max(probes):.1f} %")
    for name, chosen in sets.items():
        print(f"\n{name}: {len(chosen)} runs\n{'score':22s} Spearman  95 % interval   points lost")
        for score, value in SCORES.items():
            if len({value(run) for run in chosen}) < 2:
                continue
            low, high = interval(chosen, value)
            print(
                f"{score:22s} {correlation(chosen, value):8.2f}  {low:5.2f} to {high:5.2f}"
                f" {lost(chosen, value):10.1f}"
            )


def correlation(runs: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    return float(spearman([value(run) for run in runs], [run["probe"] for run in runs]))


def interval(
    runs: list[dict[str, Any]], value: Callable[[dict[str, Any]], float], draws: int = 1000
) -> tuple[float, float]:
    """Return a bootstrap interval over settings (learning rate, lambda)."""
    groups: dict[tuple[float, float], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["lr"], run["lam"]), []).append(run)
    draw, kinds = random.Random(0), list(groups.values())
    found = []
    for _ in range(draws):
        again = [run for group in draw.choices(kinds, k=len(kinds)) for run in group]
        if len({value(run) for run in again}) > 1:
            found.append(correlation(again, value))
    found.sort()
    return found[int(0.025 * len(found))], found[int(0.975 * len(found))]


def lost(runs: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    """Return how many points the best-scored run is below the best run, as a mean over seeds.

    If several runs share the best score, their mean accuracy is used.
    """
    points = []
    for seed in {run["seed"] for run in runs}:
        own = [run for run in runs if run["seed"] == seed]
        top = max(map(value, own))
        chosen = statistics.fmean(run["probe"] for run in own if value(run) == top)
        points.append(100 * (max(run["probe"] for run in own) - chosen))
    return statistics.fmean(points)


if __name__ == "__main__":
    study(__doc__, RAW, settings, scored, report)
