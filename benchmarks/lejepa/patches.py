"""Classify CIFAR-10 without learned features: random patches as filters (Coates and Ng 2011).

    python -m benchmarks.lejepa.patches

The filters are whitened patches of 6 x 6 pixels, drawn from training images. The features of an
image are the rectified responses of both signs, averaged in four quadrants. They are evaluated like
the encoders, by a linear probe and 20 nearest neighbours, with 20,000 train and 10,000 test images.
"""

from __future__ import annotations

import argparse
import time

import torch
from benchmarks.lejepa.cifar10 import cifar10
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, conv2d, normalize, unfold

from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.probe import linear_probe

SIDE, DRAWN = 6, 20_000


def filters(images: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return kernels (count, 3, 6, 6) and offsets (count,) of whitened random patches."""
    chosen = images[torch.randperm(len(images), generator=generator)[:2000]].float() / 255
    patches = unfold(chosen, SIDE).transpose(1, 2).reshape(-1, 3 * SIDE * SIDE)
    patches = patches[torch.randperm(len(patches), generator=generator)[:DRAWN]].double()
    mean = patches.mean(0)
    values, axes = torch.linalg.eigh((patches - mean).T.cov())
    whiten = axes * (values + 1e-3).rsqrt() @ axes.T
    own = (patches[:count] - mean) @ whiten
    kernels = normalize(own, dim=1) @ whiten
    return kernels.float().view(-1, 3, SIDE, SIDE), -(kernels @ mean).float()


def features(images: Tensor, kernels: Tensor, offsets: Tensor, threshold: float) -> Tensor:
    rows = []
    kernels = kernels.to(memory_format=torch.channels_last)
    for part in images.split(25):  # larger parts lose time to page faults
        pixels = part.to(torch.float32, memory_format=torch.channels_last) / 255
        made = conv2d(pixels, kernels, offsets).contiguous()
        signs = ((made - threshold).relu_(), made.neg_().sub_(threshold).relu_())
        rows.append(torch.cat([adaptive_avg_pool2d(sign, 2) for sign in signs], 1).flatten(1))
    return torch.cat(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--filters", type=int, default=128)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data, began = cifar10(), time.process_time()
    kernels, offsets = filters(data.train_x, given.filters, torch.Generator().manual_seed(0))
    train, test = (
        features(images, kernels, offsets, 0.25) for images in (data.train_x[:20_000], data.test_x)
    )
    spent = time.process_time() - began
    labels = data.train_y[:20_000], data.test_y
    knn = knn_accuracy(train.sqrt(), labels[0], test.sqrt(), labels[1])
    count = f"{given.filters} filters, {train.shape[1]} features"
    print(f"{count}, {spent:.0f} CPU s: kNN {100 * knn:.1f} %", flush=True)
    probe = linear_probe(train, labels[0], test, labels[1], penalties=(1e-2,))
    print(f"probe {100 * probe:.1f} %")


if __name__ == "__main__":
    main()
