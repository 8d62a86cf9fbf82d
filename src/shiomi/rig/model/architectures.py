"""The known architectures, whose layers need no assumption.

The table data/architectures.csv has one row per architecture, with its names in config.json and in
GGUF. One column has the value "full" if all layers have full or latent attention. It has the value
"said" if the config and the tensors state the kind of each layer. Architectures
with their own rule for sliding attention are in data/sliding_attention.csv.
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
def _table(format: Format) -> dict[str, str]:  # noqa: A002 - the usual name
    text = resources.files(__package__).joinpath("data/architectures.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row[format]: row["kinds"] for row in rows if row[format]}


def is_known(architecture: str, format: Format) -> bool:  # noqa: A002
    """Return whether a table has the architecture under this name for this file format."""
    return architecture in _table(format) or sliding_pattern(architecture) is not None


def kinds_must_be_said(architecture: str) -> bool:
    """Return whether only the fields of the config state the kinds of the layers."""
    return _table("config").get(architecture) == "said"
