"""Small models translate single sentences better than they write: sentences to try, and a check.

A model of less than 4 billion parameters inverts relations when it writes from many items. So it
gets one plain sentence of the source at a time. A translation is used only if the model was sure
of its words (mean log probability) and the words agree with the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shiomi.digest.languages import Language
from shiomi.digest.writing.aboutness import Vocabulary, support
from shiomi.digest.writing.contradiction import contradictions
from shiomi.digest.writing.evidence import Evidence, Item, ItemKind
from shiomi.digest.writing.extract import extract, is_chat
from shiomi.digest.writing.names import Holding, latin_words, plain_words
from shiomi.digest.writing.sentences import is_japanese, is_quotable, sentences

__all__ = [
    "MOST_TOKENS",
    "REQUESTS",
    "Original",
    "candidates",
    "is_faithful",
    "is_plain",
    "kept_enough",
    "sentence_of",
    "translates",
    "translation_messages",
]

SMALL = 4_000_000_000  # parameters; larger models write from all items at once
MOST_TRIES = 12  # sentences of one topic
REQUESTS = 10  # of one topic, measured: benchmarks/digest/writing_with_model.py
SHORTEST, LONGEST = 6, 24  # words
SURE = -0.42  # least mean log probability of a token; set on 48 sentences of Qwen2.5-Coder-1.5B
SUPPORT = 1.0  # least log likelihood ratio of the translation against its sentence
MOST_TOKENS = 110

_TANGLED = re.compile(
    r"[;:()\[\]\"“”|…<>*]|\?$|^(?:it|this|that|these|those|they|he|she|but|and|so|meaning"
    r"|first|also|which|plus|still|then|however|because)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:I|we|my|our|me|us)\b", re.IGNORECASE)
_SECOND_PERSON = re.compile(r"\byou(?:r|rs)?\b", re.IGNORECASE)
_ENDED = re.compile(r"(?:です|ます|ません|ました|でした|ましょう)[。！]?$")
_ODD = re.compile(  # glued scripts, Chinese words, talk to the reader
    r"[ァ-ヶー][a-z]|[A-Za-z][ァ-ヶー]?[A-Z]{3}\b(?<=[a-z][A-Z]{3})|多模|智能|推理|后|权|华|态|ください|あなた"
    r"|^(?:はい|いいえ|申し訳)|ありがとう|です。.*です。"
)
_FIGURE = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Original:
    """A sentence to translate and the slot of a draft that its translation belongs to."""

    slot: str
    text: str
    item: Item
    voiced: str  # key of the phrase that names who says it, "" for none


def translates(parameters: int | None, language: str) -> bool:
    """Return whether a model of this size gets single sentences to translate."""
    return language == "ja" and parameters is not None and parameters < SMALL


def candidates(evidence: Evidence) -> list[Original]:
    """Return plain sentences of a story, the most telling first; sources before comments."""
    plain = [
        replace(item, text="\n\n".join(s for s in sentences(item.text) if is_plain(s)))
        for item in evidence.own_passages
    ]
    about = evidence.heading.title
    told = [item for item in plain if item.kind is not ItemKind.COMMENT and item.text]
    said = [item for item in plain if item.kind is ItemKind.COMMENT and item.text]
    found = []
    for place, quote in enumerate(extract(told, most=MOST_TRIES - 4, about=about)):
        voiced = "author" if _FIRST_PERSON.search(quote.text) else ""
        found.append(Original("technical" if place else "lead", quote.text, quote.item, voiced))
    voices = extract(said, most=MOST_TRIES - len(found), about=about)
    return [*found, *(Original("voices", one.text, one.item, "commenter") for one in voices)]


def is_plain(sentence: str) -> bool:
    """Return whether an English sentence is short, complete and not addressed to anybody."""
    words = len(sentence.split())
    return (
        SHORTEST <= words <= LONGEST
        and is_quotable(sentence)
        and not is_japanese(sentence)
        and not is_chat(sentence)
        and not _TANGLED.search(sentence)
        and not _SECOND_PERSON.search(sentence)
    )


def translation_messages(language: Language, sentence: str) -> list[dict[str, str]]:
    """Return the messages that ask for a translation. Only the last one differs."""
    found = [{"role": "system", "content": language.phrase("writing.translate").strip()}]
    for line in language.phrase("writing.translate_examples").strip().splitlines():
        source, _, target = line.partition(" => ")
        found.append({"role": "user", "content": source})
        found.append({"role": "assistant", "content": target})
    return [*found, {"role": "user", "content": sentence}]


def is_faithful(source: str, text: str, confidence: float | None) -> bool:
    """Return whether a Japanese translation may stand for the English sentence.

    `confidence` is the mean log probability of its tokens, None if the server gives none.
    """
    if confidence is not None and confidence < SURE:
        return False
    if _ODD.search(text) or not _ENDED.search(text) or not 0.2 < len(text) / len(source) < 1.1:
        return False
    plain = plain_words()
    if any(word.islower() and word in plain for word in latin_words(text)):
        return False  # a word that was not translated
    held = Holding((text,))
    names = [word for word in latin_words(source) if _is_name(word, source)]
    if not all(held.holds_name(word) for word in names):
        return False
    if not set(_FIGURE.findall(source)) <= set(_FIGURE.findall(text)):
        return False
    score = support(text, Vocabulary((source,)), "ja")
    return score is not None and score >= SUPPORT and not any(contradictions(text, (source,)))


def _is_name(word: str, source: str) -> bool:
    inner = any(c.isupper() for c in word[1:]) or any(c.isdigit() for c in word)
    return inner or (word[0].isupper() and not source.startswith(word))


def sentence_of(answer: str) -> str:
    """Return the first line of a model's answer without marks around it."""
    line = next(iter(answer.strip().splitlines()), "")
    return line.strip().strip("「」\"'")


def kept_enough(kept: Sequence[str]) -> bool:
    """Return whether a topic has enough sentences by their slots."""
    return len(kept) >= 3 and "lead" in kept
