"""The loss is the paper's Algorithm 2, and each variant what its implementation computes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shiomi.lejepa import EppsPulley, lejepa_loss, reference
from shiomi.lejepa.errors import InputError, NonFiniteError
from shiomi.lejepa.nonfinite import PendingCheck
from shiomi.lejepa.sigreg import sigreg
from shiomi.lejepa.slicing import directions
from shiomi.lejepa.statistics import jarque_bera
from shiomi.lejepa.variants import VARIANTS, Variant


def views_of(v: int, n: int, d: int, seed: int = 0) -> torch.Tensor:
    """Views of n samples: each sample's own place, and noise."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.randn(n, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(v, n, d, generator=generator, dtype=torch.float64)
    return (place + 0.3 * noise).requires_grad_()


@pytest.mark.slow
@given(st.integers(1, 6), st.integers(1, 20), st.integers(1, 6), st.floats(0, 1), st.data())
def test_it_is_algorithm_2_in_value_and_gradient(
    v: int, n: int, d: int, lam: float, data: st.DataObject
) -> None:
    global_views = data.draw(st.integers(1, v))
    views = views_of(v, n, d)
    variant = dataclasses.replace(VARIANTS["default"], slices=11)
    loss = lejepa_loss(views, global_views=global_views, step=3, lam=lam, variant=variant)
    slices = directions(d, 11, step=3, dtype=torch.float64)
    wanted = reference.lejepa(views, slices, global_views, lam)
    torch.testing.assert_close(loss.total, wanted)
    torch.testing.assert_close(
        torch.autograd.grad(loss.total, views), torch.autograd.grad(wanted, views)
    )


def test_the_paper_s_variant_has_its_knots() -> None:
    views = views_of(2, 30, 5)
    loss = lejepa_loss(views, global_views=2, step=0, variant="paper")
    slices = directions(5, 1024, step=0, dtype=torch.float64)
    wanted = [reference.sigreg(view, slices, knots=9, limit=5.0) for view in views]
    torch.testing.assert_close(loss.sigreg, torch.stack(wanted).mean())


def test_minimal_compares_with_the_mean_of_all_views() -> None:
    views = views_of(4, 30, 5)
    loss = lejepa_loss(views, global_views=1, step=0, variant="minimal")
    torch.testing.assert_close(loss.prediction, (views - views.mean(0)).square().mean())
    torch.testing.assert_close(loss.total, 0.98 * loss.prediction + 0.02 * loss.sigreg)


def test_stable_pretraining_pools_the_views_and_adds() -> None:
    views = views_of(4, 30, 5)
    loss = lejepa_loss(views, global_views=2, step=0, variant="stable-pretraining")
    slices = directions(5, 1024, step=0, dtype=torch.float64)
    torch.testing.assert_close(loss.sigreg, reference.sigreg(views.reshape(120, 5), slices))
    torch.testing.assert_close(loss.total, loss.prediction + 0.02 * loss.sigreg)
    assert loss.samples == 30


def test_eb_jepa_compares_two_views_and_multiplies_by_no_n() -> None:
    views = views_of(2, 30, 5)
    loss = lejepa_loss(views, global_views=2, step=0, variant="eb-jepa")
    torch.testing.assert_close(loss.prediction, (views[0] - views[1]).square().mean())
    slices = directions(5, 256, step=0, dtype=torch.float64)
    grid = EppsPulley(knots=10, domain=(-3.0, 3.0))
    wanted = torch.stack([grid(view @ slices).mean() for view in views]).mean()
    torch.testing.assert_close(loss.sigreg, wanted)
    torch.testing.assert_close(loss.total, loss.prediction + 10 * loss.sigreg)


def test_lambda_0_is_the_prediction_and_lambda_1_is_sigreg() -> None:
    views = views_of(3, 20, 4)
    for lam in (0.0, 1.0):
        loss = lejepa_loss(views, global_views=2, step=0, lam=lam)
        torch.testing.assert_close(loss.total, loss.sigreg if lam else loss.prediction)


def test_identical_views_have_nothing_to_predict() -> None:
    views = views_of(1, 20, 4).expand(5, 20, 4)
    assert lejepa_loss(views, global_views=2, step=0).prediction == 0


def test_views_that_collapse_to_a_point_cost_more_than_normal_ones() -> None:
    normal = lejepa_loss(views_of(2, 100, 4), global_views=2, step=0, lam=0.05).total
    point = lejepa_loss(torch.zeros(2, 100, 4), global_views=2, step=0, lam=0.05).total
    assert point > 2 * normal


def test_no_gradient_is_stopped() -> None:
    """Local views pull the global ones, and the other way round (no teacher, no stop-gradient)."""
    views = views_of(3, 20, 4)
    loss = lejepa_loss(views, global_views=1, step=0, lam=0.0)
    (gradient,) = torch.autograd.grad(loss.total, views)
    assert (gradient.flatten(1).norm(dim=1) > 0).all()
    torch.testing.assert_close(gradient.sum(0), torch.zeros(20, 4, dtype=torch.float64))


