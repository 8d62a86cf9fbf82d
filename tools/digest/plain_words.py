"""Build src/shiomi/digest/writing/plain_words.txt: common words of English prose.

A word is plain if many threads contain it, and if comments nearly always write it in small letters
inside a sentence. The script reads localllama.jsonl.gz of the shared data. It uses only single
words and their counts, and keeps no text.

    python tools/digest/plain_words.py ../shared/data
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

OUT = Path(__file__).parents[2] / "src/shiomi/digest/writing/plain_words.txt"
# The least number of threads that contain a plain word, and the least share of its uses that are
# in small letters.
THREADS, SMALL = 6, 0.8
NAMES = frozenset({"openai", "numpy", "vllm"})  # names that often occur in small letters
HEAD = """\
# Words of English prose that comments write in small letters nearly always: no names.
# Made by tools/digest/plain_words.py from counts of single words.
"""


def main() -> None:
    path = Path(sys.argv[1]) / "digest" / "localllama.jsonl.gz"
    small: Counter[str] = Counter()
    every: Counter[str] = Counter()
    threads: Counter[str] = Counter()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            seen = set()
            for text in _texts(json.loads(line)):
                for match in re.finditer(r"(?<=[a-z,] )[A-Za-z][a-z']*[a-z]\b(?![./:_-]\w)", text):
                    word = match.group()
                    every[word.lower()] += 1
                    small[word.lower()] += word.islower()
                    seen.add(word.lower())
            threads.update(seen)
    words = sorted(
        word for word, count in threads.items()
        if count >= THREADS
        and small[word] >= SMALL * every[word]
        and word not in NAMES
        and "'" not in word
    )  # fmt: skip
    rows, row = [], ""
    for word in words:
        if len(row) + len(word) > 98:
            rows.append(row)
            row = ""
        row = f"{row} {word}".strip()
    OUT.write_text(HEAD + "\n".join([*rows, row]) + "\n", encoding="utf-8")
    print(f"{len(words):,} words of {sum(every.values()):,} uses in {OUT.name}")


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, part in value.items() if key != "author" for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return []


if __name__ == "__main__":
    main()
