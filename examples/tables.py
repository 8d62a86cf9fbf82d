"""Train an encoder of table rows with numbers, categories and gaps, without labels.

    python examples/tables.py

The table is one of orders: nine columns of numbers and three of categories, which depend on two
things that are not in it (what kind of customer, how large), and four columns of pure noise. A view
is a row in which a third of the cells is replaced by cells of other rows (as in SCARF, Bahri et al.
2022). The encoder is a perceptron. The task is to predict the kind of customer from a few labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from shiomi.lejepa import Trainer, Training
from shiomi.lejepa.encoders import Network, projector
from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.probe import linear_probe

KINDS, NUMBERS, NOISE, CATEGORIES, LEVELS = 5, 9, 4, 3, 6
VIEWS, WIDTH = 4, 64


def orders(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` rows (count, columns), categories as one column per level, and the kinds."""
    rule, draw = np.random.default_rng(0), np.random.default_rng(seed)
    kind, size = draw.integers(0, KINDS, count), draw.normal(0, 1, (count, 1))
    centre = rule.normal(0, 1, (KINDS, NUMBERS))
    numbers = np.sinh(centre[kind] + size * rule.normal(0, 1, NUMBERS))  # long-tailed, as money is
    numbers += draw.normal(0, 1, numbers.shape) * np.abs(numbers).mean(0) * 0.3
    noise = draw.normal(0, 3, (count, NOISE))
    chance = rule.dirichlet(np.full(LEVELS, 0.7), (KINDS, CATEGORIES))
    levels = [[draw.choice(LEVELS, p=chance[k, c]) for c in range(CATEGORIES)] for k in kind]
    cells = np.concatenate([numbers, noise], 1)
    cells[draw.random(cells.shape) < 0.05] = np.nan
    # Numbers by rank among all rows, which no outlier can move; a gap in the middle.
    order = np.argsort(np.argsort(cells, 0), 0) / count - 0.5
    order = np.where(np.isnan(cells), 0, order * 3.4)
    hot = np.eye(LEVELS)[np.array(levels)].reshape(count, -1)
    table = np.concatenate([order, hot], 1).astype(np.float32)
    return torch.from_numpy(table), torch.from_numpy(kind)


def encoder() -> nn.Module:
    """A perceptron (N, columns) -> (N, WIDTH)."""
    columns = NUMBERS + NOISE + CATEGORIES * LEVELS
    return nn.Sequential(
        nn.Linear(columns, 256), nn.BatchNorm1d(256), nn.ReLU(),
        nn.Linear(256, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, WIDTH),
    )  # fmt: skip


def train(x: Tensor, steps: int) -> nn.Module:
    """Train an encoder on rows without labels."""
    cells = NUMBERS + NOISE + CATEGORIES
    plain = NUMBERS + NOISE
    levels = [plain + category for category in range(CATEGORIES) for _ in range(LEVELS)]
    cell_of = torch.tensor([*range(plain), *levels])  # the cell that each column belongs to

    def prepare(numbers: Sequence[int], _step: int) -> Tensor:
        return x[list(numbers)]

    def views(batch: Tensor, _numbers: Sequence[int], step: int) -> list[Tensor]:
        draw = torch.Generator().manual_seed(step)
        made = []
        for _ in range(VIEWS):
            replaced = torch.rand(len(batch), cells, generator=draw) < 1 / 3
            others = torch.randint(len(x), (len(batch), cells), generator=draw)
            foreign = x[others[:, cell_of], torch.arange(x.shape[1])]
            made.append(torch.where(replaced[:, cell_of], foreign, batch))
        return [torch.cat(made)]

    network = Network(encoder(), projector(WIDTH, out=32, hidden=128, layers=2))
    training = Training(steps=steps, batch_size=256, lr=2e-3)
    Trainer(network, prepare, views, count=len(x), training=training, global_views=VIEWS).run()
    return network.encoder


def judge(name: str, known: tuple[Tensor, Tensor], asked: tuple[Tensor, Tensor]) -> None:
    """Print kNN and probe, learnt from ten labels of each kind and from all of them."""
    few = torch.cat([(known[1] == kind).nonzero()[:10, 0] for kind in range(KINDS)])
    ten = known[0][few], known[1][few]
    figures = {
        "kNN": knn_accuracy(*known, *asked),
        "probe": linear_probe(*known, *asked),
        "probe of 10 labels each": linear_probe(*ten, *asked),
    }
    print(f"{name:<21}", "   ".join(f"{key} {value:6.1%}" for key, value in figures.items()))


def main() -> None:
    """Train, and print figures before and after."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=5000, help="rows to learn from")
    options.add_argument("--steps", type=int, default=150)
    chosen = options.parse_args()
    torch.manual_seed(0)
    (x, y), (test_x, test_y) = orders(chosen.count, seed=1), orders(2000, seed=2)
    print(f"{len(x):,} rows, {KINDS} kinds of customer; judged on {len(test_x):,} other rows")
    judge("the cells themselves", (x, y), (test_x, test_y))
    trained = train(x, chosen.steps)
    for name, network in (("encoder, untrained", encoder()), ("encoder, LeJEPA", trained)):
        with torch.no_grad():
            network.eval()
            features = network(x), network(test_x)
        judge(name, (features[0], y), (features[1], test_y))


if __name__ == "__main__":
    main()
