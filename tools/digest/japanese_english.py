"""Build src/shiomi/digest/writing/japanese_english.tsv.gz: Japanese words and English word stems.

    python tools/digest/japanese_english.py path/to/jamdict.db

The sources are JMdict (EDRDG, CC BY-SA 3.0; as the database of the package jamdict-data 1.5) and
glossary.toml. A line has three columns: a Japanese word, a share, and the English stems of the
word. The share shows how often a stem occurs by chance: it is the share of texts of 100 words that
contain one of the stems. The texts are the r/LocalLLaMA threads of the shared data. Words that
match more than 40 % of the texts are left out.
"""

from __future__ import annotations

import gzip
import re
import sqlite3
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.localllama_weeks import localllama_threads

from shiomi.digest.writing.names import folded

OUT = Path(__file__).parents[2] / "src/shiomi/digest/writing/japanese_english.tsv.gz"
CHUNK, CHUNKS = 100, 6_000  # the number of words in a text, and the number of texts
COMMON = 0.4  # share of texts above which a word is too common
MOST_STEMS = 14
LONGEST_STEM = 6

_FREQUENT = """
select distinct k.idseq, k.text from Kanji k
left join KJP p on p.kid = k.ID
left join Sense s on s.idseq = k.idseq
left join field f on f.sid = s.ID
where p.text in ('ichi1', 'news1', 'news2', 'spec1', 'spec2') or f.text like '%comput%'
"""
_GLOSSES = """
select s.idseq, g.text from Sense s join SenseGloss g on g.sid = s.ID where g.lang = 'eng'
"""


def words(path: str) -> dict[str, set[str]]:
    """Return the Japanese words and their stems: kanji words of 2 characters or more, and verbs."""
    connection = sqlite3.connect(path)
    glosses: dict[int, set[str]] = defaultdict(set)
    for number, text in connection.execute(_GLOSSES):
        text = re.sub(r"\(.*?\)", " ", text.casefold())
        for word in re.findall(r"[a-z]{3,}", text):
            if word not in _FUNCTION_WORDS:
                glosses[number].add(word[:LONGEST_STEM])
    found: dict[str, set[str]] = defaultdict(set)
    for number, text in connection.execute(_FREQUENT):
        if re.fullmatch(r"[一-龯々]{2,8}", text):
            found[text] |= glosses[number]
        elif stem := re.fullmatch(r"([一-龯々]+[ぁ-ん])る", text):
            found[stem[1]] |= glosses[number]
        elif stem := re.fullmatch(r"([一-龯々]+)([うくすつぬむる])", text):
            for kana in _STEMS[stem[2]]:
                found[stem[1] + kana] |= glosses[number]
    return {word: set(sorted(stems)[:MOST_STEMS]) for word, stems in found.items() if stems}


_FUNCTION_WORDS = {
    *("the", "and", "for", "with", "from", "that", "this", "one", "ones", "its", "his", "her"),
    *("someone", "something", "somebody", "etc", "esp", "usu", "usually", "being", "been", "have"),
    *("has", "not", "who", "which", "what", "into", "upon", "over", "out", "off", "used", "thing"),
    *("things", "person", "certain", "become", "becoming", "make", "making", "made", "get", "done"),
    *("doing", "than", "other", "another", "you", "your", "can", "may", "all", "any", "way"),
}
_STEMS = {
    "う": "いうっわえ", "く": "きくいかけ", "す": "しすさせ", "つ": "ちつった", "ぬ": "にぬん",
    "む": "みむんまめ", "る": "りるっられ",
}  # fmt: skip


def texts() -> list[set[str]]:
    """Return the set of word stems of each text of 100 words."""
    chunks: list[set[str]] = []
    for thread in localllama_threads():
        text = " ".join([thread.title, *(passage.text for passage in thread.passages)])
        found = re.findall(r"[a-z]{3,}", folded(text))
        for start in range(0, len(found) - CHUNK, CHUNK * 4):
            chunk = found[start : start + CHUNK]
            chunks.append({w[:n] for w in chunk for n in range(4, 12)} | set(chunk))
        if len(chunks) >= CHUNKS:
            break
    return chunks[:CHUNKS]


def main() -> None:
    """Write the file and print its size."""
    found = words(sys.argv[1])
    own = tomllib.loads((Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8"))
    found |= {word: set(stems) for word, stems in own.items()}
    chunks = texts()
    holding: dict[str, set[int]] = defaultdict(set)
    wanted = {re.sub(r"[^a-z]", "", stem)[:11] for stems in found.values() for stem in stems}
    for number, chunk in enumerate(chunks):
        for stem in chunk & wanted:
            holding[stem].add(number)
    rows = []
    for word, stems in sorted(found.items()):
        keys = [re.sub(r"[^a-z]", "", stem)[:11] for stem in stems]
        held = set().union(*(holding.get(key, set()) for key in keys))
        share = len(held) / len(chunks)
        if share <= COMMON:
            rows.append(f"{word}\t{max(share, 0.001):.3f}\t{' '.join(sorted(stems))}\n")
    data = "".join(rows).encode()
    OUT.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{len(rows):,} of {len(found):,} words, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
