"""Measure the parts of a training step, and how fast views are made.

    python -m benchmarks.lejepa.step             the parts of a step
    python -m benchmarks.lejepa.step views       our views and torchvision's

Both commands print CPU milliseconds per image or view on one thread. They print the best of several
rounds, because other work on the machine only makes times longer. A step is a forward and a
backward pass of the small encoder on random images, with 2 global views of 32 pixels and 2 local
views of 16 pixels. torchvision's transforms are those of usual data loaders: RandomResizedCrop with
anti-aliasing, flip, ColorJitter, grey, GaussianBlur, solarise. They process one image at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from benchmarks.cpu_time import best_cpu_seconds
from torch import Tensor

from shiomi.lejepa.config import PretrainConfig, Training
from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.loss import lejepa_loss
from shiomi.lejepa.optimisation import optimiser
from shiomi.lejepa.pretraining import build_network
from shiomi.lejepa.timm_models import import_timm
from shiomi.lejepa.views import MultiCrop


def parts_of_a_step(n: int = 256) -> None:
    config = PretrainConfig("none", local_views=2, training=Training(batch_size=n)).resolved(32)
    crops, network = config.crops(), build_network(config)
    batch = Batch(torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8), torch.ones(n))
    whole, part = crops(batch, range(n), seed=0, step=0)
    adamw = optimiser(network, config.training)
    with torch.no_grad():
        features = torch.cat([network.encoder(whole), network.encoder(part)])
        embeddings = network([whole, part], n)
    features.requires_grad_(), embeddings.requires_grad_()
    rows: dict[str, Callable[[], object]] = {
        "views": lambda: crops(batch, range(n), seed=0, step=0),
        "encoder, global views": lambda: network.encoder(whole).sum().backward(),
        "encoder, local views": lambda: network.encoder(part).sum().backward(),
        "projector": lambda: network.projector(features).sum().backward(),
        "loss": lambda: lejepa_loss(embeddings, global_views=2, step=0).total.backward(),
        "AdamW": adamw.step,
    }
    times = {name: best_cpu_seconds(work) / n * 1e3 for name, work in rows.items()}
    total = sum(times.values())
    print("| part | ms per image | share |\n|---|---|---|")
    for name, milliseconds in times.items():
        print(f"| {name} | {milliseconds:.3f} | {milliseconds / total:.0%} |")
    print(f"| together | {total:.3f} | {1000 / total:.0f} images/s per core |")


def views() -> None:
    """Print the times of our views and of torchvision's."""
    import_timm()  # makes torchvision work with any build of torch
    print("| images | views | ours, ms/view | torchvision v2, ms/view | ratio |")
    print("|---|---|---|---|---|")
    for stored, whole, part, n in ((32, 32, 16, 256), (128, 128, 56, 64), (336, 224, 96, 8)):
        _row(stored, n, "global", whole, (0.3, 1.0))
        _row(stored, n, "local", part, (0.05, 0.3))


def _row(stored: int, n: int, kind: str, size: int, scale: tuple[float, float]) -> None:
    """Print the times of `n` images with two views each."""
    pixels = torch.randint(0, 256, (n, 3, stored, stored), dtype=torch.uint8)
    batch = Batch(pixels, torch.ones(n))
    crops = MultiCrop(2, size, scale, local_views=0)
    chain = _torchvision(size, scale)
    ours = best_cpu_seconds(lambda: crops(batch, range(n), seed=0, step=0)) / (2 * n)
    theirs = best_cpu_seconds(lambda: [chain(one) for one in pixels for _ in range(2)]) / (2 * n)
    print(
        f"| {stored} px | {kind}, {size} px | {ours * 1e3:.3f} | {theirs * 1e3:.3f}"
        f" | {theirs / ours:.1f} |",
        flush=True,
    )


def _torchvision(size: int, scale: tuple[float, float]) -> Callable[[Tensor], Tensor]:
    from torchvision.transforms import v2

    kernel = max(3, round(size * 23 / 224) // 2 * 2 + 1)
    sigma = (0.1 * size / 224, 2.0 * size / 224)
    chain: Callable[[Tensor], Tensor] = v2.Compose(
        [
            v2.RandomResizedCrop(size, scale, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.2, 0.1)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(kernel, sigma)], 0.5),
            v2.RandomSolarize(0.5, 0.2),
        ]
    )
    return chain


if __name__ == "__main__":
    torch.set_num_threads(1)
    views() if sys.argv[1:] == ["views"] else parts_of_a_step()
