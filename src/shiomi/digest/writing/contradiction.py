"""Find contradictions between a Japanese sentence and its English evidence, without a model.

The sentence is compared with the sentences of the evidence that support it best. The comparison
covers negation, opposites ("faster" and 遅い), "only", "all", and the numbers that belong to names.
Most contradictions are of other kinds and are not found.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from shiomi.digest.writing.aboutness import Vocabulary, stems_of, support
from shiomi.digest.writing.extract import tokens
from shiomi.digest.writing.names import folded, latin_words
from shiomi.digest.writing.sentences import is_japanese, sentences

__all__ = ["contradictions"]

MOST_SENTENCES = 80  # sentences of the evidence that are compared
NEAR = 1.5  # a sentence is used if its support is at most 1.5 below the highest support
MOST_NEAR = 3  # sentences of the evidence that are used
REACH = 5  # a negation applies to at most this many words after it
CHANCE = 0.1  # a word is not compared if other evidence has it with a higher probability

_NOT = re.compile(
    r"\b(?:not|no|never|neither|nor|without|cannot|none|nothing|nobody|hardly|unable|no longer"
    r"|dont|doesnt|isnt|cant|wont|didnt|\w+n't)\b"
)
_NAME_OR_NUMBER = re.compile(
    r"(?P<name>[a-z][a-z0-9.+-]*(?: [a-z0-9][a-z0-9.+-]*)*)|(?P<number>\d[\d,.]*\d|\d)",
    re.ASCII,
)
# A Japanese sentence with one of these words is not read as an affirmation.
_NEGATIVE = re.compile(
    r"ない|なかっ|なく|なし|ません|ぬ[。、]|ず[、に]|ず。|おらず|終了|廃止|停止|失敗|不足|欠|禁止|制限|困難|難|避け|やめ|断念|拒|反対|疑|批判|"
    r"懸念|慎重|異論|否定|劣|失望|期待外れ|悪|無[^料]|未|非|不|以外|より|だけ|のみ|しか|まで|以前|できる?か|か。|という指摘|代わり|残念|待"
)
_QUOTED = re.compile(r"[“「『\"][^“”「」『』\"]*[”」』\"]")
_UNBOUND = re.compile(  # these words contain a negation, but do not deny anything
    r"no longer limited|not limited|n't limited|not (?:only|just)|n't (?:only|just)"
    r"|why (?:not|don't)|\bif (?:not|\w+ (?:not|\w+n't))|(?:not|n't) (?:afraid|mind|worr)"
)
_CLAUSE = re.compile(r"[,;:.()!?\n—–]|\b(?:but|although|though|while|because|and)\b")


@lru_cache(maxsize=1)
def _signs() -> list[dict[str, Any]]:
    """Return the signs of polarity.toml, with compiled patterns."""
    text = files("shiomi.digest.writing").joinpath("polarity.toml").read_text(encoding="utf-8")
    patterns = ("said", "unsaid", "needs", "against")
    return [
        {key: re.compile(value) if key in patterns else value for key, value in sign.items()}
        for sign in tomllib.loads(text)["sign"]
    ]


def contradictions(text: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield each contradiction of a Japanese sentence to its English evidence, in words."""
    evidence = "\n".join(texts)
    if is_japanese(evidence) or not is_japanese(text):
        return
    text = _QUOTED.sub("・", text)  # quotations are compared word for word elsewhere
    yield from _swapped(text, evidence)
    best = _supporting(text, texts)
    if not best:
        return
    near, whole = (_UNBOUND.sub("", one) for one in ("\n".join(best), folded(evidence)))
    for sign in _signs():
        claim = sign["unsaid"].sub("・", text) if "unsaid" in sign else text
        if not sign["said"].search(claim) or sign["needs"].search(
            whole if sign.get("whole") else near
        ):
            continue
        if "against" not in sign or sign["against"].search(near):
            yield sign["name"]
    if not _NEGATIVE.search(text):
        yield from _negated(text, best)


def _supporting(text: str, texts: Sequence[str]) -> list[str]:
    """Return the folded sentences of the evidence that support the text best, or []."""
    rows = [one for item in texts for one in sentences(item)][:MOST_SENTENCES]
    judged = ((support(text, Vocabulary((row,)), "ja"), folded(row)) for row in rows)
    scored = [(score, row) for score, row in judged if score is not None and score > 0]
    if not scored:
        return []
    scored.sort(key=lambda one: -one[0])
    best = scored[0][0]
    return [row for score, row in scored[:MOST_NEAR] if score >= best - NEAR]


def _negated(text: str, best: Sequence[str]) -> Iterator[str]:
    """Yield the words of the sentence that occur in the evidence only after a negation."""
    found: dict[str, list[bool]] = {}
    for row in (_UNBOUND.sub("", one) for one in best):
        covered = _covered(row)
        for name, pattern in _patterns(text):
            for match in pattern.finditer(row):
                under = any(start <= match.start() < end for start, end in covered)
                found.setdefault(name, []).append(under)
    yield from (f"not {name}" for name, under in found.items() if all(under))


def _covered(row: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each negated part of a sentence."""
    found = []
    for match in _NOT.finditer(row):
        rest = row[match.end() :]
        if clause := _CLAUSE.search(rest):
            rest = rest[: clause.start()]
        words = re.match(rf"(?:\s*\S+){{0,{REACH}}}", rest)
        found.append((match.end(), match.end() + (words.end() if words else 0)))
    return found


def _patterns(text: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield the comparable words of a sentence, each with the pattern that finds it in English."""
    for word in dict.fromkeys(latin_words(text)):
        for token in tokens(word):
            yield token, re.compile(rf"(?<![a-z0-9]){re.escape(token)}")
    yield from stems_of(text, chance=CHANCE)


def _swapped(text: str, evidence: str) -> Iterator[str]:
    """Yield each pair of names whose numbers the sentence has swapped."""
    said = _bound(text)
    if len(said) < 2:
        return
    rows = [folded(row) for row in evidence.split("\n")]
    for place, (name, number) in enumerate(said):
        for other, second in said[place + 1 :]:
            if name == other or number == second:
                continue
            straight = _apart(rows, name, number), _apart(rows, other, second)
            crossed = _apart(rows, name, second), _apart(rows, other, number)
            if None in crossed:
                continue
            pairs = zip(straight, crossed, strict=True)
            if all(a is None or (b is not None and b < a) for a, b in pairs):
                yield f"{name} {second}, {other} {number}"


def _bound(text: str) -> list[tuple[str, str]]:
    """Return each number of a sentence with the Latin name before it, both folded."""
    flat = folded(text)
    found, name, last = [], "", 0
    for match in _NAME_OR_NUMBER.finditer(flat):
        if match["name"]:
            name = match["name"]
        elif name and not flat[last : match.start()].endswith(tuple("第v")):
            found.append((name, match["number"]))
        last = match.end()
    return found


def _apart(rows: Sequence[str], name: str, number: str) -> int | None:
    """Return the smallest distance from a name to a number after it in a line of the evidence."""
    loose = r"[\s_(-]*".join(map(re.escape, re.findall(r"[a-z]+|\d[\d.]*", name)))
    figure = re.compile(rf"(?<![\d.,]){re.escape(number)}(?![\d])")
    least: int | None = None
    for row in rows:
        for one in re.finditer(rf"(?<![a-z0-9]){loose}", row):
            for other in figure.finditer(row):
                if other.start() >= one.end():  # the number must follow the name
                    distance = other.start() - one.end()
                    least = distance if least is None else min(least, distance)
    return least
