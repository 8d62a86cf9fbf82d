"""Shared by the lejepa runs: CIFAR-10 as tensors, a small encoder, and one short training of it.

    trained(path, Recipe(seed=1), cifar10())  # what an earlier call left there, or of a training

Read from the folder of real data (`../shared/data` or SHIOMI_DATA), decoded once, kept in `.cache`.
Time is counted as this process's CPU seconds too: on a shared machine only those compare.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor, nn

from shiomi.lejepa import lejepa_loss
from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.encoders import ImageEncoder, Network, SmallConvNet, projector
from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.optimisation import learning_rate
from shiomi.lejepa.probe import linear_probe
from shiomi.lejepa.rankme import rankme
from shiomi.lejepa.variants import named_variant
from shiomi.lejepa.views import Augmentations, MultiCrop

__all__ = ["Cifar10", "Recipe", "cifar10", "result_of", "settings", "train", "trained"]

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "lejepa"


_NEIGHBOURS = 20_000  # train images that the test images are compared with


class Cifar10(NamedTuple):
    train_x: Tensor  # (50000, 3, 32, 32) uint8
    train_y: Tensor
    test_x: Tensor  # (10000, 3, 32, 32) uint8
    test_y: Tensor


@dataclass(frozen=True)
class Recipe:
    """One training; with its defaults a few minutes of one core."""

    method: str = "lejepa"
    seed: int = 0
    steps: int = 250
    batch_size: int = 128
    lr: float = 2e-3
    weight_decay: float = 1e-2
    lam: float | None = None
    variant: str = "default"
    global_views: int = 2
    local_views: int = 0
    hidden: int = 512
    out: int = 64
    layers: int = 2
    widths: tuple[int, ...] = (16, 32, 64, 128)

    def made(self, result: dict[str, Any]) -> bool:
        """Whether `result` is of this recipe."""
        return all(
            result.get(name) == (list(value) if isinstance(value, tuple) else value)
            for name, value in dataclasses.asdict(self).items()
        )

    def crops(self) -> MultiCrop:
        return MultiCrop(
            self.global_views,
            32,
            (0.2, 1.0),
            self.local_views,
            16,
            (0.08, 0.4),
            # Solarising and blurring are for large images.
            Augmentations(blur=0.0, solarize=0.0),
        )


def cifar10() -> Cifar10:
    """Return the images and labels, decoded at the first call."""
    kept = ROOT / ".cache" / "cifar10.pt"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        parts = [_decoded(DATA / f"cifar10_jpeg_{split}.parquet") for split in ("train", "test")]
        torch.save([*parts[0], *parts[1]], kept.with_suffix(".tmp"))
        kept.with_suffix(".tmp").replace(kept)
    return Cifar10(*torch.load(kept))


def _decoded(path: Path) -> tuple[Tensor, Tensor]:
    table = pq.read_table(path)
    images = [
        torch.frombuffer(bytearray(Image.open(io.BytesIO(data)).tobytes()), dtype=torch.uint8)
        for data in _column(table, bytes)
    ]
    pixels = torch.stack(images).view(-1, 32, 32, 3).permute(0, 3, 1, 2).contiguous()
    return pixels, torch.tensor(_column(table, int))


def _column(table: Any, kind: type) -> list[Any]:
    """The first column of that type; image bytes may lie in a struct."""
    for name in table.column_names:
        values = table[name].to_pylist()
        if isinstance(values[0], dict):
            values = [value["bytes"] for value in values]
        if isinstance(values[0], kind):
            return list(values)
    raise SystemExit(f"no column of {kind.__name__} in {table.column_names}")


def train(recipe: Recipe, data: Cifar10) -> dict[str, Any]:
    """Train, and return the recipe with its result."""
    torch.manual_seed(recipe.seed)
    encoder = ImageEncoder(SmallConvNet(recipe.widths))
    head = projector(recipe.widths[-1], out=recipe.out, hidden=recipe.hidden, layers=recipe.layers)
    network = Network(encoder, head)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    began, cpu = time.perf_counter(), time.process_time()
    losses = _fit(network, recipe, data)
    result = {
        **dataclasses.asdict(recipe),
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        **_at_the_end(losses),
    }
    return result | _judged(encoder, head, data)


def _at_the_end(losses: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each part of the loss over the last 50 steps."""
    last = losses[-50:]
    return {name: statistics.fmean(part[name] for part in last) for name in (last or [{}])[0]}


