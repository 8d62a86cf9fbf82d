"""Find the layers with a sliding window for models whose file does not state them.

The table data/sliding_attention.csv has one row per architecture. In each group of `period` layers,
the first or the last layer attends to the whole context. Engines differ: for rows with
`llama_cpp_caps` = no, llama.cpp keeps the whole context also in the sliding layers.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["SlidingPattern", "capped_by_llama_cpp", "sliding_layers", "sliding_pattern"]


@dataclass(frozen=True, slots=True)
class SlidingPattern:
    """How an architecture mixes sliding and full layers."""

    period: int  # 0: no layer is full
    dense_first: bool  # the full layer is the first of its group
    window: int | None  # tokens, where the architecture fixes it
    llama_cpp_caps: bool


@cache
def _table() -> dict[str, SlidingPattern]:
    text = resources.files(__package__).joinpath("data/sliding_attention.csv").read_text("utf-8")
    patterns: dict[str, SlidingPattern] = {}
    for row in csv.DictReader(text.splitlines()):
        pattern = SlidingPattern(
            period=int(row["period"]),
            dense_first=row["dense_first"] == "yes",
            window=int(row["window"]) if row["window"] else None,
            llama_cpp_caps=row["llama_cpp_caps"] == "yes",
        )
        for name in (row["gguf"], row["config"]):
            if name:
                patterns.setdefault(name, pattern)
    return patterns


def sliding_pattern(architecture: str) -> SlidingPattern | None:
    """Return the pattern of an architecture (its name in GGUF or config.json); None if unknown."""
    return _table().get(architecture)


def sliding_layers(pattern: SlidingPattern, layers: int) -> list[bool]:
    """Return for each layer whether its attention is sliding."""
    if pattern.period == 0:
        return [True] * layers
    full = 0 if pattern.dense_first else pattern.period - 1
    return [layer % pattern.period != full for layer in range(layers)]


def capped_by_llama_cpp(architecture: str) -> bool:
    """Return whether llama.cpp keeps only the window in this architecture's sliding layers."""
    pattern = sliding_pattern(architecture)
    return pattern is None or pattern.llama_cpp_caps
