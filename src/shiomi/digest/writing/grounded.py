"""Keep the sentences of a model's draft that their evidence supports."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from shiomi.digest.document import Origin, Sentence
from shiomi.digest.languages import Language
from shiomi.digest.writing.evidence import Evidence, Item
from shiomi.digest.writing.extract import Quote
from shiomi.digest.writing.grounding import Fault, faults, unquoted
from shiomi.digest.writing.prompt import LONGEST_SENTENCE, SLOTS, Draft, DraftClaim, Fallen
from shiomi.digest.writing.sentences import is_japanese, sentences

__all__ = ["Grounded", "ground", "quotation"]

ENDS = "。．.!?！？…"
LONGEST_CLAIM = 2_000  # characters of a claim that are read
ALIKE = 0.75  # if the similarity of two sentences is higher, the second is left out
COPIED = 12  # a sentence with this many characters in a row of the prompt's example is a copy
PARTS = {
    "gloss": "attention",
    "lead": "attention",
    "technical": "technical",
    "voices": "technical",
    "implications": "implications",
}
"""Maps each slot of a draft to its part of a topic."""


@dataclass(slots=True)
class Grounded:
    """The kept sentences of a draft, by part of the topic, and the rejected ones."""

    attention: list[Sentence] = field(default_factory=list)
    technical: list[Sentence] = field(default_factory=list)
    implications: list[Sentence] = field(default_factory=list)
    kept: int = 0
    fallen: list[Fallen] = field(default_factory=list)  # what was dropped, and why


def ground(
    draft: Draft,
    evidence: Evidence,
    shown: Sequence[Item],
    language: Language,
    *,
    second: Draft | None = None,
) -> Grounded:
    """Return the sentences of `draft` that are supported by the items `shown` to the model.

    `second` contains repaired sentences. They are added after the sentences of the first draft, as
    long as the slot has room.
    """
    grounded = Grounded()
    said: set[str] = set()
    example = language.phrase("writing.example_answer")
    titles = {item.text.casefold() for item in evidence.titles}
    for slot, most in SLOTS.items():
        place: list[Sentence] = getattr(grounded, PARTS[slot])
        kept = 0
        claims = [*getattr(draft, slot), *(getattr(second, slot) if second else ())]
        for said_text, cited in _sentences(claims, shown):
            text = unquoted(said_text, cited) if language.code == "ja" else said_text
            if _is_said(text, said) or kept >= most or text.rstrip("。.").casefold() in titles:
                continue
            found = next(
                faults(text, cited, language.code, advice=slot == "implications", story=shown), None
            )
            if found is None and _is_copied(text, example):
                found = Fault("example", text)
            if found is None:
                said.add(text)
                place.append(Sentence(text, Origin.MODEL, _uids(cited)))
                kept += 1
            else:
                grounded.fallen.append(Fallen(slot, text, f"{found.kind}: {found.text}"))
        grounded.kept += kept
    return grounded


def _is_said(text: str, said: Collection[str]) -> bool:
    """Return whether nearly the same sentence was kept already."""
    return any(SequenceMatcher(None, text, one).ratio() > ALIKE for one in said)


def _is_copied(text: str, example: str) -> bool:
    """Return whether the sentence copies a part of the prompt's worked example, as small models
    do."""
    return any(
        text[place : place + COPIED] in example for place in range(max(len(text) - COPIED, 0))
    )


def quotation(quote: Quote) -> Sentence:
    """Return a quotation as a sentence that links to its page."""
    return Sentence(quote.text, Origin.QUOTE, (quote.item.uid,), quote.item.link)


def _sentences(
    claims: Sequence[DraftClaim], shown: Sequence[Item]
) -> Iterator[tuple[str, tuple[Item, ...]]]:
    """Yield each sentence of each claim with the items that it cites, or () if it cites none."""
    for claim in claims:
        numbers = set(claim.evidence)
        cited = tuple(item for item in shown if item.number in numbers)
        text = claim.text[:LONGEST_CLAIM]
        if any(unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t" for c in text):
            yield text, ()  # hidden characters are not repaired: the sentence is rejected
            continue
        found = sentences(text)
        if len(text) >= LONGEST_SENTENCE and text[-1] not in ENDS:
            found.pop()  # the schema's limit cut the last sentence
        yield from ((_ended(sentence), cited) for sentence in found if sentence.strip("…. "))


def _ended(sentence: str) -> str:
    """Add the full stop that the model may have left out."""
    if sentence[-1] in ENDS:
        return sentence
    return sentence + ("。" if is_japanese(sentence) else ".")


def _uids(cited: Sequence[Item]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.uid for item in cited))