def _fit(network: Network, recipe: Recipe, data: Cifar10) -> list[dict[str, float]]:
    views, loss_of = recipe.crops(), objective(recipe)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
    generator = torch.Generator().manual_seed(recipe.seed)
    order = torch.empty(0, dtype=torch.int64)
    square = torch.ones(recipe.batch_size)
    losses = []
    network.train()
    for step in range(recipe.steps):
        if len(order) < recipe.batch_size:
            order = torch.randperm(len(data.train_x), generator=generator)
        chosen, order = order[: recipe.batch_size], order[recipe.batch_size :]
        batch = Batch(data.train_x[chosen], square)
        made = views(batch, chosen.tolist(), seed=recipe.seed, step=step)
        embedded = network(made, recipe.batch_size)
        parts = loss_of(embedded, step)
        for group in optimiser.param_groups:
            warmup = recipe.steps // 10
            group["lr"] = learning_rate(step, recipe.steps, base=recipe.lr, warmup=warmup)
        optimiser.zero_grad(set_to_none=True)
        parts["loss"].backward()
        optimiser.step()
        losses.append({name: part.item() for name, part in parts.items()})
    return losses


def objective(recipe: Recipe) -> Callable[[Tensor, int], dict[str, Tensor]]:
    """Return what makes the loss, and LeJEPA's parts of it, of embedded views (V, N, D) and a step.

    lightly's losses compare two views; here the mean over all pairs with a global view.
    """
    if recipe.method == "lejepa":
        return lambda embedded, step: _lejepa(recipe, embedded, step)
    pair_loss = _lightly_loss(recipe.method)

    def mean_over_pairs(embedded: Tensor, _step: int) -> dict[str, Tensor]:
        pairs = [(g, v) for g in range(recipe.global_views) for v in range(g + 1, len(embedded))]
        return {"loss": torch.stack([pair_loss(embedded[g], embedded[v]) for g, v in pairs]).mean()}

    return mean_over_pairs


def _lejepa(recipe: Recipe, embedded: Tensor, step: int) -> dict[str, Tensor]:
    loss = lejepa_loss(
        embedded,
        global_views=recipe.global_views,
        step=step,
        lam=named_variant(recipe.variant).lam if recipe.lam is None else recipe.lam,
        variant=recipe.variant,
        seed=recipe.seed,
    )
    return {"loss": loss.total, "prediction": loss.prediction, "sigreg": loss.sigreg}


def _lightly_loss(method: str) -> nn.Module:
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # Its compiled part belongs to another torch; lightly's losses only need two of its names.
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from lightly.loss import NTXentLoss, VICRegLoss

    loss: nn.Module = NTXentLoss(temperature=0.5) if method == "simclr" else VICRegLoss()
    return loss


def _judged(encoder: nn.Module, head: nn.Module, data: Cifar10) -> dict[str, Any]:
    encoder.eval()
    head.eval()
    train_x = _features(encoder, data.train_x[:_NEIGHBOURS])
    test_x = _features(encoder, data.test_x)
    train_y, test_y = data.train_y[:_NEIGHBOURS], data.test_y
    with torch.no_grad():
        embedded = head(train_x)
    return {
        "knn": knn_accuracy(train_x, train_y, test_x, test_y),
        "probe": linear_probe(train_x, train_y, test_x, test_y, penalties=(1e-3,)),
        "rankme": rankme(train_x),
        "rankme_embedding": rankme(embedded),
    }


@torch.no_grad()
def _features(encoder: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([encoder(part.float() / 255) for part in images.split(1000)])


def settings(
    doc: str, name: str, arguments: Sequence[str] | None, *, quick: str
) -> argparse.Namespace:
    """Return quick, threads (set) and out of a script's command line; `quick` explains itself."""
    parser = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--threads", type=int, default=1, help="of torch; 1 on a busy machine")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / f"{name}.jsonl")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    return given


def result_of(path: Path, recipe: Recipe) -> dict[str, Any] | None:
    """Return the result of that recipe from the results in `path`; None if it is missing.

    One result a line; a torn last line is left out.
    """
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        try:
            result = json.loads(line)
        except json.JSONDecodeError:
            continue
        if recipe.made(result):
            return dict(result)
    return None


def trained(path: Path, recipe: Recipe, data: Cifar10) -> dict[str, Any]:
    """Return the result of that recipe from `path`; if it is missing, train now and store it."""
    result = result_of(path, recipe)
    if result is None:
        result = train(recipe, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(result) + "\n")
    return result
