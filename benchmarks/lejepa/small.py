"""CIFAR-10 at 8 pixels with views made once: trainings of a few CPU seconds each.

Views are made by `MultiCrop` from the 32 px images, 16 of each image, and kept in `.cache`. A
training reads two of them for each image of a batch. The encoder is a perceptron with batch
normalisation, 192-256-256-128; a projector of two layers follows. One result is one line of JSON.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from benchmarks.lejepa.cifar10 import ROOT, cifar10
from torch import Tensor, nn

from shiomi.lejepa import lejepa_loss
from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.encoders import projector
from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.probe import linear_probe
from shiomi.lejepa.schedule import learning_rate
from shiomi.lejepa.variants import named_variant
from shiomi.lejepa.views import Augmentations, MultiCrop

__all__ = ["VIEWS", "Cached", "Small", "cached", "encoder", "fit", "stored"]

VIEWS = 16
TRAIN, HELD_OUT, TEST = 10_000, 1_000, 5_000


class Cached(NamedTuple):
    """Images and views at 8 px, uint8, as rows (3 * 8 * 8)."""

    views: Tensor  # (10000, 16, 192): of the training images
    held_out: Tensor  # (1000, 16, 192): of images no training sees
    train_x: Tensor  # (10000, 192): the same training images, whole
    train_y: Tensor
    test_x: Tensor  # (5000, 192)
    test_y: Tensor


@dataclass(frozen=True)
class Small:
    """One training."""

    seed: int = 0
    steps: int = 600
    batch_size: int = 256
    lr: float = 2e-3
    weight_decay: float = 1e-2
    lam: float = 0.05
    variant: str = "minimal"
    out: int = 32


def cached() -> Cached:
    """Return the images and their views, made at the first call."""
    path = ROOT / ".cache" / "cifar10_8px.pt"
    if not path.exists():
        data = cifar10()
        seen = TRAIN + HELD_OUT
        crops = MultiCrop(VIEWS, 8, (0.2, 1.0), 0, augmentations=Augmentations(blur=0, solarize=0))
        parts = []
        for start in range(0, seen, 1000):
            pixels = data.train_x[start : start + 1000]
            numbers = list(range(start, start + 1000))
            (made,) = crops(Batch(pixels, torch.ones(1000)), numbers, seed=0, step=0)
            parts.append((made * 255).round().byte().view(VIEWS, 1000, -1).transpose(0, 1))
        views = torch.cat(parts)
        kept = Cached(
            views[:TRAIN].contiguous(),
            views[TRAIN:].contiguous(),
            _small(data.train_x[:TRAIN]),
            data.train_y[:TRAIN].clone(),
            _small(data.test_x[:TEST]),
            data.test_y[:TEST].clone(),
        )
        torch.save(tuple(kept), path.with_suffix(f".{os.getpid()}"))
        path.with_suffix(f".{os.getpid()}").replace(path)
    return Cached(*torch.load(path))


def _small(images: Tensor) -> Tensor:
    return nn.functional.avg_pool2d(images.float(), 4).round().byte().flatten(1)


def encoder() -> nn.Sequential:
    """Return the encoder: uint8 rows (N, 192) to features (N, 128)."""
    layers: list[nn.Module] = [_Centred()]
    for before, after in ((192, 256), (256, 256), (256, 128)):
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(True)]
    return nn.Sequential(*layers)


class _Centred(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows.float() / 64 - 2


def fit(setting: Small, data: Cached) -> tuple[nn.Sequential, nn.Module, dict[str, Any]]:
    """Train, and return encoder, projector, and the mean loss of the last tenth of the steps."""
    torch.manual_seed(setting.seed)
    body = encoder()
    head = projector(128, out=setting.out, hidden=128, layers=2)
    parameters = [*body.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, weight_decay=setting.weight_decay)
    variant = dataclasses.replace(named_variant(setting.variant), slices=256)
    draw = torch.Generator().manual_seed(setting.seed)
    began = time.process_time()
    last: list[tuple[float, float, float]] = []
    for step in range(setting.steps):
        chosen = torch.randint(len(data.views), (setting.batch_size,), generator=draw)
        pair = torch.rand(setting.batch_size, VIEWS, generator=draw).topk(2).indices
        rows = data.views[chosen[:, None], pair].transpose(0, 1).flatten(0, 1)
        embedded = head(body(rows)).view(2, setting.batch_size, -1)
        loss = lejepa_loss(
            embedded,
            global_views=2,
            step=step,
            lam=setting.lam,
            variant=variant,
            seed=setting.seed,
            check=False,
        )
        for group in optimiser.param_groups:
            warmup = setting.steps // 10
            group["lr"] = learning_rate(step, setting.steps, base=setting.lr, warmup=warmup)
        optimiser.zero_grad(set_to_none=True)
        loss.total.backward()
        optimiser.step()
        if step >= setting.steps * 9 // 10:
            last.append((loss.total.item(), loss.prediction.item(), loss.sigreg.item()))
    means = torch.tensor(last).mean(0).tolist() if last else [0.0] * 3
    body.eval()
    head.eval()
    parts = dict(zip(("loss", "prediction", "sigreg"), means, strict=True))
    return body, head, parts | {"cpu_seconds": time.process_time() - began}


@torch.no_grad()
def accuracy(body: nn.Module, data: Cached) -> dict[str, float]:
    """Return the accuracy of a linear probe and of 20 nearest neighbours on frozen features."""
    train, test = body(data.train_x), body(data.test_x)
    return {
        "probe": linear_probe(train, data.train_y, test, data.test_y, penalties=(1e-2,)),
        "knn": knn_accuracy(train, data.train_y, test, data.test_y),
    }


def stored(path: Path) -> dict[str, dict[str, Any]]:
    """Return the results in `path` by their setting; a torn last line is left out."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[_key(row)] = row
    return found


def _key(row: dict[str, Any]) -> str:
    names = [field.name for field in dataclasses.fields(Small)]
    return json.dumps([row[name] for name in names])


def store(path: Path, setting: Small, result: dict[str, Any]) -> None:
    """Append one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {k: float(f"{v:.5g}") if isinstance(v, float) else v for k, v in result.items()}
    with path.open("a") as file:
        file.write(json.dumps(dataclasses.asdict(setting) | rounded) + "\n")


def missing(path: Path, settings: list[Small]) -> list[Small]:
    """Return the settings that have no result in `path` yet."""
    done = stored(path)
    return [one for one in settings if _key(dataclasses.asdict(one)) not in done]
