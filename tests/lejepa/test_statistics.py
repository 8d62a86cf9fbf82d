"""The paper's other tests have SciPy's and statsmodels' values, and can be trained on."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy  # scipy.stats is slow to import, and comes at its first use
import torch
from hypothesis import given
from hypothesis import strategies as st

from shiomi.lejepa import EppsPulley, SIGReg
from shiomi.lejepa.statistics import (
    anderson_darling,
    cramer_von_mises,
    entropy,
    jarque_bera,
    moments,
    shapiro_francia,
    vasicek_entropy,
    watson,
)

STATISTICS: dict[str, EppsPulley | Callable[[torch.Tensor], torch.Tensor]] = {
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
SAMPLES = st.integers(5, 200)


def draw(samples: int, scale: float = 1.3, shift: float = 0.2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(samples)
    return torch.randn(samples, 3, generator=generator, dtype=torch.float64) * scale + shift


def columns(u: torch.Tensor) -> list[np.ndarray]:
    return list(u.T.numpy())


@pytest.mark.slow
@given(SAMPLES)
def test_anderson_darling_is_that_of_statsmodels(samples: int) -> None:
    from statsmodels.stats.diagnostic import anderson_statistic  # slow to import

    u = draw(samples)
    wanted = [anderson_statistic(column, scipy.stats.norm, fit=False) for column in columns(u)]
    np.testing.assert_allclose(anderson_darling(u), wanted, rtol=1e-9)


@pytest.mark.slow
@given(SAMPLES)
def test_cramer_von_mises_is_that_of_scipy(samples: int) -> None:
    u = draw(samples)
    wanted = [scipy.stats.cramervonmises(column, "norm").statistic for column in columns(u)]
    np.testing.assert_allclose(cramer_von_mises(u), wanted, rtol=1e-9)


@given(SAMPLES, st.floats(0, 1))
def test_watson_does_not_change_when_the_circle_is_turned(samples: int, turn: float) -> None:
    """What Watson's U^2 is for: Phi(u) taken as places on a circle."""
    z = scipy.stats.norm.cdf(draw(samples).numpy())
    turned = torch.from_numpy(scipy.stats.norm.ppf((z + turn) % 1))
    if not turned.isfinite().all():
        return
    np.testing.assert_allclose(watson(turned), watson(torch.from_numpy(scipy.stats.norm.ppf(z))),
                               atol=1e-7)  # fmt: skip


@given(SAMPLES)
def test_jarque_bera_is_that_of_scipy(samples: int) -> None:
    u = draw(samples)
    wanted = [scipy.stats.jarque_bera(column).statistic for column in columns(u)]
    np.testing.assert_allclose(jarque_bera(u, standard=False), wanted, rtol=1e-8)


def test_the_extended_jarque_bera_sees_mean_and_scale() -> None:
    u = draw(500, 1.0, 0.0)
    u = (u - u.mean(0)) / u.std(0, correction=0)
    torch.testing.assert_close(jarque_bera(u), jarque_bera(u, standard=False))
    for other in (u + 0.3, 0.5 * u):
        assert (jarque_bera(other) > jarque_bera(u) + 5).all()
        torch.testing.assert_close(
            jarque_bera(other, standard=False), jarque_bera(u, standard=False)
        )


@given(SAMPLES)
def test_shapiro_francia_is_the_correlation_of_the_probability_plot(samples: int) -> None:
    u = draw(samples)
    ranks = np.arange(1, samples + 1)
    scores = scipy.stats.norm.ppf((ranks - 0.375) / (samples + 0.25))
    wanted = [1 - np.corrcoef(np.sort(c), scores)[0, 1] ** 2 for c in columns(u)]
    np.testing.assert_allclose(shapiro_francia(u), wanted, atol=1e-12)


@given(st.integers(10, 200))
def test_vasicek_s_entropy_is_that_of_scipy(samples: int) -> None:
    u = draw(samples)
    wanted = scipy.stats.differential_entropy(u.numpy(), axis=0, method="vasicek")
    np.testing.assert_allclose(vasicek_entropy(u), wanted, rtol=1e-9)


def test_the_divergence_tends_to_the_one_in_closed_form() -> None:
    """KL(N(m, s^2), N(0, 1)) = (s^2 + m^2 - 1)/2 - ln s."""
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(100_000, 1, generator=generator, dtype=torch.float64) * 1.5 + 0.5
    assert float(entropy(u)) == pytest.approx((2.25 + 0.25 - 1) / 2 - math.log(1.5), abs=0.02)


@pytest.mark.slow
@given(SAMPLES)
def test_moments_compare_with_the_raw_moments_of_scipy(samples: int) -> None:
    u = draw(samples)
    wanted = 0.0
    for p, expected, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        wanted = wanted + (scipy.stats.moment(u.numpy(), p, center=0) - expected) ** 2 / variance
    np.testing.assert_allclose(moments(u), wanted, rtol=1e-9)


def test_each_moment_of_normal_draws_has_the_expectation_one_over_n() -> None:
    generator = torch.Generator().manual_seed(1)
    u = torch.randn(200, 20_000, generator=generator, dtype=torch.float64)
    assert float(moments(u).mean() * 200) == pytest.approx(4, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", STATISTICS)
def test_training_on_a_statistic_makes_lopsided_embeddings_more_normal(name: str) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(256, 4, generator=generator)
    x = (x.sign() * (0.5 + x.abs() / 3)).requires_grad_()
    grid = STATISTICS["epps_pulley"]
    before = float(SIGReg(slices=64)(x.detach(), step=0))
    optimiser = torch.optim.Adam([x], lr=0.05)
    regulariser = SIGReg(slices=64, statistic=STATISTICS[name])
    for step in range(60):
        optimiser.zero_grad()
        regulariser(x, step=step).backward()
        optimiser.step()
    # Shapiro-Francia sees shape alone: it is judged by shape.
    y = x.detach()
    if name == "shapiro_francia":
        y = (y - y.mean(0)) / y.std(0)
    assert float(SIGReg(slices=64, statistic=grid)(y, step=0)) < before / 2


@pytest.mark.parametrize("name", STATISTICS)
def test_gradients_are_the_numerical_ones(name: str) -> None:
    u = draw(9).requires_grad_()
    assert torch.autograd.gradcheck(STATISTICS[name], (u,))


@pytest.mark.parametrize("name", STATISTICS)
def test_samples_far_in_the_tails_give_a_finite_value_and_gradient(name: str) -> None:
    u = (10 * torch.randn(50, 2, generator=torch.Generator().manual_seed(4))).requires_grad_()
    value = STATISTICS[name](u)
    (gradient,) = torch.autograd.grad(value.sum(), u)
    assert value.isfinite().all()
    assert gradient.isfinite().all()
