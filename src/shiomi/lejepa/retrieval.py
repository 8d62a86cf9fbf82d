"""Retrieval: how often an image is found by another view of it. This score needs no labels.

Eight scores were chosen beforehand and compared on 159 small trainings. Of these scores, retrieval
had the highest rank correlation with a linear probe (docs/lejepa/results.md, "Choosing among runs
without labels").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from shiomi.lejepa.errors import InputError

__all__ = ["retrieval"]


def retrieval(a: Tensor, b: Tensor) -> float:
    """Return the share of rows whose most similar row in the other matrix has the same index.

    `a` and `b` (N, D) are features of two views of the same N images. Similarity is the cosine of
    the features after their common mean is subtracted. Chance level is 1 / N. Raises InputError if
    the shapes differ or are not (N, D).
    """
    if a.shape != b.shape or a.ndim != 2 or not len(a):
        raise InputError(
            f"two views must be (N, D) alike, got {tuple(a.shape)} and {tuple(b.shape)}"
        )
    mean = torch.cat([a, b]).mean(0)
    similarity = normalize(a - mean, dim=1) @ normalize(b - mean, dim=1).T
    own = torch.arange(len(a), device=a.device)
    found = [(similarity.argmax(axis) == own).double().mean().item() for axis in (0, 1)]
    return sum(found) / 2
