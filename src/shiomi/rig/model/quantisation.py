"""The real bits per weight of each format. They differ from its name: Q4_K_M takes 4.89, not 4.

A file mixes several formats. The output projection and the embedding table have other formats than
the layers, and they are a larger part of small models. So a quantisation has separate figures for
the layers (experts and other weights), the embedding table and the output projection. The size of
any model can be computed from them. `llama_8b_bits` is the mean number of bits per weight of Llama
3.1 8B, the figure that published tables give.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

from shiomi.rig.errors import SettingError

__all__ = ["Quantisation", "bits_per_weight", "find_quantisation", "quantisations"]

ALIASES = {"FP16": "F16", "FLOAT16": "F16", "BFLOAT16": "BF16", "FP32": "F32", "FLOAT32": "F32"}


@dataclass(frozen=True, slots=True)
class Quantisation:
    """A format of weights, in bits per weight of each part of a model."""

    name: str
    expert_bits: float  # of routed experts
    dense_bits: float  # of everything else in the layers
    embedding_bits: float
    output_bits: float  # also of an embedding that is used as the output
    llama_8b_bits: float  # over all of Llama 3.1 8B
    source: str


@cache
def quantisations() -> dict[str, Quantisation]:
    """Return all known formats by name, smallest first (data/bits_per_weight.csv)."""
    text = resources.files(__package__).joinpath("data/bits_per_weight.csv").read_text("utf-8")
    return {
        row["quantisation"]: Quantisation(
            name=row["quantisation"],
            expert_bits=float(row["expert_bits"]),
            dense_bits=float(row["dense_bits"]),
            embedding_bits=float(row["embedding_bits"]),
            output_bits=float(row["output_bits"]),
            llama_8b_bits=float(row["llama_8b_bits"]),
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    }


def find_quantisation(name: str) -> Quantisation:
    """Return a quantisation by name, ignoring case. Raises SettingError if it is unknown."""
    wanted = ALIASES.get(name.upper(), name).upper()
    for known in quantisations().values():
        if known.name.upper() == wanted:
            return known
    raise SettingError(
        f"the quantisation {name[:40]!r} is not known; known are {', '.join(quantisations())}"
    )


def bits_per_weight(quantisation: str) -> float:
    """Return the bits per weight over all of Llama 3.1 8B. Raises SettingError if unknown."""
    return find_quantisation(quantisation).llama_8b_bits