def test_embeddings_that_are_not_finite_are_found_before_a_step() -> None:
    views = torch.randn(3, 16, 4)
    views[2, :5] = torch.nan
    with pytest.raises(NonFiniteError, match="5 of 16 in view 2"):
        lejepa_loss(views, global_views=2, step=0)


def test_a_loss_that_is_not_finite_of_finite_embeddings_is_found_too() -> None:
    with pytest.raises(NonFiniteError, match="the loss is inf of finite embeddings"):
        lejepa_loss(torch.randn(3, 16, 4) * 1e30, global_views=2, step=0)
    collapsed = torch.ones(16, 4)
    with pytest.raises(NonFiniteError, match="divides by their variance"):
        sigreg(collapsed, step=0, statistic=jarque_bera)


def test_the_check_can_wait_until_the_backward_pass_is_queued() -> None:
    views = torch.randn(3, 16, 4)
    views[0, 3] = torch.inf
    loss = lejepa_loss(views.requires_grad_(), global_views=2, step=0, check=False)
    pending = PendingCheck(loss.nonfinite, loss.samples, loss.total)
    loss.total.backward()
    with pytest.raises(NonFiniteError, match="1 of 16 in view 0"):
        pending.raise_if_nonfinite()
    good = lejepa_loss(torch.randn(3, 16, 4), global_views=2, step=0, check=False)
    PendingCheck(good.nonfinite, good.samples, good.total).raise_if_nonfinite()
    large = lejepa_loss(torch.randn(3, 16, 4) * 1e30, global_views=2, step=0, check=False)
    with pytest.raises(NonFiniteError, match="of finite embeddings"):
        PendingCheck(large.nonfinite, large.samples, large.total).raise_if_nonfinite()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_under_autocast_prediction_and_sigreg_are_float32(dtype: torch.dtype) -> None:
    views = torch.randn(3, 64, 8).to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss = lejepa_loss(views, global_views=2, step=0)
    exact = lejepa_loss(views.double(), global_views=2, step=0)
    assert {part.dtype for part in loss} == {torch.float32}
    assert loss.total.item() == pytest.approx(exact.total.item(), rel=1e-5)


@pytest.mark.slow
def test_a_compiled_loss_has_no_graph_break() -> None:
    views = torch.randn(3, 20, 4, requires_grad=True)
    compiled = torch.compile(lejepa_loss, fullgraph=True, backend="aot_eager")
    step = torch.tensor(5)
    got = compiled(views, global_views=2, step=step)
    wanted = lejepa_loss(views, global_views=2, step=step)
    torch.testing.assert_close(tuple(got), tuple(wanted))
    torch.testing.assert_close(
        torch.autograd.grad(got.total, views), torch.autograd.grad(wanted.total, views)
    )


@pytest.mark.parametrize(
    ("shape", "global_views", "message"),
    [
        ((10, 4), 1, "give \\(V, N, D\\)"),
        ((2, 10, 4), 0, "0 of 2 views"),
        ((2, 10, 4), 3, "3 of 2 views"),
        ((2, 0, 4), 2, "empty"),
    ],
)
def test_invalid_views_are_an_error(
    shape: tuple[int, ...], global_views: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lejepa_loss(torch.zeros(shape), global_views=global_views, step=0)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"step": 1.5}, r"step is 1\.5; give an integer"),
        ({"step": True}, "step is True"),
        ({"seed": "0"}, "seed is '0'"),
        ({"seed": 1 << 63}, "seed is 9223372036854775808"),
        ({"global_views": 2.0}, r"global_views is 2\.0"),
        ({"step": torch.tensor(1.5)}, "step must be one integer"),
        ({"step": torch.tensor([1, 2])}, "step must be one integer"),
    ],
)
def test_options_that_are_not_integers_are_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        lejepa_loss(torch.zeros(2, 4, 4), **{"global_views": 2, "step": 0, **options})


@pytest.mark.parametrize("lam", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_lambda_outside_0_to_1_is_an_error(lam: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        lejepa_loss(torch.zeros(2, 4, 4), global_views=2, step=0, lam=lam)


def test_a_variant_that_is_none_is_an_error_with_the_names_there_are() -> None:
    with pytest.raises(InputError, match=r"no variant 'papers'.*stable-pretraining"):
        lejepa_loss(torch.zeros(2, 4, 4), global_views=2, step=0, variant="papers")


def test_the_pair_is_of_two_views() -> None:
    with pytest.raises(InputError, match="2 views, not 3"):
        lejepa_loss(torch.zeros(3, 4, 4), global_views=2, step=0, variant=Variant(centre="pair"))
