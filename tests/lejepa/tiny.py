"""An encoder that takes a millisecond, with what a real one has: dropout and running means."""

from __future__ import annotations

from torch import nn


def tiny_encoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 4),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 16),
    )
