"""The optimiser, and the learning rate of a step: linear warm-up, then a cosine."""

from __future__ import annotations

import importlib
import math

import torch
from torch import nn

from shiomi.lejepa.config import Training
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.timm_models import import_timm

__all__ = ["FINAL_SHARE", "learning_rate", "optimiser"]

FINAL_SHARE = 1e-3
"""The learning rate of the last step, as a share of the base rate. arXiv 2511.08544 states lr/1000.
The value is relative so that the rate never rises: an absolute 1e-3 would double a base of 5e-4."""


def learning_rate(
    step: int, steps: int, *, base: float, warmup: int = 0, final: float = FINAL_SHARE
) -> float:
    """Return the rate of step `step` of 0 .. steps - 1.

    The rate rises linearly over steps 0 .. warmup - 1 and reaches `base` at step `warmup`. From
    there it falls along half a cosine to base * final at step `steps - 1`.

    Raises InputError if a number is out of range.
    """
    if not 0 <= step < steps:
        raise InputError(f"step {step} is not one of 0 to {steps - 1}")
    if not 0 <= warmup < steps:
        raise InputError(f"a warm-up of {warmup} steps does not fit into {steps}; give fewer")
    if step < warmup:
        return base * (step + 1) / (warmup + 1)
    if steps - 1 == warmup:
        return base
    share = (step - warmup) / (steps - 1 - warmup)
    return base * (final + (1 - final) * (1 + math.cos(math.pi * share)) / 2)


def optimiser(
    network: nn.Module, training: Training, *, fused: bool = False
) -> torch.optim.Optimizer:
    """Return AdamW or LARS, without weight decay for biases and for the scales of normalisation
    layers.

    Raises MissingError if LARS is requested and timm, which provides it, cannot be imported.
    """
    decaying = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decaying, "weight_decay": float(training.weight_decay)},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [g for g in groups if g["params"]]
    if training.optimiser == "lars":
        import_timm()
        optim = importlib.import_module("timm.optim")
        lars: torch.optim.Optimizer = optim.Lars(groups, lr=float(training.lr), momentum=0.9)
        return lars
    return torch.optim.AdamW(groups, lr=float(training.lr), fused=fused)
