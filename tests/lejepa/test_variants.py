"""A λ converted to another variant pulls as hard there, as measured on views with noise."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from shiomi.lejepa import lejepa_loss
from shiomi.lejepa.epps_pulley import EppsPulley
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.statistics import watson
from shiomi.lejepa.variants import VARIANTS, Variant, check_lam, convert_lam, named_variant

N, D = 4096, 16


def pull(variant: str, lam: float, v: int, global_views: int) -> float:
    """Norm of SIGReg's share of the gradient over that of the prediction's."""
    weight = lam / (1 - lam) if named_variant(variant).mix == "convex" else lam
    return weight * pull_of_the_losses(variant, v, global_views)


@functools.cache
def pull_of_the_losses(variant: str, v: int, global_views: int) -> float:
    """Without their weights.

    Samples of deviation 1.3 with noise of 0.4 between views: so far from N(0, I) that the
    gradient of SIGReg is its misfit and not chance.
    """
    generator = torch.Generator().manual_seed(0)
    place = 1.3 * torch.randn(N, D, generator=generator)
    views = (place + 0.4 * torch.randn(v, N, D, generator=generator)).requires_grad_()
    loss = lejepa_loss(views, global_views=global_views, step=0, variant=variant)
    (sigreg,) = torch.autograd.grad(loss.sigreg, views, retain_graph=True)
    (prediction,) = torch.autograd.grad(loss.prediction, views)
    return float(sigreg.norm() / prediction.norm())


OF_MANY_VIEWS = [
    name
    for name, variant in VARIANTS.items()
    if name != "eb-jepa" and isinstance(variant.statistic, EppsPulley)
]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(OF_MANY_VIEWS, 2)))
def test_a_converted_lambda_pulls_as_hard(source: str, target: str) -> None:
    lam = convert_lam(0.05, source, target, samples=N, views=8, global_views=2)
    assert pull(target, lam, 8, 2) == pytest.approx(pull(source, 0.05, 8, 2), rel=0.08)


@pytest.mark.parametrize("other", OF_MANY_VIEWS)
def test_eb_jepa_s_lambda_converts_for_two_views(other: str) -> None:
    lam = convert_lam(10.0, "eb-jepa", other, samples=N, views=2, global_views=2)
    assert pull(other, lam, 2, 2) == pytest.approx(pull("eb-jepa", 10.0, 2, 2), rel=0.08)


@pytest.mark.parametrize("name", OF_MANY_VIEWS)
def test_there_and_back_is_the_same_lambda(name: str) -> None:
    there = convert_lam(0.05, "default", name, samples=256, views=8, global_views=2)
    back = convert_lam(there, name, "default", samples=256, views=8, global_views=2)
    assert back == pytest.approx(0.05)


def test_figures_of_the_measured_baselines() -> None:
    """Facts, V = 8, N = 256: pooled views pull 8 times as hard (measured: 7.9); the centre of the
    global views 1.77 times as hard as that of all; without N, 10 knots: 0.0039."""

    def weight(lam: float) -> float:
        return lam / (1 - lam)

    pooled = convert_lam(
        0.05, "default", "stable-pretraining", samples=256, views=8, global_views=2
    )
    assert weight(0.05) / pooled == pytest.approx(8)
    minimal = convert_lam(0.05, "default", "minimal", samples=256, views=8, global_views=2)
    assert weight(0.05) / weight(minimal) == pytest.approx(1.77, abs=0.005)
    eb_jepa = convert_lam(0.05, "minimal", "eb-jepa", samples=256, views=2, global_views=2)
    # The pair's prediction gradient is 4 times that of the centre of all; SIGReg has no 256.
    assert weight(0.05) / eb_jepa == pytest.approx(0.0039 / 4, rel=0.02)


def test_the_unbiased_variant_s_lambda_is_the_default_s_at_256_samples_and_stays() -> None:
    for samples, wanted in ((256, 0.05), (1024, 4 * 0.05 / 0.95)):
        lam = convert_lam(0.05, "default", "unbiased", samples=samples, views=8, global_views=2)
        assert lam / (1 - lam) == pytest.approx(wanted if samples > 256 else 0.05 / 0.95)


def test_lambda_1_converts_to_1_where_losses_are_mixed_and_not_where_they_are_added() -> None:
    assert convert_lam(1.0, "default", "minimal", samples=9, views=4, global_views=2) == 1
    with pytest.raises(InputError, match="λ = 1"):
        convert_lam(1.0, "default", "stable-pretraining", samples=9, views=4, global_views=2)


def test_what_cannot_be_converted_is_said() -> None:
    with pytest.raises(InputError, match="Epps-Pulley"):
        convert_lam(0.05, "default", Variant(statistic=watson), samples=9, views=4, global_views=2)
    with pytest.raises(InputError, match="from 0 to 1"):
        convert_lam(2.0, "default", "minimal", samples=9, views=4, global_views=2)
    with pytest.raises(InputError, match="2 views, not 4"):
        convert_lam(0.1, "default", "eb-jepa", samples=9, views=4, global_views=2)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"global_views": 0}, "global_views is 0"),
        ({"global_views": 5}, "5 of 4 views are global"),
        ({"samples": 2.5}, r"samples is 2\.5"),
        ({"views": True}, "views is True"),
    ],
)
def test_views_and_samples_that_cannot_be_counted_are_an_error(
    given: dict[str, int], told: str
) -> None:
    counts = {"samples": 9, "views": 4, "global_views": 2, **given}
    with pytest.raises(InputError, match=told):
        convert_lam(0.05, "default", "minimal", **counts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"centre": "globl"}, "centre must be global, all or pair, got 'globl'"),
        ({"mix": "x"}, "mix must be convex or additive, got 'x'"),
        ({"flatten": 1}, "flatten must be True or False, got 1"),
        ({"slices": 0}, "slices is 0; give an integer of at least 1"),
        ({"slices": 2.5}, r"slices is 2\.5"),
        ({"lam": 2.0}, "λ = 2.0: give a number from 0 to 1"),
        *(
            ({"multiplier": value}, "multiplier")
            for value in (0, -1, math.inf, math.nan, "x", True)
        ),
    ],
)
def test_a_variant_with_an_invalid_option_is_refused_by_name(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Variant(**options)


def test_a_lambda_of_numpy_is_a_number() -> None:
    check_lam(np.float32(0.05), Variant())
