"""Measure the time of each part of a training step, with the small encoder on 32-pixel images.

    python -m benchmarks.lejepa.step [batch]

The script prints CPU milliseconds per image on one thread, the best of several rounds. A step has
random images, 2 global views of 32 pixels and 2 local views of 16, forward and backward.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from benchmarks.cpu_time import best_cpu_seconds

from shiomi.lejepa.config import PretrainConfig, Training
from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.loss import lejepa_loss
from shiomi.lejepa.optimisation import optimiser
from shiomi.lejepa.pretraining import build_network


def main(n: int) -> None:
    torch.set_num_threads(1)
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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
