"""Check the numbers that a caller passes, before torch uses them.

The checks are plain Python: they never read a tensor, so torch.compile can trace through them.
"""

from __future__ import annotations

import numpy as np

from shiomi.lejepa.errors import InputError

__all__ = ["check_whole", "is_number"]

_LEAST, _MOST = -(2**63), 2**63 - 1  # largest int64


def is_number(value: object) -> bool:
    """Return whether `value` is a real number of Python or numpy. A bool is not one."""
    real = isinstance(value, int | float | np.integer | np.floating)
    return real and not isinstance(value, bool)


def check_whole(name: str, value: object, *, least: int = _LEAST) -> None:
    """Raise InputError unless `value` is an integer from `least` to 2^63 - 1. A bool is not one."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and least <= value <= _MOST):  # type: ignore[operator] # whole says it is one
        allowed = "that fits 64 bits" if least == _LEAST else f"of at least {least}"
        raise InputError(f"{name} is {value!r}; give an integer {allowed}")
