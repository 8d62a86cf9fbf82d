"""Count which translations of a 1.5B model are kept, and how many of them are right.

    python benchmarks/digest/translations.py

Qwen2.5-Coder-1.5B Q4 on llama.cpp translated titles and plain sentences of r/LocalLLaMA topics with
the product's prompt, and translated them back. One language model read and judged each translation
strictly: a lost or reversed relation is wrong. The limits were chosen on these sentences.
"""

from __future__ import annotations

import json
from pathlib import Path

from shiomi.digest.writing.evidence import Item, ItemKind
from shiomi.digest.writing.translated import Original, agrees, unfaithful

TRANSLATIONS = Path(__file__).parent / "data" / "translations.jsonl"
ITEM = Item(1, ItemKind.POST, "", "", "reddit/LocalLLaMA", "")


def main() -> None:
    """Print the shares, one filter after the other."""
    rows = [json.loads(line) for line in TRANSLATIONS.open(encoding="utf-8")]
    faithful = [
        row for row in rows
        if not unfaithful(Original(row["slot"], row["source"], ITEM, ""), row["text"],
                          row["confidence"])
    ]  # fmt: skip
    kept = [row for row in faithful if row["back"] and agrees(row["source"], row["back"])]
    for name, found in (("all", rows), ("faithful", faithful), ("and back again", kept)):
        print(f"{name:15} {sum(row['right'] for row in found):3} of {len(found):3} right")


if __name__ == "__main__":
    main()
