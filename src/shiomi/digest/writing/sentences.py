"""Split English and Japanese plain text into sentences, and find those that can be quoted.

Text of threads is untrusted and untidy. It has hard line breaks, parts quoted from other comments,
lists, bare addresses, code and hidden characters. Each sentence becomes one line of visible
characters, with the words of the source unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from shiomi.digest.writing.tables import patterns

__all__ = ["is_instruction", "is_japanese", "is_quotable", "sentences", "shortened", "visible"]

MOST = 20_000  # characters of one passage that are read
SHORTEST, LONGEST = 30, 320  # shortest and longest quotable Latin sentence, in characters
SHORTEST_JA, LONGEST_JA = 14, 160

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_JAPANESE = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|al|approx|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|Inc|Ltd|Co|Corp|No|Fig|Eq"
    r"|Sec|Ch|Vol|pp?|ed|est|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|U\.S|U\.K|E\.U|a\.m|p\.m)"
    r"|\b[A-Z])\.$"
)
_LATIN_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s+[\"'“‘(\[]?[^\Wa-z_])")
_OPENING, _CLOSING = "「『（(【", "」』）)】"
_LIST_ITEM = re.compile(r"^\s*(?:[-*•‣·–]|\d{1,2}[.)]|\(\d{1,2}\))\s+")
_QUOTED = re.compile(r"^\s*(?:>|&gt;|\|)")
_CODE = re.compile(r"^(?:\t| {4,})\S|^\s*(?:\$|#!|>>>|//|/\*|\}|import |def |sudo )")
_TORN = re.compile(r"[:：]$|\b(?:is|are|was|the|an?|of|with|and|or|to|for)$")  # a heading, a part
_ADDRESS = re.compile(r"(?:https?|ftp)://\S+|\bwww\.\S+|\S+@\S+\.\w+", re.IGNORECASE)


def visible(text: str, most: int = MOST) -> str:
    """Return `text` without invisible characters: controls except line breaks, bidi, zero width."""
    text = unicodedata.normalize("NFC", text[:most].replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        "\n" if c in "\x85\u2028\u2029\v\f"
        else c if c in "\n\t" or unicodedata.category(c) not in _HIDDEN
        else ""
        for c in text
    )  # fmt: skip


def sentences(text: str) -> list[str]:
    """Return the sentences of `text` in order, each as one line. Never raises.

    Code and parts quoted from others are left out.
    """
    found = []
    for paragraph in _paragraphs(visible(text)):
        found += [" ".join(part.split()) for part in _split(paragraph)]
    return [sentence for sentence in found if sentence]


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs and list items, each with its hard line breaks removed."""
    held = ""
    for line in [*text.split("\n"), ""]:
        if _QUOTED.match(line) or _CODE.match(line):
            line = ""
        item = _LIST_ITEM.match(line)
        if held and (not line.strip() or item or not _continues(held, line)):
            yield held
            held = ""
        line = line[item.end() :] if item else line
        # Japanese lines are joined without a space, to keep the wording of the source
        join = "" if held and _JAPANESE.match(held[-1]) and _JAPANESE.match(line[:1]) else " "
        held = f"{held}{join}{line.strip()}" if held and line.strip() else line.strip() or held


def _continues(held: str, line: str) -> bool:
    """Return whether a line continues the paragraph. Hard-wrapped text does; a heading does not."""
    return (len(held) > 50 and held[-1] not in ":：") or line[:1].islower()


def _split(paragraph: str) -> Iterator[str]:
    start = depth = 0
    ends = {found.end() for found in _LATIN_END.finditer(paragraph)}
    for place, character in enumerate(paragraph):
        if character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth = max(depth - 1, 0)
        after = place + 1
        if (
            character in "。！？"
            and not depth
            and paragraph[after : after + 1] not in "。！？」』）"
        ):
            pass
        elif after not in ends or _ABBREVIATION.search(paragraph[start:after]):
            continue
        yield paragraph[start:after]
        start = after
    yield paragraph[start:]


def is_japanese(text: str) -> bool:
    """Return whether at least a fifth of the visible characters are Japanese."""
    return len(_JAPANESE.findall(text)) * 5 >= len(text)


def is_instruction(text: str) -> bool:
    """Return whether the text addresses a language model or has other signs of an injection."""
    return bool(patterns("instructions.txt").search(unicodedata.normalize("NFKC", visible(text))))


def is_quotable(sentence: str) -> bool:
    """Return whether a sentence can be quoted alone. A greeting, an address, code and a command
    cannot."""
    shortest = SHORTEST_JA if is_japanese(sentence) else SHORTEST
    if (
        len(sentence) < shortest
        or patterns("boilerplate.txt").search(sentence)
        or is_instruction(sentence)
    ):
        return False
    if _ADDRESS.search(sentence) or _TORN.search(sentence):
        return False
    letters = sum(character.isalpha() for character in sentence)
    digits = sum(
        character.isdigit() for character in sentence
    )  # they are parts of names and versions
    if letters < 0.6 * (len(sentence) - digits):
        return False  # tables, code, rows of emoji
    capitals = sum(character.isupper() for character in sentence)
    if capitals > 0.5 * letters:
        return False  # mostly capitals
    if is_japanese(sentence):
        return True
    words = sentence.split()
    return len(words) >= 6 and max(map(len, words)) <= 40


def shortened(sentence: str) -> str | None:
    """Return a short sentence as it is, and cut a long sentence after a clause or a word, with "…".

    Return None if it cannot be cut without cutting a word.
    """
    japanese = is_japanese(sentence)
    limit = LONGEST_JA if japanese else LONGEST
    if len(sentence) <= limit:
        return sentence
    head = sentence[: limit - 1]
    marks = "、，,；;" if japanese else ",;:–—"
    clause = max(head.rfind(mark) for mark in marks)
    if clause >= limit // 2:
        return head[:clause].rstrip() + "…"
    word = head.rfind(" ")
    return head[:word].rstrip(" ,;:–—") + "…" if word >= limit // 2 and not japanese else None
