"""Evaluate during training: RankMe and retrieval always, kNN and probe if there are labels.

A fixed part of the images is used as queries. Training uses these images too. The evaluation is
still fair, because training never uses labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from shiomi.lejepa.config import PretrainConfig
from shiomi.lejepa.data.images import Batch, Images
from shiomi.lejepa.data.source import UNLABELLED
from shiomi.lejepa.errors import LejepaError
from shiomi.lejepa.knn import knn_accuracy
from shiomi.lejepa.probe import linear_probe
from shiomi.lejepa.rankme import rankme
from shiomi.lejepa.retrieval import retrieval
from shiomi.lejepa.views import resize

__all__ = ["Evaluation", "embed_numbers"]

_MOST = 6_000  # images embedded for an evaluation
_ASKED = 1 / 6  # share of embedded images used as queries; the others are the reference set
_PAIRS = 1_000  # images of which two views are compared
_STEP = 1 << 40  # for the views' random numbers; no training has this step
_ROWS = 256  # images embedded at once
_PENALTY = 1e-3  # fixed penalty of the probe; choosing it each time takes six times as long


class Evaluation:
    """Evaluate encoders on a fixed selection of images."""

    def __init__(self, images: Images, config: PretrainConfig) -> None:
        self._images = images
        self._size = config.global_size or images.size
        generator = torch.Generator().manual_seed(0)
        labels = images.labels
        labelled = torch.arange(len(images))
        if labels is not None:
            labelled = labelled[labels != UNLABELLED]
        chosen = labelled[torch.randperm(len(labelled), generator=generator)[:_MOST]]
        self._numbers: list[int] = chosen.tolist()
        every = torch.randperm(len(images), generator=generator)
        self._pairs: list[int] = every[:_PAIRS].tolist()
        self._two = replace(config.crops(), global_views=2, local_views=0)

    def __call__(self, encoder: nn.Module, device: torch.device) -> dict[str, float]:
        """Return rankme and retrieval, and also knn and probe if there are enough labels.

        All values except rankme are shares from 0 to 1.
        """
        features = embed_numbers(encoder, self._images, self._numbers, self._size, device)
        values = {"rankme": rankme(features), "retrieval": self._retrieval(encoder, device)}
        if self._images.labels is None:
            return values
        chosen = self._images.labels[self._numbers]  # replacements of damaged images are known now
        cut = max(1, int(len(features) * _ASKED))
        known, asked = features[cut:], features[:cut]
        labels = (chosen[cut:], chosen[:cut])
        probe = partial(linear_probe, penalties=(_PENALTY,))
        for name, judge in (("knn", knn_accuracy), ("probe", probe)):
            try:
                values[name] = judge(known, labels[0], asked, labels[1])
            except LejepaError:  # one class, or too few images of each: training continues
                continue
        return values

    @torch.no_grad()
    def _retrieval(self, encoder: nn.Module, device: torch.device) -> float:
        """Return the retrieval score of two global views. The views are the same in every
        evaluation."""
        found = []
        for start in range(0, len(self._pairs), _ROWS):
            numbers = self._pairs[start : start + _ROWS]
            batch = self._images.batch(numbers)
            drawn = self._two.draw(batch.ratio, numbers, seed=0, step=_STEP)
            (views,) = self._two.render(batch.pixels.to(device), drawn)
            found.append(encoder(views).float().cpu().view(2, len(numbers), -1))
        return retrieval(*torch.cat(found, 1))


@torch.no_grad()
def embed_numbers(
    encoder: nn.Module,
    images: Images,
    numbers: list[int],
    size: int,
    device: torch.device,
    progress: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Return the features (N, width) of uncropped images with these numbers, float32 on the CPU.

    `progress` is called with the number of embedded images.
    """
    rows = []
    for start in range(0, len(numbers), _ROWS):
        batch = images.batch(numbers[start : start + _ROWS])
        moved = Batch(batch.pixels.to(device), batch.ratio)
        rows.append(encoder(resize(moved, size)).float().cpu())
        progress(start + len(rows[-1]))
    return torch.cat(rows)
