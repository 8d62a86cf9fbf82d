"""Train on CIFAR-10 at 8 or 32 pixels with cached views, in a few CPU seconds per training.

`MultiCrop` makes 16 views of each 32 px image once; they are kept in `.cache`. A training reads two
of these views for each image of a batch. The encoder has 128 features and batch normalisation. At 8
px it is a perceptron 192-256-256-128, and at 32 px a convolutional network of three layers. The
projector after the encoder has two layers. The losses of VICReg and SimCLR come from the package
lightly (`pip install --no-deps lightly`).
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from benchmarks.lejepa.cifar10 import ROOT, cifar10
from torch import Tensor, nn

from shiomi.lejepa import lejepa_loss
from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.encoders import projector
from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.optimisation import learning_rate
from shiomi.lejepa.probe import linear_probe
from shiomi.lejepa.timm_models import import_timm
from shiomi.lejepa.variants import named_variant
from shiomi.lejepa.views import Augmentations, MultiCrop

__all__ = ["VIEWS", "Cached", "Small", "accuracy", "cached", "fit", "trained"]

VIEWS = 16
TRAIN, HELD_OUT, TEST = 10_000, 1_000, 5_000


class Cached(NamedTuple):
    """Images and views, uint8, as rows of P = 3 * 8 * 8 or 3 * 32 * 32 numbers."""

    views: Tensor  # (10000, 16, P): views of the training images
    held_out: Tensor  # (1000, 16, P): views of images that no training uses
    train_x: Tensor  # (10000, P): the same training images, uncropped
    train_y: Tensor
    test_x: Tensor  # (5000, P)
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
    """The method's own weight: λ of LeJEPA, the temperature of SimCLR, the two larger weights of
    VICReg."""
    variant: str = "minimal"
    """A variant of LeJEPA, or vicreg or simclr."""
    out: int = 32
    whitened: bool = False
    """Whether a frozen first layer whitens the pixels."""
    pixels: int = 8


def cached(pixels: int = 8) -> Cached:
    """Return the images and their views, made at the first call."""
    path = ROOT / ".cache" / f"cifar10_{pixels}px.pt"
    if not path.exists():
        data = cifar10()
        seen = TRAIN + HELD_OUT
        plain = Augmentations(blur=0, solarize=0)
        crops = MultiCrop(VIEWS, pixels, (0.2, 1.0), 0, augmentations=plain)
        parts = []
        for start in range(0, seen, 1000):
            images = data.train_x[start : start + 1000]
            numbers = list(range(start, start + 1000))
            (made,) = crops(Batch(images, torch.ones(1000)), numbers, seed=0, step=0)
            parts.append((made * 255).round().byte().view(VIEWS, 1000, -1).transpose(0, 1))
        views = torch.cat(parts)
        kept = Cached(
            views[:TRAIN].contiguous(),
            views[TRAIN:].contiguous(),
            _small(data.train_x[:TRAIN], pixels),
            data.train_y[:TRAIN].clone(),
            _small(data.test_x[:TEST], pixels),
            data.test_y[:TEST].clone(),
        )
        torch.save(tuple(kept), path.with_suffix(f".{os.getpid()}"))
        path.with_suffix(f".{os.getpid()}").replace(path)
    return Cached(*torch.load(path, mmap=True))


def _small(images: Tensor, pixels: int) -> Tensor:
    return nn.functional.avg_pool2d(images.float(), 32 // pixels).round().byte().flatten(1)


def encoder(pixels: int = 8) -> nn.Sequential:
    """Return the encoder: uint8 rows (N, P) to features (N, 128)."""
    layers: list[nn.Module] = [_Centred()]
    if pixels == 32:
        layers.append(nn.Unflatten(1, (3, 32, 32)))
        for before, after in ((3, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(after), nn.ReLU(True)]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        network = nn.Sequential(*layers)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network
    for before, after in ((192, 256), (256, 256), (256, 128)):
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(True)]
    return nn.Sequential(*layers)


class _Centred(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows.float() / 64 - 2


def _whitening(rows: Tensor) -> nn.Linear:
    """Return a frozen layer that maps rows (N, 192) to principal components of variance 1."""
    x = _Centred()(rows).double()
    values, axes = torch.linalg.eigh(x.T.cov())
    weight = ((axes * (values + 1e-2).rsqrt()).T).float()
    layer = nn.Linear(*weight.shape).requires_grad_(False)
    layer.weight.copy_(weight)
    layer.bias.copy_(-weight @ x.mean(0).float())
    return layer


def _loss(setting: Small) -> Callable[[Tensor, int], tuple[Tensor, ...]]:
    """Return a function of two views (2, N, D) and a step. It returns the loss, and LeJEPA's two
    terms."""
    if setting.variant not in ("vicreg", "simclr"):
        variant = dataclasses.replace(named_variant(setting.variant), slices=256)
        return lambda views, step: lejepa_loss(
            views,
            global_views=2,
            step=step,
            lam=setting.lam,
            variant=variant,
            seed=setting.seed,
            check=False,
        )[:3]
    import_timm()  # makes torchvision, which lightly imports, work with any build of torch
    losses = importlib.import_module("lightly.loss")
    if setting.variant == "simclr":
        loss = losses.NTXentLoss(temperature=setting.lam)
    else:
        loss = losses.VICRegLoss(lambda_param=setting.lam, mu_param=setting.lam)
    return lambda views, _step: (loss(views[0], views[1]),)


def fit(setting: Small, data: Cached) -> tuple[nn.Sequential, nn.Module, dict[str, Any]]:
    """Train, and return encoder, projector, and the mean loss of the last tenth of the steps."""
    torch.manual_seed(setting.seed)
    body = encoder(setting.pixels)
    if setting.whitened:
        body.insert(1, _whitening(data.train_x))
    head = projector(128, out=setting.out, hidden=max(128, setting.out), layers=2)
    parameters = [p for p in (*body.parameters(), *head.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, weight_decay=setting.weight_decay)
    loss_of = _loss(setting)
    draw = torch.Generator().manual_seed(setting.seed)
    began = time.process_time()
    last: list[list[float]] = []
    for step in range(setting.steps):
        chosen = torch.randint(len(data.views), (setting.batch_size,), generator=draw)
        pair = torch.rand(setting.batch_size, VIEWS, generator=draw).topk(2).indices
        rows = data.views[chosen[:, None], pair].transpose(0, 1).flatten(0, 1)
        embedded = head(body(rows)).view(2, setting.batch_size, -1)
        parts = loss_of(embedded, step)
        for group in optimiser.param_groups:
            warmup = setting.steps // 10
            group["lr"] = learning_rate(step, setting.steps, base=setting.lr, warmup=warmup)
        optimiser.zero_grad(set_to_none=True)
        parts[0].backward()
        optimiser.step()
        if step >= setting.steps * 9 // 10:
            last.append([part.item() for part in parts])
    means = torch.tensor(last).mean(0).tolist() if last else []
    body.eval()
    head.eval()
    found = dict(zip(("loss", "prediction", "sigreg"), means, strict=False))
    return body, head, found | {"cpu_seconds": time.process_time() - began}


def trained(setting: Small) -> dict[str, Any]:
    """Train, and return the losses and the accuracies."""
    data = cached(setting.pixels)
    body, _, found = fit(setting, data)
    return found | accuracy(body, data)


@torch.no_grad()
def accuracy(body: nn.Module, data: Cached) -> dict[str, float]:
    """Return the accuracy of a linear probe and of 20 nearest neighbours on frozen features."""
    train, test = (
        torch.cat([body(part) for part in x.split(1000)]) for x in (data.train_x, data.test_x)
    )
    return {
        "probe": linear_probe(train, data.train_y, test, data.test_y, penalties=(1e-2,)),
        "knn": knn_accuracy(train, data.train_y, test, data.test_y),
    }
