"""The best of the models that run, per purpose: by size and newness, at a speed one can work with.

No benchmark of answers is used, as none covers these models in these formats and languages. The
order follows a rule of thumb, which is named wherever it is used: capacity is the geometric mean of
all parameters and of the parameters read per token (so that a mixture of experts counts between the
two); a model
one year newer counts as one of twice the capacity; formats below four bits lose some of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from shiomi.rig.estimate.fit import Runs
from shiomi.rig.model.quantisation import find_quantisation

__all__ = ["LONG_CONTEXT", "best_per_purpose", "rank"]

LONG_CONTEXT = 65_536  # tokens that have to fit for long documents
_FIRST_YEAR = 2023
# Doublings of capacity that a format below these bits per weight is taken to lose.
_LOSSES = ((4.0, 0.0), (3.7, 0.4), (2.95, 1.0), (0.0, 1.6))


def rank(runs: Runs) -> float:
    """Doublings of capacity: higher is better."""
    model = runs.model
    capacity = math.sqrt(float(model.parameters) * model.active_parameters)
    bits = find_quantisation(runs.quantisation).dense_bits
    lost = next(loss for least, loss in _LOSSES if bits >= least)
    return math.log2(capacity) + _years(runs.known.released) - lost


def _years(released: str | None) -> float:
    """Years since the first of 2023; of a model without a date, none."""
    if released is None:
        return 0.0
    year, month = released.split("-")
    return int(year) - _FIRST_YEAR + (int(month) - 1) / 12


def best_per_purpose(found: Iterable[Runs], *, language: str | None = None) -> dict[str, Runs]:
    """The best run for each purpose: chat, code, long documents, and the reader's language.

    Runs that are slower than the floor or that may not fit are left out. Purposes that nothing
    serves are absent.
    """
    runs = [x for x in found if x.fast and x.sure]
    purposes: dict[str, Callable[[Runs], bool]] = {
        "chat": lambda x: "chat" in x.known.purposes,
        "code": lambda x: "code" in x.known.purposes,
        "long": lambda x: "chat" in x.known.purposes and x.context >= LONG_CONTEXT,
    }
    if language:
        purposes[language] = lambda x: language in x.known.languages and "chat" in x.known.purposes
    best = {}
    for purpose, serves in purposes.items():
        if able := [x for x in runs if serves(x)]:
            best[purpose] = max(able, key=lambda x: (rank(x), x.known.name))
    return best
