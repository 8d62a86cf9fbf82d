"""The Epps-Pulley statistic: its integral, its floor, and the U-statistic without one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shiomi.lejepa import EppsPulley
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.kernels import cpu

GRIDS = [
    EppsPulley(),
    EppsPulley(domain=(-5.0, 5.0)),
    EppsPulley(knots=10, domain=(-3.0, 3.0)),
    EppsPulley(knots=2, domain=(0.0, 1.0)),
    EppsPulley(knots=2, domain=(-1.0, 1.0)),
    EppsPulley(knots=3, domain=(-2.0, 2.0)),
]


def by_definition(u: np.ndarray, grid: EppsPulley) -> np.ndarray:
    """The integral with complex numbers on the whole line, after the paper's Algorithm 1."""
    low, high = grid.domain
    knots = 2 * grid.knots - 1 if low == 0 else grid.knots
    t = np.linspace(-high, high, knots)
    phi_n = np.exp(1j * t * u[..., None]).mean(0)
    phi = np.exp(-t * t / 2)
    return np.asarray(np.trapezoid(np.abs(phi_n - phi) ** 2 * phi, t))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("samples", [1, 2, 37])
def test_it_is_the_trapezoidal_rule_of_the_squared_distance(grid: EppsPulley, samples: int) -> None:
    u = torch.randn(samples, 5, dtype=torch.float64) * 1.5 + 0.3
    np.testing.assert_allclose(grid(u), by_definition(u.numpy(), grid), rtol=1e-10)


@pytest.mark.parametrize("grid", [*GRIDS, EppsPulley(unbiased=True)], ids=str)
def test_its_gradient_is_the_numerical_one(grid: EppsPulley) -> None:
    u = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(grid, (u,))


@given(st.integers(2, 9))
def test_the_unbiased_statistic_averages_over_pairs_of_different_samples(samples: int) -> None:
    grid = EppsPulley(unbiased=True)
    u = torch.randn(samples, dtype=torch.float64)
    t = torch.tensor(grid.points, dtype=torch.float64)
    weights = torch.tensor(grid.weights, dtype=torch.float64)
    phi = torch.exp(-t * t / 2)
    pairs = torch.cos((u[:, None, None] - u[None, :, None]) * t)
    off = (pairs.sum((0, 1)) - samples) / (samples * (samples - 1))
    wanted = ((off - 2 * phi * torch.cos(u[:, None] * t).mean(0) + phi**2) * weights).sum()
    torch.testing.assert_close(grid(u[:, None])[0], wanted)


