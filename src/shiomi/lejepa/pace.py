"""How fast a run is, and how long it will take."""

from __future__ import annotations

import time

__all__ = ["Pace"]


class Pace:
    """Speed and the time that is left, from the last steps of this process."""

    def __init__(self, step: int, steps: int, batch_size: int) -> None:
        self._steps, self._batch_size = steps, batch_size
        self._marks = [(step, time.monotonic())]

    def tick(self, step: int) -> None:
        self._marks.append((step, time.monotonic()))
        del self._marks[:-100]

    @property
    def _per_step(self) -> float:
        (first, began), (last, now) = self._marks[0], self._marks[-1]
        return (now - began) / max(1, last - first)

    @property
    def samples_per_second(self) -> float:
        return self._batch_size / self._per_step if self._per_step else 0.0

    @property
    def seconds_left(self) -> float:
        return (self._steps - self._marks[-1][0]) * self._per_step
