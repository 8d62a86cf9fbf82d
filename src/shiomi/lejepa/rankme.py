"""RankMe: the effective rank of a matrix of features (Garrido et al., arXiv 2210.02885)."""

from __future__ import annotations

from torch import Tensor

from shiomi.lejepa.covariance import singular_values
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.labels import features

__all__ = ["rankme"]

_EPSILON = 1e-7  # of the paper's equation 2, for float32 features


def rankme(x: Tensor) -> float:
    """Return exp of the entropy of the normalised singular values of `x`, from 1 to min(N, D).

    p_k = sigma_k / sum(sigma) + 1e-7, RankMe = exp(-sum p_k log p_k). As in the paper, which uses
    25,600 rows, the rows are not centred. N should be at least a few times D, because otherwise the
    result is limited by N and not by the features.

    `x` is (N, D), floating. Raises InputError if it is not a finite matrix, or has only zeros.
    """
    features(x, "the")
    sigma = singular_values(x)
    total = sigma.sum()
    if total == 0:
        raise InputError("all features are 0; they have no rank (has the encoder collapsed?)")
    p = sigma / total + _EPSILON
    return (-(p * p.log()).sum()).exp().item()
