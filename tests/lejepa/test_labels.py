"""Labels and features that cannot be meant are said before anything is computed."""

from __future__ import annotations

import pytest
import torch

from shiomi.lejepa.errors import DataError, InputError
from shiomi.lejepa.labels import Labels, holdout, labelled

X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
Y = torch.tensor([0, 0, 1, 1, 2, 2])


def test_classes_are_numbered_whatever_the_labels_are() -> None:
    data = labelled(X, [7, 7, 1_000_000_007, 7, 9, 9], X, [9, 7, 7, 1_000_000_007, 3, 10**12])
    assert data.classes.tolist() == [7, 9, 1_000_000_007]
    assert data.train_y.tolist() == [0, 0, 2, 0, 1, 1]
    assert data.test_y.tolist() == [1, 0, 0, 2, -1, -1]


def test_whole_numbers_in_a_floating_tensor_are_labels() -> None:
    assert labelled(X, Y.double(), X, Y.float()).train_y.tolist() == Y.tolist()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 0, None, 1, None, 1], "2 of 6 train rows have no label .rows 2, 4."),
        ([0.5, 0, 1, 1, 2, 2], "not whole numbers"),
        (["cat", "cat", "dog", "dog", "dog", "dog"], "not whole numbers"),
        ([float("nan")] * 6, "not whole numbers"),
        ([-1, 0, 0, 1, 1, -1], "2 of 6 train labels are negative"),
        ([4] * 6, "all 6 train labels are 4"),
        ([0, 1, 2, 3, 4, 5], "6 different labels. These are ids"),
        ([10, 10, 11, 11, 12, 12], "no test label occurs in training"),
    ],
)
def test_wrong_labels_are_said(labels: Labels, words: str) -> None:
    with pytest.raises(DataError, match=words):
        labelled(X, labels, X, Y)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (X, Y[:5], "6 train features but labels of shape .5,."),
        (X, Y[:, None], "labels of shape .6, 1."),
        (X[0], Y, "must be .rows, columns., not .3,."),
        (X[:0], Y[:0], "must be .rows, columns., not .0, 3."),
        (X.long(), Y, "floating numbers, not torch.int64"),
        (X.new_full((6, 3), float("inf")), Y, "6 of 6 rows"),
        (X[:, :2], Y, "train features have 2 columns and test features 3"),
    ],
)
def test_wrong_features_are_said(x: torch.Tensor, y: torch.Tensor, words: str) -> None:
    with pytest.raises(InputError, match=words):
        labelled(x, y, X, Y)


def test_a_holdout_takes_its_share_of_every_class() -> None:
    y = torch.tensor([0] * 50 + [1] * 10 + [2] * 4 + [5])[torch.randperm(65)]
    kept, out = holdout(y, 0.2)
    assert sorted([*kept.tolist(), *out.tolist()]) == list(range(65))
    assert {c: (y[out] == c).sum().item() for c in (0, 1, 2, 5)} == {0: 10, 1: 2, 2: 0, 5: 0}


def test_a_holdout_depends_on_its_seed_alone() -> None:
    y = torch.arange(100) % 3
    first = holdout(y, 0.3, seed=1)
    torch.manual_seed(99)
    assert all(map(torch.equal, first, holdout(y, 0.3, seed=1)))
    assert not torch.equal(first[1], holdout(y, 0.3, seed=2)[1])


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_that_cannot_be_held_out_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="held out"):
        holdout(Y, share)
