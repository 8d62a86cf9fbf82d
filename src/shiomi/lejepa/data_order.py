"""The samples of a step, and each rank's part of them."""

from __future__ import annotations

import torch

from shiomi.lejepa.counter_random import Use, key

__all__ = ["DataOrder", "share"]


class DataOrder:
    """The samples of each step: each sample once per epoch, in an order that depends on the
    seed."""

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self._count, self._size, self._seed = count, batch_size, seed
        self._epoch, self._order = -1, torch.empty(0)

    def __call__(self, step: int) -> list[int]:
        """Return the numbers of a step's samples, over all ranks."""
        epoch, place = divmod(step, self._count // self._size)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(key(self._seed, Use.DATA_ORDER, epoch))
            self._order = torch.randperm(self._count, generator=generator)
            self._epoch = epoch
        numbers: list[int] = self._order[place * self._size : (place + 1) * self._size].tolist()
        return numbers


def share(numbers: list[int], part: int, parts: int) -> list[int]:
    """Return one of `parts` runs of `numbers`, as even as they can be."""
    n = len(numbers)
    return numbers[n * part // parts : n * (part + 1) // parts]
