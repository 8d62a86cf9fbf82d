"""Measure how well the shipped subject AI規制, or MiniLM, finds threads of 2025-26.

    python benchmarks/digest/watch_labelled.py [--list] [--minilm]

Two language models labelled 402 threads independently. The odd lines were used to choose words and
thresholds; the figures come from the even lines. A thread is left out if the two models differ or
are unsure. Nine rows are blank, because their titles may not be copied. --list prints the mistakes
on the odd lines. --minilm also measures three similarities of titles: to a description, to phrases,
and to the titles about the subject on the odd lines. Each similarity is measured alone and together
with the words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shiomi.digest.config import parse_config
from shiomi.digest.watch import subject_matcher

LABELS = Path(__file__).parent / "data" / "watch_labelled.jsonl"
PHRASES = (
    "AI regulation",
    "government regulation of artificial intelligence",
    "a law or ban on AI",
    "export controls on AI chips",
    "a government restricts an AI company",
)
Bools = NDArray[np.bool_]


def figures(found: Bools, gold: Bools) -> str:
    right = int((found & gold).sum())
    return f"precision {right}/{found.sum()}, recall {right}/{gold.sum()}"


def f1(found: Bools, gold: Bools) -> float:
    return 2 * float((found & gold).sum()) / max(float(found.sum() + gold.sum()), 1.0)


def by_meaning(titles: list[str], words: Bools, gold: Bools, even: Bools, description: str) -> None:
    """Print the figures of each way to compare, at its best threshold on the odd lines."""
    from shiomi.digest.linking.meaning import SentenceEncoder

    encoder = SentenceEncoder()
    vectors = encoder.encode(titles)
    examples = vectors @ vectors[~even & gold].T
    examples[np.flatnonzero(~even & gold), range(examples.shape[1])] = -1  # not itself
    likeness = {
        "description": vectors @ encoder.encode([description])[0],
        "five phrases": (vectors @ encoder.encode(PHRASES).T).max(axis=1),
        "twelve examples": examples.max(axis=1),
    }
    for name, value in likeness.items():
        for how, base in (("alone", words & False), ("or the words", words)):
            best = max(
                np.linspace(0.1, 0.9, 81),
                key=lambda t: f1((base | (value >= t))[~even], gold[~even]),
            )
            found = (base | (value >= best))[even]
            print(f"MiniLM, {name}, {how}: {figures(found, gold[even])}, from {best:.2f}")


def main() -> None:
    rows = [json.loads(line) for line in LABELS.open(encoding="utf-8")]
    agreed = sum(row["readers"][0] == row["readers"][1] for row in rows)
    print(f"readers agree on {agreed} of {len(rows)}")
    kept = [(n % 2 == 1, row) for n, row in enumerate(rows) if row["readers"] in ("yy", "nn")]
    even = np.array([half for half, _ in kept])
    gold = np.array([row["readers"] == "yy" for _, row in kept])
    titles = [row["title"] for _, row in kept]
    subject = parse_config('[[watch]]\nknown = "AI規制"').watch[0]
    about = subject_matcher(subject)
    words = np.array([about(r["title"]) or about(f"{r['title']} {r['text']}") for _, r in kept])
    print(f"words, odd lines:  {figures(words[~even], gold[~even])}")
    print(f"words, even lines: {figures(words[even], gold[even])}")
    if "--list" in sys.argv:
        for k in np.flatnonzero((words != gold) & ~even):
            print("  missed" if gold[k] else "  wrong ", titles[k])
    if "--minilm" in sys.argv:
        by_meaning(titles, words, gold, even, subject.description)


if __name__ == "__main__":
    main()
