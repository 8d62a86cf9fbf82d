"""The watch AI規制 as `shiomi init` writes it, on threads of 2025-26 labelled twice.

    python benchmarks/digest/watch_labelled.py [--list]

402 threads, labelled independently by two language models. Odd lines were used to choose the
words, even ones are the figure. A thread on which the readers differ or are unsure is left out.
Nine rows are blank, because their titles may not be copied. --list prints the mistakes of the odd
lines.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

from shiomi.digest.config import parse_config
from shiomi.digest.settings import WatchConfig
from shiomi.digest.watch import subject_matcher

LABELS = Path(__file__).parent / "data" / "watch_labelled.jsonl"


def shipped() -> WatchConfig:
    """Return the example subject of shiomi.toml, which is commented out there."""
    text = files("shiomi.cli").joinpath("shiomi.toml").read_text(encoding="utf-8")
    example = text[text.index("# [[watch]]") :].partition("\n\n")[0]
    example = "\n".join(re.sub(r"^# ?", "", line) for line in example.splitlines())
    tomllib.loads(example)
    return parse_config(example).watch[0]


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


if __name__ == "__main__":
    main()
