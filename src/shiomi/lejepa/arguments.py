"""Check the numbers that a caller passes, before torch uses them.

The checks are plain Python: they never read a tensor, so torch.compile can trace through them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from shiomi.lejepa.errors import InputError

__all__ = ["check_number", "check_range", "check_whole", "is_number"]

_LEAST, _MOST = -(2**63), 2**63 - 1  # largest int64


def is_number(value: object) -> bool:
    """Return whether `value` is a real number of Python or numpy. A bool does not count."""
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool)


def check_whole(
    name: str, value: object, *, least: int = _LEAST, most: int = _MOST, optional: bool = False
) -> None:
    """Raise InputError unless `value` is an integer from `least` to `most`. A bool is refused.

    `optional`: None is allowed too.
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and least <= value <= most:  # type: ignore[operator] # it is an integer
        return
    if not (optional and value is None):
        allowed = "that fits 64 bits" if least == _LEAST else f"of at least {least}"
        allowed = allowed if most == _MOST else f"from {least} to {most}"
        raise InputError(f"{name} is {value!r}; give an integer {allowed}")


def check_number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    optional: bool = False,
) -> None:
    """Raise InputError unless `value` is a finite number within the bounds that are given.

    `optional`: None is allowed too.
    """
    if optional and value is None:
        return
    bounds: tuple[tuple[str, float | None, Callable[[Any, Any], bool]], ...] = (
        ("above", above, operator.gt),
        ("of at least", least, operator.ge),
        ("below", below, operator.lt),
        ("of at most", most, operator.le),
    )
    given = [(word, bound, holds) for word, bound, holds in bounds if bound is not None]
    number = is_number(value) and math.isfinite(value)  # type: ignore[arg-type] # it is a number
    if not (number and all(holds(value, bound) for _, bound, holds in given)):
        allowed = " and ".join(f"{word} {bound:g}" for word, bound, _ in given)
        raise InputError(f"{name} must be a finite number {allowed}, got {value!r}")


def check_range(name: str, pair: object, *, most: float) -> None:
    """Raise InputError unless `pair` is a tuple (low, high) with 0 < low <= high <= `most`."""
    two = isinstance(pair, tuple) and len(pair) == 2 and all(map(is_number, pair))
    if not (two and 0 < pair[0] <= pair[1] <= most):  # type: ignore[index] # it is a pair
        raise InputError(
            f"{name} must be two numbers with 0 < low <= high <= {most:g}, got {pair!r}"
        )
