"""Choose sentences for a small model to translate, and check its translations.

If a model of less than 4 billion parameters writes from many texts, it often states the opposite
of what a text says. It translates single sentences better. So it gets the title, and then one plain
sentence of the source at a time. A translation is used only if all of these conditions are true:

- the mean log probability of its words is high enough;
- it is one sentence, with the names and numbers of the source;
- the model translates it back into an English sentence with the same content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from shiomi.digest.languages import Language
from shiomi.digest.writing.aboutness import stems_of
from shiomi.digest.writing.chat import ChatError, Completion
from shiomi.digest.writing.evidence import Evidence, Item, ItemKind
from shiomi.digest.writing.extract import extract, is_chat, tokens
from shiomi.digest.writing.names import (
    Holding,
    english_forms,
    latin_words,
    plain_words,
)
from shiomi.digest.writing.prompt import Draft, DraftClaim, Fallen
from shiomi.digest.writing.sentences import is_japanese, is_quotable, sentences

__all__ = [
    "MOST_TOKENS",
    "REQUESTS",
    "Original",
    "agrees",
    "back_messages",
    "candidates",
    "is_plain",
    "sentence_of",
    "translate",
    "translates",
    "translation_messages",
    "unfaithful",
]

SMALL = 4_000_000_000  # parameters; larger models get all texts of a story at once
MOST_TRIES = 8  # sentences tried for one topic, including the title
MOST_TOLD = 5  # of the MOST_TRIES sentences, at most 5 are of the source, the rest of comments
REQUESTS = 8  # requests for one topic, by benchmarks/digest/writing_with_model.py
ENOUGH = 3  # kept sentences after which a topic is done
MOST_UNUSABLE = 4  # the model is given up after 4 answers without a Japanese sentence
SHORTEST, LONGEST = 5, 22  # words
SURE = -0.5  # least mean log probability of a token
SAME = 5  # only the first letters of words are compared
FEWEST = 4  # if a sentence has fewer content words, all of them must agree
AGREED = 0.82  # least F1 of the content words of a sentence and its translation back
MOST_TOKENS = 110

_TANGLED = re.compile(
    r"[;:()\[\]\"“”|…<>*]|\?$"
    r"|^(?:it|this|that|these|those|they|he|she|meaning|first|which|because)\b",
    re.IGNORECASE,
)
_LEADING = re.compile(  # words that can be removed from the beginning, some only before a comma
    r"^(?:(?:but|so|still|however|well|yes|no|yeah),"
    r"|(?:and|also|plus|then|anyway|honestly|basically|personally|actually|imo|imho|apparently"
    r"|meanwhile|don[’']t forget)\b,?)\s+",
    re.IGNORECASE,
)
_IDIOM = re.compile(r"\b(?:is|are) here\b", re.IGNORECASE)  # "here" is translated as a place
_ASIDE = re.compile(r"\s*\([^()]*\)|[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff]+\s*")  # 🚀
_FIRST_PERSON = re.compile(r"\b(?:I|we|my|our|me|us)\b", re.IGNORECASE)
_SECOND_PERSON = re.compile(r"\byou(?:r|rs)?\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|without|neither|cannot)\b|n['’]t\b", re.IGNORECASE
)
_HEDGE = re.compile(
    r"\b(?:might|may|could|probably|perhaps|maybe|likely|possibly)\b", re.IGNORECASE
)
_ENDED = re.compile(r"(?:です|ます|ません|ました|でした|ましょう)[。！]?$")
_ODD = re.compile(  # mixed scripts, Chinese words, words to the reader
    r"[ァ-ヶー][a-z]|[ァィゥェォッャュョ][A-Z]"
    r"|[A-Za-z][ァ-ヶー]?[A-Z]{3}\b(?<=[a-z][A-Z]{3})|多模|智能|推理|閉源|开|后|权|华|态|拔|贪|ください|あなた"
    r"|^(?:はい|いいえ|申し訳)|ありがとう|です。.*です。"
)
_ENDING = re.compile(r"(?<=..)(?:ing|ed|es|e)$")
_QUOTED = re.compile(  # a pair around the whole line, and not "A" and "B"
    r"「(?:[^「」]|「[^「」]*」)*」|\"[^\"]*\"|'(?:[^']|(?<=\w)'(?=\w))*'"
)
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_HIRAGANA = re.compile(r"[\u3041-\u3096]")


@dataclass(frozen=True, slots=True)
class Original:
    """A sentence to translate. Its translation goes into `slot` of the draft."""

    slot: str
    text: str
    item: Item
    voiced: str  # key of the phrase that names the speaker, or ""


def translates(parameters: int | None, language: str) -> bool:
    """Return whether a model of this size only translates single sentences."""
    return language == "ja" and parameters is not None and parameters < SMALL


def translate(
    evidence: Evidence,
    language: Language,
    answer: Callable[[Sequence[dict[str, str]]], Completion],
) -> tuple[Draft, list[Fallen]]:
    """Translate sentences of the sources until enough translations are kept.

    Return the draft and the rejected translations. Raises ChatError, also if several answers in a
    row are not Japanese sentences.
    """
    found: dict[str, list[DraftClaim]] = {}
    fallen = []
    kept = unusable = 0
    for original in candidates(evidence):
        said = answer(translation_messages(language, original.text))
        text = sentence_of(said.text)
        why = unfaithful(original, text, said.confidence) if said.whole else "cut"
        if not why and "\n" in said.text.strip():
            why = "several lines"
        unusable = unusable + 1 if why in ("cut", "form") else 0
        if unusable >= MOST_UNUSABLE:
            raise ChatError("weak", f"{unusable} answers in a row are not Japanese sentences")
        if not why:
            back = sentence_of(answer(back_messages(language, text)).text)
            why = "" if agrees(original.text, back) else f"it means: {back}"
        if why:
            fallen.append(Fallen(original.slot, text, why))
            continue
        slot = "lead" if original.slot == "technical" and "lead" not in found else original.slot
        if original.voiced:
            text = language.phrase(f"writing.voiced_{original.voiced}", text=text)
        found.setdefault(slot, []).append(DraftClaim(text, [original.item.number]))
        kept += 1
        if kept >= ENOUGH:
            break
    return Draft(**found), fallen


def candidates(evidence: Evidence) -> list[Original]:
    """Return the title, then plain sentences of the source, then plain sentences of comments.

    The most informative sentences come first.
    """
    heading = evidence.heading
    found = [
        _original("gloss", _tidied(sentence), item)
        for item in evidence.titles
        for sentence in sentences(item.text)[:1]  # [] for "> cat", which looks like a quotation
        if item.uid == heading.uid and not (is_japanese(sentence) or _IDIOM.search(sentence))
    ][:1]
    plain = [
        replace(item, text="\n\n".join(filter(is_plain, map(_tidied, sentences(item.text)))))
        for item in evidence.own_passages
    ]
    told = [item for item in plain if item.kind is not ItemKind.COMMENT and item.text]
    said = [item for item in plain if item.kind is ItemKind.COMMENT and item.text]
    for quote in extract(told, most=MOST_TOLD, about=heading.title):
        found.append(_original("technical", quote.text, quote.item))
    for quote in extract(said, most=MOST_TRIES - len(found), about=heading.title):
        found.append(Original("voices", quote.text, quote.item, "commenter"))
    return found


def _original(slot: str, text: str, item: Item) -> Original:
    return Original(slot, text, item, "author" if _FIRST_PERSON.search(text) else "")


def _tidied(sentence: str) -> str:
    """Return a sentence without text in brackets, emoji and introductory words.

    It stays as it is if a negation or a word of doubt would be lost.
    """
    text = _LEADING.sub("", _ASIDE.sub("", sentence))
    if any(words.findall(sentence) != words.findall(text) for words in (_NEGATION, _HEDGE)):
        return sentence
    first = text.split(" ", 1)[0]
    if first.islower() and not sentence.startswith(first):  # "iOS" stays as it is
        return text[:1].upper() + text[1:]
    return text


def is_plain(sentence: str) -> bool:
    """Return whether an English sentence is simple enough to translate.

    It is short and complete, has only common words and names, and does not address the reader.
    """
    words = len(sentence.split())
    return (
        SHORTEST <= words <= LONGEST
        and is_quotable(sentence)
        and not is_japanese(sentence)
        and not is_chat(sentence)
        and not _TANGLED.search(sentence)
        and not _IDIOM.search(sentence)
        and not _SECOND_PERSON.search(sentence)
        and all(_is_common(word) for word in latin_words(sentence) if word.islower())
    )


def _is_common(word: str) -> bool:
    plain = plain_words()
    parts = [part for part in word.split("-") if part]
    return bool(re.search(r"['’]", word)) or all(
        any(form in plain for form in english_forms(part)) for part in parts
    )


def translation_messages(language: Language, sentence: str) -> list[dict[str, str]]:
    """Return the messages that ask for a translation. Only the last one depends on the sentence."""
    found = [{"role": "system", "content": language.phrase("writing.translate").strip()}]
    for line in language.phrase("writing.translate_examples").strip().splitlines():
        source, _, target = line.partition(" => ")
        found.append({"role": "user", "content": source})
        found.append({"role": "assistant", "content": target})
    return [*found, {"role": "user", "content": sentence}]


def back_messages(language: Language, text: str) -> list[dict[str, str]]:
    """Return the messages that ask for a translation back into English."""
    return translation_messages(language, language.phrase("writing.translate_back", text=text))


def unfaithful(original: Original, text: str, confidence: float | None) -> str:
    """Return the reason to reject a Japanese translation of the sentence, or "" to keep it.

    `confidence` is the mean log probability of its tokens, or None if the server does not give it.
    """
    source = original.text
    if confidence is not None and confidence < SURE:
        return f"not sure: {confidence:.2f}"
    first = sentences(text)[:1]
    if (
        not any(map(_HIRAGANA.search, first))
        or _ODD.search(text)
        or text.count("「") != text.count("」")
        or not 0.2 < len(text) / len(source) < 1.1
    ):
        return "form"
    # the second often has no subject, and without it the first can lose its condition
    if len(sentences(text)) > 1:
        return "several sentences"
    if original.slot != "gloss" and not _ENDED.search(text):
        return "end"
    plain = plain_words()
    if any(word.islower() and word in plain for word in latin_words(text)):
        return "a word that was not translated"
    held = Holding((text,))
    names = [word for word in _words(source) if _is_name(word, source)]
    if original.slot == "gloss":  # capitals in a headline do not mark names
        names = [word for word in names if not _is_common(word.casefold()) or word.isupper()]
    stems = [pattern for _, pattern in stems_of(text, chance=1.0)]
    if lost := [
        one
        for one in names
        if not held.holds_name(one) and not any(stem.match(one.casefold()) for stem in stems)
    ]:
        return f"lost: {', '.join(lost)}"
    return "" if set(_FIGURE.findall(source)) <= set(_FIGURE.findall(text)) else "a number is lost"


def agrees(source: str, back: str) -> bool:
    """Return whether the sentence and its translation back into English have the same content."""
    for words in (_NEGATION, _HEDGE):
        if bool(words.search(source)) != bool(words.search(back)):
            return False
    one, other = _content(source), _content(back)
    least = AGREED if len(one) >= FEWEST else 1.0
    return 2 * len(one & other) >= least * (len(one) + len(other)) > 0


def _content(text: str) -> set[str]:
    """Return the stems of the content words of an English sentence. A name counts as one word."""
    found = tokens(re.sub(r"-(?=[a-z])", " ", text))
    return {_ENDING.sub("", token)[:SAME] for token in found}


def _words(source: str) -> Iterator[str]:
    """Yield the Latin words of a sentence. Of "ASR-grade" only the name "ASR" is yielded."""
    for word in latin_words(source):
        head, _, tail = word.rpartition("-")
        yield head if head and tail.islower() and _is_common(tail) else word


def _is_name(word: str, source: str) -> bool:
    if word[0].isdigit() or word in ("A", "I"):
        return False
    inner = any(c.isupper() for c in word[1:]) or any(c.isdigit() for c in word)
    first = word == next(_words(source)) and source.startswith(word)
    return inner or (word[0].isupper() and not first)


def sentence_of(answer: str) -> str:
    """Return the first line of a model's answer, without a pair of quotation marks around it."""
    line = next(iter(answer.strip().splitlines()), "").strip()
    pair = _QUOTED.fullmatch(line)
    return line[1:-1].strip() if pair else line
