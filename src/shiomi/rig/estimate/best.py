"""The models worth running first, and the best model for each purpose.

Models are ordered by `worth`: the score of their answers (`shiomi.rig.model.quality`), less what
the format loses, and a bonus for speed beyond the floor. Models that are slower than the floor,
or that may not fit, come last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shiomi.rig.estimate.fit import Runs
from shiomi.rig.estimate.use import USES, Use, worth
from shiomi.rig.model.quality import Quality, quality_table

__all__ = ["LONG_CONTEXT", "best_per_purpose", "in_order", "usable"]

LONG_CONTEXT = 65_536  # tokens that have to fit for long documents


def usable(runs: Runs) -> bool:
    """Return whether the model surely fits and is as fast as the floor by its lower bound."""
    return runs.fast and runs.sure


def in_order(
    found: Iterable[Runs], use: Use | None = None, quality: Quality | None = None
) -> list[Runs]:
    """Return the runs, those worth running first; unknown speeds are last."""
    use, quality = use or USES["chat"], quality or quality_table()
    return sorted(
        found,
        key=lambda x: (
            not usable(x),
            x.decode is None,
            -worth(x, use, quality).worth,
            x.known.name,
        ),
    )


def best_per_purpose(
    found: Iterable[Runs], *, language: str | None = None, quality: Quality | None = None
) -> dict[str, Runs]:
    """Return the best run for chat, code, long documents, and the reader's language.

    Purposes that nothing serves are absent.
    """
    runs = [x for x in found if usable(x)]
    purposes: dict[str, tuple[str, Callable[[Runs], bool]]] = {
        "chat": ("chat", lambda x: "chat" in x.known.purposes),
        "code": ("code", lambda _: True),
        "long": ("long", lambda x: "chat" in x.known.purposes and x.context >= LONG_CONTEXT),
    }
    if language:
        purposes[language] = (
            "chat",
            lambda x: language in x.known.languages and "chat" in x.known.purposes,
        )
    best = {}
    for purpose, (use, serves) in purposes.items():
        if able := in_order((x for x in runs if serves(x)), USES[use], quality):
            best[purpose] = able[0]
    return best
