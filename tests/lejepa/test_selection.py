"""Rank correlation against SciPy, and the criterion of equation 8."""

from __future__ import annotations

import pytest
import scipy  # scipy.stats is slow to import, and comes at its first use
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from shiomi.lejepa.errors import InputError
from shiomi.lejepa.retrieval import retrieval
from shiomi.lejepa.selection import Candidate, criterion, rank_candidates, spearman

PAIRS = st.lists(st.tuples(st.integers(-5, 5), st.floats(-1e6, 1e6)), min_size=2, max_size=40)


@pytest.mark.slow
@given(PAIRS)
def test_spearman_is_that_of_scipy_ties_included(pairs: list[tuple[float, float]]) -> None:
    a, b = zip(*pairs, strict=True)
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    assert spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "b"),
    [([1.0], [1.0]), ([1, 2, 3], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, float("nan")], [1, 2])],
)
def test_what_has_no_rank_correlation_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(InputError):
        spearman(a, b)


def test_the_criterion_is_the_loss_over_lambda_to_the_alpha() -> None:
    assert criterion(2.0, 0.05) == pytest.approx(2.0 / 0.05**0.4)
    assert criterion(0.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("loss", "lam"),
    [(float("nan"), 0.1), (float("inf"), 0.1), (1, 0.0), (1, -0.1), (1, float("nan"))],
)
def test_a_loss_or_lambda_that_ranks_nothing_is_refused(loss: float, lam: float) -> None:
    with pytest.raises(InputError):
        criterion(loss, lam)


def test_runs_are_ranked_by_the_criterion_and_not_by_labels() -> None:
    runs = [
        Candidate("small-lambda", loss=0.30, lam=0.01, probe=0.9),
        Candidate("large-lambda", loss=0.50, lam=0.1, probe=0.1),
        Candidate("b", loss=0.40, lam=0.1),
        Candidate("a", loss=0.40, lam=0.1),
    ]
    ranked = rank_candidates(runs).ranked
    assert [one.name for one in ranked] == ["a", "b", "large-lambda", "small-lambda"]
    with pytest.raises(InputError, match="at least one run"):
        rank_candidates([])


def test_agreement_with_the_probe_is_told_where_three_runs_have_one() -> None:
    values = [(0.1, 5.0, 0.9), (0.2, 7.0, 0.8), (0.3, 6.0, 0.7)]
    runs = [
        Candidate(f"{loss}", loss=loss, lam=0.05, rankme=rank, probe=probe)
        for loss, rank, probe in values
    ]
    assert rank_candidates(runs).agreement == pytest.approx(
        {"criterion": 1.0, "loss": 1.0, "RankMe": -0.5}
    )
    assert rank_candidates(runs[:2]).agreement == {}


def test_retrieval_ranks_where_all_have_it() -> None:
    runs = [
        Candidate("low-loss", loss=0.1, lam=0.05, retrieval=0.2),
        Candidate("found-again", loss=0.9, lam=0.05, retrieval=0.6),
    ]
    chosen = rank_candidates(runs)
    assert [one.name for one in chosen.ranked] == ["found-again", "low-loss"]
    assert chosen.ranked_by == "retrieval"
    old = rank_candidates([*runs, Candidate("old", loss=0.5, lam=0.05)])
    assert [one.name for one in old.ranked] == ["low-loss", "old", "found-again"]
    assert old.ranked_by == "criterion"


def test_a_view_is_found_again_by_the_cosine_without_the_mean() -> None:
    a = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert retrieval(100 + a, 100 + 1.5 * a) == 1.0
    assert retrieval(a, a.roll(1, 0)) == 0.0
    with pytest.raises(InputError, match="must be"):
        retrieval(a, a[:3])
