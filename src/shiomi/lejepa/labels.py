"""Check features and labels for an evaluation, and hold out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shiomi.lejepa.errors import DataError, InputError

__all__ = ["Labelled", "Labels", "holdout", "labelled"]

Labels = Tensor | Sequence[int | None]
"""(N,) integers, one per row of features. Any integers are allowed, not only 0 to C-1."""

_SHOWN = 5  # how many bad rows an error message lists


@dataclass(frozen=True, slots=True)
class Labelled:
    """Train and test features with classes numbered from 0."""

    train_x: Tensor  # (N, D) floating
    train_y: Tensor  # (N,) int64 in 0..C-1
    test_x: Tensor  # (M, D) floating
    test_y: Tensor  # (M,) int64 in 0..C-1, or -1 for a class that is missing in training
    classes: Tensor  # (C,) int64: the labels themselves, ascending


def labelled(train_x: Tensor, train_y: Labels, test_x: Tensor, test_y: Labels) -> Labelled:
    """Check features and labels, and number the classes that occur in the training labels.

    A test row whose class does not occur in training is kept and always counts as wrong.

    Raises
    ------
    DataError
        Labels are missing, are not integers, are all of one class, or are all different (in that
        case they are probably ids).
    InputError
        Features are not matrices of the same width, are not finite, or the number of their rows is
        not the number of labels.
    """
    features(train_x, "train")
    features(test_x, "test")
    if train_x.shape[1] != test_x.shape[1]:
        raise InputError(
            f"train features have {train_x.shape[1]} columns and test features"
            f" {test_x.shape[1]}; both must come from the same encoder"
        )
    train = _whole(train_y, len(train_x), "train")
    test = _whole(test_y, len(test_x), "test")
    classes, numbered = torch.unique(train, return_inverse=True)
    if len(classes) == 1:
        raise DataError(
            f"all {len(train)} train labels are {classes[0].item()}; there must be two or"
            " more classes"
        )
    if len(classes) == len(train) > 2:
        raise DataError(
            f"the {len(train)} train rows have {len(classes)} different labels. These are ids,"
            " not classes, or each class has only one row"
        )
    at = torch.searchsorted(classes, test).clamp(max=len(classes) - 1)
    known = classes[at] == test
    if not known.any():
        raise DataError(
            f"no test label occurs in training (train {_few(classes)}, test"
            f" {_few(test.unique())}); are both from the same data set?"
        )
    return Labelled(train_x, numbered, test_x, torch.where(known, at, -1), classes)


def features(x: Tensor, name: str) -> None:
    """Raise InputError if `x` is not an (N, D) matrix of finite numbers with N, D >= 1."""
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(f"{name} features must be (rows, columns), not {tuple(x.shape)}")
    if not x.is_floating_point():
        raise InputError(f"{name} features must be floating numbers, not {x.dtype}")
    bad = sum(int((~block.isfinite()).any(1).sum()) for block in x.split(65536))
    if bad:
        raise InputError(f"{bad} of {len(x)} rows of {name} features are NaN or infinite")


def holdout(y: Tensor, share: float, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Split the rows of each class; return (kept, held out) as ascending row numbers.

    The share `share` of each class is held out. The number of rows is rounded down, so the row of a
    class with only one row is kept. The same `y`, `share` and `seed` give the same split on every
    machine.
    """
    if not 0 < share < 1:
        raise InputError(f"a share of {share} cannot be held out; give one between 0 and 1")
    y = y.cpu()
    shuffled = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    by_class = shuffled[torch.argsort(y[shuffled], stable=True)]
    counts = torch.unique_consecutive(y[by_class], return_counts=True)[1]
    starts = counts.cumsum(0) - counts
    rank = torch.arange(len(y)) - starts.repeat_interleave(counts)  # position within its class
    out = rank < (counts * share).floor().long().repeat_interleave(counts)
    return by_class[~out].sort().values, by_class[out].sort().values


def _whole(y: Labels, rows: int, name: str) -> Tensor:
    if not isinstance(y, Tensor):
        missing = [i for i, label in enumerate(y) if label is None]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(y)} {name} rows have no label (rows"
                f" {_few(missing)}); leave them out, or give data that is labelled"
            )
        try:
            y = torch.as_tensor(y)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"{name} labels are not whole numbers: {error}") from None
    if y.ndim != 1 or len(y) != rows:
        raise InputError(f"{rows} {name} features but labels of shape {tuple(y.shape)}")
    if y.is_complex() or (y.is_floating_point() and not (y == y.round()).all()):
        raise DataError(f"{name} labels are {y.dtype}, not whole numbers; classes are numbers 0, 1")
    y = y.detach().long().cpu()
    negative = (y < 0).nonzero()[:, 0]
    if len(negative):
        raise DataError(
            f"{len(negative)} of {rows} {name} labels are negative (rows"
            f" {_few(negative)}); that usually marks rows without a label"
        )
    return y


def _few(values: Tensor | list[int]) -> str:
    listed = values.tolist() if isinstance(values, Tensor) else values
    shown = ", ".join(map(str, listed[:_SHOWN]))
    return shown + (", …" if len(listed) > _SHOWN else "")
