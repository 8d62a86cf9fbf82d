"""The linear probe: multinomial logistic regression on frozen features, solved to convergence.

The problem is convex, so it has one solution. L-BFGS finds it to a tolerance, without a learning
rate, a schedule or a random start. It is fast for any scale and correlation of the features,
because the weights are optimised along their principal axes. Each axis is scaled by
1/sqrt(eigenvalue + penalty). In the scaled axes, the Hessian's eigenvalues lie between p(1-p) and
1.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shiomi.lejepa.covariance import mean_and_covariance
from shiomi.lejepa.errors import InputError
from shiomi.lejepa.labels import Labels, holdout, labelled

__all__ = ["PENALTIES", "Probe", "fit_probe", "linear_probe"]

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
"""The penalties to try. They refer to the mean loss: scikit-learn's C is 1 / (N penalty)."""

_ROWS = 8192  # rows of a block
_HELD_OUT = 0.2
_CONSTANT = 1e-20  # a column whose variance is below this share of its squared mean is constant
_STRONG = 0.1  # the penalty that is solved first, starting from zero weights


@dataclass(frozen=True, slots=True)
class Probe:
    """A fitted probe. Its scores are `x @ weight.T + bias`, where x are the original features."""

    weight: Tensor  # (C, D) float64
    bias: Tensor  # (C,) float64
    penalty: float
    iterations: int
    gradient: float  # largest entry of the objective's gradient at the solution

    def scores(self, x: Tensor) -> Tensor:
        """Return (N, C) log-odds, up to a constant per row, of features (N, D)."""
        return x.double() @ self.weight.T + self.bias

    def predict(self, x: Tensor) -> Tensor:
        """Return the most likely class of each row, 0..C-1, as (N,)."""
        return torch.cat([self.scores(block).argmax(1) for block in x.split(_ROWS)])


def linear_probe(
    train_x: Tensor,
    train_y: Labels,
    test_x: Tensor,
    test_y: Labels,
    *,
    penalties: Sequence[float] = PENALTIES,
    seed: int = 0,
) -> float:
    """Fit a linear classifier to the training rows; return its accuracy on the test rows, 0 to 1.

    A fifth of each class of the training rows is held out, and the penalty with the best accuracy
    on these rows is chosen. If several penalties have the same accuracy, the one with the smallest
    loss is chosen. Then the classifier is fitted to all training rows. If the classes have too few
    rows to hold any rows out, the middle penalty is used.

    Parameters
    ----------
    train_x, test_x
        (N, D) and (M, D) features, any floating dtype, on any device.
    train_y, test_y
        (N,) and (M,) whole numbers.
    penalties
        Penalties of the squared weights to choose from, each above 0.
    seed
        Seed for the choice of held-out rows. The same seed gives the same result.

    Raises
    ------
    InputError, DataError
        As for `shiomi.lejepa.labels.labelled`. Also InputError if a penalty is not above 0.
    """
    data = labelled(train_x, train_y, test_x, test_y)
    train = data.train_x.detach()
    penalty = _choose(train, data.train_y, penalties, seed)
    probe = fit_probe(train, data.train_y, penalty=penalty)
    return (probe.predict(data.test_x.detach()).cpu() == data.test_y).double().mean().item()


