"""A model's draft, sentence by sentence: kept where its evidence holds it, else replaced or left
out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shiomi.digest.document import Origin, Sentence
from shiomi.digest.languages import Language
from shiomi.digest.writing.evidence import Evidence, Item
from shiomi.digest.writing.extract import Quote, extract
from shiomi.digest.writing.grounding import is_grounded
from shiomi.digest.writing.prompt import Claim, Draft
from shiomi.digest.writing.sentences import is_japanese, sentences

__all__ = ["Grounded", "ground", "quotation"]

MOST = {"attention": 2, "technical": 4, "implications": 3}  # sentences of the model in each part
LONGEST_CLAIM = 2_000  # characters looked at


@dataclass(slots=True)
class Grounded:
    """What is left of a draft."""

    attention: list[Sentence] = field(default_factory=list)
    technical: list[Sentence] = field(default_factory=list)
    implications: list[Sentence] = field(default_factory=list)
    kept: int = 0
    replaced: int = 0  # by a quotation of the evidence they cite
    dropped: int = 0


def ground(draft: Draft, evidence: Evidence, shown: Sequence[Item], language: Language) -> Grounded:
    """The sentences of `draft` that the items it was `shown` hold, and quotations for the others.

    A part gets at most one quotation in place of what fell; advice gets none, since a quotation is
    no advice.
    """
    grounded = Grounded()
    said: set[str] = set()
    for part, most in MOST.items():
        place: list[Sentence] = getattr(grounded, part)
        quoted = part == "implications"
        for text, cited in _sentences(getattr(draft, part), shown):
            if text in said or sum(one.origin is Origin.MODEL for one in place) >= most:
                continue
            advice = part == "implications"
            if is_grounded(text, cited, language.code, advice=advice, story=shown):
                said.add(text)
                place.append(Sentence(text, Origin.MODEL, _uids(cited)))
                grounded.kept += 1
                continue
            quote = None if quoted else _instead(cited, evidence, said)
            if quote is None:
                grounded.dropped += 1
                continue
            quoted = True
            said.add(quote.text)
            place.append(quotation(quote))
            grounded.replaced += 1
    return grounded


def quotation(quote: Quote) -> Sentence:
    """A sentence in the source's own words, with the page it stands on."""
    return Sentence(quote.text, Origin.QUOTE, (quote.item.uid,), quote.item.link)


def _sentences(
    claims: Sequence[Claim], shown: Sequence[Item]
) -> Iterator[tuple[str, tuple[Item, ...]]]:
    """Each sentence of each claim with the items it cites, () where it cites none shown."""
    for claim in claims:
        numbers = set(claim.evidence)
        cited = tuple(item for item in shown if item.number in numbers)
        text = claim.text[:LONGEST_CLAIM]
        if any(unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t" for c in text):
            yield text, ()  # nothing hidden is repaired: it falls
            continue
        yield from ((_ended(sentence), cited) for sentence in sentences(text))


def _ended(sentence: str) -> str:
    """With the stop that a model may have left out."""
    if sentence[-1] in "。．.!?！？…":
        return sentence
    return sentence + ("。" if is_japanese(sentence) else ".")


def _instead(cited: Sequence[Item], evidence: Evidence, said: set[str]) -> Quote | None:
    """The best sentence of what was cited, or of the story where that has none."""
    about = evidence.heading.title
    for items in (cited, evidence.passages):
        if found := extract(items, most=1, about=about, without=said):
            return found[0]
    return None


def _uids(cited: Sequence[Item]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.uid for item in cited))
