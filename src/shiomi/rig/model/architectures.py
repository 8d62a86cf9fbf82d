"""The known architectures, whose layers need no assumption.

The table (data/architectures.csv) has one row for each: its names in config.json and in GGUF, and
what tells the kinds of its layers: "full", that there is only full or latent attention, or "said",
that its config and its tensors say them. Those whose attention slides by a rule of their own are in
data/sliding_attention.csv.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import Literal

from shiomi.rig.model.sliding import sliding_pattern

__all__ = ["is_known", "kinds_must_be_said"]


Format = Literal["config", "gguf"]


@cache
def _table(format: Format) -> dict[str, str]:  # noqa: A002 - the word for it
    text = resources.files(__package__).joinpath("data/architectures.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row[format]: row["kinds"] for row in rows if row[format]}


def is_known(architecture: str, format: Format) -> bool:  # noqa: A002
    """Whether the architecture, by its name in files of this format, is in a table."""
    return architecture in _table(format) or sliding_pattern(architecture) is not None


def kinds_must_be_said(architecture: str) -> bool:
    """Whether it has several kinds of layers that only the config's fields name."""
    return _table("config").get(architecture) == "said"
