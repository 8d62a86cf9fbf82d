"""kNN accuracy against a search that compares everything with everything, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.lejepa import knn
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.knn import knn_accuracy, knn_votes, nearest


def clusters(
    n: int, classes: int = 5, width: int = 16, spread: float = 1.0, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, width, generator=torch.Generator().manual_seed(1))
    y = torch.randint(classes, (n,), generator=generator)
    return centres[y] + spread * torch.randn(n, width, generator=generator), y


@settings(max_examples=30)
@given(m=st.integers(1, 40), n=st.integers(1, 60), k=st.integers(1, 70), block=st.integers(1, 50))
def test_the_search_is_exact_whatever_the_blocks(m: int, n: int, k: int, block: int) -> None:
    generator = torch.Generator().manual_seed(m * 100 + n)
    queries, keys = torch.randn(m, 4, generator=generator), torch.randn(n, 4, generator=generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knn, "_QUERIES", block)
        patch.setattr(knn, "_KEYS", block)
        similarity, rows = nearest(queries, keys, k)
    full = torch.nn.functional.cosine_similarity(queries[:, None], keys[None], dim=2)
    expected = full.sort(dim=1, descending=True)
    torch.testing.assert_close(similarity, expected.values[:, :k])
    torch.testing.assert_close(full.gather(1, rows), expected.values[:, :k])
    assert all(len(set(row)) == min(k, n) for row in rows.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_accuracy_is_that_of_scikit_learn_with_the_same_weights(temperature: float) -> None:
    from sklearn.neighbors import KNeighborsClassifier  # slow to import

    train, test = clusters(400), clusters(300, seed=7)

    def weights(distances: np.ndarray) -> np.ndarray:
        return np.exp((1 - distances) / temperature)

    theirs = KNeighborsClassifier(20, metric="cosine", algorithm="brute", weights=weights)
    theirs.fit(*(part.numpy() for part in train))
    expected = theirs.score(*(part.numpy() for part in test))
    ours = knn_accuracy(*train, *test, temperature=temperature)
    assert ours == pytest.approx(expected, abs=1e-9)
    assert 0.5 < ours < 1


def test_features_of_any_floating_dtype_are_taken() -> None:
    train, test = clusters(200, spread=0.1), clusters(100, spread=0.1, seed=3)
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        assert knn_accuracy(train[0].to(dtype), train[1], test[0].to(dtype), test[1]) == 1.0


def test_the_scale_of_features_does_not_matter() -> None:
    train, test = clusters(200), clusters(100, seed=3)
    scale = torch.logspace(-3, 3, 200)[:, None]
    assert knn_accuracy(train[0] * scale, train[1], *test) == knn_accuracy(*train, *test)


def test_a_tiny_temperature_lets_the_nearest_decide_and_overflows_nothing() -> None:
    train, test = clusters(200), clusters(100, seed=3)
    assert knn_accuracy(*train, *test, temperature=1e-6) == knn_accuracy(*train, *test, k=1)


def test_votes_are_sums_of_weights_by_class() -> None:
    votes = knn_votes(torch.tensor([[1.0, 0.5, 0.5]]), torch.tensor([[2, 0, 0]]), 3, 0.5)
    torch.testing.assert_close(votes, torch.tensor([[2 * np.exp(-1), 0.0, 1.0]]).float())


def test_rows_of_zeros_are_near_nothing() -> None:
    similarity, _ = nearest(torch.zeros(1, 3), torch.eye(3), 2)
    assert similarity.tolist() == [[0.0, 0.0]]


def test_more_neighbours_than_rows_are_all_rows() -> None:
    train, test = clusters(30), clusters(10, seed=2)
    assert knn_accuracy(*train, *test, k=1000) == knn_accuracy(*train, *test, k=30)


@pytest.mark.parametrize(("name", "value"), [("k", 0), ("temperature", 0.0)])
def test_options_that_cannot_be_meant_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{value}"):
        knn_accuracy(*clusters(30), *clusters(10), **{name: value})  # type: ignore[arg-type]
