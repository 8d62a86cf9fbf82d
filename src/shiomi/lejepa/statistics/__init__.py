"""The other univariate tests of the paper, each a drop-in for `sigreg(statistic=...)`.

Each takes projections (N, K) and returns one statistic a slice, (K,), least for N(0, 1),
differentiable in float32 and float64. They need all samples at once: with a process group the
embeddings of all ranks are gathered, where Epps-Pulley sends sums alone. They are not multiplied by
N: the first three and `jarque_bera` grow with N by themselves where samples are not normal.

| name | what it compares | blind to |
|---|---|---|
| `anderson_darling`, `cramer_von_mises`, `watson` | distribution functions; sorts | |
| `shapiro_francia` | order statistics; sorts | mean and scale |
| `jarque_bera` | mean, variance, skewness, kurtosis | all higher moments |
| `moments` | the first four moments | all higher moments |
| `entropy` | Vasicek's entropy, as divergence from N(0, 1); sorts | |
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from shiomi.lejepa.epps_pulley import EppsPulley
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.statistics.distribution_functions import (
    anderson_darling,
    cramer_von_mises,
    watson,
)
from shiomi.lejepa.statistics.entropy import entropy
from shiomi.lejepa.statistics.moments import jarque_bera, moments
from shiomi.lejepa.statistics.order_statistics import shapiro_francia

__all__ = [
    "STATISTICS",
    "anderson_darling",
    "cramer_von_mises",
    "entropy",
    "jarque_bera",
    "moments",
    "named_statistic",
    "shapiro_francia",
    "watson",
]

STATISTICS: dict[str, EppsPulley | Callable[[Tensor], Tensor]] = {
    "epps_pulley": EppsPulley(),
    "epps_pulley_unbiased": EppsPulley(unbiased=True),
    "anderson_darling": anderson_darling,
    "cramer_von_mises": cramer_von_mises,
    "watson": watson,
    "jarque_bera": jarque_bera,
    "shapiro_francia": shapiro_francia,
    "moments": moments,
    "entropy": entropy,
}


def named_statistic(name: str) -> EppsPulley | Callable[[Tensor], Tensor]:
    """Return the statistic of that name in STATISTICS.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in STATISTICS:
        raise InputError(f"no statistic {name!r}; there are {', '.join(STATISTICS)}")
    return STATISTICS[name]
