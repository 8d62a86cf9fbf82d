"""RankMe against its definition by a full singular value decomposition."""

from __future__ import annotations

import pytest
import torch

from shiomi.lejepa.covariance import covariance_eigenvalues, singular_values
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.rankme import rankme


def defined(x: torch.Tensor) -> float:
    sigma = torch.linalg.svdvals(x.double())
    p = sigma / sigma.sum() + 1e-7
    return torch.exp(-(p * p.log()).sum()).item()


@pytest.mark.parametrize("shape", [(500, 20), (20, 500), (64, 64), (20000, 8), (1, 5)])
def test_it_is_the_definition(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(sum(shape))
    x = torch.randn(shape, generator=generator) * torch.logspace(0, -4, shape[1]) + 0.1
    assert rankme(x) == pytest.approx(defined(x), rel=1e-5)


def test_it_counts_directions() -> None:
    basis = torch.linalg.qr(torch.randn(32, 32, dtype=torch.float64)).Q
    for rank in (1, 5, 32):
        x = basis[:, :rank] @ basis[:rank]
        assert rankme(x) == pytest.approx(rank, rel=1e-3)


def test_features_of_zeros_and_of_nan_are_said() -> None:
    with pytest.raises(InputError, match="collapsed"):
        rankme(torch.zeros(4, 3))
    with pytest.raises(InputError, match="1 of 4 rows"):
        rankme(torch.tensor([[1.0], [2.0], [float("nan")], [3.0]]))


def test_moments_are_those_of_all_rows_at_once() -> None:
    x = torch.randn(20001, 7, generator=torch.Generator().manual_seed(0)) * 3 + 100
    expected = torch.linalg.eigvalsh(torch.cov(x.double().T, correction=0)).flip(0)
    torch.testing.assert_close(covariance_eigenvalues(x), expected)
    torch.testing.assert_close(singular_values(x), torch.linalg.svdvals(x.double()))
