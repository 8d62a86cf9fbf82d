"""The other univariate tests of the paper, each of which can be given to `sigreg(statistic=...)`.

Each test takes projections (N, K) and returns one statistic per slice, (K,). The statistic is
smallest for N(0, 1), and differentiable in float32 and float64. Each rank needs the samples of all
ranks. So with a process group the embeddings of all ranks are gathered, while for Epps-Pulley only
sums are sent. The statistics are not multiplied by N, because the first three and `jarque_bera`
already grow with N if samples are not normal.

The first three compare distribution functions. In their formulas, z_i is the i-th smallest of the N
values Phi(u_n) (D'Agostino and Stephens 1986, table 4.2).

| name | what it compares | blind to |
|---|---|---|
| `anderson_darling`, `cramer_von_mises`, `watson` | distribution functions; sorts | |
| `shapiro_francia` | order statistics; sorts | mean and scale |
| `jarque_bera` | mean, variance, skewness, kurtosis | all higher moments |
| `moments` | the first four moments | all higher moments |
| `entropy` | Vasicek's entropy, as divergence from N(0, 1); sorts | |
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = [
    "anderson_darling",
    "cramer_von_mises",
    "entropy",
    "jarque_bera",
    "moments",
    "shapiro_francia",
    "vasicek_entropy",
    "watson",
]


def anderson_darling(u: Tensor) -> Tensor:
    """Return A^2 = -N - 1/N sum_i (2i - 1) (ln z_i + ln(1 - z_(N+1-i))): u (N, K) to (K,).

    It uses logarithms of the normal tails, which are finite for samples at any distance.
    """
    ordered = u.sort(dim=0).values
    samples = u.shape[0]
    odd = 2 * _ranks(u) - 1
    logs = torch.special.log_ndtr(ordered) + torch.special.log_ndtr(-ordered.flip(0))
    statistic: Tensor = -samples - (odd * logs).sum(0) / samples
    return statistic


def cramer_von_mises(u: Tensor) -> Tensor:
    """Return W^2 = 1/(12 N) + sum_i (z_i - (2i - 1)/(2N))^2: u (N, K) to (K,)."""
    samples = u.shape[0]
    z = _normal_cdf(u.sort(dim=0).values)
    return 1 / (12 * samples) + (z - (2 * _ranks(u) - 1) / (2 * samples)).square().sum(0)


def watson(u: Tensor) -> Tensor:
    """Return U^2 = W^2 - N (mean z - 1/2)^2: u (N, K) to (K,).

    It does not change if all z_i are rotated by the same amount around the circle [0, 1).
    """
    return cramer_von_mises(u) - u.shape[0] * (_normal_cdf(u).mean(0) - 0.5).square()


def _ranks(u: Tensor) -> Tensor:
    return torch.arange(1, u.shape[0] + 1, dtype=u.dtype, device=u.device).unsqueeze(1)


def _normal_cdf(u: Tensor) -> Tensor:
    cdf: Tensor = torch.special.erfc(u * -math.sqrt(0.5)) / 2
    return cdf


def shapiro_francia(u: Tensor) -> Tensor:
    """Return 1 - W', W' the squared correlation of ordered samples and scores: u (N, K) to (K,).

    Shapiro and Francia (1972). The scores are Blom's approximation of the expected order
    statistics, Phi^-1((i - 3/8) / (N + 1/4)). The statistic does not depend on mean and scale.
    Samples without variance give NaN.
    """
    samples = u.shape[0]
    ranks = torch.arange(1, samples + 1, dtype=torch.float64, device="cpu")
    scores = torch.special.ndtri((ranks - 0.375) / (samples + 0.25)).to(u)
    ordered = u.sort(dim=0).values
    centred = ordered - ordered.mean(0)
    along = scores @ centred
    squared: Tensor = along.square() / (scores.square().sum() * centred.square().sum(0))
    return 1 - squared


def jarque_bera(u: Tensor, *, standard: bool = True) -> Tensor:
    """Return N/6 (skewness^2 + (kurtosis - 3)^2 / 4), plus a term if `standard`: u (N, K) to (K,).

    Jarque and Bera (1980). This formula does not depend on mean and variance, so with it alone
    embeddings can collapse or explode. With `standard` (the paper's extended form), the term

        N mean^2 / variance + (N - 1) (variance - 1)^2 / 2

    is added, where the variance is the biased one. A slice without variance gives NaN, because its
    skewness is undefined.
    """
    samples = u.shape[0]
    mean = u.mean(0)
    centred = u - mean
    variance = centred.square().mean(0)
    skewness = centred.pow(3).mean(0) / variance.pow(1.5)
    kurtosis = centred.pow(4).mean(0) / variance.square()
    shape = samples / 6 * (skewness.square() + (kurtosis - 3).square() / 4)
    if not standard:
        return shape
    place = samples * mean.square() / variance
    return shape + place + (samples - 1) * (variance - 1).square() / 2


def moments(u: Tensor) -> Tensor:
    """Return sum_p (mean u^p - E z^p)^2 / Var(z^p), z ~ N(0, 1): u (N, K) to (K,).

    The sum is over the raw moments p = 1 to 4; E z^p = (p - 1)!! for even p and 0 for odd p.
    Each term is divided by the variance, so its expectation is 1/N for samples from N(0, 1). The
    paper shows why no finite number of moments is enough.
    """
    total = torch.zeros_like(u[0])
    for p in range(1, 5):
        expected = _normal_moment(p)
        variance = _normal_moment(2 * p) - expected**2
        total = total + (u.pow(p).mean(0) - expected).square() / variance
    return total


def _normal_moment(p: int) -> float:
    product = 1.0
    for factor in range(p - 1, 0, -2):
        product *= factor
    return product if p % 2 == 0 else 0.0


def entropy(u: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence from N(0, 1), in nats: u (N, K) to (K,).

    Vasicek (1976): of all distributions with the same variance, the normal one has the largest
    entropy. KL(X, N(0, 1)) = -h(X) + ln(2 pi)/2 + E X^2 / 2, where h is Vasicek's estimate of the
    entropy. The estimate is biased downwards at small N, so the divergence of normal samples is
    above 0.
    """
    cross = math.log(2 * math.pi) / 2 + u.square().mean(0) / 2
    return cross - vasicek_entropy(u)


def vasicek_entropy(u: Tensor) -> Tensor:
    """Return mean_i ln(N (x_(i+m) - x_(i-m)) / (2m)), nats: u (N, K) to (K,).

    m = floor(sqrt(N) + 1/2); x_(i) is x_(1) for i < 1 and x_(N) for i > N.
    Equal samples, whose entropy is -inf, count as 1e-12 apart.
    """
    samples = u.shape[0]
    m = math.floor(math.sqrt(samples) + 0.5)
    ordered = u.sort(dim=0).values
    places = torch.arange(samples, device=u.device)
    upper = ordered[(places + m).clamp(max=samples - 1)]
    lower = ordered[(places - m).clamp(min=0)]
    return ((upper - lower).clamp(min=1e-12) * (samples / (2 * m))).log().mean(0)