@pytest.mark.slow
@pytest.mark.parametrize("samples", [16, 64, 256, 1024, 4096])
def test_over_normal_draws_the_unbiased_mean_is_0_and_the_biased_one_the_floor(
    samples: int,
) -> None:
    """Facts: N times the biased statistic has the mean 1.0525 at every N (theorem 6's bias)."""
    generator = torch.Generator().manual_seed(samples)
    slices = max(1000, 400_000 // samples)
    u = torch.randn(samples, slices, generator=generator, dtype=torch.float64)
    unbiased = EppsPulley(unbiased=True)(u) * samples
    biased = EppsPulley()(u) * samples
    assert EppsPulley().floor == pytest.approx(1.0525, abs=5e-5)
    for values, mean in ((unbiased, 0.0), (biased, EppsPulley().floor)):
        assert abs(values.mean() - mean) < 3 * values.std() / math.sqrt(slices)


@pytest.mark.slow
def test_of_a_wrong_scale_n_times_the_biased_statistic_grows_with_n_and_the_unbiased_does_not() -> (
    None
):
    """Facts, sigma = 1.1: 1.23, 1.46, 2.32, 5.8, 19.6 at N = 16, 64, 256, 1024, 4096."""
    generator = torch.Generator().manual_seed(0)
    seen = {}
    for samples in (64, 1024, 4096):
        u = 1.1 * torch.randn(samples, 4000, generator=generator)
        seen[samples] = (
            float(EppsPulley()(u).mean() * samples),
            float(EppsPulley(unbiased=True)(u).mean()),
        )
    assert [seen[n][0] for n in seen] == pytest.approx([1.46, 5.8, 19.6], rel=0.05)
    assert [seen[n][1] for n in seen] == pytest.approx([seen[4096][1]] * 3, rel=0.1)


def test_the_half_line_doubled_and_the_paper_s_domain_have_one_gradient() -> None:
    u = torch.randn(256, 32, dtype=torch.float64, requires_grad=True)
    gradients = [
        torch.autograd.grad(grid(u).sum(), u)[0]
        for grid in (EppsPulley(), EppsPulley(domain=(-5.0, 5.0)))
    ]
    one, other = (gradient.flatten() for gradient in gradients)
    cosine = one @ other / (one.norm() * other.norm())
    assert cosine > 0.999
    assert gradients[0].norm() / gradients[1].norm() == pytest.approx(1, abs=0.01)


def test_a_wide_grid_is_blind_to_a_shift_that_a_narrow_one_sees() -> None:
    """What the docstring says of the period 2 pi / spacing."""
    u = torch.randn(200, 1, dtype=torch.float64)
    shifted = u + 2 * math.pi / 0.625
    wide, narrow = EppsPulley(domain=(-5.0, 5.0)), EppsPulley()
    torch.testing.assert_close(wide(u), wide(shifted))
    assert narrow(shifted) > 10 * narrow(u)


def test_the_order_of_samples_does_not_matter() -> None:
    u = torch.randn(100, 3, dtype=torch.float64)
    torch.testing.assert_close(EppsPulley()(u), EppsPulley()(u.flip(0)))


def test_it_tells_uniform_two_peaked_and_shrunk_samples_from_normal_ones() -> None:
    generator = torch.Generator().manual_seed(3)
    normal = torch.randn(500, 1, generator=generator)
    uniform = (torch.rand(500, 1, generator=generator) - 0.5) * math.sqrt(12)
    peaks = normal.sign() + 0.1 * normal
    ordinary = float(EppsPulley()(normal))
    for other in (uniform, peaks, 0.5 * normal, torch.zeros_like(normal)):
        assert float(EppsPulley()(other)) > 2 * ordinary


@pytest.mark.parametrize("knots", [1, 0, -3, 17.0, True])
def test_too_few_knots_or_no_number_of_them_are_an_error(knots: int) -> None:
    with pytest.raises(InputError, match=f"knots is {knots}; give an integer of at least 2"):
        EppsPulley(knots=knots)


@pytest.mark.parametrize(
    "domain", [(1.0, 2.0), (-1.0, 2.0), (0.0, 0.0), (0.0, math.inf), (3.0, -3.0), (0.0, math.nan)]
)
def test_a_lopsided_or_empty_domain_is_an_error(domain: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="domain"):
        EppsPulley(domain=domain)


@pytest.mark.skipif(not cpu.available(), reason="no C compiler")
@pytest.mark.parametrize("grid", [*GRIDS, EppsPulley(unbiased=True)], ids=str)
def test_one_kernel_gives_value_and_gradient_of_projected_views(grid: EppsPulley) -> None:
    views = (1.3 * torch.randn(2, 70, 6)).requires_grad_()
    drawn = torch.randn(6, 9)
    assert grid.fused(views)
    assert not grid.fused(views.double())
    value = grid.of_slices(views, drawn, 2.5)
    (gradient,) = torch.autograd.grad(3 * value, views)
    exact = views.detach().double().requires_grad_()
    wanted = 2.5 * torch.stack([grid(view @ drawn.double()) for view in exact]).mean()
    (wanted_gradient,) = torch.autograd.grad(3 * wanted, exact)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-5, abs=1e-6)
    assert (gradient - wanted_gradient).norm() < 1e-5 * wanted_gradient.norm()