def fit_probe(
    x: Tensor,
    y: Tensor,
    *,
    penalty: float,
    start: Probe | None = None,
    tolerance: float = 1e-5,
    iterations: int = 500,
) -> Probe:
    """Minimise mean cross entropy + penalty / 2 * |W|^2 over W on standardised features.

    `x` is (N, D) and `y` is (N,) with classes 0..C-1, each of which must occur. The bias is not
    penalised. The solver starts from `start`, a probe of the same features. The function gives a
    RuntimeWarning if the gradient is not below `tolerance` after `iterations` iterations.
    """
    if penalty <= 0:
        raise InputError(f"penalty must be > 0, got {penalty}")
    if start is None and penalty < _STRONG:
        start = fit_probe(x, y, penalty=10 * penalty, tolerance=1e-3)  # quick to solve, and close
    problem = _Problem(x, y, penalty, start)
    unknown = problem.start.requires_grad_(True)
    solver = torch.optim.LBFGS(
        [unknown],
        max_iter=iterations,
        max_eval=4 * iterations,
        tolerance_grad=tolerance,
        tolerance_change=0,
        history_size=50,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        loss, gradient = problem.value(unknown.detach())
        unknown.grad = gradient
        return loss

    solver.step(closure)
    gradient = problem.value(unknown.detach())[1].abs().max().item()
    taken = solver.state[unknown]["n_iter"]
    if gradient > 100 * tolerance:
        warnings.warn(
            f"the probe's gradient is {gradient:.1e} after {taken} steps; its accuracy may"
            " be a little low",
            RuntimeWarning,
            stacklevel=2,
        )
    weight, bias = problem.solution(unknown.detach())
    return Probe(weight, bias, penalty, taken, gradient)


def _choose(x: Tensor, y: Tensor, penalties: Sequence[float], seed: int) -> float:
    """Return the penalty with the best result on held-out rows; try the strongest first."""
    if not penalties:
        raise InputError("no penalty to try; leave `penalties` out for the usual ones")
    kept, out = holdout(y, _HELD_OUT, seed=seed)
    if len(penalties) == 1 or not len(out) or len(y[kept].unique()) < 2:
        return sorted(penalties)[len(penalties) // 2]
    rows = (x[kept.to(x.device)], y[kept])
    held = (x[out.to(x.device)], y[out].to(x.device))
    results = []
    probe = None
    for penalty in sorted(penalties, reverse=True):
        probe = fit_probe(*rows, penalty=penalty, start=probe)
        scores = torch.cat([probe.scores(block) for block in held[0].split(_ROWS)])
        wrong = (scores.argmax(1) != held[1]).sum().item()
        loss = torch.nn.functional.cross_entropy(scores, held[1]).item()
        results.append((wrong, loss, penalty))
    return min(results)[2]


class _Problem:
    """The penalised likelihood in scaled axes. The matrix of unknowns is (D + 1, C); its last row
    is the bias."""

    def __init__(self, x: Tensor, y: Tensor, penalty: float, start: Probe | None) -> None:
        self.x, self.y = x, y.to(x.device)
        self.classes = int(y.max()) + 1
        self.mean, covariance = mean_and_covariance(x)
        variance = covariance.diagonal()
        constant = variance <= _CONSTANT * self.mean.square()
        self.scale = torch.where(constant, 0.0, variance.clamp(min=1e-300).rsqrt())
        curvature = self._curvature(start) * self.scale * self.scale[:, None]
        values, axes = torch.linalg.eigh(curvature)
        step = (values.clamp(min=0) + penalty).rsqrt()  # (D,)
        self.penalties = penalty * step.square()  # penalties of the unknowns in the scaled axes
        self.to_standard = axes * step  # (D, D): unknowns to weights of standardised features
        self.map = self.scale[:, None] * self.to_standard  # to weights of centred features
        self.start = self._unknown(start)

    def value(self, unknown: Tensor) -> tuple[float, Tensor]:
        """Return the objective and its gradient (D + 1, C)."""
        weight, bias = self.map @ unknown[:-1], unknown[-1]
        loss = torch.zeros((), dtype=torch.float64, device=self.x.device)
        by_weight, by_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        for rows, labels in zip(self.x.split(_ROWS), self.y.split(_ROWS), strict=True):
            centred = rows.double() - self.mean
            log_p = (centred @ weight + bias).log_softmax(1)
            loss -= log_p.gather(1, labels[:, None]).sum()
            error = log_p.exp()
            error[torch.arange(len(labels), device=error.device), labels] -= 1
            by_weight.addmm_(centred.T, error)
            by_bias += error.sum(0)
        n = len(self.x)
        penalised = self.penalties[:, None] * unknown[:-1]
        gradient = torch.cat([self.map.T @ by_weight / n + penalised, by_bias[None] / n])
        return (loss / n + (penalised * unknown[:-1]).sum() / 2).item(), gradient

    def solution(self, unknown: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight (C, D) and bias (C,) for the original features."""
        weight = (self.map @ unknown[:-1]).T
        return weight, unknown[-1] - weight @ self.mean

    def _curvature(self, start: Probe | None) -> Tensor:
        """Return the mean over rows and classes of p (1 - p) x x^T, where x is centred: (D, D)."""
        curvature = self.x.new_zeros(self.x.shape[1], self.x.shape[1], dtype=torch.float64)
        for rows in self.x.split(_ROWS):
            if start is None:
                p = rows.new_full((len(rows), self.classes), 1 / self.classes, dtype=torch.float64)
            else:
                p = start.scores(rows).softmax(1)
            weight = (p * (1 - p)).mean(1, keepdim=True)
            centred = (rows.double() - self.mean) * weight.sqrt()
            curvature.addmm_(centred.T, centred)
        return curvature / len(self.x)

    def _unknown(self, start: Probe | None) -> Tensor:
        """Return the starting point: a probe of these features in this problem's axes, or zeros."""
        x = self.x
        result = torch.zeros(x.shape[1] + 1, self.classes, dtype=torch.float64, device=x.device)
        if start is not None:
            back = torch.where(self.scale > 0, 1 / self.scale, 0.0)[:, None] * start.weight.T
            result[:-1] = torch.linalg.solve(self.to_standard, back)
            result[-1] = start.bias + start.weight @ self.mean
        return result
