"""Compute the accuracy of a weighted k-nearest-neighbour classifier on frozen features.

This is the classifier of Wu et al. 2018 (arXiv 1805.01978, section 3.4), which papers on
self-supervised learning use. The k training rows with the highest cosine similarity each cast a
vote, with weight exp(similarity / temperature). The search is exact and works in blocks, so memory
does not grow with N times M.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from shiomi.lejepa.errors import InputError
from shiomi.lejepa.labels import Labels, labelled

__all__ = ["knn_accuracy", "knn_votes", "nearest"]

_QUERIES, _KEYS = 1024, 16384  # rows of one block; its similarities in float32 take 64 MiB


def knn_accuracy(
    train_x: Tensor,
    train_y: Labels,
    test_x: Tensor,
    test_y: Labels,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> float:
    """Return the share (0 to 1) of test rows that their k nearest training rows classify correctly.

    Parameters
    ----------
    train_x, test_x
        (N, D) and (M, D) features, any floating dtype, on any device.
    train_y, test_y
        (N,) and (M,) whole numbers.
    k
        Number of neighbours that vote; at most N are used.
    temperature
        Temperature of the votes' weights. The smaller it is, the more the nearest neighbours
        decide.

    Raises
    ------
    InputError, DataError
        As for `shiomi.lejepa.labels.labelled`. Also InputError if `k` or `temperature` is not
        positive.
    """
    if temperature <= 0:
        raise InputError(f"temperature must be > 0, got {temperature}; 0.07 is usual")
    data = labelled(train_x, train_y, test_x, test_y)
    similarity, index = nearest(data.test_x, data.train_x, k)
    votes = knn_votes(similarity, data.train_y[index], len(data.classes), temperature)
    return (votes.argmax(1) == data.test_y).double().mean().item()


def nearest(queries: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the similarities and row numbers of the k keys nearest to each query, best first.

    `queries` is (M, D), `keys` (N, D); both results are (M, min(k, N)), float32 and int64, on the
    CPU. The similarity of a row of zeros to every row is 0. If several keys are tied for the last
    place, any of them may be returned.
    """
    if k < 1:
        raise InputError(f"k must be >= 1, got {k}")
    k = min(k, len(keys))
    similarities, rows = [], []
    for block in queries.split(_QUERIES):
        query = normalize(block.detach().float(), dim=1)
        best = query.new_empty(len(block), 0)
        where = torch.empty(len(block), 0, dtype=torch.int64, device=query.device)
        for start in range(0, len(keys), _KEYS):
            key = normalize(keys[start : start + _KEYS].detach().float(), dim=1)
            values, at = (query @ key.T).topk(min(k, len(key)), dim=1)
            best, order = torch.cat([best, values], 1).topk(
                min(k, best.shape[1] + values.shape[1]), dim=1
            )
            where = torch.cat([where, at + start], 1).gather(1, order)
        similarities.append(best.cpu())
        rows.append(where.cpu())
    return torch.cat(similarities), torch.cat(rows)


def knn_votes(similarity: Tensor, labels: Tensor, classes: int, temperature: float) -> Tensor:
    """Return (M, C): for each class, the sum of exp(similarity / temperature) over its neighbours.

    `similarity` and `labels` are (M, k), labels in 0..C-1. Each row is scaled so that its largest
    weight is 1. This cannot overflow and does not change which class wins.
    """
    weights = ((similarity - similarity.amax(1, keepdim=True)) / temperature).exp()
    return similarity.new_zeros(len(similarity), classes).scatter_add_(1, labels, weights)
