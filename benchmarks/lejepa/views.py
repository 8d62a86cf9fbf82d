"""Measure how fast views are made: ours (batched matrix products) and torchvision's (image by
image).

    python -m benchmarks.lejepa.views

The script prints CPU milliseconds per view on one thread. It takes the best of several rounds, to
reduce the effect of other work on the machine. torchvision's chain is the usual one of data
loaders: RandomResizedCrop with anti-aliasing, flip, ColorJitter, grey, GaussianBlur, solarise.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from benchmarks.cpu_time import best_cpu_seconds
from torch import Tensor

from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.views import MultiCrop


def main() -> None:
    torch.set_num_threads(1)
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):  # a torchvision built for another torch needs them
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
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
    main()
