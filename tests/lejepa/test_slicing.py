"""Directions are drawn from (seed, step) alone, alike everywhere, uniformly from the sphere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shiomi.lejepa import slicing
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.kernels import cpu
from shiomi.lejepa.slicing import directions


@given(st.integers(1, 70), st.integers(1, 40), st.integers(-(2**63), 2**63 - 1))
def test_every_direction_has_length_one(dim: int, slices: int, step: int) -> None:
    drawn = directions(dim, slices, step=step, dtype=torch.float64)
    assert drawn.shape == (dim, slices)
    torch.testing.assert_close(drawn.norm(dim=0), torch.ones(slices, dtype=torch.float64))


def test_a_step_draws_the_same_again_and_another_step_or_seed_draws_others() -> None:
    one = directions(16, 8, step=7)
    assert torch.equal(one, directions(16, 8, step=7))
    assert (one - directions(16, 8, step=8)).abs().max() > 0.1
    assert (one - directions(16, 8, step=7, seed=1)).abs().max() > 0.1


def test_a_step_in_a_tensor_draws_as_the_number_does() -> None:
    assert torch.equal(directions(16, 8, step=torch.tensor(7)), directions(16, 8, step=7))


def test_more_slices_begin_with_the_same_ones() -> None:
    torch.testing.assert_close(directions(16, 40, step=3)[:, :8], directions(16, 8, step=3))


@pytest.mark.parametrize("dim", [1, 2, 7, 16, 33, 256])
def test_the_compiled_kernel_draws_what_plain_torch_draws(dim: int) -> None:
    if not cpu.available():
        pytest.skip("no C compiler")
    key = slicing._mix(torch.tensor(12345))
    plain = slicing._unit_rows(key, dim, 50, torch.float64)
    torch.testing.assert_close(cpu.directions(int(key), dim, 50).double(), plain, atol=2e-6, rtol=0)


def test_directions_are_spread_uniformly_over_the_sphere() -> None:
    """Means 0, covariances I/D and fourth moments 3/(D (D + 2)), each within 5 standard errors."""
    dim, count = 6, 40_000
    drawn = directions(dim, count, step=1, dtype=torch.float64)
    assert drawn.mean(1).abs().max() < 5 * (1 / (dim * count)) ** 0.5
    covariance = drawn @ drawn.T / count
    spread = (3 / (dim * (dim + 2)) / count) ** 0.5
    assert (covariance - torch.eye(dim, dtype=torch.float64) / dim).abs().max() < 5 * spread
    fourth = drawn.pow(4).mean(1)
    assert (fourth - 3 / (dim * (dim + 2))).abs().max() < 5 * (0.03 / count) ** 0.5


def test_neighbouring_steps_are_uncorrelated() -> None:
    one, other = (directions(64, 4096, step=s, dtype=torch.float64) for s in (100, 101))
    cosines = (one * other).sum(0)
    assert abs(cosines.mean()) < 5 / (64 * 4096) ** 0.5


@pytest.mark.parametrize(("dim", "slices"), [(0, 4), (4, 0), (-1, 4)])
def test_no_dimensions_or_slices_is_an_error_that_says_so(dim: int, slices: int) -> None:
    with pytest.raises(InputError, match="of at least 1"):
        directions(dim, slices, step=0)


@pytest.mark.parametrize("value", [1.5, 2.0, True, "3", None, math.nan, 2**63, -(2**63) - 1])
@pytest.mark.parametrize("name", ["step", "seed"])
def test_a_step_or_seed_that_is_no_int64_is_an_error_and_not_another_number(
    name: str, value: object
) -> None:
    given: dict[str, Any] = {"step": 0, name: value}
    with pytest.raises(InputError, match=f"{name} is .*; give an integer that fits 64 bits"):
        directions(4, 4, **given)


def test_numpy_s_whole_numbers_are_whole_numbers() -> None:
    drawn = directions(4, 4, step=np.int64(7), seed=np.int32(2))  # type: ignore[arg-type]
    assert torch.equal(drawn, directions(4, 4, step=7, seed=2))
    drawn = directions(4, 4, step=7, seed=np.int64(3))  # type: ignore[arg-type]
    assert torch.equal(drawn, directions(4, 4, step=7, seed=3))
