"""Choose the samples of a step, split them over ranks, and read ahead in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

import torch

from shiomi.lejepa.counter_random import Use, key
from shiomi.lejepa.errors import InputError

__all__ = ["DataOrder", "endless", "read_ahead", "share"]

_AHEAD = 2  # batches read ahead while the current one is in use
_Read = TypeVar("_Read")


class DataOrder:
    """The samples of each step. Each sample occurs at most once per epoch. The seed determines the
    order."""

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
    """Split `numbers` into `parts` contiguous runs of nearly equal length; return run `part`."""
    n = len(numbers)
    return numbers[n * part // parts : n * (part + 1) // parts]


def endless(stream: Iterable[Any], skip: int) -> Iterator[Any]:
    """Yield the batches of `stream` in an endless loop, without the first `skip` batches."""
    while True:
        empty = True
        for batch in stream:
            empty = False
            if skip > 0:
                skip -= 1
                continue
            yield batch
        if empty:
            raise InputError("the iterable gave no batch; give one that can be started again")


@contextmanager
def read_ahead(read: Callable[[int], _Read], steps: Iterable[int]) -> Iterator[Iterator[_Read]]:
    """Return an iterator over `read(step)` for `steps`. A thread reads two steps ahead."""
    with ThreadPoolExecutor(1, thread_name_prefix="read") as thread:
        todo = iter(steps)
        ahead = [thread.submit(read, step) for step in islice(todo, _AHEAD)]

        def each() -> Iterator[_Read]:
            while ahead:
                batch = ahead.pop(0).result()
                if (step := next(todo, None)) is not None:
                    ahead.append(thread.submit(read, step))
                yield batch

        try:
            yield each()
        finally:
            for future in ahead:
                future.cancel()
