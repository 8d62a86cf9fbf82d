"""Split titles into words and hashed character n-grams, for all later steps."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["LONGEST", "ngram_hashes", "normal_title", "word_hash"]

LONGEST = 300  # characters of a title that are read; communities allow 80 to 300

# Scripts without spaces: a run of characters is split into overlapping pairs.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f]+")
_WORD = re.compile(r"v?\d+(?:[.,]\d+)+|[^\W_]+(?:\+\+|[+#]+(?!\w))?")
_APOSTROPHE = re.compile(r"(?<=\w)['’`´](?=\w)")
_VERSION = re.compile(r"^v(?=\d)")
_ZEROS = re.compile(r"(?:\.0)+$")


@lru_cache(maxsize=1 << 16)
def normal_title(title: str) -> str:
    """Return the title folded for comparison: NFKC, lower case, no accents, single spaces.

    Never raises; unpaired surrogates and control characters become spaces.
    """
    text = unicodedata.normalize("NFKC", title[:LONGEST]).casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).replace("×", "x")
        text = "".join(c for c in text if not _is_mark(c))
        text = unicodedata.normalize("NFC", text)
    text = _APOSTROPHE.sub("", text)
    return " ".join(_words(text))


@lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    # Drop combining marks (café = cafe), but not the Japanese voicing marks: か is not が.
    return unicodedata.category(character) == "Mn" and character not in "\u3099\u309a"


def _words(text: str) -> list[str]:
    """Return the words of a text in order. Numbers keep their dots, but "v1.45.0" becomes "1.45".

    Runs of Japanese and Chinese characters become overlapping pairs.
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        if word.isascii():
            if len(word) > 1:
                if word[0] == "v":
                    word = _VERSION.sub("", word)
                if word[0].isdigit() and "." in word and word.count(".") > 1:
                    word = _ZEROS.sub("", word)
            found.append(word)
        elif _UNSPACED.search(word):
            found += _pairs(word)
        else:
            found.append(word)
    return found


def _pairs(word: str) -> list[str]:
    found: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            found.append(word[end : run.start()])
        text = run.group()
        found += [text[i : i + 2] for i in range(max(1, len(text) - 1))]
        end = run.end()
    if end < len(word):
        found.append(word[end:])
    return found


@lru_cache(maxsize=1 << 17)
def word_hash(word: str) -> int:
    """Return the CRC-32 of the word's UTF-8, which is the same on every machine."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def ngram_hashes(
    texts: Sequence[str], sizes: Sequence[int] = (3, 4)
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the hashes of all character n-grams of `texts` (folded titles), and for each n-gram
    the index of its text.

    Both arrays have one entry per n-gram, shapes (m,), (m,). A space is added before and after each
    text, so that n-grams mark where words begin and end.
    """
    joined = "\0".join(f" {text} " for text in texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    owner = np.cumsum(codes == 0)
    hashes: list[NDArray[np.uint32]] = []
    owners: list[NDArray[np.int64]] = []
    for size in sizes:
        count = len(codes) - size + 1
        if count <= 0:
            continue
        rolling = np.full(count, size, dtype=np.uint32)
        for offset in range(size):
            rolling = (rolling ^ codes[offset : offset + count]) * np.uint32(0x01000193)
            rolling ^= rolling >> np.uint32(15)
        inside = owner[:count] == owner[size - 1 :]
        inside &= (codes[:count] != 0) & (codes[size - 1 :] != 0)
        hashes.append(rolling[inside])
        owners.append(owner[:count][inside])
    if not hashes:
        return np.empty(0, np.uint32), np.empty(0, np.int64)
    return np.concatenate(hashes), np.concatenate(owners)
