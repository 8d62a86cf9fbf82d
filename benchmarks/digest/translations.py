"""Which translations of a 1.5B model are kept, and how many of them are right.

    python benchmarks/digest/translations.py

48 sentences of r/LocalLLaMA (weeks to 2025-07-06 and 2025-08-03), translated by Qwen2.5-Coder-1.5B
Q4 on llama.cpp with the prompt of the product. One language model judged each by reading. The least
confidence was chosen on these sentences, so they do not test it.
"""

from __future__ import annotations

import json
from pathlib import Path

from shiomi.digest.writing.translated import is_faithful, is_plain

TRANSLATIONS = Path(__file__).parent / "data" / "translations.jsonl"


def main() -> None:
    """Print the share of right translations, without the check and with each of its parts."""
    rows = [json.loads(line) for line in TRANSLATIONS.open(encoding="utf-8")]
    plain = [row for row in rows if is_plain(row["source"])]
    named = (
        ("all", rows),
        ("plain sentences", plain),
        ("and words agree", [r for r in plain if is_faithful(r["source"], r["text"], None)]),
        ("and confident", [
            r for r in plain if is_faithful(r["source"], r["text"], r["confidence"])]),
    )  # fmt: skip
    for name, kept in named:
        right = sum(row["right"] for row in kept)
        print(f"{name:18} {right:3} of {len(kept):3} right, {right / max(len(kept), 1):.0%}")


if __name__ == "__main__":
    main()
