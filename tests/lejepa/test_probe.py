"""The probe against scikit-learn's logistic regression, and on features that make it hard."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from shiomi.lejepa.errors import DataError, InputError
from shiomi.lejepa.probe import fit_probe, linear_probe


def task(
    n: int, width: int = 12, classes: int = 4, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Overlapping classes; columns correlated and of scales from 1e-3 to 1e3."""
    fixed = torch.Generator().manual_seed(5)
    mix = torch.randn(width, width, generator=fixed) * torch.logspace(-3, 3, width)
    centres = torch.randn(classes, width, generator=fixed)
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n,), generator=generator)
    return (centres[y] + torch.randn(n, width, generator=generator)) @ mix + 100, y


def scikit_learn(x: torch.Tensor, y: torch.Tensor, c: float) -> tuple[Any, Any]:
    """A fitted LogisticRegression, and its standardised inputs."""
    from sklearn.linear_model import LogisticRegression  # slow to import
    from sklearn.preprocessing import StandardScaler

    standard = StandardScaler().fit_transform(x.double().numpy())
    return LogisticRegression(C=c, tol=1e-10, max_iter=20000).fit(standard, y.numpy()), standard


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [1e-1, 1e-3, 1e-5])
def test_the_solution_is_that_of_scikit_learn(penalty: float) -> None:
    x, y = task(500)
    probe = fit_probe(x, y, penalty=penalty, tolerance=1e-6)
    theirs, standard = scikit_learn(x, y, 1 / (len(x) * penalty))
    ours = probe.scores(x).log_softmax(1)
    expected = torch.from_numpy(theirs.predict_log_proba(standard))
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
    assert probe.gradient < 1e-6


@pytest.mark.slow
def test_two_classes_need_nothing_special() -> None:
    x, y = task(400, classes=2)
    # Two weight vectors w/2 and -w/2 pay half of what scikit-learn's single w does.
    theirs, standard = scikit_learn(x, y, 2 / (len(x) * 1e-3))
    ours = fit_probe(x, y, penalty=1e-3, tolerance=1e-6).scores(x).softmax(1)
    expected = torch.from_numpy(theirs.predict_proba(standard))
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


def test_correlated_columns_of_all_scales_take_few_steps() -> None:
    x, y = task(500, width=40)
    assert fit_probe(x, y, penalty=1e-4).iterations < 150


def test_a_start_near_the_solution_takes_fewer_steps_to_the_same_one() -> None:
    x, y = task(500)
    strong = fit_probe(x, y, penalty=1e-2)
    again = fit_probe(x, y, penalty=1e-2, start=strong)
    cold, warm = (fit_probe(x, y, penalty=5e-3, start=start) for start in (None, strong))
    assert again.iterations <= 1 < strong.iterations
    torch.testing.assert_close(warm.scores(x), cold.scores(x), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_same_features_give_the_same_accuracy_whatever_was_drawn_before() -> None:
    train, test = task(300), task(200, seed=1)
    first = linear_probe(*train, *test)
    torch.rand(7)
    assert linear_probe(*train, *test) == first
    assert 0.5 < first < 1


@pytest.mark.slow
def test_scale_and_shift_of_features_do_not_matter() -> None:
    train, test = task(300), task(200, seed=1)
    moved = linear_probe(train[0] * 50 - 3, train[1], test[0] * 50 - 3, test[1])
    assert moved == pytest.approx(linear_probe(*train, *test), abs=0.011)


def test_the_penalty_that_does_best_on_held_out_rows_is_taken() -> None:
    train, test = task(400), task(400, seed=1)
    alone = {p: linear_probe(*train, *test, penalties=(p,)) for p in (1e-3, 1e4)}
    assert alone[1e-3] > alone[1e4] + 0.1
    assert linear_probe(*train, *test, penalties=(1e4, 1e-3)) == alone[1e-3]


def test_constant_columns_and_more_columns_than_rows_are_no_trouble() -> None:
    x, y = task(30, width=50, classes=2)
    x[:, 3] = 7.0
    assert linear_probe(x, y, x, y) > 0.9


def test_features_that_are_all_the_same_give_the_largest_class() -> None:
    x, y = torch.ones(10, 4), torch.tensor([0] * 7 + [1] * 3)
    assert linear_probe(x, y, x, y) == pytest.approx(0.7)


def test_classes_of_one_row_are_learnt_without_being_held_out() -> None:
    x = torch.eye(5).repeat(2, 1)[:9]
    y = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2, 3])
    assert linear_probe(x, y, x, y) == 1.0


def test_too_few_steps_are_said() -> None:
    x, y = task(500, width=40)
    with pytest.warns(RuntimeWarning, match="after 2 steps"):
        fit_probe(x, y, penalty=0.1, iterations=2)


def test_wrong_penalties_and_labels_are_refused() -> None:
    x, y = task(40)
    with pytest.raises(InputError, match="penalty must be > 0, got 0"):
        linear_probe(x, y, x, y, penalties=(0,))
    with pytest.raises(InputError, match="no penalty"):
        linear_probe(x, y, x, y, penalties=())
    with pytest.raises(DataError, match="all 40 train labels are 1"):
        linear_probe(x, torch.ones(40), x, y)
