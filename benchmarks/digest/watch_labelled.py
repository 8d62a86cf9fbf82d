"""The watch AI規制 as `shiomi init` writes it, on threads of 2025-26 labelled twice.

    python benchmarks/digest/watch_labelled.py [--list] [--similar]

402 threads, labelled independently by two language models. Odd lines were used to choose the
words, even ones are the figure. A thread on which the readers differ or are unsure is left out.
Nine rows are blank, because their titles may not be copied. --list prints the mistakes of the odd
lines. --similar adds the likeness of titles to a description by the vectors of the linking model,
alone and together with the words, with the threshold that is best on the odd lines.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.config import parse_config
from shiomi.digest.linking.encoder import Encoder
from shiomi.digest.linking.model import shipped_model
from shiomi.digest.settings import WatchConfig
from shiomi.digest.watch import subject_matcher

DESCRIPTION = "Laws, regulation and government policy for artificial intelligence and AI companies"
LABELS = Path(__file__).parent / "data" / "watch_labelled.jsonl"


def shipped() -> WatchConfig:
    """Return the example subject of shiomi.toml, which is commented out there."""
    text = files("shiomi.cli").joinpath("shiomi.toml").read_text(encoding="utf-8")
    example = text[text.index("# [[watch]]") :].partition("\n\n")[0]
    example = "\n".join(re.sub(r"^# ?", "", line) for line in example.splitlines())
    tomllib.loads(example)
    return parse_config(example).watch[0]


def similar() -> None:
    """Print precision and recall of likeness to a description, alone and with the words."""
    model = shipped_model()
    encoder = Encoder(model.table, model.frequency)
    rows = [json.loads(line) for line in LABELS.open(encoding="utf-8")]
    kept = [(n % 2, one) for n, one in enumerate(rows) if one["readers"] in ("yy", "nn")]
    about = subject_matcher(shipped())
    words = np.array([about(f"{one['title']} {one['text']}") for _, one in kept])
    gold = np.array([one["readers"] == "yy" for _, one in kept])
    even = np.array([half == 1 for half, _ in kept])
    vectors = encoder.encode([DESCRIPTION, *(one["title"] for _, one in kept)]).vector
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)
    likeness = vectors[1:] @ vectors[0]
    for name, base in (("likeness alone", words & False), ("words or likeness", words)):
        best = max(np.linspace(0.1, 0.9, 81), key=lambda t: _f1((base | (likeness >= t))[~even],
                                                               gold[~even]))  # fmt: skip
        found = (base | (likeness >= best))[even]
        right = int((found & gold[even]).sum())
        print(f"{name}, even lines: precision {right}/{found.sum()}, recall {right}/"
              f"{gold[even].sum()}, threshold {best:.2f}")  # fmt: skip


def _f1(found: NDArray[np.bool_], gold: NDArray[np.bool_]) -> float:
    return 2 * float((found & gold).sum()) / max(float(found.sum() + gold.sum()), 1.0)


def main() -> None:
    """Print agreement, precision and recall of both halves."""
    rows = [json.loads(line) for line in LABELS.open(encoding="utf-8")]
    same = sum(row["readers"][0] == row["readers"][1] for row in rows)
    print(f"readers agree on {same} of {len(rows)}")
    about = subject_matcher(shipped())
    for half, name in ((0, "odd lines, used to choose"), (1, "even lines")):
        hits = right = gold = 0
        for row in rows[half::2]:
            if row["readers"] not in ("yy", "nn"):
                continue
            found = about(row["title"]) or about(f"{row['title']} {row['text']}")
            is_on = row["readers"] == "yy"
            hits, right, gold = hits + found, right + (found and is_on), gold + is_on
            if found != is_on and half == 0 and "--list" in sys.argv:
                print("  missed" if is_on else "  wrong ", row["title"], "|", row["text"][:120])
        print(
            f"{name}: precision {right}/{hits} = {right / max(hits, 1):.2f},"
            f" recall {right}/{gold} = {right / max(gold, 1):.2f}"
        )
    if "--similar" in sys.argv:
        similar()


if __name__ == "__main__":
    main()
