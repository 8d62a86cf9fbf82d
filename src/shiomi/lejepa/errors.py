"""The errors of lejepa, as one tree.

LejepaError
├── InputError       embeddings, views or options are invalid
├── NonFiniteError   an embedding is NaN or infinite; the text says in which view and how many
├── DataError        a folder, file or label from which no training data can be read
├── RunError         a run's folder or checkpoint cannot be used or written
└── MissingError     a library that is needed is not installed; the text says how to get it
"""

from __future__ import annotations

import importlib
from typing import Any

from shiomi.extras import needs_extra

__all__ = [
    "DataError",
    "InputError",
    "LejepaError",
    "MissingError",
    "NonFiniteError",
    "RunError",
    "imported",
]


class LejepaError(Exception):
    """Base of all errors for users of lejepa; the text names the value and the remedy."""


class InputError(LejepaError, ValueError):
    """Embeddings, views or options are invalid."""


class NonFiniteError(LejepaError, FloatingPointError):
    """An embedding is NaN or infinite; the text says in which view and how many."""


class DataError(LejepaError):
    """A folder, file or label from which no training data can be read."""


class RunError(LejepaError):
    """A run's folder or checkpoint cannot be used or written."""


class MissingError(LejepaError, ImportError):
    """A required library is not installed. The message explains how to install it."""


def imported(module: str, what: str) -> Any:
    """Return a module of the extra `lejepa`. Raises MissingError if it is not installed; `what`
    names the work that needs it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        name = {"PIL": "Pillow"}.get(package, package)
        raise MissingError(needs_extra(what, name, "lejepa")) from None
