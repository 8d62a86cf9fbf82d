"""Try random configurations. If a configuration is accepted, it must train a step. If it is
refused, the error must be helpful.

    python -m benchmarks.lejepa.fuzz --count 10000 --seed 0

Each configuration sets some options to random values. Most values are plausible. The others have a
wrong type, are NaN, infinite or zero, have the wrong sign, or are an unknown name. A finding is one
of three things: an error that is not of `shiomi.lejepa.errors`, an error whose text lacks the given
value or a remedy, or a step whose loss is not finite.
"""

from __future__ import annotations

import argparse
import math
import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from shiomi.lejepa.config import PretrainConfig, Training
from shiomi.lejepa.data.images import Batch
from shiomi.lejepa.encoders import Network
from shiomi.lejepa.errors import LejepaError, NonFiniteError
from shiomi.lejepa.train import Trainer
from shiomi.lejepa.variants import VARIANTS
from shiomi.lejepa.views import Augmentations

ODD: tuple[Any, ...] = (0, -1, 2.5, math.nan, math.inf, -math.inf, "x", True, None, (2, 3), 10**30)
REMEDIES = ("give", "must", "there are", "there is", "at least", "needs", "is for")
SHARE = (0.0, 0.1, 0.5, 1.0)
SCALE = ((0.2, 1.0), (0.5, 0.5), (0.08, 0.4))
GOOD: dict[str, dict[str, Sequence[Any]]] = {
    "training": {
        "steps": (1,), "batch_size": (2, 4, 7), "accumulate": (1, 2), "warmup": (0, 0.1),
        "lr": (1e-3, np.float32(1e-2)), "final_lr": SHARE, "clip": (None, 1.0), "epochs": (1, 2.5),
        "optimiser": ("adamw", "lars"), "weight_decay": (0, 0.1), "seed": (0, 7, np.int64(3)),
        "variant": tuple(VARIANTS), "lam": (None, 0.05, 1, np.float32(0.5)),
        "slices": (None, 1, 16), "precision": ("auto", "fp32", "bf16"),
    },
    "augmentations": {
        "flip": SHARE, "jitter": SHARE, "brightness": SHARE, "contrast": SHARE, "saturation": SHARE,
        "hue": (0, 0.1, 0.5), "grey": SHARE, "blur": SHARE, "solarize": SHARE,
        "ratio": ((0.75, 1.5), (1, 1)), "blur_sigma": ((0.1, 2.0),),
    },
    "": {
        "global_views": (1, 2, 3), "local_views": (0, 1, 2), "global_size": (8, 16),
        "local_size": (8, 12), "global_scale": SCALE, "local_scale": SCALE,
        "projector_width": (1, 8), "projector_hidden": (None, 8), "projector_layers": (1, 2),
        "drop_path": (0.0,), "stored_size": (16, 24),
    },
}  # fmt: skip
FIXED = {"global_size": 16, "local_size": 8, "stored_size": 16}


def draw(choice: random.Random, odd: float) -> dict[str, dict[str, Any]]:
    """Return settings of each table. Each setting is implausible with probability `odd`."""
    found: dict[str, dict[str, Any]] = {}
    for table, settings in GOOD.items():
        taken = [name for name in settings if choice.random() < 0.3]
        found[table] = {
            name: choice.choice(ODD) if choice.random() < odd else choice.choice(settings[name])
            for name in taken
        }
    return found


def attempt(given: dict[str, dict[str, Any]]) -> str:
    """Return "trained", "refused", or a description of the finding."""
    try:
        training = Training(**{"steps": 1, "batch_size": 4, "slices": 8, **given["training"]})
        augmentations = Augmentations(**given["augmentations"])
        config = PretrainConfig(
            "x", training=training, augmentations=augmentations, **{**FIXED, **given[""]}
        ).resolved(24)
        loss = one_step(config)
    except NonFiniteError:
        return "refused"  # allowed: the learning rate or a weight was too large; the error names it
    except LejepaError as error:
        return told(str(error), given)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "trained" if math.isfinite(loss) else f"the loss is {loss}"


def told(text: str, given: dict[str, dict[str, Any]]) -> str:
    """Return "refused" if the error names a given value and a remedy for it."""
    values = [value for table in given.values() for value in table.values()]
    named = any(str(value) in text or repr(value) in text for value in values)
    named = named or re.search(r"views, not \d", text) is not None  # a sum of the given values
    if named and any(word in text for word in REMEDIES):
        return "refused"
    return f"the text says {'no remedy' if named else 'no value'}: {text}"


def one_step(config: PretrainConfig) -> float:
    """Train one step on eight images of noise, and return the loss."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 8), nn.ReLU())
    head = config.projector(8)
    crops, losses = config.crops(), []
    side = config.stored_size or 16
    pixels = torch.randint(0, 256, (8, 3, side, side), dtype=torch.uint8)

    def views(read: Batch, numbers: Sequence[int], step: int) -> list[torch.Tensor]:
        return crops(read, numbers, seed=config.training.seed, step=step)

    trainer = Trainer(
        Network(body, head),
        lambda numbers, _step: Batch(pixels[list(numbers)], torch.ones(len(numbers))),
        views,
        count=8,
        training=config.training,
        global_views=config.global_views,
        log_every=1,
    )
    if trainer.steps > 3:
        return 0.0  # accepted, but a training of this length takes too long here
    trainer.run(lambda moment: losses.append(moment.loss))
    return losses[-1]


def search(count: int, seed: int) -> tuple[int, int, dict[str, Any]]:
    """Return how many configurations trained and were refused, and the findings with their
    settings."""
    torch.set_num_threads(1)
    trained = refused = 0
    findings: dict[str, Any] = {}
    for number in range(count):
        choice = random.Random(f"{seed} {number}")
        given = draw(choice, odd=choice.choice((0.0, 0.05, 0.3)))
        outcome = attempt(given)
        trained += outcome == "trained"
        refused += outcome == "refused"
        if outcome not in ("trained", "refused"):
            findings.setdefault(outcome, given)
    return trained, refused, findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    trained, refused, findings = search(given.count, given.seed)
    for outcome, settings in findings.items():
        print(f"{outcome}\n    {settings}")
    print(f"{given.count:,} configurations: {trained:,} trained, {refused:,} refused by name,")
    print(f"{len(findings)} kinds of finding")


if __name__ == "__main__":
    main()
