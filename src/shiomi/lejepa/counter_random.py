"""Random numbers that depend on the place where they are used, not on earlier draws.

A number is the hash of a seed and of counters (the step, the image, the view, …). So the number is
the same after a restart, on any rank and on any device. No generator state has to be kept. The hash
is SplitMix64's finaliser (Steele, Lea, Flood 2014), once per counter.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["Use", "key", "uniform"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Use(IntEnum):
    """The purposes of random numbers. Each is a stream id of the counter-based generator."""

    DATA_ORDER = 1
    NETWORK = 2
    INITIAL_WEIGHTS = 3


def uniform(
    *counters: int | NDArray[np.int64] | NDArray[np.uint64],
) -> NDArray[np.float64]:
    """Return numbers in [0, 1), one per combination of the counters. The counters broadcast."""
    return (_hash(*counters) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def key(*counters: int) -> int:
    """Hash counters to a seed in [0, 2**63) for a generator."""
    return int(_hash(*counters)) >> 1


def _hash(*counters: int | NDArray[np.int64] | NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):  # overflow is intended
        for counter in counters:
            state = _mix((state ^ np.asarray(counter).astype(np.uint64)) + _GOLDEN)
    return state


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
