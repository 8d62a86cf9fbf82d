"""The loss under torch.func, in forward mode, twice, and backward inside autocast."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from shiomi.lejepa import lejepa_loss


def total(views: Tensor) -> Tensor:
    return lejepa_loss(views, global_views=2, step=0).total


def draw(seed: int) -> Tensor:
    return 1.3 * torch.randn(2, 24, 5, generator=torch.Generator().manual_seed(seed))


def slope(x: Tensor, v: Tensor) -> float:
    """The derivative of the loss along v, by central differences in float64."""
    x, v = x.double(), 1e-3 * v.double()
    return (total(x + v) - total(x - v)).item() / 2e-3


def gradient(x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return torch.autograd.grad(total(x), x)[0]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own
def test_forward_mode_gives_the_slope() -> None:
    x, v = draw(0), draw(1)
    assert torch.func.jvp(total, (x,), (v,))[1].item() == pytest.approx(slope(x, v), rel=1e-4)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(total(forward_ad.make_dual(x, v))).tangent
    assert tangent is not None
    assert tangent.item() == pytest.approx(slope(x, v), rel=1e-4)


def test_func_grad_is_the_gradient_and_vmap_is_a_loop() -> None:
    x = draw(0)
    torch.testing.assert_close(torch.func.grad(total)(x), gradient(x))
    several = torch.func.vmap(total)(torch.stack([x, 2 * x]))
    torch.testing.assert_close(several, torch.stack([total(x), total(2 * x)]))


def test_a_gradient_is_differentiated_again() -> None:
    x, v = draw(0).requires_grad_(), draw(1)
    (first,) = torch.autograd.grad(total(x), x, create_graph=True)
    (second,) = torch.autograd.grad((first * v).sum(), x)
    step = 1e-3 * v.double()
    at = x.detach().double()
    expected = (gradient(at + step) - gradient(at - step)) / 2e-3
    torch.testing.assert_close(second.double(), expected, rtol=1e-3, atol=1e-6)


def test_backward_inside_autocast_keeps_its_precision() -> None:
    x = draw(0).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        total(x).backward()
    assert x.grad is not None
    expected = gradient(x.detach())
    assert (x.grad - expected).norm() < 1e-5 * expected.norm()
