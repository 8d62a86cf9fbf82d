"""VISReg, KerJEPA's kernels and Weak-SIGReg against their papers' formulas, computed otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from shiomi.lejepa import EppsPulley, lejepa_loss
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.regularisers import Regulariser, SlicedMMD, SteinIMQ, VISReg, WeakSIGReg
from shiomi.lejepa.sigreg import sigreg
from shiomi.lejepa.slicing import directions

ALL = [VISReg(), SlicedMMD(), SteinIMQ(), WeakSIGReg()]


def sample(n: int = 96, dim: int = 5) -> Tensor:
    z = torch.randn(n, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return 1.3 * z + 0.2


def axes(dim: int, count: int) -> Tensor:
    return directions(dim, count, step=0, dtype=torch.float64)


def test_visreg_is_centre_plus_scale_plus_sliced_wasserstein_of_the_standardised() -> None:
    z, a = sample(), axes(5, 7)
    deviations = torch.tensor([column.std(unbiased=False) for column in z.T])
    standardised = (z - z.mean(0)) / (deviations + 1e-4)
    normal = torch.distributions.Normal(0.0, 1.0)
    shape = 0.0
    for axis in a.T:
        for place, value in enumerate(sorted((standardised @ axis).tolist()), 1):
            shape += (value - normal.icdf(torch.tensor(place / (len(z) + 1))).item()) ** 2
    wanted = [
        sum(column.mean() ** 2 for column in z.T).item() / 5,
        sum((1 - s) ** 2 for s in deviations.tolist()) / 5,
        shape / (7 * len(z)),
    ]
    parts = [VISReg(1, 0, 0), VISReg(0, 1, 0), VISReg(0, 0, 1), VISReg()]
    found = [part(z, a).item() for part in parts]
    assert found == pytest.approx([*wanted, sum(wanted)], rel=1e-5)


def test_no_gradient_of_visreg_s_shape_goes_through_the_deviation() -> None:
    z, a = sample().requires_grad_(), axes(5, 7)
    (found,) = torch.autograd.grad(VISReg(0, 0, 1)(z, a), z)
    deviation = z.detach().std(0, unbiased=False)
    at = torch.special.ndtri(torch.arange(1, 97, dtype=torch.float64) / 97)[:, None]
    projected = ((z - z.mean(0)) / (deviation + 1e-4)) @ a
    (wanted,) = torch.autograd.grad((projected.sort(0).values - at).square().mean(), z)
    assert found.flatten().tolist() == pytest.approx(wanted.flatten().tolist(), abs=1e-7)


def test_visreg_pulls_embeddings_apart_that_have_collapsed_where_sigreg_hardly_does() -> None:
    small = (1e-3 * sample()).requires_grad_()
    (pull,) = torch.autograd.grad(VISReg(0, 1, 0)(small, axes(5, 7)), small)
    (near,) = torch.autograd.grad(sigreg(small, step=0, slices=64, multiplier=1.0), small)
    assert pull.norm() > 100 * near.norm()


def test_visreg_of_equal_embeddings_has_a_finite_gradient() -> None:
    z = torch.zeros(8, 3, requires_grad=True)
    VISReg()(z, axes(3, 4).float()).backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


@pytest.mark.parametrize("dim", [16, *(pytest.param(x, marks=pytest.mark.slow) for x in (1, 3))])
def test_the_sliced_mmd_is_unbiased_sigreg_with_very_many_directions_and_knots(dim: int) -> None:
    z = sample(64, dim)
    dense = EppsPulley(knots=48, domain=(0.0, 7.0), unbiased=True)
    many = sigreg(z, step=0, slices=16_384, statistic=dense, multiplier=1.0)
    assert SlicedMMD()(z, axes(dim, 1)).item() == pytest.approx(many.item(), rel=0.03)


def test_the_stein_kernel_is_the_operator_applied_to_both_arguments() -> None:
    z, gamma = sample(6, 3), 0.4

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (1 + gamma * (x - y).square().sum()).rsqrt()

    total = 0.0
    for i, x in enumerate(z):
        for j, y in enumerate(z):
            if i == j:
                continue
            x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
            value = kernel(x, y)
            of_x, of_y = torch.autograd.grad(value, (x, y), create_graph=True)
            trace = sum(torch.autograd.grad(of_x[k], y, retain_graph=True)[0][k] for k in range(3))
            total += (x @ y * value - x @ of_y - y @ of_x + trace).item()
    assert SteinIMQ(gamma)(z, axes(3, 1)).item() == pytest.approx(total / 30)


def test_weak_sigreg_is_the_norm_of_the_sketch_s_covariance_minus_the_identity() -> None:
    z = sample()
    wanted = math.sqrt(sum(v * v for v in (z.T.cov() - torch.eye(5)).flatten().tolist()))
    assert WeakSIGReg()(z, axes(5, 5)).item() == pytest.approx(wanted)
    sketched = (z @ axes(5, 2)).T.cov() - torch.eye(2)
    assert WeakSIGReg()(z, axes(5, 2)).item() == pytest.approx(sketched.norm().item())


@pytest.mark.parametrize("regulariser", [SlicedMMD(), SteinIMQ()])
def test_the_kernels_are_zero_on_average_for_normal_embeddings(regulariser: Regulariser) -> None:
    generator = torch.Generator().manual_seed(0)
    found = torch.stack(
        [regulariser(torch.randn(64, 4, generator=generator), axes(4, 1)) for _ in range(400)]
    )
    assert abs(found.mean()) < 3 * found.std() / 20


@pytest.mark.parametrize("regulariser", ALL)
def test_each_is_least_at_the_standard_normal(regulariser: Regulariser) -> None:
    z = torch.randn(512, 4, generator=torch.Generator().manual_seed(0))
    least = regulariser(z, axes(4, 16).float())
    changes: list[Callable[[Tensor], Tensor]] = [lambda z: 0.5 * z, lambda z: 2 * z]
    if not isinstance(regulariser, WeakSIGReg):  # which is blind to the mean
        changes.append(lambda z: z + 1)
    assert all(regulariser(change(z), axes(4, 16).float()) > least for change in changes)


@pytest.mark.parametrize("name", ["visreg", "kerjepa-mmd", "kerjepa-ksd", "weak-sigreg"])
def test_each_is_a_variant_of_the_loss_with_a_gradient(name: str) -> None:
    views = torch.randn(2, 16, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = lejepa_loss(views, global_views=2, step=3, variant=name)
    loss.total.backward()
    assert views.grad is not None
    assert views.grad.isfinite().all()
    assert views.grad.abs().sum() > 0


def test_a_bandwidth_that_is_not_positive_is_refused() -> None:
    with pytest.raises(InputError, match="gamma must be a finite number above 0, got -1"):
        SteinIMQ(-1)
