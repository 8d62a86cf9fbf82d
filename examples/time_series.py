"""An encoder of time series, trained without labels, and its accuracy with a few labels.

    python examples/time_series.py

The series are of six kinds of motion (steady, bursts, chirps, ...), each with its own speed,
phase, level and noise, so that no single point tells them apart. A view is a part of a series,
scaled, with added noise. The encoder is a small convolutional network.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shiomi.lejepa import Trainer, Training
from shiomi.lejepa.encoders import Network, projector
from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.probe import linear_probe

LENGTH, WINDOW, VIEWS, WIDTH = 256, 160, 4, 64
Floats = NDArray[np.float32]


def series(count: int, seed: int) -> tuple[Floats, Tensor]:
    """`count` series (count, LENGTH) of six kinds, and their kinds."""
    draw = np.random.default_rng(seed)
    kind = draw.integers(0, 6, count)
    t = np.linspace(0, 1, LENGTH) + draw.uniform(0, 1, (count, 1))
    cycles = draw.uniform(6, 12, (count, 1))
    phase = 2 * np.pi * cycles * t
    kinds = (
        np.sin(phase),
        np.sign(np.sin(phase)),
        2 * (cycles * t % 1) - 1,
        np.sin(phase) * (np.sin(2 * np.pi * t * 3) > 0),
        np.sin(phase * (1 + 0.5 * t)),
        np.sin(phase) + np.sin(2.7 * phase),
    )
    x = np.choose(kind[:, None], kinds)
    x = x * draw.uniform(0.5, 2, (count, 1)) + draw.normal(0, 1, (count, 1))
    return (x + draw.normal(0, 0.7, x.shape)).astype(np.float32), torch.from_numpy(kind)


def encoder() -> nn.Module:
    """A convolutional network (N, 1, any length) -> (N, WIDTH)."""
    layers: list[nn.Module] = []
    for before, after in ((1, 32), (32, 64), (64, WIDTH)):
        layers += [nn.Conv1d(before, after, 7, 2, 3, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten())


def train(x: Floats, steps: int) -> nn.Module:
    """Train an encoder on series without labels."""

    def prepare(numbers: Sequence[int], _step: int) -> Floats:
        return x[list(numbers)]

    def views(batch: Floats, _numbers: Sequence[int], step: int) -> list[Tensor]:
        draw = np.random.default_rng(step)
        made = []
        for _ in range(VIEWS):
            starts = draw.integers(0, LENGTH - WINDOW + 1, (len(batch), 1))
            view = np.take_along_axis(batch, starts + np.arange(WINDOW), 1)
            noise = draw.normal(0, 0.3, view.shape)
            made.append(standard(view * draw.uniform(0.7, 1.4, (len(batch), 1)) + noise))
        return [torch.cat(made)]

    network = Network(encoder(), projector(WIDTH, out=32, hidden=128, layers=2))
    training = Training(steps=steps, batch_size=128, lr=2e-3)
    Trainer(network, prepare, views, count=len(x), training=training, global_views=VIEWS).run()
    return network.encoder


def standard(x: NDArray[np.floating]) -> Tensor:
    """Each series with mean 0 and deviation 1, as (N, 1, length)."""
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    return torch.from_numpy(x.astype(np.float32))[:, None]


def judge(name: str, known: tuple[Tensor, Tensor], asked: tuple[Tensor, Tensor]) -> None:
    """Print kNN and probe, learnt from ten labels of each kind and from all of them."""
    few = torch.cat([(known[1] == kind).nonzero()[:10, 0] for kind in range(6)])
    ten = known[0][few], known[1][few]
    figures = {
        "kNN": knn_accuracy(*known, *asked),
        "probe": linear_probe(*known, *asked),
        "probe of 10 labels each": linear_probe(*ten, *asked),
    }
    print(f"{name:<22}", "   ".join(f"{key} {value:6.1%}" for key, value in figures.items()))


def main() -> None:
    """Train, and print figures before and after."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=3000, help="series to learn from")
    options.add_argument("--steps", type=int, default=100)
    chosen = options.parse_args()
    torch.manual_seed(0)
    (x, y), (test_x, test_y) = series(chosen.count, seed=1), series(1000, seed=2)
    print(f"{len(x):,} series of {LENGTH} points, six kinds; judged on {len(test_x):,} others")
    judge("the points themselves", (standard(x)[:, 0], y), (standard(test_x)[:, 0], test_y))
    trained = train(x, chosen.steps)
    for name, network in (("encoder, untrained", encoder()), ("encoder, LeJEPA", trained)):
        with torch.no_grad():
            network.eval()
            features = network(standard(x)), network(standard(test_x))
        judge(name, (features[0], y), (features[1], test_y))


if __name__ == "__main__":
    main()
